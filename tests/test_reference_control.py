"""What controls a simulation is closed to pages of other sites, to names that are not ours, to other machines, to strangers."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from reference_server.agent_server import settings
from reference_server.agent_server.control import MOST_MEMBERS, Control
from reference_server.core import secret
from reference_server.core.guard import hostname
from reference_server.core.rates.app import build
from reference_server.core.rates.settings import ServiceSettings
from reference_server.core.serve import Running, bind
from reference_server.core.settings import SettingsError
from reference_server.core.webhook import webhook
from reference_server.scenarios import live
from reference_server.scenarios.ensemble import Ensemble
from reference_server.scenarios.ensemble_app import EnsembleApp
from reference_server.scenarios.live import start

JSON = "application/json"

#: Each is what a page of another site can make a browser send, or a name by which it can reach us; and the answer.
ATTACKS = {
    "form": ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
    "text": ({"Content-Type": "text/plain"}, 415),
    "text in disguise": ({"Content-Type": "text/plain; application/json"}, 415),
    "no type": ({}, 415),
    "origin": ({"Content-Type": JSON, "Origin": "http://evil.example"}, 403),
    "other port": ({"Content-Type": JSON, "Origin": "http://127.0.0.1:1"}, 403),
    "null origin": ({"Content-Type": JSON, "Origin": "null"}, 403),
    "cross-site": ({"Content-Type": JSON, "Sec-Fetch-Site": "cross-site"}, 403),
    "same-site": ({"Content-Type": JSON, "Sec-Fetch-Site": "same-site"}, 403),
    "rebinding": ({"Content-Type": JSON, "Host": "evil.example"}, 403),
    "rebinding, own origin": ({"Content-Type": JSON, "Host": "evil.example", "Origin": "http://evil.example"}, 403),
    "name that begins as ours": ({"Content-Type": JSON, "Host": "localhost.evil.example"}, 403),
    "every address": ({"Content-Type": JSON, "Host": "0.0.0.0"}, 403),  # noqa: S104 - a name, not an address to listen on
    "foreign address": ({"Content-Type": JSON, "Host": "203.0.113.7"}, 403),
    "no name": ({"Content-Type": JSON, "Host": "@"}, 403),
    "blank that HTTP does not know": ({"Content-Type": JSON, "Host": "localhost\xa0"}, 403),
    "name in brackets": ({"Content-Type": JSON, "Host": "[127.0.0.1]"}, 403),
}


def agents() -> Running:
    return start(settings.read({"runtime": "inmem", "scenario": "idle"}, {}))


def split() -> Running:
    return start(settings.read({"role": "api", "scenario": "idle"}, {}))


def ensemble() -> Running:
    return Running(EnsembleApp(Ensemble(settings.read({"scenario": "calm"}, {}))), bind("127.0.0.1", 0))


def service(system: str) -> Callable[[], Running]:
    return lambda: Running(build(live.service(ServiceSettings(system)), {}), bind("127.0.0.1", 0))


#: What changes something, on every kind of server: its start, the path, a body that it would take.
CHANGES: dict[str, tuple[Callable[[], Running], str, Any]] = {
    "scenario": (agents, "/scenario", {"scenario": "f01"}),
    "scenario of a whole": (ensemble, "/scenario", {"scenario": "f01"}),
    "scenario of langsight": (service("langsight"), "/scenario", {"scenario": "l01"}),
    "scenario of agentgateway": (service("agentgateway"), "/scenario", {"scenario": "g01"}),
    "scenario of langsmith": (service("langsmith"), "/scenario", {"scenario": "s01"}),
    "process": (split, "/deployment/processes", {"role": "queue"}),
    "thread": (agents, "/threads", {}),
    "run": (agents, "/runs", {"assistant_id": "agent"}),
    "spans": (service("langsight"), "/api/traces/spans", [{"server_name": "a", "tool_name": "b"}]),
    "notification": (lambda: Running(webhook(lambda _: None), bind("127.0.0.1", 0)), "/", {"alerts": []}),
}


@pytest.fixture(scope="module", params=CHANGES)
def target(request: pytest.FixtureRequest) -> Iterator[tuple[str, Any]]:
    """Where something can be changed, and how."""
    begin, path, body = CHANGES[request.param]
    with begin() as running:
        yield running.url + path, body


def send(url: str, method: str, headers: dict[str, str], body: bytes = b"") -> tuple[int, bytes]:
    """Send exactly these headers; requests and http.client would add some."""
    where = urlsplit(url)
    link = http.client.HTTPConnection(where.hostname or "", where.port, timeout=10)
    with contextlib.closing(link):
        link.putrequest(method, where.path, skip_host=True, skip_accept_encoding=True)
        for name, value in ({"Host": where.netloc} | headers).items():
            link.putheader(name, value)
        link.putheader("Content-Length", str(len(body)))
        link.endheaders(body)
        answer = link.getresponse()
        return answer.status, answer.read()


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_page_of_another_site_changes_nothing(target: tuple[str, Any], attack: str) -> None:
    """Whatever a browser can be made to send, and by whatever name it reaches us."""
    url, body = target
    headers, status = ATTACKS[attack]

    assert send(url, "POST", headers, json.dumps(body).encode())[0] == status


@pytest.mark.parametrize(
    "headers",
    [{}, {"Host": "localhost"}, {"Host": "LOCALHOST.:8000"}, {"Host": "[::1]:1"}, {"Sec-Fetch-Site": "none"},
     {"Content-Type": "Application/JSON; charset=utf-8"}, {"Host": "localhost:7", "Origin": "http://localhost:7"}],
    ids=str,
)  # fmt: skip
def test_a_program_on_this_machine_is_let_in(target: tuple[str, Any], headers: dict[str, str]) -> None:
    """By any name of loopback; a page that the server itself had shown would be, too."""
    url, body = target

    assert send(url, "POST", {"Content-Type": JSON} | headers, json.dumps(body).encode())[0] in {200, 202}


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Origin": "http://evil.example"}, 403), ({"Host": "evil.example"}, 403), ({}, 101)],
    ids=str,
)
def test_a_page_of_another_site_opens_no_websocket(headers: dict[str, str], status: int) -> None:
    """Commands go over it: a browser sends it across sites without asking."""
    with agents() as running:
        thread = requests.post(f"{running.url}/threads", json={}, timeout=5).json()["thread_id"]
        upgrade = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "A" * 22 + "==",
        }
        where = urlsplit(running.url)
        lines = [f"{name}: {value}" for name, value in ({"Host": where.netloc} | upgrade | headers).items()]
        with socket.create_connection((where.hostname, where.port), timeout=5) as link:
            link.sendall("\r\n".join([f"GET /threads/{thread}/stream/events HTTP/1.1", *lines, "", ""]).encode())
            assert int(link.recv(64).split()[1]) == status


def test_a_name_is_ours_when_it_was_configured() -> None:
    """As in a compose file, where servers are called by the names of their services."""
    own = settings.read({"runtime": "inmem", "scenario": "idle", "hosts": "agent-api, other"}, {})
    with start(own) as running:
        for name in ("agent-api:8000", "Other"):
            assert send(f"{running.url}/threads", "POST", {"Host": name, "Content-Type": JSON}, b"{}")[0] == 200
        assert send(f"{running.url}/threads", "POST", {"Host": "third", "Content-Type": JSON}, b"{}")[0] == 403


def test_what_is_played_is_not_read_by_another_name() -> None:
    """A page that gives its own name our address could read it."""
    with agents() as running:
        for path in ("/scenario", "/scenarios/f01"):
            assert send(running.url + path, "GET", {})[0] == 200
            for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
                assert send(running.url + path, "GET", headers)[0] == 403, (path, headers)


def test_a_scraper_may_call_the_server_as_it_likes() -> None:
    """Pages are for everybody who reaches them."""
    with agents() as running:
        assert send(f"{running.url}/metrics", "GET", {"Host": "agents.team-a.svc:8000"})[0] == 200


@pytest.mark.parametrize(
    "begin", [agents, ensemble, service("langsight"), service("agentgateway"), service("langsmith")]
)
def test_a_scenario_is_looked_up_among_the_shipped_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begin: Callable[[], Running]
) -> None:
    """No file of the folder in which the server runs is read, and no name is an error of the server."""
    files = (".env", "secret", "secret.yaml")
    for file in files:
        (tmp_path / file).write_text("PASSWORD=hunter2: [", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with begin() as running:
        for name in (*files, "..%2fsecret", "%2e%2e", "a" * 4_000, "%00", "calm%0a", "%ff", ""):
            response = requests.get(f"{running.url}/scenarios/{name}", timeout=10)
            plain = name.replace("%2f", "/")
            switched = requests.post(f"{running.url}/scenario", json={"scenario": plain}, timeout=10)
            for answer in (response, switched):
                assert 400 <= answer.status_code < 500, name
                assert "hunter2" not in answer.text, name


def test_a_process_that_joins_says_its_role_and_who_it_is_and_nothing_else() -> None:
    """Where metrics are pushed, what is listened on, what is played: the first process alone decides."""
    names = ["datadog_key", "datadog_host", "datadog_scheme", "host", "port", "scenario", "fleet", "join", "secret_file",
             "coordinate", "hosts", "max_body_bytes", "seed", "time_scale", "metric_prefix", "nothing"]  # fmt: skip
    with split() as running:
        for name in names:
            body = {"role": "queue", name: "1"}
            answer = requests.post(f"{running.url}/deployment/processes", json=body, timeout=10)
            assert answer.status_code == 400, name
        assert processes(running.url) == 0


def test_a_name_of_a_process_has_bounds() -> None:
    """It becomes the value of a label."""
    with split() as running:
        for text in ("x" * 254, "a\nb", "\x00"):
            body = {"role": "queue", "pod_name": text}
            assert requests.post(f"{running.url}/deployment/processes", json=body, timeout=10).status_code == 400


def test_a_deployment_has_room_for_so_many_processes_and_no_more() -> None:
    """Listeners and descriptors stay within bounds for every client."""
    with split() as running:
        before = len(list(Path("/proc/self/fd").iterdir()))
        where = f"{running.url}/deployment/processes"
        codes = [requests.post(where, json={"role": "queue"}, timeout=10).status_code for _ in range(MOST_MEMBERS + 20)]
        assert codes == [200] * MOST_MEMBERS + [409] * 20
        assert len(list(Path("/proc/self/fd").iterdir())) < before + MOST_MEMBERS + 10
        assert requests.get(f"{running.url}/metrics", timeout=10).ok


def processes(url: str) -> int:
    """How many processes have joined, by the number that the next one gets."""
    answer = requests.post(f"{url}/deployment/processes", json={"role": "queue"}, timeout=10)
    return int(answer.json()["process"]) - 1


def test_whoever_does_not_know_the_secret_does_not_join(tmp_path: Path) -> None:
    """Neither from this machine nor from another; the scenario stays this machine's own."""
    file = tmp_path / "secret"
    own = settings.read({"role": "api", "scenario": "idle", "coordinate": "true", "secret_file": str(file)}, {})
    with start(own) as running:
        right = secret.read(file)
        where = f"{running.url}/deployment/processes"
        for given in (None, "", "Bearer", "Bearer ", f"Bearer {right[:-1]}", f"Bearer {right}x", right, "Bearer é"):
            headers = {"Authorization": given.encode()} if given is not None else {}
            assert requests.post(where, json={"role": "queue"}, headers=headers, timeout=10).status_code == 403
        headers = {"Authorization": f"Bearer {right}".encode()}
        assert requests.post(where, json={"role": "queue"}, headers=headers, timeout=10).status_code == 200
        assert requests.post(f"{where}/1", json={}, timeout=10).status_code == 403
        assert requests.post(f"{where}/1", json={}, headers=headers, timeout=10).status_code == 200
    assert file.stat().st_mode & 0o777 == secret.OWNER


