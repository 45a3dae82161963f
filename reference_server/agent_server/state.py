"""What the parts of one simulated deployment share: time, chance, processes, and the books. Decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random

from generator.catalogue import Metric
from reference_server.agent_server.processes import Process
from reference_server.agent_server.workload import Faults, Monitoring, Topology, Workload
from reference_server.core.agenda import Agenda
from reference_server.core.clock import same


@dataclass(slots=True)
class Accounts:
    """The deployment's own books: what happened, counted apart from the metrics so that these can be held against it.

    Attributes:
        arrived: Runs that were created.
        withdrawn: Runs that were cancelled while pending.
        dequeued: First pick-ups.
        attempts: Attempts that started, refusals at the pick-up included.
        succeeded, failed, cancelled: Runs that ended so.
        retried: Attempts that failed and were put back.
        lost: Attempts whose process died.
        requeued: Times that a run became pending again.

    """

    arrived: int = 0
    withdrawn: int = 0
    dequeued: int = 0
    attempts: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    retried: int = 0
    lost: int = 0
    requeued: int = 0


@dataclass(slots=True)
class DeploymentState:
    """One deployment's state. `chance` drives runs and processes, `crowd` the requests that hold no run.

    `wall` turns a virtual time into the unix time that a page tells.
    """

    agenda: Agenda
    chance: Random
    crowd: Random
    metrics: tuple[Metric, ...]
    topology: Topology
    workload: Workload
    faults: Faults = field(default_factory=Faults)
    monitoring: Monitoring = field(default_factory=Monitoring)
    processes: list[Process] = field(default_factory=list)
    accounts: Accounts = field(default_factory=Accounts)
    revision: str = ""
    wall: Callable[[float], float] = same

    @property
    def now(self) -> float:
        """Virtual time, in seconds since 1970."""
        return self.agenda.now

    def serving(self) -> list[Process]:
        """Return the processes to which users' requests go."""
        return [p for p in self.processes if p.up and p.accepting and p.role != "queue"]

    def matching(self, only: list[str] | None) -> Iterator[Process]:
        """Yield the processes whose name or role is in `only`; all for None."""
        for process in list(self.processes):
            if only is None or process.name in only or process.role in only:
                yield process
