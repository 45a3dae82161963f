"""Clients that break the rules, hold connections, or send too much: bounded, and the page goes on answering."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from reference_server.agent_server import settings
from reference_server.core import connections
from reference_server.core.serve import Running
from reference_server.scenarios.live import start
from testbed.agent_server.websocket import websocket
from testbed.stack.reference import Reference

ROOT = Path(__file__).parent.parent

#: A page has to be there within this, whatever else happens.
PAGE_SECONDS = 1.0

#: Connections that say nothing, in the test of many: more than the server keeps.
MANY = 2_500

MEBIBYTE = 1 << 20

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    """A server with a bound on bodies that a test can reach."""
    environment = {"HTTP_MAX_REQUEST_BODY_BYTES": str(MEBIBYTE)}
    with start(settings.read({"runtime": "inmem", "scenario": "idle"}, environment)) as running:
        yield running


def connect(url: str) -> socket.socket:
    where = urlsplit(url)
    return socket.create_connection((where.hostname, where.port), timeout=10)


def answer(url: str, data: bytes) -> bytes:
    """What the server says to these bytes before it closes, or nothing."""
    with connect(url) as link:
        try:
            link.sendall(data)
            link.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: link.recv(65536), b""))
        except TimeoutError:
            raise
        except OSError:
            return b""


def page_is_prompt(url: str) -> bool:
    """Whether one of three pages is there in time: the machine may be busy with others."""
    for _ in range(3):
        begun = time.monotonic()
        assert requests.get(f"{url}/metrics", timeout=10).ok
        if time.monotonic() - begun < PAGE_SECONDS:
            return True
    return False


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET /metrics\r\n\r\n",
        b"GET /metrics HTTP/one\r\nHost: x\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /threads HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n{}",
        b"POST /threads HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"G\x00T / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=range(13),
)
def test_malformed_requests_get_400_or_a_closed_connection(
    server: Running, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Never a 5xx, never a hanging connection; the page is there afterwards."""
    reply = answer(server.url, data)
    assert reply == b"" or reply.startswith(b"HTTP/1.1 4"), reply[:200]
    assert page_is_prompt(server.url)
    assert [record for record in caplog.records if record.exc_info] == []


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_bound_is_413(server: Running, *, chunked: bool) -> None:
    """Whether its length is told beforehand or not; it is not kept."""
    big = b" " * (2 * MEBIBYTE)
    body = iter([big[:65536]] * 32) if chunked else big
    with contextlib.suppress(requests.ConnectionError):  # closed while we still sent: as good
        assert requests.post(f"{server.url}/threads", data=body, headers=JSON, timeout=10).status_code == 413
    assert page_is_prompt(server.url)


@pytest.mark.parametrize(
    "body",
    [b"[" * 100_000, b'{"a":' * 50_000, b'{"assistant_id": "agent", "input": {"amount": Infinity}}', b"\xff\xfe{}",
     b'{"assistant_id": ["agent"]}', b'{"assistant_id": "agent", "input": {"act": "stream", "amount": 1e308}}',
     b'{"assistant_id": "agent", "multitask_strategy": [1], "stream_mode": 7, "config": 3, "after_seconds": -1}'],
    ids=range(7),
)  # fmt: skip
@pytest.mark.parametrize("path", ["/runs", "/threads", "/scenario", "/deployment/processes"])
def test_odd_json_is_no_server_error(server: Running, path: str, body: bytes) -> None:
    """Deep, broken, infinite or of other types: an answer below 500."""
    answer = requests.post(server.url + path, data=body, headers=JSON, timeout=10)
    assert answer.status_code < 500, answer.text
    assert page_is_prompt(server.url)


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "PUT", "TRACE", "PROPFIND", "MADEUP"])
@pytest.mark.parametrize("path", ["/metrics", "/ok", "/info", "/runs/wait", "/threads", "/nothing", "/scenario"])
def test_wrong_methods_are_refused(server: Running, method: str, path: str) -> None:
    """A clean 4xx."""
    assert 400 <= requests.request(method, server.url + path, timeout=5).status_code < 500


def test_unknown_urls_and_verbs_cannot_grow_the_page(server: Running) -> None:
    """A thousand different URLs and a hundred different verbs are a handful of series."""
    before = len(requests.get(f"{server.url}/metrics", timeout=5).text)
    with requests.Session() as session:
        for number in range(1_000):
            session.get(f"{server.url}/scan/{number}?x={number}", timeout=5)
        for number in range(100):
            session.request(f"VERB{number}", f"{server.url}/threads", timeout=5)
    after = requests.get(f"{server.url}/metrics", timeout=5).text
    assert len(after) < before + 6_000
    assert "scan" not in after
    assert "VERB" not in after


def test_a_slow_request_is_cut_off(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """One byte now and then, in the head or in the body, does not keep a connection for ever."""
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.5)
    for first in (b"GET /metrics HTTP/1.1\r\n", b"POST /threads HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"):
        with connect(server.url) as link:
            link.sendall(first)
            end = time.monotonic() + 10
            with contextlib.suppress(ConnectionError):
                link.settimeout(0.1)
                while time.monotonic() < end:
                    try:
                        link.sendall(b"x")
                        if link.recv(1000) == b"":
                            break
                    except TimeoutError:
                        continue
            assert time.monotonic() < end, "the connection was never closed"
    assert page_is_prompt(server.url)


