"""The live feed of the simulated LangSight, held against its documentation by a real SSE client library. Source: seed 002."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import requests
from httpx_sse import EventSource, ServerSentEvent, aconnect_sse, connect_sse

from reference_server.langsight.feed import MOST_BYTES, Feed
from testbed.servers import wait_until
from tests.langsight import IDLE, serving, value

from .conftest import ROOT

EVENTS = "/api/live/events"
GAUGE = "active_sse_connections"
SESSION = "6f1c0f0e-3c55-4a7e-9a55-0d9d6a1b2c3d"
SPAN = {
    "session_id": "s-1",
    "agent_name": "support-agent",
    "server_name": "postgres-mcp",
    "tool_name": "query",
    "status": "success",
    "latency_ms": 42.0,
}


@contextlib.contextmanager
def following(url: str, **headers: str) -> Iterator[tuple[EventSource, Iterator[ServerSentEvent]]]:
    """Follow the feed; the client is connected for the server too when this returns."""
    before = value(url, GAUGE)
    with httpx.Client(timeout=30) as client, connect_sse(client, "GET", url + EVENTS, headers=headers) as source:
        if source.response.status_code == 200:
            wait_until(lambda: value(url, GAUGE) > before, what="the gauge", limit_seconds=10)
        yield source, source.iter_sse()


def post(url: str, *spans: dict[str, object]) -> None:
    assert requests.post(f"{url}/api/traces/spans", json=spans, timeout=30).status_code == 202


def test_each_span_is_an_event_with_the_documented_fields(tmp_path: Path) -> None:
    with serving(tmp_path) as (url, _), following(url) as (source, events):
        post(url, SPAN, {**SPAN, "tool_name": "insert", "status": "error"}, {"server_name": "a", "tool_name": "b"})
        found = [next(events) for _ in range(3)]

        assert source.response.headers["content-type"].startswith("text/event-stream")
        assert source.response.headers["cache-control"] == "no-cache"
        assert source.response.headers["x-accel-buffering"] == "no"
    assert [event.event for event in found] == ["span:new"] * 3
    assert [event.json() for event in found] == [
        SPAN,
        {**SPAN, "tool_name": "insert", "status": "error"},
        {**dict.fromkeys(SPAN), "server_name": "a", "tool_name": "b", "status": "success"},
    ]
    assert list(found[0].json()) == list(SPAN)


def test_each_health_check_is_an_event_with_the_documented_fields(tmp_path: Path) -> None:
    changes = "timeline: [{at: 0s, workload: {servers: {github-mcp: down}}}]\n"
    with serving(tmp_path, changes=changes) as (url, _), following(url) as (_, events):
        requests.post(f"{url}/api/health/check", timeout=10)
        found = [next(events) for _ in range(3)]

    assert [event.event for event in found] == ["health:check"] * 3
    assert [list(event.json()) for event in found] == [["server_name", "status", "latency_ms"]] * 3
    assert {event.json()["server_name"]: event.json()["status"] for event in found}["github-mcp"] == "down"


def test_simulated_spans_and_checks_are_events_too(tmp_path: Path) -> None:
    changes = "timeline: [{at: 0s, workload: {batches: 5, check_seconds: 1}}]\n"
    with serving(tmp_path, changes=changes) as (_url, hosting):
        with httpx.Client(timeout=30) as client, connect_sse(client, "GET", _url + EVENTS) as source:
            kinds = {next(source.iter_sse()).event}
        assert kinds <= {"span:new", "health:check"}
        assert hosting.service.processes[0].instruments.value("spans_ingested_total") > 0


def test_the_real_server_tells_eight_fields_of_a_span_and_nothing_of_health_checks(tmp_path: Path) -> None:
    environment = {"AGENT_REFERENCE_BEHAVIOUR": "code", "AGENT_REFERENCE_METRICS": "documented"}
    span = {**SPAN, "session_id": SESSION, "started_at": "2026-11-29T10:00:00Z", "ended_at": "2026-11-29T10:00:01Z"}
    with serving(tmp_path, environment) as (url, _), following(url) as (_, events):
        requests.post(f"{url}/api/health/check", timeout=10)
        post(url, span)
        first = next(events)

    assert first.event == "span:new"
    assert first.json() == {"project_id": "", **SPAN, "session_id": SESSION, "started_at": "2026-11-29T10:00:00Z"}


def test_the_real_server_tells_the_cap_to_whom_it_refuses(tmp_path: Path) -> None:
    environment = {
        "AGENT_REFERENCE_BEHAVIOUR": "code", "AGENT_REFERENCE_METRICS": "documented", "LANGSIGHT_SSE_MAX_CLIENTS": "1",
    }  # fmt: skip
    with serving(tmp_path, environment) as (url, _), following(url):
        refused = requests.get(url + EVENTS, timeout=10)

    assert refused.status_code == 200
    assert refused.text.startswith("event: error\n")
    assert json.loads(refused.text.partition("data: ")[2])["max"] == 1


def test_a_batch_larger_than_the_buffer_is_lost_in_part_to_a_quick_client_too(tmp_path: Path) -> None:
    """Seen on the real 0.15.0: a buffer of 20, a batch of 50: thirty are dropped, and the client gets the last twenty."""
    with (
        serving(tmp_path, {"LANGSIGHT_SSE_CLIENT_BUFFER": "20"}) as (url, _),
        following(url) as (_, events),
    ):
        post(url, *({**SPAN, "tool_name": f"t{number}"} for number in range(50)))
        got = [next(events).json()["tool_name"] for _ in range(20)]

        assert got == [f"t{number}" for number in range(30, 50)]
        assert value(url, "sse_events_dropped_total") == 30


def test_otlp_exports_are_no_events(tmp_path: Path) -> None:
    export = {"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "mcp.a.b"}]}]}]}
    with serving(tmp_path) as (url, _), following(url) as (_, events):
        assert requests.post(f"{url}/api/traces/otlp", json=export, timeout=10).json() == {"accepted": 1}
        post(url, SPAN)

        assert next(events).json() == SPAN


def test_the_feed_wants_the_same_key_as_every_route(tmp_path: Path) -> None:
    with serving(tmp_path, {"LANGSIGHT_API_KEYS": "ls_your_key"}) as (url, _):
        with following(url) as (source, _):
            assert source.response.status_code == 401
        with following(url, **{"X-API-Key": "other"}) as (source, _):
            assert source.response.status_code == 403
        with following(url, **{"X-API-Key": "ls_your_key"}) as (source, _):
            assert source.response.status_code == 200
        assert value(url, "http_requests_total", path=EVENTS) == 3


@pytest.mark.long
def test_comments_keep_a_silent_connection_open_every_15_seconds(tmp_path: Path) -> None:
    with (
        serving(tmp_path) as (url, _),
        httpx.Client(timeout=60) as client,
        client.stream("GET", url + EVENTS) as stream,
    ):
        lines = stream.iter_lines()
        assert next(lines).startswith(": connected at ")
        begun = time.monotonic()
        while not (line := next(lines)):
            pass
        waited = time.monotonic() - begun

    assert line == ": keepalive"
    assert waited > 14.5


def test_the_gauge_counts_real_clients_and_falls_when_they_go(tmp_path: Path) -> None:
    with serving(tmp_path) as (url, _):
        with following(url):
            with following(url):
                assert value(url, GAUGE) == 2
            wait_until(lambda: value(url, GAUGE) == 1, what="one client", limit_seconds=10)
        wait_until(lambda: value(url, GAUGE) == 0, what="no client", limit_seconds=10)


def test_a_client_that_vanishes_without_a_word_is_not_counted_for_long(tmp_path: Path) -> None:
    with serving(tmp_path) as (url, _):
        host, _, port = url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=10) as client:
            client.sendall(f"GET {EVENTS} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
            wait_until(lambda: value(url, GAUGE) == 1, what="the client", limit_seconds=10)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # reset instead of a good end
        wait_until(lambda: value(url, GAUGE) == 0, what="its end", limit_seconds=10)


def test_simulated_and_real_clients_add_up_to_the_gauge_and_to_the_cap(tmp_path: Path) -> None:
    changes = "timeline: [{at: 0s, workload: {sse_clients: 199}}]\n"
    with serving(tmp_path, changes=changes) as (url, hosting):
        hosting.service.advance(hosting.service.now + 10)
        assert value(url, GAUGE) == 199
        with following(url), following_refused(url) as event:
            assert event.event == "error"
            assert value(url, GAUGE) == 200


@contextlib.contextmanager
def following_refused(url: str) -> Iterator[ServerSentEvent]:
    """Connect above the cap: the stream is one event, and then it ends. Its status is 200."""
    with httpx.Client(timeout=30) as client, connect_sse(client, "GET", url + EVENTS) as source:
        (event,) = source.iter_sse()
        assert source.response.status_code == 200
        yield event


async def crowd(url: str, count: int) -> tuple[list[ServerSentEvent], ServerSentEvent, float]:
    """Connect `count` clients and one more; post a span; return what each got, what the last got, and the gauge before."""
    async with contextlib.AsyncExitStack() as stack:
        limits = httpx.Limits(max_connections=None)
        client = await stack.enter_async_context(httpx.AsyncClient(timeout=60, limits=limits))
        sources = [await stack.enter_async_context(aconnect_sse(client, "GET", url + EVENTS)) for _ in range(count)]
        gauge = await asyncio.to_thread(value, url, GAUGE)
        over = await stack.enter_async_context(aconnect_sse(client, "GET", url + EVENTS))
        refused = [event async for event in over.aiter_sse()]
        await asyncio.to_thread(post, url, SPAN)
        received = [await anext(aiter(source.aiter_sse())) for source in sources]
        return received, refused[0], gauge


def test_two_hundred_clients_are_served_and_the_next_one_is_told_and_closed(tmp_path: Path) -> None:
    """As documented: 200 clients. Each of them gets the event; the 201st gets an event `error`."""
    with serving(tmp_path) as (url, _):
        received, refused, gauge = asyncio.run(crowd(url, 200))

        assert gauge == 200
        assert (refused.event, refused.json()) == ("error", {"message": "Too many connections"})
        assert {event.event for event in received} == {"span:new"}
        wait_until(lambda: value(url, GAUGE) == 0, what="everybody to leave", limit_seconds=30)
        assert value(url, "http_requests_total", path=EVENTS, status="200") == 201


def test_the_cap_is_a_variable(tmp_path: Path) -> None:
    with serving(tmp_path, {"LANGSIGHT_SSE_MAX_CLIENTS": "1"}) as (url, _), following(url):
        with following_refused(url) as event:
            assert event.event == "error"
        with contextlib.suppress(StopIteration):
            assert value(url, GAUGE) == 1


def test_a_slow_client_loses_its_oldest_events_and_nobody_else_waits(tmp_path: Path) -> None:
    """The buffer holds 50 events. A client that does not read gets the first ones (what sockets hold) and the last 50."""
    big = {**SPAN, "agent_name": "x" * 50_000}
    with serving(tmp_path) as (url, _), following(url) as (_, quick):
        host, _, port = url.removeprefix("http://").partition(":")
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.settimeout(30)
            slow.connect((host, int(port)))
            slow.sendall(f"GET {EVENTS} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
            wait_until(lambda: value(url, GAUGE) == 2, what="both clients", limit_seconds=10)
            sent = 0
            while value(url, "sse_events_dropped_total") < 100:
                batch = [str(number) for number in range(sent, sent + 25)]
                post(url, *({**big, "session_id": number} for number in batch))
                assert [next(quick).json()["session_id"] for _ in batch] == batch
                sent += len(batch)
                assert sent < 2000, "nothing was dropped"
            dropped = value(url, "sse_events_dropped_total")
            numbers = read_all(slow, str(sent - 1))

        assert len(numbers) == sent - dropped
        assert numbers[-50:] == list(range(sent - 50, sent))
        assert numbers == sorted(numbers)
        assert numbers[0] == 0


def test_what_waits_for_a_client_has_a_bound_in_bytes() -> None:
    """A span can have megabytes of text; the newest event stays whatever its size."""
    dropped: list[int] = []

    async def several() -> list[bytes]:
        feed = Feed(5, 50, dropped=lambda: dropped.append(1))
        async with contextlib.aclosing(feed.stream()) as parts:
            await anext(parts)
            for number in range(6):
                feed.publish("span:new", {"session_id": str(number), "text": "x" * (MOST_BYTES // 3)})
            feed.publish("span:new", {"session_id": "last", "text": "x" * 2 * MOST_BYTES})
            return [await anext(parts)]

    (buffered,) = asyncio.run(several())
    assert b'"last"' in buffered
    assert len(dropped) == 6


def read_all(client: socket.socket, last: str) -> list[int]:
    """Read a raw stream up to the event of session `last`; return the sessions."""
    text = b""
    while f'"session_id": "{last}"'.encode() not in text[-300_000:] or not text.endswith(b"\r\n"):
        part = client.recv(1_000_000)
        assert part
        text += part
    wanted = b'"session_id": "'
    return [int(piece.partition(b'"')[0]) for piece in text.split(wanted)[1:]]


def test_streams_end_with_their_process(tmp_path: Path) -> None:
    """A restart of the simulated process cuts them, and the next client is served by the new one."""
    with serving(tmp_path) as (url, hosting):
        with following(url) as (_, events):
            hosting.service.apply({"crash": {"down": 0.0}})
            assert list(events) == []
        wait_until(lambda: requests.get(f"{url}/api/status", timeout=10).ok, what="the new process", limit_seconds=30)
        with following(url) as (_, events):
            post(url, SPAN)
            assert next(events).json() == SPAN


@pytest.mark.real
def test_the_command_ends_at_once_although_clients_are_connected(tmp_path: Path) -> None:
    """SIGTERM: every stream ends, and the exit code is 0."""
    scenario = tmp_path / "idle.yaml"
    scenario.write_text(IDLE, encoding="utf-8")
    command = [sys.executable, "-m", "reference_server", "--system", "langsight", "--scenario", str(scenario)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [*command, "--port", "0"], stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT
    ) as process:
        assert process.stdout
        url = process.stdout.readline().strip()
        with following(url) as (_, first), following(url) as (_, second):
            begun = time.monotonic()
            process.send_signal(signal.SIGTERM)

            assert (list(first), list(second)) == ([], [])
            assert process.wait(30) == 0
            assert time.monotonic() - begun < 15


def test_the_page_s_example_works(tmp_path: Path) -> None:
    """The documentation's own Python example, with its key."""
    with serving(tmp_path, {"LANGSIGHT_API_KEYS": "ls_your_key"}) as (url, _), httpx.Client(timeout=30) as client:
        headers = {"X-API-Key": "ls_your_key"}
        with connect_sse(client, "GET", f"{url}/api/live/events", headers=headers) as event_source:
            wait_until(lambda: value(url, GAUGE) == 1, what="the client", limit_seconds=10)
            requests.post(f"{url}/api/traces/spans", json=[SPAN], headers=headers, timeout=10)
            for sse in event_source.iter_sse():
                assert sse.event == "span:new"
                assert json.loads(sse.data) == SPAN
                break
