"""Protocol version 2: the events of one thread as one connection sees them, with a bounded memory for those who come back.

Every connection has a session of its own, as on the real server, and counts for itself. Knows nothing of HTTP.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from reference_server.agent_server.behaviour import ANSWER, GRAPH
from reference_server.agent_server.node import Node
from reference_server.agent_server.records import Run, Thread, weight
from reference_server.agent_server.simulation import FullError
from reference_server.core.clock import Cut
from reference_server.core.turns import turn

#: What a connection can subscribe to; `custom:<name>` too.
CHANNELS = ("values", "updates", "checkpoints", "messages", "tools", "custom", "lifecycle", "input", "tasks")

#: Stream modes of a run that is started with this protocol, as far as the one graph has events for them.
MODES = ["values", "messages-tuple", "custom"]

#: How a run's status is called at the end of its events.
ENDS = {"success": "completed", "error": "failed", "timeout": "failed", "interrupted": "interrupted"}

#: What one connection remembers for those who come back, in bytes of memory, whatever the number of events.
MOST_KEPT_BYTES = 4 * 1024 * 1024

#: Subscriptions of one connection, channels of one subscription, and characters of a name that is kept.
MOST_SUBSCRIPTIONS = 100
MOST_CHANNELS = 100
MOST_CHARACTERS = 256

Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a connection wants: an event goes out if any of its subscriptions has its channel."""

    id: str
    channels: frozenset[str]

    def wants(self, event: Message) -> bool:
        """Whether the event is on one of the channels."""
        return event["method"].partition(".")[0] in self.channels


class Session:
    """The events of one thread for one connection, numbered from 1. `send` is given those that it subscribed to.

    `size` is what one event takes in memory at most, in bytes.
    """

    def __init__(self, node: Node, thread: Thread, send: Send) -> None:
        self._node = node
        self._thread = thread
        self._send = send
        self._most = node.settings.buffer_events
        self._kept = 0
        self._events: deque[tuple[Message, int]] = deque()
        self.number = 0
        self.size = 0
        self.subscriptions: dict[str, Subscription] = {}

    async def run(self) -> None:
        """Follow the thread's runs, one after the other, until the server ends."""
        seen: set[str] = set()
        with contextlib.suppress(Cut):
            while True:
                run = await self._node.clock.until(lambda: self._next(seen), cut=True)
                seen.add(run.id)
                self.size = run.size + self._thread.size
                async for method, data in _events(self._node, run):
                    await self._push(method, data)

    def _next(self, seen: set[str]) -> Run | None:
        runs = (self._node.records.runs.get(name) for name in self._thread.runs if name not in seen)
        return next((run for run in runs if run), None)

    async def _push(self, method: str, data: Any) -> None:
        self.number += 1
        now = int(time.time() * 1000)
        params = {"namespace": [], "timestamp": now, "data": data}
        name = f"{now}-{self.number}"
        event: Message = {"type": "event", "event_id": name, "seq": self.number, "method": method, "params": params}
        metrics = self._node.process.instruments
        async with turn(self.size):
            self._events.append((event, weight(data)))
        self._kept += self._events[-1][1]
        while len(self._events) > self._most or (self._kept > MOST_KEPT_BYTES and len(self._events) > 1):
            self._kept -= self._events.popleft()[1]
            metrics.add("protocol_v2_buffer_evicted_counter")
            metrics.add("streaming_data_loss_counter", reason="protocol_v2_buffer_overflow")
        metrics.add("protocol_v2_event_emitted_counter", method=method)
        metrics.set("protocol_v2_buffer_size", len(self._events))
        if any(subscription.wants(event) for subscription in self.subscriptions.values()):
            await self._deliver(event)

    async def _deliver(self, event: Message) -> None:
        try:
            await self._send(event)
        except (OSError, RuntimeError):
            # The client went away in the middle of a write; Starlette tells it in one of these two ways.
            failures = "protocol_v2_transport_send_failure_counter"
            self._node.process.instruments.add(failures, method=event["method"])
            raise

    async def subscribe(self, subscription: Subscription, since: int = 0) -> int:
        """Replay what is remembered after `since`, then send what comes; return how much was replayed."""
        missed = [e for e, _ in self._events if e["seq"] > since and subscription.wants(e)]
        for event in missed:
            await self._deliver(event)
        self.subscriptions[subscription.id] = subscription
        self._node.process.instruments.observe("protocol_v2_replayed_events", len(missed))
        return len(missed)

    def gap(self, since: int) -> int:
        """Return the oldest number that is remembered when `since` lies before it, else 0; counts the gap."""
        oldest: int = self._events[0][0]["seq"] if self._events else 0
        if since + 1 >= oldest:
            return 0
        self._node.process.instruments.add("protocol_v2_resume_gap_counter")
        return oldest


