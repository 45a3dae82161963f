"""Floods: heads, paths, crumbs, deep and wide documents, clients that do not read. The page is there within a second.

Each server is a process of its own, with the memory that docker-compose.yml gives it, and no traceback in its log.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from reference_server.agent_server import settings
from reference_server.agent_server.records import weight
from reference_server.agent_server.sessions import Session, Subscription
from reference_server.core import clock as clocks
from reference_server.core import connections, strict, turns
from reference_server.core.background import Background
from reference_server.core.sending import PART_BYTES, Sending
from reference_server.core.webhook import MOST_KEPT_BYTES
from reference_server.langsight import paths
from reference_server.scenarios import live
from reference_server.scenarios.live import start
from testbed.agent_server.websocket import websocket
from testbed.compose import compose_file
from testbed.servers import wait_until
from testbed.servers.announced import Announced
from testbed.stack.reference import Reference

#: A page has to be there within this.
PAGE_SECONDS = 1.0

#: Connections that an attack holds at once.
ATTACKERS = 50

JSON = b"Host: localhost\r\nContent-Type: application/json\r\n"
MEBIBYTE = 1 << 20


def limit_bytes(service: str) -> int:
    """Memory that a service of docker-compose.yml has."""
    text = compose_file()["services"][service]["deploy"]["resources"]["limits"]["memory"]
    return int(text.removesuffix("M")) * MEBIBYTE


@dataclass(frozen=True, slots=True)
class Kind:
    """A server as docker-compose.yml has it: flags, page, and the service that it is."""

    flags: tuple[str, ...]
    page: str
    service: str


KINDS = {
    "agent_server": Kind(("--scenario", "busy", "--seed", "2"), "/metrics", "agent-combined"),
    "langsight": Kind(("--system", "langsight"), "/metrics", "langsight-api"),
    "webhook": Kind(("webhook",), "/", "webhook"),
}


class Target(Reference):
    """A running server."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(*kind.flags, env={"BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS": "3"})
        self.kind = kind

    def page(self, *others: Target) -> float:
        """Seconds that its page took, without those in which the machine had no core for it, for us, or for others it asks."""
        asked = ["thread-self", *(str(one.pid) for one in (self, *others))]
        begun, idle = time.monotonic(), sum(map(queued, asked))
        assert requests.get(self.url + self.kind.page, timeout=30).ok
        return time.monotonic() - begun - (sum(map(queued, asked)) - idle)

    @property
    def resident(self) -> int:
        """Its memory at its highest, in bytes."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8")
        return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024


@contextlib.contextmanager
def running(kind: Kind) -> Iterator[Target]:
    with Target(kind) as one:
        yield one.ready()


def queued(process: str) -> float:
    """Seconds that a process's first thread was ready to run and did not; 0 where the kernel does not count them."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{process}/schedstat").read_text(encoding="ascii").split()[1]) / 1e9
    return 0.0


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=10).ok
    except requests.ConnectionError:
        return False


@pytest.fixture(scope="module", params=KINDS)
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    """One server of each kind, for all attacks: what one leaves behind, the next one meets."""
    with running(KINDS[request.param]) as one:
        yield one
        assert "Traceback" not in one.log()
        assert one.resident < limit_bytes(one.kind.service)


def send(url: str, data: bytes) -> bytes:
    """Send bytes on a connection of their own; the first line of the answer, or nothing."""
    where = urlsplit(url)
    try:
        with socket.create_connection((where.hostname, where.port), timeout=30) as link:
            link.sendall(data)
            return link.recv(64).partition(b"\r\n")[0]
    except OSError:
        return b""


