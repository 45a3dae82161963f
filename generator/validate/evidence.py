"""What a Prometheus has of the catalogue, and why it lacks the rest. Every reason stands on something that was seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from generator.catalogue import Kind, Label, Matcher, Metric, version_key
from generator.config.site import Site
from generator.promql import select
from generator.promql.query import Scope
from generator.units import seconds
from generator.validate.forms import NO_FORMS, Forms
from generator.validate.pool import spread
from generator.validate.probe import AbsentError
from generator.validate.prometheus import Prometheus
from generator.validate.verdict import Finding, empty, pending, wrong

#: Series that exist from the start of a process on, or from its first tick.
CERTAIN = frozenset({"start", "first_tick"})

#: What was there in one of so many scrapes is there.
SCRAPES = 4

#: Seconds between two ticks of a server: STATS_INTERVAL_SECS unless someone changes it.
TICK_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Reached:
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
        reached: By system.
        counts: Series of each metric, by system whose targets were asked and series name.
        ages: Seconds since the youngest process of a system started; nothing where no process says so.
        scale: Virtual seconds per second.
        forms: What is there in another form.
        young: That it is too early to miss something, as a sentence says it; empty where it is not.

    """

    site: Site
    reached: Mapping[str, Reached]
    counts: Mapping[tuple[str, str], int] = field(repr=False)
    ages: Mapping[str, float]
    scale: float = 1.0
    forms: Forms = NO_FORMS
    young: str = ""

    def seen(self, metric: Metric, on: str = "") -> int:
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
        reached = self.reached.get(system)
        if reached is None or not reached.scraped:
            return empty(f"no target of the system {system} is scraped")
        return (
            self._unreached(metric, reached)
            or self.forms.of(metric, system)
            or self._gated(metric)
            or (self.partial(metric, on) if on else None)
            or self._unborn(metric, system)
        )

    def lacking(self, why: str, fix: str = "") -> Finding:
        """Say that something is missing that should be there: wrong, unless it is too early to say so."""
        return pending(f"{why}; {self.young}") if self.young else wrong(why, fix)

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

    def _unreached(self, metric: Metric, reached: Reached) -> Finding | None:
        """Say that nobody who emits it is scraped, or answers."""
        if metric.system == "prometheus":
            return None
        roles = self.emitters(metric)
        here = reached.roles if "any" in roles or reached.roles == {""} else reached.roles & roles
        if not here:
            return empty(f"no process of role {' or '.join(sorted(roles))} is scraped")
        if not any(reached.up.get(role) for role in here):
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
        reached = self.reached.get(gate.system)
        if reached is None or not reached.scraped or any(self.seen(m) for m in members):
            return False
        telling = [m for m in members if gate.silent or {e.born for e in m.emission.values()} <= CERTAIN]
        return any(not self._unreached(m, reached) for m in telling)

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
        return self.unticked(metric, system) or self.lacking(
            f"no series of {metric.full_name}, although the configuration promises it",
            "look at the server's /metrics; correct versions, roles, tier or exposure in bundle.yaml",
        )


@dataclass(frozen=True, slots=True)
class Gate:
    """Something that a whole set of metrics needs.

    Attributes:
        system: Whose metrics.
        kind: era, version, runtime, exposure, tier or switch.
        name: Which one.
        text: What is said when nothing behind it is seen.
        eras: Eras in the field.
        silent: It may be closed without a sign: none of its metrics is certain to exist.

    """

    system: str
    kind: str
    name: str
    text: str
    eras: tuple[str, ...] = ()
    silent: bool = False

    def holds(self, metric: Metric) -> bool:
        """Say whether the metric exists behind this gate only."""
        match self.kind:
            case "era":
                return set(metric.emission) == {self.name}
            case "version":
                return version_key(metric.since) >= version_key(self.name)
            case "runtime":
                return all(set(e.roles) == {self.name} for era, e in metric.emission.items() if era in self.eras)
            case "exposure":
                return metric.exposure == self.name
            case "tier":
                return metric.tier >= int(self.name) and metric.exposure != "ui"
            case _:
                return metric.switch == self.name


def gates(site: Site, name: str) -> Iterator[Gate]:
    """Yield the gates of a system that its configuration has open."""
    system, config = site.catalogue.systems[name], site.config.systems.get(name)
    if config is None:
        return
    if len(config.eras) > 1:
        for era in config.eras:
            yield Gate(name, "era", era, f"no server is {system.eras[era].title}")
    for since in sorted({m.since for m in system.metrics if config.versions.partly(m.since)}, key=version_key):
        text = f"only {system.title} {since} and later has it, and nothing that only these have is seen"
        yield Gate(name, "version", since, text, silent=True)
    if len(config.runtimes) > 1:
        for runtime in config.runtimes:
            others = " or ".join(r for r in config.runtimes if r != runtime)
            text = f"only the runtime {runtime} emits it, and the runtime is {others}"
            yield Gate(name, "runtime", runtime, text, config.eras)
    if config.exposure == "internal" and "internal" in system.exposure:
        yield Gate(name, "exposure", "internal", f"internal metrics are not exposed: {system.exposure['internal']}")
    for tier in sorted(t for t in system.tiers if 1 < t <= config.tier):
        yield Gate(name, "tier", str(tier), f"the servers emit nothing from tier {tier} on: METRIC_MAX_EMITTING_TIER")
    for switch in config.switches:
        yield Gate(
            name,
            "switch",
            switch,
            f"switch {switch}: off on these servers? It needs {system.switches[switch]}",
            silent=True,
        )


