"""Scenario files of systems whose metrics follow from rates: what the schema cannot say, and the deployment they make."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from generator.catalogue import Metric
from generator.errors import Problem, nearest
from generator.source import Document
from reference_server.core.clock import same
from reference_server.core.rates.deployment import Service, changed
from reference_server.core.rates.model import Model
from reference_server.core.timeline import Change, duration

SCHEMA = Path(__file__).parent / "scenario.schema.json"


@dataclass(frozen=True, slots=True)
class ServicePlan:
    """The deployment of a scenario.

    Attributes:
        model: Its system.
        topology: Processes by role.
        workload: What the scenario begins with, the past included.
        timeline: Changes in seconds after the beginning of the past.
        past: Seconds before the scenario's start.
        name: Value of the target label `deployment`.

    """

    model: Model
    topology: Mapping[str, int]
    workload: Any
    timeline: tuple[Change, ...]
    past: float
    name: str = "demo"

    def without_past(self) -> ServicePlan:
        """Return the deployment as it is when the scenario starts."""
        timeline = [c for c in self.timeline if c.at >= self.past]
        now = tuple(replace(c, at=c.at - self.past) for c in timeline)
        return replace(self, timeline=now, past=0.0)

    def deployment(
        self,
        *,
        seed: int,
        start: float,
        metrics: Iterable[Metric] | None = None,
        wall: Callable[[float], float] = same,
    ) -> Service:
        """Make the deployment; `start` is the beginning of the past, `wall` as for a deployment."""
        return Service(
            self.model, topology=self.topology, workload=self.workload, seed=seed, start=start,
            name=self.name, timeline=self.timeline, metrics=metrics, wall=wall,
        )  # fmt: skip


def plan(data: Mapping[str, Any], model: Model) -> ServicePlan:
    """Read the deployment from a scenario's data, whose durations are in seconds by now."""
    past = data.get("past", {})
    lasts = past.get("lasts", 0.0)
    workload = changed(model.workload(), data.get("workload", {}))
    timeline = [(entry["at"] + lasts, entry) for entry in data.get("timeline", ())]
    if past:
        back = {name: getattr(workload, name) for name in past.get("workload", {})}
        timeline += [(entry["at"], entry) for entry in past.get("timeline", ())]
        timeline += [(lasts, {"workload": back})] if back else []
        workload = changed(workload, past.get("workload", {}))
    changes = tuple(
        Change(at, {k: v for k, v in entry.items() if k != "at"})
        for at, entry in sorted(timeline, key=lambda found: found[0])
    )
    return ServicePlan(model, {**model.roles, **data.get("topology", {})}, workload, changes, lasts)


def contradictions(document: Document, model: Model) -> Iterator[Problem]:
    """Yield what the schema cannot say: names of roles and of the workload's fields, and times that fit each other."""
    data = document.data
    known = [f.name for f in fields(model.workload)]
    places: list[tuple[tuple[str | int, ...], Any]] = [((), data), (("past",), data.get("past", {}))]
    for place, entries, end in (
        (("timeline",), data.get("timeline", ()), data["duration"]),
        (("past", "timeline"), data.get("past", {}).get("timeline", ()), data.get("past", {}).get("lasts", "0s")),
    ):
        for number, entry in enumerate(entries):
            places.append(((*place, number), entry))
            if duration(entry["at"]) > duration(end):
                what = f"this happens at {entry['at']}, but the scenario ends at {end}"
                yield document.problem((*place, number, "at"), what, "let it happen earlier, or last longer")
    for where, entry in places:
        for name in entry.get("workload", {}):
            if name not in known:
                fix = nearest(name, known, otherwise=f"use one of {', '.join(known)}")
                yield document.problem((*where, "workload", name), f"the workload has no {name!r}", fix)
        for verb in ("topology", "scale"):
            for role in entry.get(verb, {}):
                if role not in model.roles:
                    fix = nearest(role, list(model.roles), otherwise=f"use one of {', '.join(model.roles)}")
                    yield document.problem((*where, verb, role), f"there is no role {role!r}", fix)
