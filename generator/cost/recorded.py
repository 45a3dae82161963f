"""What the rules of a bundle cost: the series that they record, and the seconds that a server needs for them in one round.

The seconds are a model, not a measurement: Prometheus pays for each rule, each series that it looks up and each sample that it
reads. A server that runs the rules tells its own (`measured`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from generator.bundle import Bundle
from generator.catalogue import Metric
from generator.catalogue.cardinality import UNKNOWN_BUCKETS, combinations, series_each
from generator.config.site import Site
from generator.cost.fleet import Fleet, Key
from generator.cost.process import Process, numbers_of, variant_of
from generator.lint import expression
from generator.rules.rule import Group, Record
from generator.units import seconds

#: Seconds of one core for a rule, for a series that it looks up, and for a sample that it reads.
#: Source: 280,000 series of buckets at one moment took 0.96 s with Prometheus 3.5, 2.8 million samples; rules over next to no
#: series, which docs/cost.md shows, take the rest.
PER_RULE, PER_SERIES, PER_SAMPLE = 0.0002, 3e-6, 2e-8


@dataclass(frozen=True, slots=True)
class Evaluated:
    """One rule group.

    Attributes:
        file: The rule file's stem.
        name: The group.
        interval: Seconds between two rounds.
        records: How many series it records.
        rules: How many rules it has.
        seconds: Seconds of a core that one round takes, by the model.

    """

    file: str
    name: str
    interval: float
    records: int
    rules: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Counts:
    """How many series of a fleet have what: by the name of a series, and of labels for recorded ones."""

    site: Site
    fleet: Fleet
    processes: Mapping[Key, Process]

    def running(self, system: str) -> list[tuple[Process, int]]:
        """Return the pages of a system that are scraped, and of how many processes."""
        return [(self.processes[key], n) for key, n in self.fleet.processes.items() if n and key[0] == system]

    def deployments(self, system: str) -> int:
        """Return how many deployments of a system there are; of all systems where it is empty."""
        names = [system] if system else list(self.site.config.systems)
        return sum(self.fleet.deployed(name) for name in names)

    def emitting(self, metric: Metric, on: str) -> list[tuple[Process, int]]:
        """Return the pages of a system that have a metric, and of how many processes."""
        return [(page, n) for page, n in self.running(on) if page.of(metric.system, metric.name)]


def evaluated(bundle: Bundle, counts: Counts) -> tuple[Evaluated, ...]:
    """Return every rule group of a bundle with what it costs for a fleet."""
    known: dict[str, tuple[int, float]] = {}
    found = []
    scraped = _scraped(counts)
    timing = bundle.site.timing
    for stem, groups in bundle.rules.items():
        system = bundle.site.system_of(stem)
        for group in groups:
            each = [_recorded(counts, system, one) for one in group.records]
            interval = seconds(group.interval or timing.evaluation)
            for one, series in zip(group.records, each, strict=True):
                known[one.name] = (known.get(one.name, (0, interval))[0] + series, interval)
            read = partial(_series, scraped, known, seconds(timing.scrape))
            spent = sum(_seconds(text, read) for text in _texts(bundle.site, group))
            rules = len(group.records) + len(group.alerts)
            found.append(Evaluated(stem, group.name, interval, sum(each), rules, spent))
    return tuple(found)


def _texts(site: Site, group: Group) -> Iterator[str]:
    yield from (str(one.to_rule(site)["expr"]) for one in group.records)
    yield from (str(one.to_rule(site)["expr"]) for one in group.alerts)


def _recorded(counts: Counts, system: str, record: Record) -> int:
    """Return how many series a rule records, by the labels that its query keeps."""
    site, kept = counts.site, record.query.labels
    own = [label for label in kept if label not in (*site.labels.every, "le")]
    asked = [m for m in record.query.metrics if _emitted(counts, system, m)]
    if record.query.metrics and not asked:
        return 0
    buckets = len(record.metric.buckets) + 1 if "le" in kept else 1
    each = max((_told_apart(counts, system, metric, own) for metric in asked), default=1)
    return _places(counts, system, asked, kept) * each * buckets


def _emitted(counts: Counts, system: str, metric: Metric) -> bool:
    """Say whether some process has a metric; what is not of a system's page is Prometheus's own, and there."""
    names = [system] if system else list(counts.site.config.systems)
    if metric.system not in (*names, *(page for name in names for page in counts.site.catalogue.systems[name].pages)):
        return any(counts.running(name) for name in names)
    return any(counts.emitting(metric, name) for name in names)


def _places(counts: Counts, system: str, metrics: Sequence[Metric], kept: Collection[str]) -> int:
    """Return how many deployments, or processes, are told apart by the labels that are kept."""
    labels = counts.site.labels
    names = [system] if system else list(counts.site.config.systems)
    if labels.instance in kept:
        of = [
            [n for m in metrics for _, n in counts.emitting(m, name)] or [n for _, n in counts.running(name)]
            for name in names
        ]
        return sum(sum(one) for one in of)
    if set(kept) & {*labels.identity}:
        found = sum(_deployed(counts, name, metrics) for name in names)
        return found * (
            len({key[1] for key in counts.fleet.processes if key[0] == system}) if labels.role in kept else 1
        )
    return len([name for name in names if counts.running(name)]) if labels.system in kept else 1


def _deployed(counts: Counts, name: str, metrics: Sequence[Metric]) -> int:
    """Return in how many deployments of a system some metric is: no more than processes have one of them, of all where none has."""
    pages = counts.running(name)
    having = sum(n for page, n in pages if any(page.of(m.system, m.name) for m in metrics))
    return min(counts.deployments(name), having or sum(n for _, n in pages))


def _told_apart(counts: Counts, system: str, metric: Metric, own: Collection[str]) -> int:
    """Return how many combinations of some labels a metric has; labels of attribution have as many values as they may."""
    if not own or system not in counts.site.config.systems:
        return 1
    catalogued = counts.site.catalogue.systems[metric.system].named.get(metric.name)
    config = counts.site.config.systems[system]
    added = [one.values for one in config.attribution if one.label in own]
    if catalogued is None:
        return max(added, default=1)
    whose = counts.site.catalogue.systems[system]
    era = next((one for one in config.eras if one in catalogued.emission), "")
    numbers = numbers_of(whose, config, variant_of(whose, config, "", era))
    found = combinations(counts.site.catalogue.systems[metric.system], catalogued, numbers, own)
    return max(1, found) * max(added, default=1)


def _scraped(counts: Counts) -> Mapping[str, tuple[int, int]]:
    """Return the number of series by name, over the fleet; and of how many buckets each one is where these are buckets."""
    found: dict[str, tuple[int, int]] = {}

    def add(name: str, series: int, buckets: int = 1) -> None:
        found[name] = (found.get(name, (0, 1))[0] + series, buckets)

    for name in counts.site.config.systems:
        for page, n in counts.running(name):
            add("up", n)
            for one in page.metrics:
                metric = one.metric
                full = counts.site.system(metric.system, on=name if metric.system != name else "")[
                    metric.name
                ].full_name
                buckets = len(metric.buckets) + 1 if metric.buckets else UNKNOWN_BUCKETS
                each = series_each(counts.site.catalogue.systems[metric.system], metric)
                for part in metric.parts:
                    of = buckets if part == "_bucket" else 1
                    add(full + part, one.series // each * of * n, of)
    return found


def _series(
    scraped: Mapping[str, tuple[int, int]],
    recorded: Mapping[str, tuple[int, float]],
    scrape: float,
    one: expression.Selector,
) -> tuple[int, float]:
    """Return how many series a selector reads, and how many seconds are between their samples; what is not known is one series."""
    if one.name in recorded:
        return recorded[one.name]
    found, buckets = scraped.get(one.name, (1, 1))
    single = any(m.label == "le" and m.op == "Equal" for m in one.matchers)
    return found // (buckets if single else 1), scrape


def _seconds(text: str, read: Callable[[expression.Selector], tuple[int, float]]) -> float:
    spent = PER_RULE
    for one in expression.selectors(expression.parsed(text)):
        series, every = read(one)
        samples = max(1.0, (one.back - one.offset) / every)
        spent += series * (PER_SERIES + samples * PER_SAMPLE)
    return spent
