"""The series of one process: which metrics its page has, as it is installed, and how many series of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from generator.catalogue import Metric, System
from generator.catalogue.cardinality import Numbers, series_count
from generator.config.settings import SystemConfig
from generator.config.site import Site
from generator.doctor.variants import UI, Span, Variant, born, has, numbered

#: Series that Prometheus itself adds for each target: up and four about the scrape.
#: Source: https://prometheus.io/docs/concepts/jobs_instances/
SCRAPE_SERIES = 5

#: What is there from the start on, or within a minute of it.
_EARLY = frozenset({"start", "first_tick", "page"})

#: Later than every version.
_LATEST = "999999"


@dataclass(frozen=True, slots=True)
class Shown:
    """One metric on the page of a process.

    Attributes:
        metric: The metric.
        series: How many series it has once everything has happened.
        early: They are there within a minute of the start.

    """

    metric: Metric
    series: int
    early: bool


@dataclass(frozen=True, slots=True)
class Process:
    """The page of a process of one role.

    Attributes:
        system: The system's id.
        role: Its role; empty where the system has none.
        metrics: What the catalogue says that is on the page.
        unlisted: How many series are there besides.
        config: How it is installed.
        era: Its era; empty where one alone is in the field.

    """

    system: str
    role: str
    metrics: tuple[Shown, ...]
    unlisted: int
    config: SystemConfig
    era: str = ""

    @property
    def series(self) -> int:
        """How many series the page has once everything has happened."""
        return self.unlisted + sum(one.series for one in self.metrics)

    @property
    def at_start(self) -> int:
        """How many it has within a minute of its start, before anything has happened."""
        return self.unlisted + sum(one.series for one in self.metrics if one.early)

    def of(self, system: str, name: str) -> int:
        """Return how many series a metric has; 0 where the page lacks it."""
        return next((s.series for s in self.metrics if (s.metric.system, s.metric.name) == (system, name)), 0)


def process(site: Site, name: str, role: str, era: str = "", config: SystemConfig | None = None) -> Process:
    """Return the page of a process of one role, of the newest version that the configuration says is in the field.

    Args:
        site: The installation.
        name: The system.
        role: The role; empty where the system has none.
        era: The era; empty for the newest in the field.
        config: How the system is installed; as the configuration says without.

    """
    system, own = site.catalogue.systems[name], config or site.config.systems[name]
    variant = variant_of(system, own, role, era)
    unlisted = system.unlisted.get(role)
    shown = tuple(_shown(site, system, own, variant))
    return Process(name, role, shown, unlisted.series if unlisted else 0, own, era)


def _shown(site: Site, system: System, config: SystemConfig, variant: Variant) -> Iterator[Shown]:
    pages = [metric for page in system.pages for metric in site.catalogue.systems[page].metrics]
    own = {metric.full_name for metric in system.metrics}
    for metric in (*system.metrics, *(one for one in pages if one.full_name not in own)):
        when = "" if metric.never_scraped else born(system, variant, metric)
        if not when or when == "never":
            continue
        numbers = numbers_of(system, config, variant)
        found = series_count(site.catalogue.systems[metric.system], metric, numbers)
        if found and system.attributed in metric.labels and config.attribution:
            found *= max(one.values for one in config.attribution)
        if found:
            yield Shown(metric, found, when in _EARLY)


def numbers_of(system: System, config: SystemConfig, variant: Variant) -> Numbers:
    """Return how many values labels have where a system is installed so."""
    if not numbered(system, variant.era):
        return Numbers(config.cardinality)
    return Numbers(config.cardinality, lambda since, until: has(variant.span, since, until))


def variant_of(system: System, config: SystemConfig, role: str, era: str = "") -> Variant:
    """Return the way in which a process is installed: of an era, the newest without one, in its newest version, on the first runtime."""
    era = era or config.eras[0]
    internal = any(m.exposure == "internal" and era in m.emission for m in system.metrics)
    exposure = (config.exposure if internal else "") if system.exposure else ""
    last = config.versions.last if era == config.eras[0] else system.eras[era].last
    newest = f"{last}.{_LATEST}" if last else system.newest or _LATEST
    return Variant(
        era=era,
        span=Span(newest),
        role=role,
        runtime=config.runtimes[0] if config.runtimes else "",
        exposure=exposure,
        tier=str(config.tier) if exposure and exposure != UI else "",
        switches=frozenset(config.switches),
    )
