"""One process of a simulated deployment as its routes see it: runs and threads go in, ends and events come out.

What the API remembers (`Records`) belongs to the deployment; what is counted belongs to the process.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import AsyncIterator, Mapping
from functools import partial
from itertools import islice
from typing import Any, Protocol

from reference_server.agent_server.access import Requests
from reference_server.agent_server.behaviour import Event, behaviour
from reference_server.agent_server.processes import Process
from reference_server.agent_server.records import Records, Run, Thread
from reference_server.agent_server.run_queue import PENDING, RUNNING, QueuedRun
from reference_server.agent_server.settings import Settings
from reference_server.agent_server.simulation import Deployment, SimulationError
from reference_server.core.clock import Clock

#: Statuses of a run that has not ended.
OPEN = {PENDING, RUNNING}

#: Multitask strategies that cancel the runs that a thread already has, each in its own way.
CANCELLING = {"interrupt", "rollback"}

#: Longest time for which a run can be scheduled ahead: a year.
LONGEST_SECONDS = 31_536_000.0


class Host(Protocol):
    """Where the simulation of a deployment runs."""

    clock: Clock
    deployment: Deployment
    records: Records

    def process(self, node: Node) -> Process:
        """Return the process of a node."""


class Node:
    """One process: its place in the deployment, its settings, its requests."""

    def __init__(self, host: Host, role: str, settings: Settings) -> None:
        self.host = host
        self.role = role
        self.settings = settings
        self.requests = Requests()
        self.ending = False
        self._life = 0

    @property
    def clock(self) -> Clock:
        """The clock."""
        return self.host.clock

    @property
    def records(self) -> Records:
        """What the API remembers."""
        return self.host.records

    @property
    def deployment(self) -> Deployment:
        """The simulation."""
        return self.host.deployment

    @property
    def process(self) -> Process:
        """The process in the simulation; where a rollout has replaced it, its successor."""
        process = self.host.process(self)
        if process.life != self._life:
            # A process that has started again has counted nothing yet.
            self._life, self.requests = process.life, Requests()
        return process

    def count(self, method: str, path: str, status: int, milliseconds: int) -> None:
        """Record an answered request."""
        process = self.process
        if self.requests.admit(method, path, status):
            self.deployment.record(process, method, path, status, milliseconds / 1000)

    def start(self, body: Mapping[str, Any], thread: Thread, *, stateless: bool = False) -> Run:
        """Put a run into the deployment's queue."""
        now = self.clock.advance()
        action = str(body.get("multitask_strategy"))
        for other in self._open(thread) if action in CANCELLING else ():
            self.cancel(other, action)
        wanted = behaviour(body, thread.values or {})
        delay = body.get("after_seconds")
        after = min(float(delay), LONGEST_SECONDS) if isinstance(delay, int | float) and delay > 0 else 0.0
        queued = self.deployment.submit(
            thread=thread.id,
            after=after,
            fails=wanted.ends,
            seconds=wanted.seconds,
            events=wanted.published,
            process=self.process,
        )
        run = Run(str(uuid.uuid4()), thread.id, wanted, queued, now, body, stateless)
        thread.status = "busy"
        return self.records.add(run)

    def busy(self, thread: Thread) -> bool:
        """Whether a thread has runs that are not over; the ends of the others are noted."""
        return bool(self._open(thread))

    def _open(self, thread: Thread) -> list[Run]:
        found = [self.records.runs[name] for name in thread.runs if name in self.records.runs]
        return [run for run in found if self.status(run) in OPEN]

    def queued(self, run: Run) -> QueuedRun | None:
        """Return the run as the simulation has it; None when that has forgotten it."""
        try:
            return self.deployment.run(run.queued)
        except SimulationError:
            return None

    def status(self, run: Run) -> str:
        """Return the run's status; an end is noted in its thread."""
        if not run.ended:
            queued = self.queued(run)
            status = queued.status if queued else ("success" if run.behaviour.ends == "success" else "error")
            if status in OPEN:
                return status
            run.ended = status
            self._close(run)
        return run.ended

    def _close(self, run: Run) -> None:
        thread = self.records.threads.get(run.thread)
        if thread is None:
            return
        if run.ended == "success":
            thread.values = run.behaviour.values
        thread.status = "interrupted" if run.behaviour.name == "ask" and run.ended == "success" else "idle"
        if run.ended in {"error", "timeout"}:
            thread.status = "error"

    def cancel(self, run: Run, action: str) -> bool:
        """Cancel a run; False when it is over."""
        self.clock.advance()
        return self.status(run) in OPEN and self.deployment.cancel(run.queued, action)

    async def ended(self, run: Run) -> str:
        """Wait until a run has ended or is forgotten; return its status."""

        def look() -> str | None:
            status = self.status(run)
            return None if status in OPEN and not self.forgotten(run) else status

        return await self.clock.until(look)

    def forgotten(self, run: Run) -> bool:
        """Whether there was no room for it any more: a client that still follows it would hold on to its events."""
        return self.records.runs.get(run.id) is not run

    def result(self, run: Run) -> dict[str, Any]:
        """Return what a wait answers once the run has ended."""
        match run.ended:
            case "success":
                return run.behaviour.values
            case "error":
                return {"__error__": run.behaviour.error}
            case "timeout":
                limit = self.settings.timeout_seconds
                return {"__error__": {"error": "UserTimeout", "message": f"Run exceeded timeout of {limit:g} s"}}
        if self.forgotten(run):
            return {"__error__": {"error": "Forgotten", "message": "There was no room for this run any more"}}
        return {}

    async def events(self, run: Run) -> AsyncIterator[Event]:
        """Yield a run's stream: `metadata`, what the graph streams as it goes on, and in the end an error if there is one.

        Raises:
            Cut: The server ends; the real one cuts its streams then, too.

        """

        def begun() -> bool | None:
            return True if self.status(run) != PENDING or self.forgotten(run) else None

        await self.clock.until(begun, cut=True)
        yield "metadata", {"run_id": run.id, "attempt": 1}
        events, count, published = run.behaviour.events(), run.behaviour.published - 1, 0
        while self.status(run) in OPEN and not self.forgotten(run):
            due = await self.clock.until(partial(self._due, run, count, published), cut=True)
            for event in islice(events, due - published):
                yield event
            published = due
        if run.ended != "interrupted" and self.status(run) not in OPEN:
            for event in events:
                yield event
        if (problem := self.result(run).get("__error__")) is not None:
            yield "error", problem

    def _due(self, run: Run, count: int, published: int) -> int | None:
        """How many of a run's events have come by now, once that is more than `published`, or once the run has ended."""
        queued = self.queued(run)
        if queued is None or self.status(run) not in OPEN or self.forgotten(run):
            return published
        if queued.status != RUNNING:
            return None
        lasted = queued.ended - queued.started
        share = min(1.0, (self.clock.now() - queued.started) / lasted) if 0 < lasted < math.inf else 0.0
        due = min(count, 1 + int(share * (count - 1)))
        return due if due > published else None