async def ask(app: Any, path: str, *, client: str, headers: dict[str, str], body: bytes) -> int:
    """Status of one answer of an ASGI app to a request that comes from `client`."""
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def answer(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": path, "headers": raw, "client": (client, 5000),
             "server": ("127.0.0.1", 8000), "query_string": b""}  # fmt: skip
    await app(scope, receive, answer)
    return statuses[0]


@pytest.mark.parametrize("flags", [{}, {"coordinate": "true"}])
def test_another_machine_neither_switches_nor_joins(tmp_path: Path, flags: dict[str, str]) -> None:
    """With coordination on, too: anyone who joins from there has to know the secret."""
    import asyncio

    file = tmp_path / "secret"
    extra = {"secret_file": str(file)} if flags else {}
    own = settings.read({"role": "api", "scenario": "idle"} | flags | extra, {})
    app = Control(live.agent_server(own), own, "right" if flags else "")
    body = json.dumps({"scenario": "f01", "role": "queue"}).encode()
    for path in ("/scenario", "/deployment/processes", "/deployment/processes/1"):
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            assert asyncio.run(ask(app, path, client="172.20.0.3", headers=headers, body=body)) == 403
    if not flags:
        right = {"Authorization": "Bearer right"}
        assert asyncio.run(ask(app, "/deployment/processes", client="172.20.0.3", headers=right, body=body)) == 403


