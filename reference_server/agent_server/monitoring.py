"""What Prometheus gets from a deployment: its targets, and one scrape of one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from reference_server.agent_server.processes import Process
from reference_server.agent_server.world import World
from reference_server.core.instruments import Key

#: Prometheus' default.
TIMEOUT_SECONDS = 10.0

#: Time of a scrape: a fixed part, and one for each series.
BASE_SECONDS, SERIES_SECONDS = 0.004, 0.000_008


@dataclass(frozen=True, slots=True)
class Target:
    """One address that Prometheus scrapes, with the labels that its configuration attaches.

    Attributes:
        job, instance: As on `up`.
        labels: deployment and role.
        processes: Who answers there, in turn; one except behind a load balancer.

    """

    job: str
    instance: str
    labels: Mapping[str, str]
    processes: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Scrape:
    """What one scrape gave. `keys` is the same object as before while no series was born; both are empty when it failed.

    Attributes:
        ok: The value of `up`.
        duration_seconds: Time that it took.
        keys, values: Series and their values.
        text: Writes the page; nothing is written unless it is called.

    """

    ok: bool
    duration_seconds: float
    keys: tuple[Key, ...] = ()
    values: list[float] = field(default_factory=list)
    text: Callable[[], bytes] = bytes


class Monitor:
    """Scrapes one deployment."""

    def __init__(self, world: World, deployment: str, seed: int) -> None:
        self.world = world
        self.deployment = deployment
        self.seed = seed
        self._turns: dict[str, int] = {}

    def targets(self) -> list[Target]:
        """Return what service discovery finds now."""
        seen = self.world.monitoring
        found = [
            p
            for p in self.world.processes
            if p.role in seen.roles and p.name not in seen.hidden and (p.up or not p.leaving)
        ]
        out = []
        if seen.load_balancer:
            behind = tuple(p for p in found if p.serves)
            found = [p for p in found if not p.serves]
            out.append(self._target("agent-server-api", "agent-server:8000", "api", behind))
        return out + [self._target(_job(p), f"{p.name}:8000", p.role, (p,)) for p in found]

    def _target(self, job: str, instance: str, role: str, processes: tuple[Process, ...]) -> Target:
        return Target(job, instance, {"deployment": self.deployment, "role": role}, processes)

    def scrape(self, target: Target, columns: Callable[[Process], tuple[tuple[Key, ...], list[float]]],
               page: Callable[[Process], bytes]) -> Scrape:  # fmt: skip
        """Scrape a target now."""
        ready = [p for p in target.processes if p.up] if len(target.processes) > 1 else list(target.processes)
        if not ready:
            return Scrape(ok=False, duration_seconds=0.001)
        turn = self._turns[target.instance] = self._turns.get(target.instance, -1) + 1
        process = ready[turn % len(ready)]
        faults = process.faults
        if faults.partitioned or not process.up:  # both are refused at once
            return Scrape(ok=False, duration_seconds=0.001)
        duration = BASE_SECONDS
        if faults.blocked_seconds:  # the page is written on the event loop that is blocked
            chance = Random(f"{self.seed} {process.name} {self.world.now}")  # noqa: S311 - a seeded workload
            blocked = faults.blocked_seconds * chance.uniform(0.75, 1.25)
            duration += 0.0 if chance.random() < faults.blocked_luck else blocked
            if duration > TIMEOUT_SECONDS:
                return Scrape(ok=False, duration_seconds=TIMEOUT_SECONDS)
        keys, values = columns(process)
        duration += len(keys) * SERIES_SECONDS
        return Scrape(ok=True, duration_seconds=duration, keys=keys, values=values, text=lambda: page(process))


def _job(process: Process) -> str:
    return "agent-server-queue" if process.role == "queue" else "agent-server-api"
