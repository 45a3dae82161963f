"""Threads and runs as the API tells them. Bounded: the oldest ended ones go first. The queue is not here."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reference_server.agent_server.behaviour import ASSISTANT, GRAPH, Behaviour

#: Most threads, and most runs, that are remembered, and most bytes that what clients sent with them takes in memory.
MOST = 10_000
MOST_BYTES = 64 * 1024 * 1024

#: What a value takes beside its text: an entry of a list, a list, an object with one name.
ENTRY_BYTES, LIST_BYTES, OBJECT_BYTES = 72, 64, 256

#: What a thread or a run takes by itself.
RECORD_BYTES = 2_048


@dataclass(slots=True)
class Run:
    """One run: `queued` is its id in the simulation. `ended` is set once, when the API has seen its end."""

    id: str
    thread: str
    behaviour: Behaviour
    queued: str
    created: float
    body: Mapping[str, Any]
    stateless: bool = False
    ended: str = ""
    size: int = 0


@dataclass(slots=True)
class Thread:
    """A conversation: its state, and the runs on it in their order."""

    id: str
    created: float
    metadata: Mapping[str, Any] = field(default_factory=dict)
    values: dict[str, Any] | None = None
    status: str = "idle"
    size: int = 0
    runs: list[str] = field(default_factory=list)


class Records:
    """Everything that the API remembers. What is evicted while it runs goes on in the queue, unseen."""

    def __init__(self, most: int = MOST, most_bytes: int = MOST_BYTES) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self.size = 0
        self.threads: OrderedDict[str, Thread] = OrderedDict()
        self.runs: OrderedDict[str, Run] = OrderedDict()

    def new_thread(self, now: float, metadata: Mapping[str, Any] | None = None, name: str = "") -> Thread:
        """Make a thread; the oldest ones go when there are too many."""
        thread = Thread(name or str(uuid.uuid4()), now, metadata or {})
        self.threads[thread.id] = thread
        self._grow(thread, metadata)
        self._evict()
        return thread

    def add(self, run: Run) -> Run:
        """Remember a run, and that its input is in its thread's state from now on."""
        self.runs[run.id] = run
        self._grow(run, run.body)
        if thread := self.threads.get(run.thread):
            thread.runs.append(run.id)
            self.size += run.size
            thread.size += run.size
        self._evict()
        return run

    def _grow(self, record: Run | Thread, value: object) -> None:
        record.size = RECORD_BYTES + weight(value)
        self.size += record.size

    def _evict(self) -> None:
        while len(self.threads) > self._most:
            self.delete(next(iter(self.threads)))
        while len(self.runs) > self._most:
            self.forget(next(iter(self.runs)))
        while self.size > self._most_bytes and (self.threads or self.runs):
            if self.threads:
                self.delete(next(iter(self.threads)))
            else:
                self.forget(next(iter(self.runs)))

    def delete(self, thread: str) -> None:
        """Forget a thread and its runs."""
        found = self.threads.pop(thread, None)
        if found:
            self.size -= found.size
            for run in found.runs:
                self.forget(run)

    def forget(self, run: str) -> None:
        """Forget a run."""
        found = self.runs.pop(run, None)
        if found:
            self.size -= found.size
            if found.thread in self.threads:
                self.threads[found.thread].runs.remove(run)


def weight(value: object) -> int:
    """Return how much memory a value that was JSON takes at most, in bytes: a short text can be many empty objects."""
    text = json.dumps(value)
    parts = ENTRY_BYTES * text.count(",") + LIST_BYTES * text.count("[") + OBJECT_BYTES * text.count("{")
    return 4 * len(text) + parts


def moment(seconds: float) -> str:
    """Write unix seconds as the API does."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec="microseconds")


def thread_body(thread: Thread) -> dict[str, Any]:
    """Show a thread as the API does."""
    created = moment(thread.created)
    return {
        "thread_id": thread.id,
        "created_at": created,
        "updated_at": created,
        "state_updated_at": created,
        "metadata": thread.metadata,
        "status": thread.status,
        "config": {},
        "values": thread.values,
    }


def run_body(run: Run, status: str) -> dict[str, Any]:
    """Show a run as the API does, without what only a real graph has."""
    metadata = {"created_by": "system", "graph_id": GRAPH, "assistant_id": ASSISTANT}
    created = moment(run.created)
    return {
        "run_id": run.id,
        "thread_id": run.thread,
        "assistant_id": ASSISTANT,
        "metadata": metadata,
        "status": status,
        "kwargs": {"input": run.behaviour.given, "stream_mode": list(run.behaviour.modes), "temporary": run.stateless},
        "multitask_strategy": run.body.get("multitask_strategy") or "enqueue",
        "created_at": created,
        "updated_at": created,
    }
