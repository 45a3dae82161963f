"""What a Prometheus that is there already tells: how many processes there are, and how many series, samples and seconds they take."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from generator.catalogue import Kind, Label, Metric
from generator.catalogue.cardinality import SPREAD, assumption_of, series_each, spreads, usual_and_further
from generator.config.site import Site
from generator.cost.fleet import Fleet, Key, several
from generator.rules.rule import GROUP_PREFIX, RECORD_PREFIX
from generator.validate.probe import ProbeError
from generator.validate.prometheus import Prometheus

#: Names in one query at most: a pattern of more is slow, and too long for some proxies.
_MOST_NAMES = 60

#: More than this of anything is no count.
_MOST = 1e12

#: How many series the last scrape of a target stored.
_PAGE = "scrape_samples_post_metric_relabeling"

#: What Prometheus tells of its own blocks: bytes and samples of the chunks that it compacted.
_BYTES, _SAMPLES = "prometheus_tsdb_compaction_chunk_size_bytes_sum", "prometheus_tsdb_compaction_chunk_samples_sum"


@dataclass(frozen=True, slots=True)
class Measured:
    """What a server tells.

    Attributes:
        fleet: The processes and deployments that it scrapes.
        series: How many series the pages of each role and era have, as the last scrape stored them.
        metrics: System and full name of a metric to how many series of it there are.
        numbers: System to how many values labels have on a process that has some, on average, by the names of the catalogue.
        of_eras: The same numbers by system and era, of systems of which several eras are in the field.
        recorded: How many recorded series of ours there are; None where no rule of ours is loaded.
        rule_seconds: Seconds that each of our groups took the last time, by name.
        samples_per_second: What the whole server stores, of everybody; None where it does not scrape itself.
        bytes_per_sample: Of the blocks that it has compacted; None where it tells none.

    """

    fleet: Fleet
    series: Mapping[Key, int]
    metrics: Mapping[tuple[str, str], int]
    numbers: Mapping[str, Mapping[str, float]]
    of_eras: Mapping[tuple[str, str], Mapping[str, float]]
    recorded: int | None
    rule_seconds: Mapping[str, float]
    samples_per_second: float | None
    bytes_per_sample: float | None


def measured(site: Site, prometheus: Prometheus) -> Measured:
    """Return what a server has at this moment: its fleet, series, samples per second, bytes, and what its rules take.

    That is a few dozen queries; it is only read.

    Raises:
        ProbeError: It does not answer.

    """
    processes: dict[Key, int] = {}
    series: dict[Key, int] = {}
    deployments: dict[str, int] = {}
    metrics: dict[tuple[str, str], int] = {}
    numbers: dict[str, dict[str, float]] = {}
    of_eras: dict[tuple[str, str], dict[str, float]] = {}
    labels = site.labels
    for name, config in site.config.systems.items():
        if not config.enabled:
            continue
        ours = ", ".join(map(str, (*site.target_matchers(name), *site.selectors)))
        targets = _targets(site, name, ours)
        for era, its in targets.items():
            for found, expr in (
                (processes, f"count by ({labels.role}) (up{its})"),
                (series, f"sum by ({labels.role}) ({_PAGE}{its})"),
            ):
                for one in prometheus.numbers(expr):
                    key = (name, _role(site, name, one.labels.get(labels.role, "")), era)
                    found[key] = found.get(key, 0) + _count(one.values[0])
        if not any(key[0] == name for key in processes):
            continue
        identity = ", ".join(labels.identity)
        deployments[name] = _one(prometheus, f"count(count by ({identity}) (up{{{ours}}}))")
        view = site.system(name)
        known = {part: m.full_name for m in view for part in m.series}
        metrics |= {(name, full): n for full, n in _counted(prometheus, known, ours).items()}
        numbers[name] = _numbers(site, prometheus, name, metrics, f"{{{ours}}}")
        of_eras |= {(name, era): _numbers(site, prometheus, name, metrics, its) for era, its in targets.items() if era}
    groups = [one for one in prometheus.groups() if one.name.startswith(GROUP_PREFIX)]
    spent = {one.name: one.evaluation_seconds for one in groups}
    # What a slow group records goes stale between two of its rounds.
    window = f"{math.ceil(2 * max((one.interval for one in groups), default=0)) + 60}s"
    ours = f'{{__name__=~"{RECORD_PREFIX}.+"}}'
    recorded = _one(prometheus, f"count(last_over_time({ours}[{window}]))") if groups else None
    appended = prometheus.query("sum(rate(prometheus_tsdb_head_samples_appended_total[10m]))")
    size = prometheus.query(f"sum({_BYTES}) / sum({_SAMPLES})")
    return Measured(
        Fleet("what the Prometheus scrapes", processes, deployments), series, metrics, numbers, of_eras, recorded, spent,
        _finite(appended[0].values[0]) if appended else None, _finite(size[0].values[0]) if size else None,
    )  # fmt: skip


def _targets(site: Site, name: str, ours: str) -> Mapping[str, str]:
    """Return by era the selector of what Prometheus tells of a system's targets; one that shows no name of an older era is of the newest."""
    eras = several(site, name)
    if not eras:
        return {"": f"{{{ours}}}"}
    on = f"on ({site.labels.instance}, job)"
    names = {
        era: "|".join(sorted(n for m in site.system(name) if [*m.emission] == [era] for n in m.series)) for era in eras
    }
    older = {era: f'{{__name__=~"{names[era]}", {ours}}}' for era in eras[1:] if names[era]}
    newest = "".join(f" unless {on} {one}" for one in older.values())
    return {eras[0]: f"{{{ours}}}{newest}"} | {era: f"{{{ours}}} and {on} {one}" for era, one in older.items()}


