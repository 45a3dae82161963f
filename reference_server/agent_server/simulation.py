"""One deployment of the Agent Server in virtual time: a discrete-event simulation from which every metric follows.

Seeded, without clock, sockets or sleep: time is handed in with `advance`. All times are in seconds since 1970.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from random import Random
from typing import Any

from generator.catalogue import Metric, load
from reference_server.agent_server import workload as values
from reference_server.agent_server.changes import perform
from reference_server.agent_server.execution import Executor
from reference_server.agent_server.lifecycle import Lifecycle
from reference_server.agent_server.monitoring import Monitor
from reference_server.agent_server.old_page import columns_old, readings, text_old
from reference_server.agent_server.pools import pool_stats
from reference_server.agent_server.processes import Process
from reference_server.agent_server.run_queue import QueuedRun, QueueStats
from reference_server.agent_server.state import Accounts, DeploymentState
from reference_server.agent_server.traffic import Traffic, record
from reference_server.agent_server.workload import Kind, Topology, Workload
from reference_server.core.agenda import Agenda
from reference_server.core.clock import same
from reference_server.core.families import Key
from reference_server.core.scraping import Scrape, Target
from reference_server.core.timeline import Change

#: Status codes of `/ok?check_db=1`.
HEALTHY, UNHEALTHY = 200, 500


class SimulationError(Exception):
    """Something was asked for that the deployment does not have. The text is `what; fix`."""


class FullError(SimulationError):
    """So many runs wait or are being executed that no other one can be remembered."""


class Deployment:
    """Processes that share one queue, and the users who keep them busy."""

    def __init__(
        self,
        workload: Workload | None = None,
        *,
        topology: Topology | None = None,
        seed: int = 1,
        start: float = 1_700_000_000.0,
        name: str = "demo",
        timeline: Iterable[Change] = (),
        metrics: Iterable[Metric] | None = None,
        wall: Callable[[float], float] = same,
    ) -> None:
        """Start the processes; `timeline` has the changes that come by themselves.

        Args:
            workload: What the users do; by default a calm day.
            topology: Which processes there are, with which settings.
            seed: Of every random number.
            start: Virtual time, in seconds since 1970.
            name: Value of the target label `deployment`.
            timeline: Changes with their times, in seconds after `start`.
            metrics: The catalogue's Agent Server metrics; by default they are loaded.
            wall: Unix time that a page tells for a virtual time; the same unless time is scaled.

        """
        known = tuple(metrics if metrics is not None else load().systems["agent_server"].metrics)
        topology = topology or Topology()
        self.name = name
        self.system = "agent_server"
        self.start = start
        chance, crowd = Random(seed), Random(seed + 1)  # noqa: S311 - a seeded workload
        new = tuple(m for m in known if "new" in m.emission and m.labels is not None and m.prefix)
        self._state = DeploymentState(
            Agenda(start),
            chance,
            crowd,
            new,
            topology,
            workload or Workload(),
            revision=topology.revision_id,
            wall=wall,
        )
        self._executor = Executor(self._state)
        self._traffic = Traffic(self._state, self._executor)
        self._lifecycle = Lifecycle(self._state, self._executor)
        self._monitor = Monitor(self._state, name, seed)
        self._lifecycle.start()
        self._traffic.start()
        for change in timeline:
            self._state.agenda.at(start + change.at, self.apply, change)
        self._state.agenda.run(start)

    @property
    def now(self) -> float:
        """Virtual time."""
        return self._state.now

    @property
    def processes(self) -> list[Process]:
        """Every process that exists, those that are down or draining included."""
        return list(self._state.processes)

    @property
    def accounts(self) -> Accounts:
        """The deployment's own books."""
        return self._state.accounts

    @property
    def topology(self) -> Topology:
        """What the processes were started with."""
        return self._state.topology

    @property
    def workload(self) -> Workload:
        """What the users do now."""
        return self._state.workload

    @property
    def prefix(self) -> str:
        """What metric names start with."""
        return self._state.topology.prefix

    @property
    def prometheus_runs(self) -> bool:
        """Whether Prometheus itself is up."""
        return self._state.monitoring.running

    def advance(self, until: float) -> None:
        """Let time pass until `until`; a time that has passed does nothing."""
        self._state.agenda.run(until)

    def apply(self, change: Change | Mapping[str, Any]) -> None:
        """Change workload, faults, processes or monitoring now. A mapping has the form of a scenario's timeline."""
        entry = change if isinstance(change, Change) else Change(0.0, change)
        perform(entry, self._state, self._executor, self._lifecycle, self._traffic)

    def process(self, name: str) -> Process:
        """Return a process by its name.

        Raises:
            SimulationError: There is none.

        """
        for process in self._state.processes:
            if process.name == name:
                return process
        known = ", ".join(p.name for p in self._state.processes)
        raise SimulationError(f"no process {name!r}; use one of {known}")

    def submit(
        self,
        kind: str = "",
        *,
        thread: str = "",
        after: float = 0.0,
        fails: str = "",
        seconds: float = 0.0,
        events: int | None = None,
        viewers: int = 0,
        process: Process | None = None,
    ) -> str:
        """Create a run that came over HTTP. The request itself is the caller's to record.

        Args:
            kind: One of the workload's kinds; by default the first.
            thread: Runs of one thread block each other; by default it has one of its own.
            after: Seconds ahead for which it is scheduled.
            fails: How it ends: error, recursion, retriable (once), hang, poison, interrupted, rollback; empty leaves that to chance.
            seconds: How long an attempt takes; 0 leaves that to chance.
            events: Stream events that it publishes.
            viewers: Clients that follow its event stream.
            process: Who took the request.

        Returns:
            The id of the run.

        Raises:
            SimulationError: No such kind.
            FullError: Too many runs are not over.

        """
        if not self._executor.room():
            raise FullError("too many runs are not over; wait for some of them, or cancel them")
        kinds = self._state.workload.kinds or values.KINDS
        found = kinds.get(kind) if kind else next(iter(kinds.values()), Kind())
        if found is None:
            raise SimulationError(f"no kind of run {kind!r}; use one of {', '.join(kinds)}")
        run = self._executor.create(found, thread=thread, after=after, fails=fails, keep=True)
        run.seconds, run.viewers = seconds, viewers
        if events is not None:
            run.events = events
        if process is not None:
            run.api, run.api_life = process, process.life
            run.answered = True
        return run.id

    def run(self, run_id: str) -> QueuedRun:
        """Return a run that `submit` created.

        Raises:
            SimulationError: There is none, or it ended long ago.

        """
        found = self._executor.runs.get(run_id)
        if found is None:
            raise SimulationError(f"no run {run_id!r}; it was never created, or has been forgotten")
        return found

    def cancel(self, run_id: str, action: str = "interrupt") -> bool:
        """Cancel a run as a client does: `interrupt` or `rollback`. False when it is over."""
        return self._executor.cancel(self.run(run_id), action)

    def reconnect(self, run_id: str, seen: int) -> None:
        """Let a client that has seen `seen` events of a run come back over its WebSocket."""
        self._executor.streams.reconnect(self.run(run_id), seen)

    def queue_stats(self) -> QueueStats:
        """Return queue depth and waits as they are now, not as the gauges have them."""
        return self._executor.queue.stats(self.now)

    def answers_stats(self, process: Process) -> bool:
        """Whether the statistics can be had now: while they cannot, the JSON page fails and gauges keep their values."""
        return not process.faults.stats_frozen and process.faults.postgres != "down"

    def pools(self, process: Process) -> Mapping[str, Mapping[str, int]]:
        """Return a process's pools in the JSON page's form; empty on the in-memory runtime."""
        return pool_stats(process)

    def health(self, process: Process | None = None, *, check_db: bool = True) -> tuple[int, dict[str, str]]:
        """Return status and services of `/ok`; without `check_db` nothing is asked."""
        if self.topology.runtime != "postgres":
            return HEALTHY, {}
        faults = process.faults if process is not None else self._state.faults
        services = {"core_api": faults.postgres, "postgres": faults.postgres, "redis": faults.redis}
        if not check_db:
            return HEALTHY, dict.fromkeys(services, "skipped")
        found = {name: "unhealthy" if state == "down" else "healthy" for name, state in services.items()}
        return UNHEALTHY if "unhealthy" in found.values() else HEALTHY, found

    def record(self, process: Process, method: str, path: str, status: int, seconds: float) -> None:
        """Count a request that came over HTTP."""
        record(process, method, path, str(status), seconds)

    def page(self, process: Process) -> bytes:
        """Write a process's page in the Prometheus format of its era."""
        if process.settings.era == "old":
            return text_old(process.instruments, readings(process, self.queue_stats()))
        return process.page(self.now)

    def columns(self, process: Process) -> tuple[tuple[Key, ...], list[float]]:
        """Return the series of a process's page and their values; empty labels are left out, as a database does."""
        if process.settings.era == "old":
            return columns_old(process.instruments, readings(process, self.queue_stats()))
        return process.columns(self.now)

    def series(self, process: Process) -> dict[Key, float]:
        """Return the series of a process's page with their values."""
        return dict(zip(*self.columns(process), strict=True))

    def targets(self) -> list[Target]:
        """Return what Prometheus scrapes now."""
        return self._monitor.targets()

    def probes(self) -> Iterator[tuple[tuple[str, str], str, float | None]]:
        """Yield what a blackbox exporter on /ok?check_db=1 and a json_exporter on /metrics?format=json make of it.

        Each is job and instance of the target, the metric, and its value; None when the exporter had no answer.
        """
        serving = [p for p in self.processes if p.up and p.serves and not p.faults.partitioned]
        healthy = any(self.health(p)[0] == HEALTHY for p in serving)
        yield ("agent-server-ok", "ok"), "probe_success", float(healthy)
        able = [p for p in serving if self.answers_stats(p)]
        wait = self.queue_stats().pending_unblocked_runs_wait_time_max_secs
        name = "agent_server_pending_unblocked_wait_max_seconds"
        yield ("agent-server-json", "json"), name, (wait or 0.0) if able else None

    def scrape(self, target: Target | Process, at: float | None = None) -> Scrape:
        """Let time pass until `at`, then scrape."""
        if at is not None:
            self.advance(at)
        if isinstance(target, Process):
            target = Target("agent-server", f"{target.name}:8000", {}, (target,))
        return self._monitor.scrape(target, self.columns, self.page)
