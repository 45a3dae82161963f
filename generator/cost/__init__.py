"""What an installation costs before it is rolled out: series, samples, bytes, recorded series, rule seconds, and what would save some."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from generator.bundle import Bundle, build
from generator.catalogue.cardinality import SPREAD
from generator.config.site import Site
from generator.cost.fleet import Fleet, Key, fleet
from generator.cost.measured import Measured, adopted, measured
from generator.cost.process import SCRAPE_SERIES, Process, process, variant_of
from generator.cost.recorded import Counts, Evaluated, evaluated
from generator.cost.switches import Switch, switches, tiers
from generator.doctor.variants import UI
from generator.rules.rule import GROUP_PREFIX
from generator.units import seconds
from generator.validate.prometheus import Prometheus

#: Bytes on disk for a sample, index included, unless a server tells its own.
#: Source: "Prometheus stores an average of only 1-2 bytes per sample", https://prometheus.io/docs/prometheus/latest/storage/;
#: a day of 1.09 billion samples took 2.0 here, with Prometheus 3.5.
BYTES_PER_SAMPLE = 2.0

DAY = 86_400

#: What the page of a role has with other values of exposure and tier: `ui`, `tier 1` and so on to series of a process.
Ways = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a fleet costs.

    Attributes:
        bundle: What is generated for it.
        fleet: Its processes and deployments.
        processes: The page of each role, and of each era where there are several.
        ways: How many series it has with other values of exposure and tier; none where the system has no such thing.
        groups: The rule groups.
        switches: What each switch would save or add.
        bytes_per_sample: What a sample takes on disk.
        bounds: System to how many series all its pages have where no further value of a rare label is met beside another
            combination, and where each is met beside every one: within which a wrong `spread` stays.
        measured: What a Prometheus tells; None where none was asked.

    """

    bundle: Bundle
    fleet: Fleet
    processes: Mapping[Key, Process]
    ways: Mapping[Key, Ways]
    groups: tuple[Evaluated, ...]
    switches: tuple[Switch, ...]
    bytes_per_sample: float
    bounds: Mapping[str, tuple[int, int]]
    measured: Measured | None = None

    @property
    def site(self) -> Site:
        """The installation."""
        return self.bundle.site

    def predicted(self, key: Key) -> int:
        """Return how many series the pages of all processes of a role and era have."""
        return self.fleet.processes.get(key, 0) * self.processes[key].series

    def counted(self, key: Key) -> int | None:
        """Return how many series a Prometheus has of the pages of a role and era; None where none was asked."""
        return self.measured.series.get(key, 0) if self.measured else None

    @property
    def scraped(self) -> int:
        """Series of all pages, those included that Prometheus adds for each target; counted, where a Prometheus was asked."""
        pages = sum(
            self.predicted(key) if self.measured is None else self.measured.series.get(key, 0) for key in self.processes
        )
        return pages + SCRAPE_SERIES * sum(self.fleet.processes.values())

    @property
    def recorded(self) -> int:
        """Recorded series; counted, where a Prometheus with our rules was asked."""
        counted = self.measured.recorded if self.measured else None
        return sum(one.records for one in self.groups) if counted is None else counted

    @property
    def series(self) -> int:
        """All series."""
        return self.scraped + self.recorded

    @property
    def samples_per_second(self) -> float:
        """Samples that are stored in a second, by the intervals of the configuration."""
        predicted = sum(one.records for one in self.groups)
        share = self.recorded / predicted if predicted else 0.0
        made = sum(one.records / one.interval for one in self.groups) * share
        return self.scraped / seconds(self.site.timing.scrape) + made

    @property
    def bytes_per_day(self) -> float:
        """Bytes on disk for a day."""
        return self.samples_per_second * DAY * self.bytes_per_sample

    @property
    def rule_seconds(self) -> float:
        """Seconds of a core that all rules take in one interval of evaluation, rarer groups by their share of it."""
        every = seconds(self.site.timing.evaluation)
        return sum(self.spent(one) * every / one.interval for one in self.groups)

    def spent(self, group: Evaluated) -> float:
        """Return the seconds that one round of a group takes: a server's own where it tells them, else by the model."""
        known = self.measured.rule_seconds if self.measured else {}
        return known.get(self.full(group), group.seconds)

    @property
    def rules_measured(self) -> bool:
        """Whether the seconds of the rules are a server's own."""
        return bool(self.measured and self.measured.rule_seconds)

    @staticmethod
    def full(group: Evaluated) -> str:
        """Return what a group is called in a rule file."""
        return f"{GROUP_PREFIX}{group.name}"

    @property
    def refused(self) -> tuple[tuple[Key, int], ...]:
        """What has such a page, and the limit, where a page would have more samples than the scrape configuration takes."""
        limits = {name: own.discovery.sample_limit for name, own in self.site.config.systems.items()}
        return tuple(
            (key, limits[key[0]])
            for key, one in self.processes.items()
            if self.fleet.processes.get(key) and 0 < limits[key[0]] < one.series
        )


def cost(site: Site, found: Fleet, bytes_per_sample: float = 0.0, measured: Measured | None = None) -> Cost:
    """Return what a fleet costs.

    Args:
        site: The installation.
        found: The processes.
        bytes_per_sample: What a sample takes on disk; 0 for what the server tells, or else what is usual.
        measured: What a Prometheus has and spends.

    """
    processes = {key: process(adopted(site, measured, key[2]) if measured else site, *key) for key in found.processes}
    site = adopted(site, measured) if measured else site
    bundle = build(site, kinds=("boards", "rules"))
    size = measured.bytes_per_sample if measured else None
    return Cost(
        bundle, found, processes, {key: _ways(site, page) for key, page in processes.items()},
        evaluated(bundle, Counts(site, found, processes)), tuple(switches(bundle, found, processes)),
        bytes_per_sample or size or BYTES_PER_SAMPLE, {} if measured else _bounds(site, found), measured,
    )  # fmt: skip


def asked(site: Site, prometheus: Prometheus) -> Measured:
    """Return what a Prometheus has and spends at this moment.

    Raises:
        ProbeError: It does not answer.

    """
    return measured(site, prometheus)


def _bounds(site: Site, found: Fleet) -> Mapping[str, tuple[int, int]]:
    bounds: dict[str, tuple[int, int]] = {}
    for name in dict.fromkeys(key[0] for key, n in found.processes.items() if n):
        own = site.config.systems[name]
        least, most = (
            sum(
                n * process(site, *key, replace(own, cardinality={**own.cardinality, SPREAD.name: spread})).series
                for key, n in found.processes.items()
                if key[0] == name
            )
            for spread in (0.0, 1.0)
        )
        if least < most:
            bounds[name] = least, most
    return bounds


def _ways(site: Site, page: Process) -> Ways:
    system, config = site.catalogue.systems[page.system], page.config
    key = page.system, page.role, page.era
    if not system.exposure or not variant_of(system, config, page.role, page.era).exposure:
        return {}
    found = {UI: process(site, *key, replace(config, exposure=UI)).series}
    for tier in tiers(system):
        found[f"tier {tier}"] = process(site, *key, replace(config, exposure="internal", tier=tier)).series
    return found


__all__ = ["BYTES_PER_SAMPLE", "Cost", "Fleet", "Measured", "asked", "cost", "fleet"]