def _count(value: float) -> int:
    """Return a number of series or processes.

    Raises:
        ProbeError: It is none that a server could have.

    """
    if not 0 <= value <= _MOST:
        raise ProbeError(f"Prometheus counts {value:g} of something, which no server has", "is it a Prometheus?")
    return int(value)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _role(site: Site, name: str, found: str) -> str:
    """Return the role of a process as the catalogue calls it; of a system without roles none."""
    roles = site.catalogue.systems[name].roles
    return found if found in roles else next(iter(roles), "")


def _one(prometheus: Prometheus, expr: str) -> int:
    found = prometheus.numbers(expr)
    return _count(found[0].values[0]) if found else 0


def _counted(prometheus: Prometheus, known: Mapping[str, str], ours: str) -> dict[str, int]:
    """Return how many series there are of each metric, by its full name; `known` is the metric of each name of a series."""
    found: dict[str, int] = {}
    names = sorted(known)
    for start in range(0, len(names), _MOST_NAMES):
        pattern = "|".join(names[start : start + _MOST_NAMES])
        for one in prometheus.numbers(f'count by (__name__) ({{__name__=~"{pattern}", {ours}}})'):
            if full := known.get(one.labels.get("__name__", "")):  # who answers something else was not asked for it
                found[full] = found.get(full, 0) + _count(one.values[0])
    return found


def _numbers(
    site: Site, prometheus: Prometheus, name: str, there: Mapping[tuple[str, str], int], whose: str
) -> dict[str, float]:
    """Return how many values labels have on a process that has some, on average, of metrics that are there; `whose` selects processes."""
    found: dict[str, float] = {}
    for metric in site.system(name):
        if metric.kind is Kind.INFO or not there.get((name, metric.full_name)):
            continue
        catalogued = site.catalogue.systems[name].named[metric.name]
        together: dict[str, list[str]] = {}
        for label in catalogued.labels.values():
            together.setdefault(assumption_of(label), []).append(label.name)
        for number, own in together.items():
            found[number] = max(found.get(number, 0), _values(prometheus, site, metric, own, whose))
    return found | _spread(site, prometheus, name, there, whose)


def _spread(
    site: Site, prometheus: Prometheus, name: str, there: Mapping[tuple[str, str], int], whose: str
) -> dict[str, float]:
    """Return beside which share of the other combinations a further value of a rare label was met, dearer metrics weighing more."""
    met = possible = 0.0
    system = site.catalogue.systems[name]
    for metric in site.system(name):
        catalogued = system.named[metric.name]
        if not there.get((name, metric.full_name)) or not spreads(catalogued):
            continue
        labels = catalogued.labels.values()

        def values(group: Iterable[Label], metric: Metric = metric) -> float:
            return _values(prometheus, site, metric, [one.name for one in group], whose)

        common, further = usual_and_further(labels, catalogued, values)
        weight = series_each(system, catalogued)
        met += weight * (values(labels) - common)
        possible += weight * common * sum(further)
    return {SPREAD.name: min(1.0, max(0.0, met / possible))} if possible > 0 else {}


def _values(prometheus: Prometheus, site: Site, metric: Metric, labels: Iterable[str], whose: str) -> float:
    series = next(one for one in metric.series if not one.endswith("_bucket"))
    inner = f"count by ({site.labels.instance}, job, {', '.join(labels)}) ({series}{whose})"
    found = prometheus.numbers(f"avg(count by ({site.labels.instance}, job) ({inner}))")
    return found[0].values[0] if found else 0.0


def adopted(bundle_site: Site, found: Measured, era: str = "") -> Site:
    """Return the installation with the numbers that were measured, on processes of an era or on all, where its configuration says none."""
    systems = {
        name: replace(
            own,
            cardinality={**found.numbers.get(name, {}), **found.of_eras.get((name, era), {}), **own.cardinality},
        )
        for name, own in bundle_site.config.systems.items()
    }
    return Site(bundle_site.catalogue, replace(bundle_site.config, systems=systems))
