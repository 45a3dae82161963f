"""Processes that start, drain, stop, crash, scale and are rolled out, and the collector that ticks in each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from reference_server.agent_server.execution import Executor
from reference_server.agent_server.processes import Process
from reference_server.agent_server.state import DeploymentState
from reference_server.agent_server.workload import Topology

#: KEDA's polling interval and cooldown.
POLL_SECONDS, COOLDOWN_SECONDS = 30.0, 300.0

#: How long a crashed container is down before it starts again.
RESTART_SECONDS = 12.0

#: How long two revisions overlap on each pod of a rollout.
OVERLAP_SECONDS = 20.0

#: How far apart the processes of a deployment were started.
APART_SECONDS = 37.0

#: The in-memory runtime ignores BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS.
INMEM_GRACE_SECONDS = 5.0

_ROLES = ("combined", "api", "queue")


class Lifecycle:
    """Starts and stops the processes of one deployment."""

    def __init__(self, state: DeploymentState, executor: Executor) -> None:
        self.state = state
        self.executor = executor
        self._numbers = dict.fromkeys(_ROLES, 0)
        self._quiet_since: float | None = None
        executor.crash = self.crash

    def start(self) -> None:
        """Start every process of the topology; they have run for its `age`."""
        state = self.state
        for role in _ROLES:
            for _ in range(getattr(state.topology, role)):
                process = self._new(role)
                age = state.topology.age + APART_SECONDS * len(state.processes)
                started = state.now - age
                process.begin(state.now, state.chance, started=started, shown=state.wall(started))
                self._tick_later(process, spread=True)
        if state.topology.autoscale is not None:
            state.agenda.after(POLL_SECONDS, self._autoscale)

    def _new(self, role: str, settings: Topology | None = None) -> Process:
        state = self.state
        name = f"{role}-{self._numbers[role]}"
        self._numbers[role] += 1
        process = Process(
            name, role, settings or state.topology, state.metrics, state.now, state.faults, state.revision
        )
        state.processes.append(process)
        return process

    def _tick_later(self, process: Process, *, spread: bool = False) -> None:
        first = process.settings.stats_interval
        if spread:
            first = 1 + (self.state.processes.index(process) * process.settings.tick_spread) % first
        self.state.agenda.after(first, self._tick, process, process.life)

    def _tick(self, process: Process, life: int) -> None:
        """Refresh gauges and step the pool counters, as the collector does; what cannot be had keeps its value."""
        if process.life != life:
            return
        self.state.agenda.after(process.settings.stats_interval, self._tick, process, life)
        metrics, settings, pools = process.instruments, process.settings, process.pools
        failing = process.faults.stats_frozen or process.faults.postgres == "down"
        if not failing:
            metrics.set("num_pending_runs", len(self.executor.queue.pending))
            metrics.set("num_running_runs", len(self.executor.queue.running))
        metrics.set("workers_max", settings.slots)
        metrics.set("workers_active", len(process.active))
        metrics.set("workers_available", settings.slots - len(process.active))
        if failing:
            return
        used = process.postgres_in_use()
        pools.size = max(pools.size, used)
        metrics.set("pg_pool_max", settings.postgres_pool)
        metrics.set("pg_pool_size", pools.size)
        metrics.set("pg_pool_available", pools.size - used)
        metrics.add("pg_pool_requests_queued_total", pools.waits)
        metrics.add("pg_pool_requests_errors_total", pools.timeouts)
        pools.waits = pools.timeouts = 0
        busy = process.redis_in_use()
        metrics.set("redis_pool_max", settings.redis_pool)
        metrics.set("redis_pool_size", busy)
        metrics.set("redis_pool_available", pools.redis_peak - busy)

    def drain(self, process: Process, grace: float, then: Callable[[Process], None] = lambda _: None) -> None:
        """Stop gracefully, as SIGTERM does, within `grace` seconds; `then` follows unless the process leaves for good."""
        if not process.accepting:
            return
        process.accepting = False
        life, metrics = process.life, process.instruments
        process.up = process.role == "queue"  # its page is there until the drain has ended; other ports close first
        metrics.add("server_requested_to_stop_counter")
        metrics.add("run_abandoned_by_shutdown_counter", len(process.active))

        def stop() -> None:
            process.idle = None
            metrics.add("server_stopped_counter")
            self._halt(process)
            if process.leaving:
                self._remove(process)
            else:
                then(process)

        def deadline() -> None:
            if process.life == life and process.idle is not None:
                process.idle = None
                for run in list(process.active.values()):
                    self.executor.interrupt(run)
                stop()

        if not process.active:
            stop()
            return
        process.idle = stop
        own = process.settings.grace if process.runtime == "postgres" else INMEM_GRACE_SECONDS
        self.state.agenda.after(min(grace, own), deadline)

    def _halt(self, process: Process) -> None:
        process.up = process.accepting = False
        process.life += 1

    def _remove(self, process: Process) -> None:
        self.state.processes.remove(process)
        self.executor.dispatch()

    def _begin(self, process: Process) -> None:
        if process in self.state.processes and not process.up and not process.leaving:
            now = self.state.now
            process.begin(now, self.state.chance, shown=self.state.wall(now))
            self._tick_later(process)
            self.executor.dispatch()

    def restart(
        self, process: Process, grace: float, down: float | None = None, settings: dict[str, Any] | None = None
    ) -> None:
        """Restart in place: drain, stay down for `down` seconds, come back under the same address."""

        def again(stopped: Process) -> None:
            if settings:
                stopped.settings = replace(stopped.settings, **settings)
            pause = stopped.settings.startup if down is None else down
            self.state.agenda.after(pause, self._begin, stopped)

        self.drain(process, grace, again)

    def crash(self, process: Process, down: float = RESTART_SECONDS) -> None:
        """Kill a process. Its runs stay running until the sweeper finds them; the container starts again."""
        if not process.up:
            return
        runs = list(process.active.values())
        process.active.clear()
        process.idle = None
        self._halt(process)
        self.state.accounts.lost += len(runs)
        for run in runs:
            self.executor.abandon(run)
        if process.leaving:
            self._remove(process)
        else:
            self.state.agenda.after(down + process.settings.startup, self._begin, process)

    def scale(self, role: str, count: int, grace: float) -> None:
        """Add or remove processes of a role; the youngest go first."""
        replicas = [p for p in self.state.processes if p.role == role and not p.leaving]
        for process in replicas[count:]:
            self._retire(process, grace)
        for _ in range(count - len(replicas)):
            self.state.agenda.after(self.state.topology.startup, self._begin, self._new(role))

    def rollout(self, revision: str, grace: float, overlap: float = OVERLAP_SECONDS) -> None:
        """Replace every process by one of another revision, role by role, one at a time; new ones come first."""
        self.state.revision = revision
        wait = 0.0
        for role in _ROLES:
            for old in [p for p in self.state.processes if p.role == role]:
                self.state.agenda.after(wait, self._replace, old, grace, overlap)
                wait += overlap

    def _replace(self, old: Process, grace: float, overlap: float) -> None:
        if old not in self.state.processes:
            return
        new = self._new(old.role, old.settings)
        new.faults = old.faults
        self.state.agenda.after(self.state.topology.startup, self._begin, new)
        self.state.agenda.after(self.state.topology.startup + overlap, self._retire, old, grace)

    def _retire(self, process: Process, grace: float) -> None:
        if process.leaving:
            return
        process.leaving = True
        if process.accepting:
            self.drain(process, grace)
        elif process.idle is None:
            self._remove(process)

    def _autoscale(self) -> None:
        """Play KEDA: enough pods for the pending runs at once, fewer only after a cooldown."""
        state, rule = self.state, self.state.topology.autoscale
        if rule is None:
            return
        state.agenda.after(POLL_SECONDS, self._autoscale)
        if rule.broken:
            return
        pending = len(self.executor.queue.pending)
        replicas = sum(p.role == "queue" and not p.leaving for p in state.processes)
        wanted = min(rule.maximum, max(rule.minimum, -(-pending // rule.target)))
        if wanted > replicas:
            self.scale("queue", wanted, state.topology.kill_grace)
        if wanted >= replicas:
            self._quiet_since = None
        elif self._quiet_since is None:
            self._quiet_since = state.now
        elif state.now - self._quiet_since >= COOLDOWN_SECONDS:
            self.scale("queue", wanted, state.topology.kill_grace)
            self._quiet_since = None
