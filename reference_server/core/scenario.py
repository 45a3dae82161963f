"""What a scenario is, whatever the system: deployments in virtual time, and the alerts that must fire.

How its deployments come about, each system says in a plan of its own; where scenarios are found, a library says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, Self

from generator.catalogue import Metric
from generator.errors import GeneratorError
from reference_server.core.clock import Simulation, same
from reference_server.core.scraping import Probe, Scrape, Target
from reference_server.core.timeline import Change

#: Severities that `silent` may name instead of alerts.
SEVERITIES = ("critical", "warning", "info")

#: When a scenario begins unless it is told another time, in seconds since 1970; a Tuesday evening, UTC.
START = 1_700_000_000.0


class ScenarioError(GeneratorError):
    """A scenario file is wrong, or there is none of that name. Carries every problem."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """An alert that must fire.

    Attributes:
        alert: Its name.
        within: Seconds after `since` by which it fires at the latest.
        since: Seconds after the scenario's start: by default the first change.
        until: When the trouble is over, in seconds after the scenario's start: by default its end.
        deployment: For which deployment; empty when the scenario has one.

    """

    alert: str
    within: float
    since: float
    until: float
    deployment: str = ""


class Played(Simulation, Protocol):
    """A deployment of any system in virtual time, as Prometheus sees it."""

    @property
    def name(self) -> str:
        """Value of the target label `deployment`."""

    @property
    def system(self) -> str:
        """Its system's id in the catalogue."""

    @property
    def prefix(self) -> str:
        """What its metric names start with."""

    @property
    def start(self) -> float:
        """Virtual time at which it began, in seconds since 1970."""

    @property
    def prometheus_runs(self) -> bool:
        """Whether Prometheus is up."""

    def probes(self) -> Iterable[Probe]:
        """Return what exporters in front of the system show, which are no targets of its own."""

    def targets(self) -> list[Target]:
        """Return what service discovery finds now."""

    def scrape(self, target: Target) -> Scrape:
        """Scrape a target now."""


class Plan(Protocol):
    """One deployment of a scenario, before it is made."""

    @property
    def name(self) -> str:
        """Value of the target label `deployment`."""

    @property
    def past(self) -> float:
        """Seconds before the scenario's start at which it begins."""

    @property
    def timeline(self) -> tuple[Change, ...]:
        """Changes that come by themselves, in seconds after its beginning."""

    def without_past(self) -> Self:
        """Return the deployment as it is when the scenario starts."""

    def deployment(
        self,
        *,
        seed: int,
        start: float,
        metrics: Iterable[Metric] | None = None,
        wall: Callable[[float], float] = same,
    ) -> Any:
        """Make the deployment, which is a `Played`; `start` is the beginning of the past."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a file says.

    Attributes:
        id: F01 and so on, or a word.
        title: What happens, in one line.
        plays: What the simulation does, and what an operator would see.
        duration: Virtual seconds.
        plans: The deployments; one unless the file says otherwise.
        fire: Alerts that must fire.
        allow: Alerts that may fire.
        silent: Severities and alerts that must stay silent, `fire` and `allow` apart.
        path: The file.
        system: Which system it is about.

    """

    id: str
    title: str
    plays: str
    duration: float
    plans: tuple[Plan, ...]
    fire: tuple[Expectation, ...] = ()
    allow: tuple[str, ...] = ()
    silent: tuple[str, ...] = field(default=SEVERITIES)
    path: str = ""
    system: str = ""

    @property
    def past(self) -> float:
        """Seconds before the start for which there are scrapes too, coarser ones."""
        return max((plan.past for plan in self.plans), default=0.0)

    @property
    def deployment_names(self) -> tuple[str, ...]:
        """Values of the target label `deployment`, in the order of `deployments`."""
        return tuple(plan.name for plan in self.plans)

    def as_json(self) -> dict[str, Any]:
        """Return what it is and what it expects as a JSON object; times in virtual seconds after its start."""
        return {
            "id": self.id, "title": self.title, "plays": self.plays, "duration": self.duration,
            "system": self.system, "past": self.past, "deployments": list(self.deployment_names),
            "fire": [{"alert": e.alert, "since": e.since, "until": e.until, "within": e.within, "deployment": e.deployment} for e in self.fire],
            "allow": list(self.allow), "silent": list(self.silent),
        }  # fmt: skip

    def deployments(
        self,
        *,
        seed: int = 1,
        start: float = START,
        metrics: Iterable[Metric] | None = None,
        live: bool = False,
        wall: Callable[[float], float] = same,
    ) -> list[Played]:
        """Return the deployments as they are `past` seconds before `start`; nothing has happened yet.

        Args:
            seed: Of every random number.
            start: Virtual time at which the scenario begins.
            metrics: Metrics of the catalogue; those of other systems are left aside. By default they are loaded.
            live: There is no past.
            wall: As for a deployment.

        """
        known = tuple(m for m in metrics if m.system == self.system) if metrics is not None else None
        return [
            plan.deployment(seed=seed + number, start=start - plan.past, metrics=known, wall=wall)
            for number, plan in enumerate(self.without_past().plans if live else self.plans)
        ]

    def without_past(self) -> Scenario:
        """Return the scenario as it is from its start on."""
        return replace(self, plans=tuple(plan.without_past() for plan in self.plans))


class Library(Protocol):
    """Where scenarios are found."""

    def named(self, word: str) -> Scenario:
        """Return the shipped scenario of that id or name; a ScenarioError when there is none."""

    def find(self, word: str) -> Scenario:
        """Return the scenario of that id, name or file; a ScenarioError when there is none, or its file is wrong."""
