"""Queries of counters: rates, increases, first events, restarts."""

from __future__ import annotations

from collections.abc import Sequence

from generator.catalogue import Kind, Metric
from generator.promql.query import Query, indented
from generator.promql.scope import Scope
from generator.promql.series import added, aggregate, both, need, plain, query, select, target_labels
from generator.units import number, period, seconds

COUNTERS = (Kind.COUNTER,)

_COUNTED = "Increase within the window of {}"


def rate(metric: Metric, *, by: Sequence[str] = (), ago: str = "") -> Query:
    """Return events (or units) per second, summed over every label not in `by`.

    Args:
        metric: The counter.
        by: Labels to keep.
        ago: How long ago the window ended, such as `1d`; now without.

    Raises:
        QueryError: Not a counter, or a label is unknown.

    """
    need(metric, COUNTERS, "rate")
    return query(
        metric,
        by,
        f"{metric.unit}/s",
        lambda scope: added(metric, by, scope, "rate", ago=ago),
        measure=_rate(metric, ago),
    )


def increase(metric: Metric, *, by: Sequence[str] = (), ago: str = "") -> Query:
    """Return events (or units) within the window, summed over every label not in `by`.

    Not a whole number: Prometheus extrapolates.

    Args:
        metric: The counter.
        by: Labels to keep.
        ago: How long ago the window ended, such as `1d`; now without.

    Raises:
        QueryError: Not a counter, or a label is unknown.

    """
    need(metric, COUNTERS, "increase")
    return query(metric, by, metric.unit, lambda scope: added(metric, by, scope, "increase", ago=ago), measure=_COUNTED)


def increments(metric: Metric, *, by: Sequence[str] = ()) -> Query:
    """Return events (or units) within the window, as `increase()`, of those series alone that moved in it.

    For limits in an alert.

    On Prometheus the sum is the same, or nothing instead of 0. VictoriaMetrics takes the first sample of a small counter for
    an increase, and not for a rate: with `rate()` beside it, an old counter that is found late stays silent there too.

    Args:
        metric: The counter.
        by: Labels to keep.

    Raises:
        QueryError: Not a counter, or a label is unknown.

    """
    need(metric, COUNTERS, "increments")

    def inner(part: Metric, scope: Scope) -> str:
        return " and ".join(
            f"{function}({select(part, scope)}{scope.range}){test}"
            for function, test in (("increase", ""), ("rate", " > 0"))
        )

    def build(scope: Scope) -> str:
        return aggregate("sum", by, both(metric, lambda part: inner(part, scope)), metric)

    return query(metric, by, metric.unit, build, measure=_COUNTED)


def occurrences(metric: Metric, *, by: Sequence[str] = (), clock: bool = True) -> Query:
    """Return events within the window, 0 left out, by a counter whose series is born at its first event.

    `increase()` never sees the event that a series is born with. So a series also counts when it did not exist a window
    ago while its target was up, or when its process is younger than the window; a target found late and a gap of
    Prometheus do not count.

    A series counts by the first clause that holds: a new one by its value, which is all that happened, an old one by its
    increase. `rate()` beside it changes nothing on Prometheus; VictoriaMetrics takes the first sample of a small counter
    for an increase, and not for a rate.

    Args:
        metric: The counter.
        by: Labels to keep.
        clock: Its process tells when it started. Without, what a series is born with right after a start is not seen.

    Raises:
        QueryError: Not a counter, or a label is unknown.

    """
    need(metric, COUNTERS, "happened")

    def inner(part: Metric, scope: Scope) -> str:
        series, window = select(part, scope), scope.window
        up = plain("up", part, scope)
        start = plain("process_start_time_seconds", part, scope)
        on = f"on ({', '.join(target_labels(part))})"
        newborn = f"or\n{series} > 0 and {on} (time() - {start} < {number(seconds(window))})\n" if clock else ""
        return (
            f"({series} > 0 unless {series} offset {window}) and {on} ({up} offset {window} == 1)\n"
            f"{newborn}or\nincrease({series}[{window}]) > 0 and rate({series}[{window}]) > 0"
        )

    def build(scope: Scope) -> str:
        return aggregate("sum", by, "\n" + indented(both(metric, lambda part: inner(part, scope))) + "\n", metric)

    return query(metric, by, metric.unit, build, measure=_COUNTED)


def spikes(metric: Metric, *, by: Sequence[str] = ()) -> Query:
    """Return events within the window by a counter that is born when its process stops and goes with it.

    `increase()` sees none of them: the series never has a value before. The greatest value of each series is what it
    counted; a process that stops twice at one address within the window counts once.
    """
    need(metric, COUNTERS, "spikes")

    def build(scope: Scope) -> str:
        return aggregate("sum", by, f"max_over_time({select(metric, scope)}{scope.range})", metric)

    return query(metric, by, metric.unit, build, measure=_COUNTED)


def gains(metric: Metric, step: str, *, by: Sequence[str] = ()) -> Query:
    """Return events within the window by a counter that is born when its process stops and goes with it.

    That may happen again and again at one address.

    `increase()` sees none of them: the series never has a value before. So what each series gains from step to step is added
    up, and what it is born with is a gain.

    Args:
        metric: The counter.
        step: Seconds between two looks, as a duration: a scrape, which is as long as the shortest life of such a series.
        by: Labels to keep.

    Raises:
        QueryError: Not a counter, or a label is unknown.

    """
    need(metric, COUNTERS, "gains")

    def build(scope: Scope) -> str:
        seen = f"max_over_time({select(metric, scope)}[{period(2 * seconds(step))}]"  # a scrape that fails is no end
        gained = aggregate("sum", by, f"clamp_min({seen}) - ({seen} offset {step}) or {seen}) * 0), 0)", metric)
        return f"sum_over_time(({gained})[{scope.window}:{step}])"

    return query(metric, by, metric.unit, build, measure=_COUNTED)


def starts(started: Metric, *, by: Sequence[str] = ()) -> Query:
    """Processes whose start counter exists: it is 1 for the whole life of a process, so it is counted and never rated."""
    need(started, COUNTERS, "starts")

    def build(scope: Scope) -> str:
        return aggregate("count", by, select(started, scope), started)

    return query(started, by, "instances", build, measure="Number of processes that report {}")


def _rate(metric: Metric, ago: str) -> str:
    """Return the measure of a rate in words; processor seconds per second are cores."""
    return f"{'Cores' if metric.unit == 'seconds' else 'Rate per second'}{ago and f', {ago} ago,'} of {{}}"
