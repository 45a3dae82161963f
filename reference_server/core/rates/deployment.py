"""A deployment of a system whose metrics follow from rates, in virtual time. Seeded, without clock, sockets or sleep."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from random import Random
from typing import Any

from generator.catalogue import Metric
from reference_server.core.agenda import Agenda
from reference_server.core.clock import same
from reference_server.core.instruments import Instruments
from reference_server.core.rates.model import Model, ServiceProcess
from reference_server.core.scraping import BASE_SECONDS, SERIES_SECONDS, TIMEOUT_SECONDS, Probe, Scrape, Target
from reference_server.core.timeline import Change

#: Length of a slice of work; rates are even within one.
SLICE_SECONDS = 5.0

#: Longest slice, for the coarse rounds of a scenario's past.
LONGEST_SECONDS = 300.0

#: How long a process is away after a crash unless the scenario says otherwise.
DOWN_SECONDS = 10.0


class Service:
    """Processes of one system that share one workload. What `replay.play` needs, it has in common with `Deployment`."""

    def __init__(
        self,
        model: Model,
        *,
        topology: Mapping[str, int] | None = None,
        workload: Any = None,
        seed: int = 1,
        start: float = 1_700_000_000.0,
        name: str = "demo",
        timeline: Iterable[Change] = (),
        metrics: Iterable[Metric] | None = None,
        slice_seconds: float = SLICE_SECONDS,
        wall: Callable[[float], float] = same,
    ) -> None:
        """Start the processes; `timeline` has the changes that come by themselves.

        Args:
            model: The system.
            topology: Processes by role; the model's own numbers by default.
            workload: An instance of the model's workload; its defaults without.
            seed: Of every random number.
            start: Virtual time, in seconds since 1970.
            name: Value of the target label `deployment`.
            timeline: Changes with their times, in seconds after `start`.
            metrics: The system's metrics of the catalogue; by default they are loaded. Those of the pages that its
                own is made of, such as the client library's, come by themselves.
            slice_seconds: Time between two ticks of the model.
            wall: Unix time that a page tells for a virtual time; the same unless time is scaled.

        """
        self.model = model
        self.name = name
        self.system = model.system
        self.prefix = model.prefix
        self.workload = workload or model.workload()
        self.prometheus_runs = True
        self.balanced = False
        self.at_start: Callable[[ServiceProcess], None] = lambda _: None
        self._hidden: tuple[str, ...] = ()
        self._turns: dict[str, int] = {}
        systems = model.catalogue().systems
        own = metrics if metrics is not None else systems[model.system].metrics
        self._known = (*own, *(m for page in systems[model.system].pages for m in systems[page].metrics))
        self._seed = seed
        self._slice = slice_seconds
        self._agenda = Agenda(start)
        self.start = self._settled = start
        self._wall = wall
        self.processes: list[ServiceProcess] = []
        for role, count in (topology or model.roles).items():
            self._scale(role, count)
        for change in timeline:
            self._agenda.at(start + change.at, self.apply, change)
        self._agenda.run(start)

    @property
    def now(self) -> float:
        """Virtual time, in seconds since 1970."""
        return self._agenda.now

    @property
    def slice_seconds(self) -> float:
        """Time between two ticks of the model."""
        return self._slice

    @slice_seconds.setter
    def slice_seconds(self, seconds: float) -> None:
        self._slice = min(max(seconds, SLICE_SECONDS), LONGEST_SECONDS)

    def advance(self, until: float) -> None:
        """Let time pass until `until`; a time that has passed does nothing."""
        while self.now < until:
            self._agenda.run(min(until, self.now + self._slice))
            self._settle()

    def _settle(self) -> None:
        """Let the work happen that is due since the last time."""
        seconds, self._settled = self.now - self._settled, self.now
        if seconds <= 0:
            return
        running: dict[str, int] = {}
        for process in self.processes:
            if not process.up and self.now >= process.back:
                self._start(process)
            running[process.role] = running.get(process.role, 0) + process.up
        for process in self.processes:
            if process.up:
                self.model.tick(process, self.workload, seconds, 1 / running[process.role])

    def _start(self, process: ServiceProcess) -> None:
        process.instruments = self._instruments(process.role)
        process.state = {}
        process.started, process.up = self.now, True
        self._begin(process)

    def _begin(self, process: ServiceProcess) -> None:
        self.model.begin(process, self.workload)
        self.at_start(process)

    def _instruments(self, role: str) -> Instruments:
        known = self.model.metrics(role, self._known)
        return Instruments(known, prefix=self.model.prefix, limit=sys.maxsize)

    def apply(self, change: Change | Mapping[str, Any]) -> None:
        """Change workload, faults, processes or monitoring now. A mapping has the form of a scenario's timeline."""
        self._settle()
        verbs = change.verbs if isinstance(change, Change) else change
        for verb, what in verbs.items():
            _VERBS[verb](self, dict(what))

    def _matching(self, only: list[str] | None) -> Iterator[ServiceProcess]:
        for process in list(self.processes):
            if only is None or process.name in only or process.role in only:
                yield process

    def _change_workload(self, what: dict[str, Any]) -> None:
        self.workload = changed(self.workload, what)

    def _change_faults(self, what: dict[str, Any]) -> None:
        for process in self._matching(what.pop("only", None)):
            process.faults = replace(process.faults, **what)

    def _crash(self, what: dict[str, Any]) -> None:
        for process in self._matching(what.get("only")):
            process.up, process.back = False, self.now + what.get("down", DOWN_SECONDS)
            self._agenda.at(process.back, self._settle)  # it starts then, however long a slice is

    def _change_scale(self, what: dict[str, Any]) -> None:
        for role, count in what.items():
            self._scale(role, int(count))

    def _scale(self, role: str, count: int) -> None:
        mine = [p for p in self.processes if p.role == role]
        for process in mine[count:]:
            self.processes.remove(process)
        for number in range(len(mine), count):
            name = f"{role or self.system}-{number}"
            chance = Random(f"{self._seed} {self.name} {name}")  # noqa: S311 - a seeded workload
            process = ServiceProcess(name, role, number, chance, self._instruments(role), self.now, wall=self._wall)
            self.processes.append(process)
            self._begin(process)

    def _change_monitoring(self, what: dict[str, Any]) -> None:
        self.prometheus_runs = what.get("running", self.prometheus_runs)
        self.balanced = what.get("load_balancer", self.balanced)
        self._hidden = tuple(what.get("hidden", self._hidden))

    def targets(self) -> list[Target]:
        """Return what Prometheus scrapes now: each process, or one address per role for all processes behind it."""
        found = [p for p in self.processes if p.name not in self._hidden and p.role not in self._hidden]
        if not self.balanced:
            return [self._target(p.name, (p,)) for p in found]
        behind: dict[str, list[ServiceProcess]] = {}
        for process in found:
            behind.setdefault(process.role, []).append(process)
        return [self._target(role or self.system, tuple(processes)) for role, processes in behind.items()]

    def _target(self, name: str, processes: tuple[ServiceProcess, ...]) -> Target:
        first = processes[0]
        role = {"role": first.role} if first.role else {}
        labels = {"deployment": self.name, **role, **self.model.labels(first)}
        return Target(self.model.job(first.role), f"{name}:{self.model.port(first.role)}", labels, processes)

    def answering(self, processes: tuple[ServiceProcess, ...], address: str = "") -> ServiceProcess:
        """Return who of those behind one address answers the next scrape: those that run, in turn."""
        ready = [p for p in processes if p.up] or list(processes)
        turn = self._turns[address] = self._turns.get(address, -1) + 1
        return ready[turn % len(ready)]

    def scrape(self, target: Target) -> Scrape:
        """Scrape a target now."""
        process = self.answering(target.processes, target.instance)
        faults = process.faults
        if not process.up or faults.unreachable or faults.unauthorised:
            return Scrape(ok=False, duration_seconds=0.001)
        if faults.slow_seconds > TIMEOUT_SECONDS:
            return Scrape(ok=False, duration_seconds=TIMEOUT_SECONDS)
        keys, values = process.instruments.columns()
        duration = BASE_SECONDS + faults.slow_seconds + len(keys) * SERIES_SECONDS
        return Scrape(ok=True, duration_seconds=duration, keys=keys, values=values, text=lambda: self.page(process))

    def page(self, process: ServiceProcess) -> bytes:
        """Write a process's page."""
        return self.model.page(process)

    def probes(self) -> Iterator[Probe]:
        """Yield what exporters in front of the system show, which are no targets of its own."""
        yield from self.model.probes([p for p in self.processes if p.up], self.workload)


def changed(workload: Any, what: Mapping[str, Any]) -> Any:
    """Return a workload with `what` changed; a mapping in it is merged, and an entry that is null removed."""
    values: dict[str, Any] = {}
    for name, value in what.items():
        if isinstance(value, Mapping):
            merged = {**getattr(workload, name), **value}
            values[name] = {k: v for k, v in merged.items() if v is not None}
        else:
            values[name] = tuple(value) if isinstance(value, list) else value
    return replace(workload, **values)


_VERBS: Mapping[str, Callable[[Service, dict[str, Any]], None]] = {
    "workload": Service._change_workload,  # noqa: SLF001 - its own table
    "faults": Service._change_faults,  # noqa: SLF001
    "crash": Service._crash,  # noqa: SLF001
    "scale": Service._change_scale,  # noqa: SLF001
    "monitoring": Service._change_monitoring,  # noqa: SLF001
}

#: What a timeline of such a system can say.
VERBS = tuple(_VERBS)
