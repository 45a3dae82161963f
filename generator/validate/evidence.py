"""What a Prometheus has of the catalogue, and why it lacks the rest. Every reason stands on something that was seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from generator.catalogue import Kind, Label, Metric
from generator.config.site import Site
from generator.validate.forms import NO_FORMS, Forms
from generator.validate.gates import Gate, gates
from generator.validate.verdict import Finding, empty, pending, wrong

#: Series that exist from the start of a process on, or from its first tick.
CERTAIN = frozenset({"start", "first_tick"})

#: Seconds between two ticks of a server: STATS_INTERVAL_SECS unless someone changes it.
TICK_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Processes:
    """The processes of one system by role: how many are scraped, and how many answered the last scrape."""

    scraped: Mapping[str, int]
    up: Mapping[str, int]

    @property
    def roles(self) -> frozenset[str]:
        """Roles that some target has; a system without roles has the empty one."""
        return frozenset(self.scraped)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen.

    Attributes:
        site: The installation.
        processes: By system.
        counts: Series of each metric, by system whose targets were asked and series name.
        ages: Seconds since the youngest process of a system started; nothing where no process says so.
        scale: Virtual seconds per second.
        forms: What is there in another form.
        too_early: That it is too early to miss something, as a sentence says it; empty where it is not.

    """

    site: Site
    processes: Mapping[str, Processes]
    counts: Mapping[tuple[str, str], int] = field(repr=False)
    ages: Mapping[str, float]
    scale: float = 1.0
    forms: Forms = NO_FORMS
    too_early: str = ""

    def count(self, metric: Metric, on: str = "") -> int:
        """Return the number of its series, at the targets of the system `on` where others have it too."""
        return self.counts.get((on or metric.system, metric.full_name), 0)

    def reason(self, metric: Metric, on: str = "") -> Finding:
        """Say why a metric of which there is no series is not there; wrong where there is no reason."""
        system = on or metric.system
        if metric.missing:
            return empty(metric.missing)
        if metric.system == "prometheus" and (absent := _of_servers(metric.name)):
            return empty(absent)
        if metric.system == "exporters":
            return empty(f"no exporter with {metric.full_name} is scraped")
        processes = self.processes.get(system)
        if processes is None or not processes.scraped:
            return empty(f"no target of the system {system} is scraped")
        return (
            self._unreached(metric, processes)
            or self.forms.of(metric, system)
            or self._gated(metric)
            or (self.partial(metric, on) if on else None)
            or self._unborn(metric, system)
        )

    def absence(self, why: str, fix: str = "") -> Finding:
        """Say that something is missing that should be there: wrong, unless it is too early to say so."""
        return pending(f"{why}; {self.too_early}") if self.too_early else wrong(why, fix)

    def partial(self, metric: Metric, on: str = "") -> Finding | None:
        """Say of a metric that only some of the versions in the field have it."""
        name = on or metric.system
        config = self.site.config.systems.get(name)
        if config is None:
            return None
        system = self.site.catalogue.systems[name]
        title, since = system.title, system.pages_since.get(metric.system, metric.since)
        if config.versions.partly(since):
            return empty(f"only {title} {since} and later has it (versions: {config.versions})")
        if metric.until and config.versions.has(metric.until):
            return empty(f"only {title} before {metric.until} has it (versions: {config.versions})")
        return None

    def _unreached(self, metric: Metric, processes: Processes) -> Finding | None:
        """Say that nobody who emits it is scraped, or answers."""
        if metric.system == "prometheus":
            return None
        roles = self.emitters(metric)
        here = processes.roles if "any" in roles or processes.roles == {""} else processes.roles & roles
        if not here:
            return empty(f"no process of role {' or '.join(sorted(roles))} is scraped")
        if not any(processes.up.get(role) for role in here):
            return empty("no target that emits it answers; see targets")
        return None

    def emitters(self, metric: Metric) -> frozenset[str]:
        """Return the roles that emit a metric in the eras and runtimes of the configuration."""
        config = self.site.config.systems.get(metric.system)
        eras = [e for e in (config.eras if config else metric.emission) if e in metric.emission]
        runtimes = (*(config.runtimes if config else ()), "any")
        found = {role for e in eras for runtime in runtimes for role in metric.emission[e].roles.get(runtime, ())}
        return frozenset(found - {*metric.hidden_roles})

    def _gated(self, metric: Metric) -> Finding | None:
        """Say which era, version, runtime, switch or tier seems not to be there: nothing that needs it is seen."""
        return next((empty(text) for gate, text in self.closed(metric.system) if gate.holds(metric)), None)

    def closed(self, system: str) -> list[tuple[Gate, str]]:
        """Return the gates of a system of which nothing is seen although something would have to be, each with a text."""
        return [(gate, gate.text) for gate in gates(self.site, system) if self._closed(gate)]

    def _closed(self, gate: Gate) -> bool:
        members = [m for m in self.site.system(gate.system) if not m.missing and gate.holds(m)]
        processes = self.processes.get(gate.system)
        if processes is None or not processes.scraped or any(self.count(m) for m in members):
            return False
        certain = [m for m in members if gate.silent or {e.born for e in m.emission.values()} <= CERTAIN]
        return any(not self._unreached(m, processes) for m in certain)

    def unticked(self, metric: Metric, system: str) -> Finding | None:
        """Say of a metric that appears at a tick that some process may not have had one yet."""
        age = self.ages.get(system)
        if (
            age is None
            or age * self.scale >= 2 * TICK_SECONDS
            or not any(e.born == "first_tick" for e in metric.emission.values())
        ):
            return None
        return pending("a process is younger than two ticks, and it appears at a tick")

    def _unborn(self, metric: Metric, system: str) -> Finding:
        config = self.site.config.systems.get(metric.system)
        emissions = [e for era, e in metric.emission.items() if config is None or era in config.eras]
        born = {e.born for e in emissions}
        if "first_event" in born:
            return empty("nothing of the kind has happened yet: its series is born at the first event")
        if "shutdown" in born:
            return empty("no process is shutting down")
        if "never" in born:
            return empty("no known version increments it")
        if "unknown" in born:
            return empty("when it first appears is not known")
        return self.unticked(metric, system) or self.absence(
            f"no series of {metric.full_name}, although the configuration promises it",
            "look at the server's /metrics; correct versions, roles, tier or exposure in bundle.yaml",
        )


def required(metric: Metric, label: Label) -> bool:
    """Say whether some series must have a label. An empty value is no label, and what a process is may be unset."""
    return not label.optional and "" not in label.values and metric.kind is not Kind.INFO


def _of_servers(name: str) -> str:
    """Say why a series of the servers that evaluate rules and notify is not there; nothing for those that every target has."""
    starts = {
        "ALERTS": "no alert is pending or firing",
        "prometheus_": "Prometheus does not scrape itself",
        "vmalert_": "no vmalert is scraped",
        "alertmanager_": "no Alertmanager is scraped",
    }
    return next((why for start, why in starts.items() if name.startswith(start)), "")
