"""Every way in which a process of a system can be installed, and what its page then has and may have, by the catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, pairwise, product

from generator.catalogue import Catalogue, Era, Label, Metric, System, version_key

#: The exposure under which a page has no internal metric.
UI = "ui"


@dataclass(frozen=True, slots=True)
class Span:
    """Versions from `first` on, before `before`; empty has no bound. Between two such borders nothing changes."""

    first: str = ""
    before: str = ""

    def has(self, version: str) -> bool:
        """Say whether a version is one of these."""
        key = _key(version)
        return key >= _key(self.first) and (not self.before or key < _key(self.before))


@dataclass(frozen=True, slots=True)
class Variant:
    """One way in which a process can be installed: a value of everything that its page may depend on.

    `role` and `runtime` are empty where the system has none, `exposure` where the era has no internal metric, and `tier`
    where none is exposed.
    """

    era: str
    span: Span
    role: str
    runtime: str
    exposure: str
    tier: str
    switches: frozenset[str]


@dataclass(frozen=True, slots=True)
class Predicted:
    """What the page of a variant has, as full names under the system's own prefix.

    Attributes:
        possible: What may be there.
        start: What is there from the start of the process on.
        tick: What comes all at once, at its first tick.
        labels: Labels that all series of a metric have, by its name: those that not all versions have.
        without: Labels that no series of a metric has, as they came later or went before.

    """

    possible: frozenset[str]
    start: frozenset[str]
    tick: frozenset[str]
    labels: frozenset[tuple[str, str]]
    without: frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Variants:
    """Every variant of a system, with its prediction; and every metric that its pages may have, by full name."""

    system: System
    metrics: Mapping[str, Metric]
    shared: frozenset[str]
    predicted: Mapping[Variant, Predicted]


def variants(catalogue: Catalogue, name: str) -> Variants:
    """Return every variant of a system."""
    system = catalogue.systems[name]
    own = {m.full_name: m for m in system.metrics if not m.never_scraped}
    pages = {m.full_name: m for page in system.pages for m in catalogue.systems[page].metrics}
    metrics = {**pages, **own}
    shared = frozenset(pages.keys() - own.keys())
    return Variants(system, metrics, shared, {w: _predicted(system, w, metrics) for w in _worlds(system, metrics)})


def _worlds(system: System, metrics: Mapping[str, Metric]) -> Iterator[Variant]:
    roles = [(role, runtime) for runtime in system.runtimes or [""] for role in _roles(system, runtime)]
    subsets = [frozenset(c) for n in range(len(system.switches) + 1) for c in combinations(system.switches, n)]
    for era in system.eras.values():
        exposures: list[tuple[str, str]] = [("", "")]
        if any(m.exposure == "internal" and era.name in m.emission for m in system.metrics):
            exposures = [(UI, ""), *((e, str(t)) for e in system.exposure if e != UI for t in system.tiers)]
        for span, (role, runtime), (exposure, tier), switches in product(
            _spans(system, era, metrics), roles, exposures, subsets
        ):
            yield Variant(era.name, span, role, runtime, exposure, tier, switches)


def _roles(system: System, runtime: str) -> list[str]:
    """Return the roles that processes of a runtime can have: those from which some metric comes."""
    if not system.roles:
        return [""]
    found = {r for m in system.metrics for e in m.emission.values() for r in e.roles.get(runtime or "any", ())}
    return [role for role in system.roles if role in found]


def _spans(system: System, era: Era, metrics: Mapping[str, Metric]) -> list[Span]:
    """Return the versions of an era, cut where some metric or label comes or goes."""
    if not numbered(system, era.name):
        return [Span()]
    marks = [*(v for m in metrics.values() for v in _marks(m)), *system.pages_since.values()]
    inner = {v for v in marks if _key(era.since) < _key(v) and (not era.until or _key(v) < _key(era.until))}
    borders = [era.since, *sorted(inner, key=_key), era.until]
    return [Span(a, b) for a, b in pairwise(borders)]


def numbered(system: System, era: str) -> bool:
    """Say whether versions tell parts of an era apart: each of several that follow each other, or the first of others."""
    return any(e.since or e.until for e in system.eras.values()) or era == next(iter(system.eras))


def _marks(metric: Metric) -> Iterator[str]:
    labels = (*metric.labels.values(), *metric.constant_labels.values())
    yield from (v for v in (metric.since, metric.until, *(v for lb in labels for v in (lb.since, lb.until))) if v)


def _predicted(system: System, variant: Variant, metrics: Mapping[str, Metric]) -> Predicted:
    there = {name: when for name, m in metrics.items() if (when := born(system, variant, m))}
    own = {name for name in there if metrics[name].system == system.name}
    dated = [
        (name, label, has(variant.span, label.since, label.until))
        for name in own
        for label in (*metrics[name].labels.values(), *metrics[name].constant_labels.values())
        if (label.since or label.until) and numbered(system, variant.era)
    ]
    return Predicted(
        frozenset(there),
        frozenset(n for n in own if there[n] == "start"),
        frozenset(n for n in own if there[n] == "first_tick"),
        frozenset((n, label.name) for n, label, has in dated if has and _sure(label)),
        frozenset((n, label.name) for n, label, has in dated if not has),
    )


def _sure(label: Label) -> bool:
    return not label.optional


def born(system: System, variant: Variant, metric: Metric) -> str:
    """Return when the series of a metric are born in a variant; empty where there are none."""
    if metric.system != system.name:
        return "page" if has(variant.span, system.pages_since.get(metric.system, ""), "") else ""
    emission = metric.emission.get(variant.era)
    if emission is None or (numbered(system, variant.era) and not has(variant.span, metric.since, metric.until)):
        return ""
    if metric.exposure == "internal" and (variant.exposure == UI or metric.tier > int(variant.tier)):
        return ""
    if metric.switch and metric.switch not in variant.switches:
        return ""
    roles = {*emission.roles.get(variant.runtime, ()), *emission.roles.get("any", ())}
    hidden = metric.unscrapeable and variant.role in metric.hidden_roles
    if not roles & {variant.role, "any"} or hidden:
        return ""
    # A json_exporter shows one of its JSON pages at a time.
    return "some" if system.endpoint.prober and variant.role == system.endpoint.prober else emission.born


def has(span: Span, since: str, until: str) -> bool:
    """Say whether the versions of a span, between whose borders nothing changes, have what exists from `since` until `until`."""
    return _key(since) <= _key(span.first) and (not until or _key(span.first) < _key(until))


def _key(version: str) -> tuple[int, ...]:
    """Return a key for which `0.11` and `0.11.0` are one."""
    key = version_key(version)
    while key and key[-1] == 0:
        key = key[:-1]
    return key
