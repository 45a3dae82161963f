"""Every metric of a system, each with the function that its type wants and the aggregation that its catalogue names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from generator.boards.layout import Board, board, row
from generator.boards.panel import Panel
from generator.boards.panels import heat, lines
from generator.boards.tables import Column, table
from generator.catalogue import Kind, Metric, System
from generator.config.site import Site
from generator.promql import amount, buckets, count, level, mean, observations, peak, quantile, rate
from generator.promql.query import Query

#: Lines of a graph at most that the values of its labels make.
LINES = 20

#: Labels that tell more than others.
BREAKDOWNS = ("status", "code", "status_code", "state", "result", "outcome", "reason", "type", "mode", "method")

#: Metrics of a row at least; what begins with a word that few begin with stands in the last row.
FEW = 3

#: Metrics of a board at most: Grafana's API and a ConfigMap take no more than a mebibyte.
MOST = 150

#: Rows that are open from the start; a board of hundreds of metrics asks for what is looked at.
OPEN = 2


def numbers(system: System) -> range:
    """Return the numbers of the boards that a system's metrics take, from 1."""
    return range(1, -(-len(_shown(system.metrics)) // MOST) + 1)


def stem(system: str, number: int) -> str:
    """Return the stem of one of these boards."""
    return f"{system}_metrics" if number == 1 else f"{system}_metrics_{number}"


def dashboard(site: Site, system: str, number: int = 1) -> Board:
    """Build the board with this number."""
    title, own = site.catalogue.systems[system].title, _shown([*site.system(system)])
    named = [
        row(name, *(panel for metric in group for panel in panels(site, metric)), collapsed=place >= OPEN)
        for place, (name, group) in enumerate(grouped(own[(number - 1) * MOST : number * MOST]))
    ]
    return board(
        site,
        stem(system, number),
        f"{title} / All metrics" + (f" ({number})" if number > 1 else ""),
        system=system,
        about=f"What does {title} say of itself? For readers who look for a metric that no other board shows.",
        rows=[one for one in named if one.panels],
    )


def _shown(metrics: Sequence[Metric]) -> list[Metric]:
    return [metric for metric in metrics if not metric.no_board]


def grouped(metrics: list[Metric]) -> Iterator[tuple[str, list[Metric]]]:
    """Yield the metrics in groups, by the first word of their names, in the order of the catalogue; small groups last, as one."""
    groups: dict[str, list[Metric]] = {}
    for metric in metrics:
        groups.setdefault(metric.base.partition("_")[0], []).append(metric)
    small = [metric for group in groups.values() if len(group) < FEW for metric in group]
    yield from ((name.capitalize(), group) for name, group in groups.items() if len(group) >= FEW)
    if small:
        yield ("Other metrics" if len(small) < len(metrics) else "Metrics"), small


def panels(site: Site, metric: Metric) -> Iterator[Panel]:
    """Yield the panels of a metric."""
    by, name = closed(metric), metric.full_name
    match metric.kind:
        case Kind.COUNTER:
            yield lines(name, rate(metric, by=by))
        case Kind.HISTOGRAM if "_bucket" in metric.parts:
            yield lines(f"{name}: quantiles", *(quantile(q, metric) for q in (0.5, 0.95, 0.99)))
            yield heat(f"{name}: distribution", buckets(metric))
        case Kind.HISTOGRAM | Kind.SUMMARY if {"_sum", "_count"} <= {*metric.parts}:
            yield lines(f"{name}: mean", mean(metric, by=by))
        case Kind.HISTOGRAM | Kind.SUMMARY:
            yield lines(name, (amount if "_sum" in metric.parts else observations)(metric, by=by))
        case Kind.INFO:
            labels = tuple(label.name for label in metric.labels.values() if not label.many)
            yield table(name, [Column("Processes", count(metric, by=labels or (site.labels.instance,)))])
        case _:
            yield lines(name, _gauge(site, metric, by), floor=False)


def _gauge(site: Site, metric: Metric, by: tuple[str, ...]) -> Query:
    """Return a gauge over processes: one line each where values of several have no common meaning."""
    shown = (
        peak(metric, by=(*by, site.labels.instance))
        if metric.aggregate in ("instance", "none")
        else level(metric, by=by)
    )
    return shown * 1000 if metric.unit == "unixtime" else shown


def closed(metric: Metric) -> tuple[str, ...]:
    """Return the labels of a metric whose values are few enough, all together, to be told apart in a graph."""
    out: list[str] = []
    drawn = 1
    for label in metric.labels.values():
        if label.values and drawn * len(label.values) <= LINES:
            drawn *= len(label.values)
            out.append(label.name)
    others = [label.name for label in metric.labels.values() if not label.values and not label.many]
    return tuple(out) or tuple(sorted(others, key=lambda name: name not in BREAKDOWNS)[:1])
