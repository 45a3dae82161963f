"""Scenario files of the Agent Server: what the schema cannot say, and the deployments that they make."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generator.catalogue import Metric
from generator.errors import Problem, nearest
from generator.source import Document
from reference_server.agent_server import workload as values
from reference_server.agent_server.simulation import Deployment
from reference_server.agent_server.workload import Topology, Workload
from reference_server.core.clock import same
from reference_server.core.timeline import Change, duration

SCHEMA = Path(__file__).parent / "scenario.schema.json"


@dataclass(frozen=True, slots=True)
class DeploymentPlan:
    """One deployment of a scenario."""

    name: str
    topology: Topology
    workload: Workload
    timeline: tuple[Change, ...]

    @property
    def past(self) -> float:
        """Seconds before the scenario's start at which it begins: none."""
        return 0.0

    def without_past(self) -> DeploymentPlan:
        """Return the deployment as it is when the scenario starts."""
        return self

    def deployment(
        self,
        *,
        seed: int,
        start: float,
        metrics: Iterable[Metric] | None = None,
        wall: Callable[[float], float] = same,
    ) -> Deployment:
        """Make the deployment."""
        return Deployment(
            self.workload, topology=self.topology, seed=seed, start=start, name=self.name,
            timeline=self.timeline, metrics=metrics, wall=wall,
        )  # fmt: skip


def contradictions(document: Document) -> Iterator[Problem]:
    """Yield what the schema cannot say: names and times that contradict each other."""
    data = document.data
    end = duration(data["duration"])
    parts = data.get("deployments", {})
    places: list[tuple[tuple[str | int, ...], Any]] = [(("timeline",), data)]
    places += [(("deployments", name, "timeline"), part) for name, part in parts.items()]
    for place, part in places:
        roles = _processes({**data.get("topology", {}), **part.get("topology", {})})
        for number, entry in enumerate(part.get("timeline", ())):
            if duration(entry["at"]) > end:
                what = f"this happens at {entry['at']}, but the scenario ends at {data['duration']}"
                yield document.problem((*place, number, "at"), what, "let it happen earlier, or last longer")
            for verb in ("faults", "restart", "crash"):
                for item, name in enumerate(entry.get(verb, {}).get("only", ())):
                    if name not in roles:
                        fix = nearest(name, roles, otherwise=f"use one of {', '.join(roles)}")
                        where = (*place, number, verb, "only", item)
                        yield document.problem(where, f"there is no process and no role {name!r}", fix)
    for number, entry in enumerate(data.get("expect", {}).get("fire", ())):
        wanted = entry.get("deployment", "")
        if (wanted or parts) and wanted not in parts:
            fix = nearest(wanted, list(parts), otherwise=f"use one of {', '.join(parts)}" if parts else "remove it")
            yield document.problem(("expect", "fire", number), f"deployment {wanted!r} is not in the scenario", fix)


def _processes(topology: Mapping[str, Any]) -> list[str]:
    counts = {role: topology.get(role, getattr(Topology(), role)) for role in ("combined", "api", "queue")}
    return [*counts, *(f"{role}-{n}" for role, count in counts.items() for n in range(count))]


def plans(data: Mapping[str, Any]) -> tuple[DeploymentPlan, ...]:
    """Read the deployments from a scenario's data, whose durations are in seconds by now."""
    base = values.topology(data.get("topology", {})), values.workload(data.get("workload", {}))
    common = data.get("timeline", [])
    parts = []
    for name, part in (data.get("deployments") or {"demo": {}}).items():
        timeline = tuple(
            Change(entry["at"], {k: v for k, v in entry.items() if k != "at"})
            for entry in sorted([*common, *part.get("timeline", [])], key=lambda e: e["at"])
        )
        parts.append(
            DeploymentPlan(
                name,
                values.topology(part.get("topology", {}), base[0]),
                values.workload(part.get("workload", {}), base[1]),
                timeline,
            )
        )
    return tuple(parts)