def test_a_client_that_does_not_read_harms_nobody(server: Running) -> None:
    """A hundred pages asked for on one connection, none read."""
    with connect(server.url) as link:
        link.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 100)
        assert page_is_prompt(server.url)


def test_many_idle_connections_leave_room_for_the_scraper() -> None:
    """More than the server keeps: the oldest go, memory stays small, and the page is there all the time."""
    with (
        Reference("--runtime", "inmem", "--scenario", "idle", env={}) as own,
        contextlib.ExitStack() as links,
    ):
        url = own.ready().url
        before = resident(own.pid)
        for number in range(MANY):
            links.enter_context(connect(url))
            if number % 500 == 0:
                assert page_is_prompt(url)
        assert page_is_prompt(url)
        open_files = len(list(Path(f"/proc/{own.pid}/fd").iterdir()))
        assert open_files < connections.most_connections() + 100
        assert resident(own.pid) - before < 100 * MEBIBYTE


def test_answers_that_never_end_leave_room_for_the_scraper(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where all connections are busy, the oldest of them goes, and not the one that comes last."""
    thread = requests.post(f"{server.url}/threads", json={}, timeout=5).json()["thread_id"]
    body = b'{"channels": ["lifecycle"]}'
    head = f"POST /threads/{thread}/stream/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    monkeypatch.setattr(connections, "most_connections", lambda: 20)
    with contextlib.ExitStack() as links:
        for _ in range(25):
            link = links.enter_context(connect(server.url))
            link.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            with contextlib.suppress(ConnectionError):
                link.recv(100)
        for _ in range(5):
            assert page_is_prompt(server.url)


def talking(url: str) -> Any:
    """A WebSocket of a new thread."""
    thread = requests.post(f"{url}/threads", json={}, timeout=5).json()["thread_id"]
    return websocket(f"{url}/threads/{thread}/stream/events", 10)


@pytest.mark.parametrize(
    "crumbs",
    [b"\x89\xfd" + bytes(4) + b"p" * 125, b"\x8a\x80" + bytes(4), b"\x00\x80" + bytes(4), b"\x00\x81" + bytes(5)],
    ids=["pings", "pongs", "nothing", "letters"],
)
def test_a_websocket_that_crumbles_is_cut(server: Running, crumbs: bytes) -> None:
    """Pings that are never looked after, and a message in pieces of nothing; a few of either are taken."""
    with talking(server.url) as talk:
        if crumbs[0] == 0:
            talk.write(b"\x01\x80" + bytes(4))
        talk.write(crumbs * 100)
        if crumbs[0] != 0:
            talk.send({"id": 1, "method": "nothing"})
            assert talk.receive()["error"] == "unknown_command"
        with contextlib.suppress(ConnectionError):
            for _ in range(200):
                talk.write(crumbs * 20)
        with pytest.raises(ConnectionError):
            talk.receive()
    assert page_is_prompt(server.url)


def test_a_text_that_is_none_is_no_traceback(server: Running, caplog: pytest.LogCaptureFixture) -> None:
    """The connection is cut."""
    with talking(server.url) as talk:
        talk.write(b"\x81\x82" + bytes(4) + b"\xff\xfe")
        with pytest.raises(ConnectionError):
            talk.receive()
    assert page_is_prompt(server.url)
    assert not caplog.records


@pytest.mark.parametrize(
    "params",
    [{"channels": ["lifecycle"] * 101}, {"channels": ["custom:" + "x" * 250]},
     {"channels": ["lifecycle"], "subscription_id": "x" * 257}],
    ids=["channels", "channel", "name"],
)  # fmt: skip
def test_what_a_subscription_keeps_is_bounded(server: Running, params: dict[str, Any]) -> None:
    """A hundred of them with a megabyte each would be the memory of the container."""
    with talking(server.url) as talk:
        talk.send({"id": 1, "method": "subscription.subscribe", "params": params})
        assert talk.receive()["error"] == "invalid_argument"
        talk.send({"id": 2, "method": "subscription.subscribe", "params": {"channels": ["custom:" + "x" * 249] * 100}})
        assert talk.receive()["type"] == "success"


def test_many_runs_at_once_do_not_hold_up_the_page(server: Running) -> None:
    """Fifty streams in parallel, and the page within a second."""
    body = {"assistant_id": "agent", "input": {"act": "stream", "amount": 20}}
    threads = [
        threading.Thread(
            target=requests.post, args=(f"{server.url}/runs/stream",), kwargs={"json": body, "timeout": 30}
        )
        for _ in range(50)
    ]
    for thread in threads:
        thread.start()
    prompt = [page_is_prompt(server.url) for _ in range(10)]
    for thread in threads:
        thread.join()
    assert all(prompt)


def test_the_scenario_is_switched_from_this_machine_only() -> None:
    """An address of the machine that is not loopback is refused; so is joining, unless told otherwise."""
    own = settings.read({"scenario": "calm"}, {})
    address = _outside()
    if address is None:
        pytest.skip("this machine has no address but loopback")
    with start(own, host=address) as running:
        assert requests.post(f"{running.url}/scenario", json={"scenario": "f01"}, timeout=5).status_code == 403
        assert requests.post(f"{running.url}/deployment/processes", json={}, timeout=5).status_code == 403
        assert requests.get(f"{running.url}/metrics", timeout=5).ok


def _outside() -> str | None:
    """An address of this machine that is not loopback; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        found: str = probe.getsockname()[0]
        return None if found.startswith("127.") else found


def resident(pid: int) -> int:
    """Memory of a process in bytes."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) * 1024
