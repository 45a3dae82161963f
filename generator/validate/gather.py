"""Asks a Prometheus what it has of the catalogue: a few small queries per system and one per metric."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from generator.catalogue import Matcher, Metric
from generator.config.site import Site
from generator.promql import select
from generator.promql.scope import Scope
from generator.units import seconds
from generator.validate.evidence import Evidence, Processes
from generator.validate.forms import Forms
from generator.validate.pool import spread
from generator.validate.probe import AbsentError
from generator.validate.prometheus import Prometheus

#: What was there in one of so many scrapes is there.
SCRAPES = 4


def metrics_of(site: Site, name: str) -> Iterator[tuple[Metric, str]]:
    """Yield every metric that targets of a system have, with the system on whose targets it is looked for."""
    for metric in site.system(name):
        yield metric, name
    for page in site.catalogue.systems[name].pages:
        for metric in site.system(page, on=name):
            yield metric, name


def count_query(site: Site, metric: Metric, scale: float = 1.0) -> str:
    """Return a query for the number of series of a metric within the last scrapes; of a histogram, of its children.

    Within several: what one target has alone is not there for a moment when a single scrape of it is late.
    """
    part = "_count" if "_count" in metric.parts else metric.parts[0]
    recent = SCRAPES * seconds(site.timing.scrape) / scale
    return f"count(last_over_time({select(metric, Scope('', site.selectors), part)}[{recent * 1000:.0f}ms]))"


def gather(
    site: Site, prometheus: Prometheus, *, scale: float = 1.0, since: float = 0.0, too_early: str = ""
) -> Evidence:
    """Ask what is there: a few small queries per system and one per metric; none returns more than a few series.

    Args:
        site: The installation.
        prometheus: Whom to ask.
        scale: Virtual seconds per second.
        since: Unix seconds from which on names of series are of interest.
        too_early: That it is too early to miss something; empty where it is not.

    Returns:
        What Prometheus has of each system: its targets, names and rules, for all verdicts to be drawn from.

    Raises:
        ProbeError: Prometheus does not answer.

    """
    on = [name for name, config in site.config.systems.items() if config.enabled]
    wanted = [pair for name in on for pair in metrics_of(site, name)]
    wanted += [(m, other) for other in ("prometheus", "exporters") for m in site.system(other)]
    queries = [count_query(site, m, scale) for m, _ in wanted]
    numbers = spread(lambda q: _number(prometheus, q), queries)
    counts = {(name, m.full_name): n for (m, name), n in zip(wanted, numbers, strict=True)}
    processes = dict(zip(on, spread(lambda name: _processes(site, prometheus, name), on), strict=True))
    ages = dict(zip(on, spread(lambda name: _age(site, prometheus, name), on), strict=True))
    evidence = Evidence(
        site, processes, counts, {k: a for k, a in ages.items() if a is not None}, scale, too_early=too_early
    )
    here = [name for name in on if processes[name].scraped]
    return replace(
        evidence,
        forms=_forms(evidence, prometheus, {name: [m for m, o in wanted if o == name] for name in here}, since),
    )


def _forms(evidence: Evidence, prometheus: Prometheus, wanted: Mapping[str, list[Metric]], since: float) -> Forms:
    """Return the names of all series at the targets of each system; of those that may be a reason, only what is there now."""
    site = evidence.site

    def selector(name: str, series: str = "") -> str:
        # One edge of a histogram stands for all.
        edge = (Matcher("le", "=", "+Inf"),) if series.endswith("_bucket") else ()
        return f"{series}{{{', '.join(map(str, (*site.selectors, *site.target_matchers(name), *edge)))}}}"

    def listed(name: str) -> frozenset[str]:
        try:
            return frozenset(prometheus.label_values("__name__", [selector(name)], since))
        except AbsentError:
            return frozenset()

    known = frozenset(s for system in site.catalogue.systems for m in site.system(system) for s in m.series)
    names = dict(zip(wanted, spread(listed, list(wanted)), strict=True))
    forms = Forms(names, known)
    doubts = sorted(
        {(n, s) for n, ms in wanted.items() for m in ms for s in forms.doubtful(m, n, seen=bool(evidence.count(m, n)))}
    )
    # Twice as far back as what was counted before: nothing may seem to be gone because the one was asked later.
    recent = 2 * SCRAPES * seconds(site.timing.scrape) / evidence.scale
    queries = [f"count(last_over_time({selector(n, s)}[{recent * 1000:.0f}ms]))" for n, s in doubts]
    gone = {pair for pair, n in zip(doubts, spread(lambda q: _number(prometheus, q), queries), strict=True) if not n}
    return Forms({n: frozenset(s for s in found if (n, s) not in gone) for n, found in names.items()}, known)


def _number(prometheus: Prometheus, query: str) -> int:
    return int(sum(s.values[0] for s in prometheus.numbers(query)))


def _processes(site: Site, prometheus: Prometheus, name: str) -> Processes:
    up = select(site.system("prometheus", on=name)["up"], Scope("", site.selectors))
    role = site.labels.role

    def by(expr: str) -> dict[str, int]:
        return {s.labels.get(role, ""): int(s.values[0]) for s in prometheus.numbers(f"{expr} by ({role}) ({up})")}

    return Processes(by("count"), by("sum"))


def _age(site: Site, prometheus: Prometheus, name: str) -> float | None:
    if "process" not in site.catalogue.systems[name].pages:
        return None
    started = select(site.system("process", on=name)["process_start_time_seconds"], Scope("", site.selectors))
    return next((s.values[0] for s in prometheus.numbers(f"time() - max({started})")), None)
