"""Queries of gauges: sums where a sum means something, else the greatest or least value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from generator.catalogue import Kind, Metric
from generator.errors import QueryError
from generator.promql.query import Query, indented
from generator.promql.scope import Scope
from generator.promql.series import aggregate, both, legend, need, query, require_labels, select, target_labels
from generator.promql.wording import sentence

GAUGES = (Kind.GAUGE, Kind.INFO)

#: Aggregations in words.
_OVER = {
    "sum": "Sum of {}",
    "max": "Maximum of {}",
    "min": "Minimum of {}",
    "count": "Number of series of {}",
    "avg": "Mean of {}",
}
#: Functions over the window in words.
_WORDS = {
    "changes": "{} (changes within the window)", "resets": "{} (falls within the window)", "avg_over_time": "{} (mean over the window)",
    "quantile_over_time": "{} (median over the window)", "min_over_time": "{} (least within the window)",
    "delta": "{} (growth within the window)", "last_over_time": "{} (newest value within the window)",
    "count_over_time": "{} (samples within the window)",
}  # fmt: skip


def total(metric: Metric | Query, *, by: Sequence[str] = ()) -> Query:
    """Return the sum of a gauge over processes, or of a query over the labels that it has beyond `by`.

    Raises:
        QueryError: Not a gauge; or each process repeats one global value, or the last writer's, so a sum means nothing.

    """
    if isinstance(metric, Query):
        return _put_together(metric, by, "sum")
    need(metric, GAUGES, "total")
    if metric.aggregate not in ("sum", "instance"):
        why = {
            "global": "every process repeats one global value",
            "max": "it is one session's value",
            "min": "it is one run's value",
        }
        what = f"sum of {metric.full_name} ({metric.place}): {why.get(metric.aggregate, 'no sum of it means anything')}"
        raise QueryError(what, "use level()")
    return _gauge(metric, by, "sum")


def level(metric: Metric, *, by: Sequence[str] = ()) -> Query:
    """Return the value of a gauge over processes, put together as the catalogue says: sum, max or min.

    Raises:
        QueryError: Not a gauge; or it has a meaning per process only.

    """
    need(metric, GAUGES, "level")
    functions = {"sum": "sum", "global": "max", "max": "max", "min": "min"}
    if metric.aggregate not in functions:
        raise QueryError(
            f"{metric.full_name} ({metric.place}) has a meaning per process only", "use peak(), lowest() or each()"
        )
    return _gauge(metric, by, functions[metric.aggregate], measure="{}" if metric.aggregate == "global" else "")


def peak(metric: Metric | Query, *, by: Sequence[str] = ()) -> Query:
    """Greatest value of a gauge, or of a query made by `each`, over processes."""
    return _extreme(metric, by, "max")


def lowest(metric: Metric | Query, *, by: Sequence[str] = ()) -> Query:
    """Least value of a gauge, or of a query made by `each`, over processes."""
    return _extreme(metric, by, "min")


def count(metric: Metric | Query, *, by: Sequence[str] = ()) -> Query:
    """Return the number of series of a gauge, or of a query made by `each`: with one series per process, the number of processes.

    Never 0: nothing when there is none.
    """
    if isinstance(metric, Query):
        return replace(_put_together(metric, by, "count"), unit="instances")
    need(metric, GAUGES, "count")
    return replace(_gauge(metric, by, "count"), unit="instances")


def each(metric: Metric) -> Query:
    """A gauge as it is, one value per series; combine it with others of the same process, then aggregate by `peak` or `lowest`."""
    need(metric, GAUGES, "each")
    targets = target_labels(metric)
    return query(
        metric, targets, metric.unit, lambda scope: both(metric, lambda part: select(part, scope)), check=False
    )


def changes(metric: Metric, *, by: Sequence[str] = ()) -> Query:
    """How often a gauge changed its value within the window, summed over series."""
    need(metric, GAUGES, "changes")
    return replace(_over_time(metric, by, "sum", "changes"), unit="changes")


def falls(metric: Metric, *, by: Sequence[str] = ()) -> Query:
    """How often a gauge fell within the window, summed over series."""
    need(metric, GAUGES, "falls")
    return replace(_over_time(metric, by, "sum", "resets"), unit="changes")


def average(metric: Metric, *, by: Sequence[str] = ()) -> Query:
    """Mean of a gauge over the window and over series."""
    need(metric, GAUGES, "average")
    return _over_time(metric, by, "avg", "avg_over_time")


def typical(metric: Metric, *, by: Sequence[str] = ()) -> Query:
    """Median of a gauge over the window, the greatest one over series: a few values that are far off do not count."""
    need(metric, GAUGES, "typical")
    return _over_time(metric, by, "max", "quantile_over_time", "0.5, ")


def least(metric: Metric, *, by: Sequence[str] = ()) -> Query:
    """Least value of a gauge within the window, the greatest one over series: what it never fell below."""
    need(metric, GAUGES, "least")
    return _over_time(metric, by, "max", "min_over_time")


def growth(metric: Metric, *, by: Sequence[str] = ()) -> Query:
    """How much a gauge grew within the window, less than 0 where it fell; the greatest growth over series."""
    need(metric, GAUGES, "growth")
    return _over_time(metric, by, "max", "delta")


def latest(metric: Metric, *, by: Sequence[str] = ()) -> Query:
    """Newest value within the window, also of a series that ended since, summed over series."""
    need(metric, GAUGES, "latest")
    return _over_time(metric, by, "sum", "last_over_time")


def samples(metric: Metric, *, by: Sequence[str] = ()) -> Query:
    """How many samples a gauge had within the window, of the series with most: for how long it was there."""
    need(metric, GAUGES, "samples")
    return replace(_over_time(metric, by, "max", "count_over_time"), unit="samples")


def age(start_time: Metric, *, by: Sequence[str] = ()) -> Query:
    """Seconds since the youngest process started, by its newest start time within the window: failed scrapes do not hide it."""
    need(start_time, GAUGES, "age")

    def build(scope: Scope) -> str:
        newest = f"max_over_time({select(start_time, scope)}{scope.range})"
        return f"time() - {aggregate('max', by, newest, start_time)}"

    return replace(
        query(start_time, by, "seconds", build),
        compound=True,
        reading=sentence("Time since the youngest process started.").grouped(by),
    )


def earlier(metric: Metric, offset: str, *, by: Sequence[str] = ()) -> Query:
    """Greatest value that a gauge had `offset` ago: that it was there then."""
    need(metric, GAUGES, "earlier")

    def build(scope: Scope) -> str:
        return aggregate("max", by, both(metric, lambda part: f"{select(part, scope)} offset {offset}"), metric)

    return query(metric, by, metric.unit, build)


def absent(metric: Metric) -> Query:
    """1 when there is no series at all, else nothing; its labels are those that the selector fixes."""
    need(metric, GAUGES, "absent")
    return query(metric, (), "none", lambda scope: f"absent({select(metric, scope)})", measure="1 where there is no {}")


def present(metric: Metric, *, by: Sequence[str] = ()) -> Query:
    """Number of series of a metric of any kind, by `by`: that they exist, whatever their value."""
    suffix = "_count" if "_count" in metric.parts else ""
    return query(
        metric,
        by,
        "series",
        lambda scope: aggregate("count", by, select(metric, scope, suffix), metric),
        measure="Number of series of {}",
    )


def distinct(metric: Metric | Query, label: str, *, by: Sequence[str] = ()) -> Query:
    """Return how many values `label` has on the series of a metric of any kind, or of a query made by `each`, by `by`.

    Raises:
        QueryError: A label is unknown.

    """
    if isinstance(metric, Query):
        return replace(_put_together(_put_together(metric, (*by, label), "count"), by, "count"), unit="series")
    require_labels(metric, (label,))
    suffix = "_count" if "_count" in metric.parts else ""

    def build(scope: Scope) -> str:
        return aggregate("count", by, aggregate("count", (*by, label), select(metric, scope, suffix), metric), metric)

    return query(metric, by, "series", build, measure=f"Number of values of {label} on the series of {{}}")


def restarts(start_time: Metric, *, by: Sequence[str] = ()) -> Query:
    """Restarts within the window: how often the start time of a process changed at one address."""
    need(start_time, GAUGES, "restarts")

    def build(scope: Scope) -> str:
        return aggregate("sum", by, f"changes({select(start_time, scope)}{scope.range})", start_time)

    return replace(
        query(start_time, by, "restarts", build),
        reading=sentence("Restarts of processes at an unchanged address, within the window").grouped(by),
    )


def _over_time(metric: Metric, by: Sequence[str], outer: str, function: str, first: str = "") -> Query:
    def build(scope: Scope) -> str:
        return aggregate(
            outer, by, both(metric, lambda part: f"{function}({first}{select(part, scope)}{scope.range})"), metric
        )

    measure = _WORDS[function].format(_OVER[outer])
    return query(metric, by, metric.unit, build, measure=measure)


def _gauge(metric: Metric, by: Sequence[str], function: str, measure: str = "") -> Query:
    def build(scope: Scope) -> str:
        return aggregate(function, by, both(metric, lambda part: select(part, scope)), metric)

    return query(metric, by, metric.unit, build, measure=measure or _OVER[function])


def _extreme(metric: Metric | Query, by: Sequence[str], function: str) -> Query:
    if isinstance(metric, Metric):
        need(metric, GAUGES, function)
        return _gauge(metric, by, function)
    return _put_together(metric, by, function)


def _put_together(made: Query, by: Sequence[str], function: str) -> Query:
    text, source = made.build, made.metrics[0]
    require_labels(source, by)

    def build(scope: Scope) -> str:
        inner = text(scope)
        return aggregate(function, by, f"\n{indented(inner)}\n" if "\n" in inner else inner, source)

    reading = made.reading.of(_OVER[function]).grouped(by)
    return replace(made, build=build, labels=tuple(by), legend=legend(by), compound=False, reading=reading)