def test_coordination_without_a_secret_is_refused() -> None:
    """Nobody opens a deployment to the network by one word."""
    with pytest.raises(SettingsError, match="--coordinate is 'true'; wanted: a file with a secret"):
        settings.read({"role": "api", "coordinate": "true"}, {})


def test_a_secret_is_made_once_and_an_empty_file_is_none(tmp_path: Path) -> None:
    """Two processes that start at once have the same one."""
    path = tmp_path / "secret"
    assert secret.made(path) == secret.made(path) == secret.read(path)
    assert len(secret.read(path)) == 64
    assert [p.name for p in tmp_path.iterdir()] == ["secret"]
    (tmp_path / "empty").write_text(" \n", encoding="utf-8")
    with pytest.raises(OSError, match="is empty"):
        secret.made(tmp_path / "empty")


def test_every_page_of_langsight_wants_the_token() -> None:
    """The pages of single processes as well."""
    hosting = live.service(ServiceSettings("langsight"))
    with Running(build(hosting, {"LANGSIGHT_METRICS_TOKEN": "right"}), bind("127.0.0.1", 0)) as running:
        for path in ("/metrics", "/processes/langsight-0/metrics"):
            codes = [
                requests.get(running.url + path, headers={"Authorization": given}, timeout=10).status_code
                for given in ("", "Bearer wrong", "Bearer right")
            ]
            assert codes == [401, 401, 200], path


