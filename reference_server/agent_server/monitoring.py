"""What Prometheus gets from a deployment: its targets, and one scrape of one of them."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from reference_server.agent_server.processes import Process
from reference_server.agent_server.state import DeploymentState
from reference_server.core.families import Key
from reference_server.core.scraping import BASE_SECONDS, SERIES_SECONDS, TIMEOUT_SECONDS, Scrape, Target


class Monitor:
    """Scrapes one deployment."""

    def __init__(self, state: DeploymentState, deployment: str, seed: int) -> None:
        self.state = state
        self.deployment = deployment
        self.seed = seed
        self._turns: dict[str, int] = {}

    def targets(self) -> list[Target]:
        """Return what service discovery finds now."""
        seen = self.state.monitoring
        found = [
            p
            for p in self.state.processes
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
            chance = Random(f"{self.seed} {process.name} {self.state.now}")  # noqa: S311 - a seeded workload
            blocked = faults.blocked_seconds * chance.uniform(0.75, 1.25)
            duration += 0.0 if chance.random() < faults.blocked_luck else blocked
            if duration > TIMEOUT_SECONDS:
                return Scrape(ok=False, duration_seconds=TIMEOUT_SECONDS)
        keys, values = columns(process)
        duration += len(keys) * SERIES_SECONDS
        return Scrape(ok=True, duration_seconds=duration, keys=keys, values=values, text=lambda: page(process))


def _job(process: Process) -> str:
    return "agent-server-queue" if process.role == "queue" else "agent-server-api"