def flood(url: str, attacks: Sequence[bytes]) -> list[bytes]:
    """Send all of them from many threads; the answers."""
    waiting, answers, lock = iter(attacks), [], threading.Lock()

    def work() -> None:
        while True:
            with lock:
                data = next(waiting, None)
            if data is None:
                return
            answers.append(send(url, data))

    threads = [threading.Thread(target=work) for _ in range(ATTACKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def slowest(target: Target, attacks: Sequence[bytes]) -> tuple[float, list[bytes]]:
    """Seconds that the slowest of the scrapes took while a flood came, and what the flood was answered."""
    took, done, answers = [0.0], threading.Event(), []

    def attack() -> None:
        answers.extend(flood(target.url, attacks))
        done.set()

    attacker = threading.Thread(target=attack)
    attacker.start()
    while not done.is_set():
        took.append(target.page())
        done.wait(0.05)
    attacker.join()
    return max(took), answers


def post(path: str, body: bytes) -> bytes:
    return b"POST %s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s" % (path.encode(), JSON, len(body), body)


def lines(count: int, size: int) -> bytes:
    return b"".join(b"H%d: %s\r\n" % (number, b"v" * size) for number in range(count))


#: Floods by name; each is what is sent, and how often.
FLOODS: dict[str, tuple[bytes, int]] = {
    "60 kB of header lines": (b"GET /metrics HTTP/1.1\r\nHost: x\r\n" + lines(5_000, 1) + b"\r\n", 200),
    "one header of 60 kB": (b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 60_000 + b"\r\n\r\n", 200),
    "the largest head that is read": (b"GET /x HTTP/1.1\r\nHost: x\r\n" + lines(95, 150) + b"\r\n", 300),
    "a body in crumbs": (
        b"POST /threads HTTP/1.1\r\n" + JSON + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 20_000,
        100,
    ),
    "millions of empty lists": (post("/threads", b"[" + b",".join([b"[]"] * 300_000) + b"]"), 60),
    "millions of empty objects": (post("/", b'{"a":[' + b",".join([b"{}"] * 300_000) + b"]}"), 60),
    "deep lists": (post("/api/traces/spans", b"[" * 50_000 + b"]" * 50_000), 100),
    "long names": (b"GET /scenarios/" + b"a" * 8_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 300),
    "a body that never comes": (b"POST /threads HTTP/1.1\r\n" + JSON + b"Content-Length: 900000\r\n\r\n{", 0),
}


@pytest.mark.long
@pytest.mark.parametrize("name", FLOODS)
def test_the_page_is_there_within_a_second_whatever_comes(target: Target, name: str) -> None:
    """And nothing of it is answered with an error of the server."""
    data, times = FLOODS[name]
    seconds, answers = slowest(target, [data] * times)

    assert seconds < PAGE_SECONDS
    assert not {answer for answer in answers if answer.startswith(b"HTTP/1.1 500")}


@pytest.mark.long
def test_thousands_of_paths_are_a_bounded_page(target: Target) -> None:
    """The real LangSight grows until nobody can scrape it; this one stops where the documentation says."""
    times = 3 * paths.MOST if target.kind.service == "langsight-api" else paths.MOST
    attacks = [b"GET /scan/%d.php HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % number for number in range(times)]
    before = len(requests.get(target.url + target.kind.page, timeout=10).content)
    seconds, _ = slowest(target, attacks)
    page = requests.get(target.url + target.kind.page, timeout=10).content

    assert seconds < PAGE_SECONDS
    assert len(page) < before + 4 * MEBIBYTE
    assert page.count(b"/scan/") <= paths.MOST * 20


@pytest.mark.long
def test_large_documents_are_kept_within_the_memory(target: Target) -> None:
    """Each as dear in memory as may be for its length, many times more than there is room for."""
    wide = b"[" + b",".join([b'{"a":1}'] * 20_000) + b"]"
    body = b'{"metadata":{"m":' + wide + b'},"assistant_id":"agent","input":{"m":' + wide + b"}}"
    assert strict.parse(body)
    attacks = [post(path, body) for _ in range(8) for path in ("/threads", "/runs", "/", "/api/traces/spans")]
    seconds, _ = slowest(target, attacks)

    assert seconds < PAGE_SECONDS
    assert target.resident < limit_bytes(target.kind.service)


@pytest.mark.long
def test_large_texts_are_kept_within_the_memory(target: Target) -> None:
    """Letters that take four bytes each in memory, or six where they are written for ASCII."""
    for text in ("é" * 900_000, "\U0001f600" + "x" * 1_900_000, "\x01" * 300_000):
        value = json.dumps(text, ensure_ascii=False).encode()
        bodies = {"/threads": b'{"metadata":{"a":%s}}', "/": b'{"alerts":[{"annotations":{"summary":%s}}]}'}
        flood(target.url, [post(path, body % value) for path, body in bodies.items()] * 8)
        assert requests.get(target.url + target.kind.page, timeout=30).ok
    assert target.resident < limit_bytes(target.kind.service)
    assert len(target.log(2 * MEBIBYTE)) < MEBIBYTE


@pytest.mark.long
def test_streams_of_large_states_leave_the_page_its_time() -> None:
    """Each of a thousand events has all of it: for clients that read, that do not, and that have gone."""
    work = {"act": "stream", "amount": 1_000, "m": [{"a": 1}] * 20_000}
    run = {
        "assistant_id": "agent",
        "input": work,
        "stream_mode": ["values", "tasks"],
        "config": {"recursion_limit": 1_001},
    }
    data = post("/runs/stream", json.dumps(run).encode())
    with running(KINDS["agent_server"]) as one, contextlib.ExitStack() as links:
        where = urlsplit(one.url)
        followers = [socket.create_connection((where.hostname, where.port), timeout=30) for _ in range(12)]
        for number, link in enumerate(followers):
            links.enter_context(link)
            link.sendall(data)
            if number % 3 == 0:
                assert link.recv(64)
        for link in followers[::3]:
            link.close()
        assert max(one.page() for _ in range(10)) < PAGE_SECONDS
        assert one.end() == 0
        assert "Traceback" not in one.log()


def test_hundreds_of_streams_leave_room_between_their_events() -> None:
    """Few events are made at once, however many clients wait for one: a page takes several rounds of the event loop."""

    async def rounds() -> int:
        made, most = 0, 0

        async def stream() -> None:
            nonlocal made
            for _ in range(10):
                async with turns.turn(100):
                    made += 1

        streams = [asyncio.create_task(stream()) for _ in range(300)]
        while not all(stream.done() for stream in streams):
            before = made
            await asyncio.sleep(0)
            most = max(most, made - before)
        assert made == 3_000
        return most

    assert asyncio.run(asyncio.wait_for(rounds(), 60)) <= 2 * turns.AT_ONCE


@pytest.mark.long
def test_a_run_that_was_forgotten_is_followed_no_more() -> None:
    """Else anyone who follows many would fill the memory with what it sent."""
    with start(settings.read({"runtime": "inmem", "scenario": "idle"}, {})) as server:
        run = {"assistant_id": "agent", "input": {"act": "sleep", "amount": 3_600, "m": "x" * MEBIBYTE * 2}}
        with requests.post(f"{server.url}/runs/stream", json=run, timeout=10, stream=True) as followed:
            for _ in range(8):
                assert requests.post(f"{server.url}/runs", json=run, timeout=10).ok
            assert "metadata" in followed.text
        assert requests.get(f"{server.url}/metrics", timeout=10).ok


def test_a_connection_goes_on_after_a_run_that_was_forgotten() -> None:
    """It is told the end of that run, and then what the thread's later runs do."""
    node = live.agent_server(settings.read({"runtime": "inmem", "scenario": "idle"}, {})).nodes[0]
    thread = node.records.new_thread(node.clock.now())

    async def follow() -> list[str]:
        events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        session = Session(node, thread, events.put)
        session.subscriptions["only"] = Subscription("only", frozenset({"lifecycle"}))
        tasks = [asyncio.create_task(work) for work in (session.run(), node.clock.run())]
        heard = []
        for _ in range(2):
            run = node.start({"input": {"act": "sleep", "amount": 3_600}}, thread)
            heard.append(await events.get())
            node.records.forget(run.id)
            heard.append(await events.get())
        for task in tasks:
            task.cancel()
        return [event["params"]["data"]["event"] for event in heard]

    assert asyncio.run(asyncio.wait_for(follow(), 60)) == ["running", "failed"] * 2


def test_no_run_is_started_on_a_thread_that_was_forgotten() -> None:
    """Nobody could follow it."""
    with start(settings.read({"runtime": "inmem", "scenario": "idle"}, {})) as server:
        where = (
            f"{server.url}/threads/{requests.post(f'{server.url}/threads', json={}, timeout=10).json()['thread_id']}"
        )
        with websocket(f"{where}/stream/events", 60) as talk:
            assert requests.delete(where, timeout=10).ok
            talk.send({"id": 1, "method": "run.start", "params": {"assistant_id": "agent"}})
            assert talk.receive()["error"] == "not_found"


@pytest.mark.long
def test_clients_that_do_not_read_do_not_fill_the_memory(target: Target) -> None:
    """Three hundred that ask for the page again and again and take none of it."""
    where = urlsplit(target.url)
    links = []
    try:
        for _ in range(300):
            link = socket.create_connection((where.hostname, where.port), timeout=10)
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            link.sendall(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % target.kind.page.encode() * 20)
            links.append(link)
        assert target.page() < PAGE_SECONDS
        assert target.resident < limit_bytes(target.kind.service)
    finally:
        for link in links:
            link.close()


@pytest.mark.long
@pytest.mark.parametrize("name", KINDS)
def test_sigterm_ends_a_server_under_attack_before_compose_kills_it(name: str) -> None:
    """With a run that is executed, clients that wait for an answer, half a request, and answers that nobody reads."""
    kind = KINDS[name]
    grace = int(re.sub(r"s$", "", compose_file()["services"][kind.service]["stop_grace_period"]))
    with running(kind) as one, contextlib.ExitStack() as links:
        where = urlsplit(one.url)
        run = json.dumps({"assistant_id": "agent", "input": {"act": "sleep", "amount": 3_600}}).encode()
        for data in (
            post("/runs/wait", run),
            post("/runs/stream", run),
            b"GET /metr",
            b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 500,
        ):
            link = links.enter_context(socket.create_connection((where.hostname, where.port), timeout=10))
            link.sendall(data)
        time.sleep(0.5)  # what was sent has arrived; nothing depends on it
        begun = time.monotonic()
        assert one.end() == 0
        assert time.monotonic() - begun < grace / 2
        assert "Traceback" not in one.log()


@pytest.mark.parametrize(
    "text",
    [b"NaN", b"[Infinity]", b'{"a": -Infinity}', b"1e999", b"-1e999", b"[" * 300 + b"]" * 300, b'"\\ud800"', b'{"\\udfff": 1}',
     b'"\xed\xa0\x80"', b"\xff\xfe1\x00", b"1" + b"0" * 30, b"", b"{", b"[" * 100_000, b"[" + b"0," * 200_000 + b"0]"],
    ids=lambda t: repr(t[:16]),
)  # fmt: skip
def test_what_json_cannot_write_is_refused_before_it_is_kept(text: bytes) -> None:
    """As the real server's reader does."""
    with pytest.raises(ValueError):  # noqa: PT011 - any of its kinds
        strict.parse(text)


@pytest.mark.parametrize(
    "text",
    [b'{"a": [1.5, "\\u00e9", "\\ud83d\\ude00", null, true, -7]}', b"18446744073709551616", b"[" * 200 + b"]" * 200],
)
def test_what_json_can_write_is_read(text: bytes) -> None:
    assert strict.parse(text) == json.loads(text)


@pytest.mark.long
@pytest.mark.parametrize("bad", ['"\\ud800"', "NaN", "Infinity", "1e999"])
def test_one_bad_document_does_not_spoil_what_others_ask(target: Target, bad: str) -> None:
    """A thread, a run, a batch, a notification: refused, and everything is shown as before."""
    bodies = {
        "/threads": f'{{"metadata": {{"a": {bad}}}}}',
        "/runs": f'{{"assistant_id": "agent", "input": {{"a": {bad}}}}}',
        "/api/traces/spans": f'[{{"server_name": "a", "tool_name": "b", "session_id": {bad}}}]',
        "/": f'{{"receiver": {bad}, "alerts": []}}',
    }
    for path, body in bodies.items():
        answer = send(target.url, post(path, body.encode()))
        assert re.match(rb"HTTP/1.1 4\d\d", answer), answer
    assert requests.get(target.url + target.kind.page, timeout=10).ok
    assert send(target.url, post("/threads/search", b"{}")).split()[1] in {b"200", b"404", b"405"}


@pytest.mark.parametrize(
    "value",
    [[[]] * 900, [{}] * 900, [{"a": 1}] * 900, {f"k{n}": f"v{n}" for n in range(900)}, ["x" * 9_000], ["\U0001f600" * 900],
     [10**9 + n for n in range(900)], [{"a": {"b": {"c": []}}}] * 300],
    ids=range(8),
)  # fmt: skip
def test_the_weight_of_a_document_is_no_less_than_its_memory(value: Any) -> None:
    """Else a bound on bytes would be none on memory."""
    import tracemalloc

    text = json.dumps(value)
    tracemalloc.start()
    document = json.loads(text)
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()

    assert weight(document) >= taken


@pytest.mark.long
def test_the_webhook_forgets_what_is_too_much() -> None:
    """By bytes as well as by number; the newest stays."""
    with running(KINDS["webhook"]) as one:
        for number in range(12):
            body = {"receiver": str(number), "alerts": [], "text": "x" * MEBIBYTE}
            assert requests.post(one.url, json=body, timeout=10).ok
        notifications = requests.get(one.url, timeout=10)

    assert notifications.json()[0]["receiver"] == "11"
    assert len(notifications.content) <= MOST_KEPT_BYTES + 1_000


@pytest.mark.long
def test_a_process_that_joined_is_there_whatever_comes() -> None:
    """What it relays is bounded as well: the oldest connection goes, and its memory stays within that of a worker."""
    with (
        running(Kind(("--role", "api", "--scenario", "calm"), "/metrics", "agent-api")) as first,
        running(Kind(("--role", "queue", "--join", first.url), "/metrics", "agent-queue")) as worker,
        contextlib.ExitStack() as links,
    ):
        where = urlsplit(worker.url)
        for number in range(700):
            link = links.enter_context(socket.create_connection((where.hostname, where.port), timeout=10))
            link.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * (20 if number % 2 else 1))
        assert worker.page(first) < PAGE_SECONDS
        for one in (first, worker):
            assert one.resident < limit_bytes(one.kind.service)
        begun = time.monotonic()
        for one in (worker, first):
            assert one.end() == 0
            assert "Traceback" not in one.log()
        assert time.monotonic() - begun < 10


def test_a_list_is_no_larger_than_one_answer_may_be() -> None:
    """However large what clients sent is, and however many entries they ask for."""
    with start(settings.read({"runtime": "inmem", "scenario": "idle"}, {})) as server:
        for _ in range(6):
            requests.post(f"{server.url}/threads", json={"metadata": {"text": "x" * MEBIBYTE}}, timeout=10)
        found = requests.post(f"{server.url}/threads/search", json={"limit": 1000}, timeout=10).json()

    assert len(found) == 1


@pytest.mark.long
def test_a_run_for_which_there_is_no_room_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs that are not over are bounded; one that ends makes room."""
    monkeypatch.setattr("reference_server.agent_server.execution.REMEMBERED", 5)
    with start(settings.read({"runtime": "inmem", "scenario": "idle"}, {})) as server:
        run = {"assistant_id": "agent", "input": {"act": "sleep", "amount": 3_600}}
        made = [requests.post(f"{server.url}/runs", json=run, timeout=5) for _ in range(8)]
        assert [one.status_code for one in made] == [200] * 5 + [503] * 3
        first = made[0].json()
        assert requests.get(f"{server.url}/metrics", timeout=5).ok
        assert first["status"] in {"pending", "running"}


def test_an_answer_is_sent_in_parts_and_the_slowest_goes_when_they_are_too_many() -> None:
    """What is held for clients that do not read has a bound over all of them."""
    sent: list[int] = []
    cut: list[str] = []

    async def app(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * 100_000})

    async def several() -> None:
        sending = Sending(app, most_bytes=250_000)
        stuck = asyncio.Event()

        async def nothing() -> dict[str, Any]:
            return {}

        async def never(message: Any) -> None:
            if "body" in message:
                await stuck.wait()

        async def at_once(message: Any) -> None:
            if "body" in message:
                sent.append(len(message["body"]))

        def scope(name: str) -> dict[str, Any]:
            return {"type": "http", "state": {connections.ABORT: lambda: cut.append(name)}}

        tasks = [asyncio.create_task(sending(scope(name), nothing, never)) for name in "abc"]
        await asyncio.sleep(0)
        await sending(scope("d"), nothing, at_once)
        stuck.set()
        await asyncio.gather(*tasks)

    asyncio.run(several())
    assert (sum(sent), max(sent)) == (100_000, PART_BYTES)
    assert cut == ["a", "b"]


def test_nothing_more_is_made_of_an_answer_whose_client_has_gone() -> None:
    """A page of megabytes is hundreds of parts: to send them to nobody takes as long as to send them to someone."""
    sent: list[Any] = []

    async def app(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * 100 * PART_BYTES})

    async def nothing() -> dict[str, Any]:
        return {}

    async def note(message: Any) -> None:
        sent.append(message)

    state = {connections.GONE: lambda: len(sent) > 3}
    asyncio.run(Sending(app)({"type": "http", "state": state}, nothing, note))

    assert len(sent) == 4


def test_a_background_task_that_dies_ends_the_server_with_a_message(
    tmp_path: Path,
) -> None:
    """A clock that has stopped shows yesterday's figures for ever: the process has to go, and say why."""
    script = tmp_path / "broken.py"
    script.write_text(
        "import sys\n"
        "from reference_server.agent_server.simulation import Deployment\n"
        "from reference_server.core.rates import Service\n"
        "from reference_server import cli\n"
        "def broken(self, until):\n"
        "    raise KeyError('a fault of the simulation')\n"
        "Deployment.advance = Service.advance = broken\n"
        "sys.exit(cli.main())\n",
        encoding="utf-8",
    )
    for flags in (["--scenario", "idle"], ["--whole", "true"], ["--system", "langsight"]):
        with Announced("broken", [sys.executable, script, "--port", "{port}", *flags]) as server:
            assert server.exit_code() == 1
            log = server.log()
        message = log.splitlines()[-1]
        assert message.startswith(
            "the server ended: the clock ended: KeyError: 'a fault of the simulation' (broken.py:6)"
        )
        assert "Traceback" not in log


def test_a_task_that_returns_has_died_as_well() -> None:
    """Nobody told it to end."""

    async def brief() -> None:
        pass

    async def watched() -> str:
        background = Background()
        background.start("the watch", brief())
        await asyncio.wait_for(background.died(), 5)
        await background.end()
        return background.failure

    assert asyncio.run(watched()) == "the watch ended: nobody told it to"


def test_a_push_that_dies_has_died_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures that nobody gets any more look like a quiet day."""

    class Broken:
        async def run(self, _: asyncio.Event) -> None:
            raise KeyError("a fault of the push")

    monkeypatch.setattr("reference_server.agent_server.control._push", lambda _: Broken())
    with start(settings.read({"runtime": "inmem", "scenario": "idle", "datadog_key": "k"}, {})) as server:
        wait_until(lambda: not answers(f"{server.url}/ok"), what="the end", limit_seconds=20)


@pytest.mark.long
def test_a_process_that_joined_says_why_it_ends() -> None:
    """Its first process has gone, and its queue with it."""
    first = Kind(("--role", "api", "--scenario", "idle"), "/metrics", "agent-api")
    with running(first) as one:
        joined = Kind(("--role", "queue", "--join", one.url), "/metrics", "agent-queue")
        with running(joined) as worker:
            one.stop()
            assert worker.exit_code() == 1
            last = worker.log().splitlines()[-1]

    assert last.startswith(f"cannot serve: {one.url} answers no more: ")


def test_a_simulation_that_is_too_slow_leaves_time_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many ask at once, time passes for one budget of them; the others are answered from what there is."""
    clock = [0.0]
    monkeypatch.setattr("reference_server.core.clock.time.perf_counter", lambda: clock[0])

    class Slow:
        now = 0.0
        asked = 0

        def advance(self, until: float) -> None:
            self.now, self.asked = until, self.asked + 1
            clock[0] += 1.0

    slow = Slow()
    one = clocks.Clock(0.0, 1_000.0, lambda: clock[0])
    one.follow(slow)
    clock[0] += 1
    for _ in range(50):
        one.advance()
    assert slow.asked == 1
    clock[0] += clocks.BUDGET_SECONDS
    one.advance()
    assert slow.asked == 2