def metrics_of(site: Site, name: str) -> Iterator[tuple[Metric, str]]:
    """Yield every metric that targets of a system have, with the system on whose targets it is looked for."""
    for metric in site.system(name):
        yield metric, name
    for page in site.catalogue.systems[name].pages:
        for metric in site.system(page, on=name):
            yield metric, name


def demanded(metric: Metric, label: Label) -> bool:
    """Say whether some series must have a label. An empty value is no label, and what a process is may be unset."""
    return not label.optional and "" not in label.values and metric.kind is not Kind.INFO


def counted(site: Site, metric: Metric, scale: float = 1.0) -> str:
    """Return a query for the number of series of a metric within the last scrapes; of a histogram, of its children.

    Within several: what one target has alone is not there for a moment when a single scrape of it is late.
    """
    part = "_count" if "_count" in metric.parts else metric.parts[0]
    recent = SCRAPES * seconds(site.timing.scrape) / scale
    return f"count(last_over_time({select(metric, Scope('', site.selectors), part)}[{recent * 1000:.0f}ms]))"


def gather(site: Site, prometheus: Prometheus, *, scale: float = 1.0, since: float = 0.0, young: str = "") -> Evidence:
    """Ask what is there: a few small queries per system and one per metric; none returns more than a few series.

    Args:
        site: The installation.
        prometheus: Whom to ask.
        scale: Virtual seconds per second.
        since: Unix seconds from which on names of series are of interest.
        young: That it is too early to miss something; empty where it is not.

    Raises:
        ProbeError: Prometheus does not answer.

    """
    on = [name for name, config in site.config.systems.items() if config.enabled]
    wanted = [pair for name in on for pair in metrics_of(site, name)]
    wanted += [(m, other) for other in ("prometheus", "exporters") for m in site.system(other)]
    queries = [counted(site, m, scale) for m, _ in wanted]
    numbers = spread(lambda q: _number(prometheus, q), queries)
    counts = {(name, m.full_name): n for (m, name), n in zip(wanted, numbers, strict=True)}
    reached = dict(zip(on, spread(lambda name: _reached(site, prometheus, name), on), strict=True))
    ages = dict(zip(on, spread(lambda name: _age(site, prometheus, name), on), strict=True))
    seen = Evidence(site, reached, counts, {k: a for k, a in ages.items() if a is not None}, scale, young=young)
    here = [name for name in on if reached[name].scraped]
    return replace(
        seen, forms=_forms(seen, prometheus, {name: [m for m, o in wanted if o == name] for name in here}, since)
    )


def _forms(seen: Evidence, prometheus: Prometheus, wanted: Mapping[str, list[Metric]], since: float) -> Forms:
    """Return the names of all series at the targets of each system; of those that may be a reason, only what is there now."""
    site = seen.site

    def held(name: str, series: str = "") -> str:
        # One edge of a histogram stands for all.
        edge = (Matcher("le", "=", "+Inf"),) if series.endswith("_bucket") else ()
        return f"{series}{{{', '.join(map(str, (*site.selectors, *site.target_matchers(name), *edge)))}}}"

    def listed(name: str) -> frozenset[str]:
        try:
            return frozenset(prometheus.label_values("__name__", [held(name)], since))
        except AbsentError:
            return frozenset()

    known = frozenset(s for system in site.catalogue.systems for m in site.system(system) for s in m.series)
    names = dict(zip(wanted, spread(listed, list(wanted)), strict=True))
    forms = Forms(names, known)
    doubts = sorted(
        {(n, s) for n, ms in wanted.items() for m in ms for s in forms.doubtful(m, n, seen=bool(seen.seen(m, n)))}
    )
    # Twice as far back as what was counted before: nothing may seem to be gone because the one was asked later.
    recent = 2 * SCRAPES * seconds(site.timing.scrape) / seen.scale
    queries = [f"count(last_over_time({held(n, s)}[{recent * 1000:.0f}ms]))" for n, s in doubts]
    gone = {pair for pair, n in zip(doubts, spread(lambda q: _number(prometheus, q), queries), strict=True) if not n}
    return Forms({n: frozenset(s for s in found if (n, s) not in gone) for n, found in names.items()}, known)


def _number(prometheus: Prometheus, query: str) -> int:
    return int(sum(s.values[0] for s in prometheus.numbers(query)))


def _reached(site: Site, prometheus: Prometheus, name: str) -> Reached:
    up = select(site.system("prometheus", on=name)["up"], Scope("", site.selectors))
    role = site.labels.role

    def by(expr: str) -> dict[str, int]:
        return {s.labels.get(role, ""): int(s.values[0]) for s in prometheus.numbers(f"{expr} by ({role}) ({up})")}

    return Reached(by("count"), by("sum"))


def _age(site: Site, prometheus: Prometheus, name: str) -> float | None:
    if "process" not in site.catalogue.systems[name].pages:
        return None
    started = select(site.system("process", on=name)["process_start_time_seconds"], Scope("", site.selectors))
    return next((s.values[0] for s in prometheus.numbers(f"time() - max({started})")), None)


def _of_servers(name: str) -> str:
    """Say why a series of the servers that evaluate rules and notify is not there; nothing for those that every target has."""
    starts = {
        "ALERTS": "no alert is pending or firing",
        "prometheus_": "Prometheus does not scrape itself",
        "vmalert_": "no vmalert is scraped",
        "alertmanager_": "no Alertmanager is scraped",
    }
    return next((why for start, why in starts.items() if name.startswith(start)), "")
