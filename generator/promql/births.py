"""Rates that see first events: a counter whose series is born at its first event has no value before it.

`rate()` never sees the events that a series is born with: four series that are born with 23 failures give 0. For a share of
bad events that is the wrong answer exactly when it matters, at the first failures after a start.
"""

from __future__ import annotations

from collections.abc import Sequence

from generator.catalogue import Kind, Metric
from generator.promql.histograms import OBSERVING, at_edge
from generator.promql.query import Query, indented
from generator.promql.scope import Scope
from generator.promql.series import aggregate, both, need, plain, query, select, target_labels
from generator.promql.wording import limited
from generator.units import number, seconds


def events(metric: Metric, *, by: Sequence[str] = (), unit: str = "", within: float | None = None) -> Query:
    """Return events per second within the window, with those that a series is born with; summed over every label not in `by`.

    For the first window of its life, a series counts by its value, which is all that happened; after that by its rate. It is
    new when it was not there a window ago although its target was up, or although its process is younger than that: a
    target that is found late and a gap of Prometheus bring no events. An event so weighs the same whether it is a first
    one or not: added up over all rounds of evaluation, each is counted once.

    Args:
        metric: A counter; or a histogram or summary, whose events are its observations.
        by: Labels to keep.
        unit: Of what; the metric's own unit for a counter, samples for others, unless it is said.
        within: Count only observations of a histogram that are at most this bucket edge.

    Raises:
        QueryError: Of another kind, or a label is unknown, or `within` is no bucket edge below the last one.

    """
    need(metric, (Kind.HISTOGRAM,) if within is not None else (Kind.COUNTER, *OBSERVING), "events")
    counter = metric.kind is Kind.COUNTER

    def inner(part: Metric, scope: Scope) -> str:
        if within is None:
            series = select(part, scope, "" if counter else "_count")
        else:
            series = select(part, scope, "_bucket", at_edge(metric, within, part))
        return _with_births(series, part, scope)

    def build(scope: Scope) -> str:
        return aggregate("sum", by, "\n" + indented(both(metric, lambda part: inner(part, scope))) + "\n", metric)

    return query(
        metric, by, f"{unit or (metric.unit if counter else 'samples')}/s", build, measure=_measure(metric, within)
    )


def _with_births(series: str, part: Metric, scope: Scope) -> str:
    """Return the rate of each series of a selector; of a new one, its value over the window."""
    window, on = scope.window, f"on ({', '.join(target_labels(part))})"
    up, start = plain("up", part, scope), plain("process_start_time_seconds", part, scope)
    length = number(seconds(window))
    return (
        f"((({series} unless {series} offset {window})\n"
        f"and {on} (({up} offset {window} == 1) or (time() - {start} < {length}))) / {length})\n"
        f"or\nrate({series}[{window}])"
    )


def _measure(metric: Metric, within: float | None) -> str:
    if metric.kind is Kind.COUNTER:
        return "Rate per second of {}"
    at_most = "" if within is None else f" of at most {limited(within, metric.unit)}"
    return f"Observations per second{at_most}; observed is the {{}}"