class Commands:
    """Answers commands for one thread. `session` is None where a connection has none: a command over HTTP."""

    def __init__(self, node: Node, thread: Thread, session: Session | None = None) -> None:
        self._node = node
        self._thread = thread
        self._session = session

    async def answer(self, command: Mapping[str, Any]) -> Message:
        """Carry out one command."""
        method, params = command["method"], command.get("params")
        params = params if isinstance(params, dict) else {}
        if method == "run.start":
            return self._start(command["id"], params)
        if self._session is not None and method in {"subscription.subscribe", "subscription.reconnect"}:
            return await self._subscribe(self._session, command["id"], method, params)
        if self._session is not None and method == "subscription.unsubscribe":
            self._session.subscriptions.pop(str(params.get("subscription_id")), None)
            return self._success(command["id"], {})
        return self._error(command["id"], "unknown_command", f"Unknown protocol command: {str(method)[:80]}")

    def _start(self, number: int, params: Mapping[str, Any]) -> Message:
        if params.get("assistant_id") is None:
            return self._error(number, "invalid_argument", "run.start requires an assistant_id.")
        if self._node.records.threads.get(self._thread.id) is not self._thread:
            return self._error(number, "not_found", "Thread not found.")
        try:
            run = self._node.start({**params, "stream_mode": MODES}, self._thread)
        except FullError as error:
            return self._error(number, "unavailable", str(error))
        return self._success(number, {"run_id": run.id})

    async def _subscribe(self, session: Session, number: int, method: str, params: Mapping[str, Any]) -> Message:
        channels, since = params.get("channels"), params.get("since", 0)
        if not supported(channels):
            return self._error(number, "invalid_argument", f"{method} requires an array of supported channels.")
        if type(since) is not int or since < 0:
            return self._error(number, "invalid_argument", f"{method} requires a non-negative integer since.")
        if method == "subscription.reconnect" and (oldest := session.gap(since)):
            what = f"resume gap: since={since} is older than min_available_seq={oldest}"
            return {**self._error(number, "resume_gap", what), "since": since, "min_available_seq": oldest}
        if len(session.subscriptions) >= MOST_SUBSCRIPTIONS:
            return self._error(number, "invalid_argument", f"at most {MOST_SUBSCRIPTIONS} subscriptions")
        name = str(params.get("subscription_id") or uuid.uuid4())
        if len(name) > MOST_CHARACTERS:
            return self._error(
                number, "invalid_argument", f"a subscription_id has at most {MOST_CHARACTERS} characters"
            )
        one = Subscription(name, frozenset(channels or ()))
        replayed = await session.subscribe(one, since)
        return self._success(number, {"subscription_id": one.id, "replayed_events": replayed})

    def _success(self, number: int, result: Message) -> Message:
        return {"type": "success", "id": number, "result": result, "meta": self._meta()}

    def _error(self, number: int, error: str, message: str) -> Message:
        return {"type": "error", "id": number, "error": error, "message": message, "meta": self._meta()}

    def _meta(self) -> Message:
        return {"applied_through_seq": self._session.number if self._session else 0}


def supported(channels: object) -> bool:
    """Whether this is a list of channels that exist, with at least one and at most `MOST_CHANNELS`."""
    if not isinstance(channels, list) or not 0 < len(channels) <= MOST_CHANNELS:
        return False
    return all(_channel(channel) for channel in channels)


def _channel(name: object) -> bool:
    if not isinstance(name, str) or len(name) > MOST_CHARACTERS:
        return False
    return name in CHANNELS or name.startswith("custom:")


def malformed(command: object) -> Message | None:
    """Return the answer to something that is no command, else None."""
    if isinstance(command, dict) and type(command.get("id")) is int and isinstance(command.get("method"), str):
        return None
    what = "Protocol commands must include an integer id and string method."
    number = command.get("id") if isinstance(command, dict) else None
    return {"type": "error", "id": number, "error": "invalid_argument", "message": what}


async def _events(node: Node, run: Run) -> AsyncIterator[tuple[str, Any]]:
    """Yield a run's events as this protocol calls them."""
    yield "lifecycle", {"event": "running", "graph_name": GRAPH}
    words, error = False, ""
    async for event, data in node.events(run):
        if event == "messages":
            if not words:
                yield "messages", {"event": "message-start", "role": "ai", "id": data[0]["id"]}
                yield "messages", {"event": "content-block-start", "index": 0, "content": {"type": "text", "text": ""}}
            words = True
            delta = {"type": "text-delta", "text": data[0]["content"]}
            yield "messages", {"event": "content-block-delta", "index": 0, "delta": delta}
            continue
        if words:
            words = False
            yield "messages", {"event": "content-block-finish", "index": 0, "content": {"type": "text", "text": ANSWER}}
            yield "messages", {"event": "message-finish"}
        if event == "values" and "__interrupt__" in data:
            asked = data["__interrupt__"][0]
            yield "input.requested", {"interrupt_id": asked["id"], "payload": asked["value"]}
        elif event in {"values", "custom"}:
            yield event, data
        elif event == "error":
            error = data["message"]
    stopped = run.behaviour.name == "ask" and run.ended == "success"
    end = "interrupted" if stopped else ENDS.get(run.ended, "failed" if error else "completed")
    yield "lifecycle", {"event": end, "graph_name": GRAPH, **({"error": error} if error else {})}