@pytest.mark.parametrize("begin", [ensemble, service("langsight"), service("agentgateway"), service("langsmith")])
def test_discovery_never_says_what_a_request_called_the_server(begin: Callable[[], Running]) -> None:
    """Anyone who asks by another name does not send Prometheus elsewhere."""
    with begin() as running:
        status, body = send(f"{running.url}/targets", "GET", {"Host": "evil.example:80"})
        groups = json.loads(body)
        assert status == 200
        assert {t for g in groups for t in g["targets"]} == {urlsplit(running.url).netloc}


@pytest.mark.parametrize(
    ("host", "name"),
    [("a", "a"), ("A.b.:80", "a.b"), ("[::1]", "::1"), ("[::1]:8", "::1"), ("[127.0.0.1]", ""), ("[a]", ""), ("a:b", ""), ("", ""), ("a/b", ""),
     ("a@b", ""), ("127.0.0.1:1", "127.0.0.1"), ("::1", ""), ("a b", ""), ("é", "")],
)  # fmt: skip
def test_a_host_header_is_read_or_is_none(host: str, name: str) -> None:
    assert hostname(host) == name


@pytest.mark.parametrize(
    ("fields", "problems"),
    [({"pod_name": {"a": 1}}, 1), ({"project_name": ["x"]}, 1), ({str(n): 1 for n in range(1_000)}, 20)],
    ids=["object", "list", "many"],
)
def test_what_a_process_says_wrongly_is_told_shortly(fields: Any, problems: int) -> None:
    """A text is a text, and an answer to nonsense is not longer than it."""
    with split() as running:
        answer = requests.post(f"{running.url}/deployment/processes", json={"role": "queue", **fields}, timeout=10)

    assert answer.status_code == 400
    assert len(answer.json()["detail"].splitlines()) == problems
