"""Queries of histograms and summaries: quantiles, means, shares within a bucket edge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from generator.catalogue import Kind, Limit, Matcher, Metric
from generator.errors import QueryError
from generator.promql.query import Query
from generator.promql.scope import Scope
from generator.promql.series import added, aggregate, both, legend, need, query, select
from generator.promql.wording import limited, percentile
from generator.units import number

HISTOGRAMS = (Kind.HISTOGRAM,)
OBSERVING = (Kind.HISTOGRAM, Kind.SUMMARY)

_OBSERVED = "Observations per second; observed is the {}"

#: Powers of ten between which Go, and so Prometheus 3, writes a number without an exponent.
_SMALL, _LARGE = -4, 6


def mean(metric: Metric, *, by: Sequence[str] = ()) -> Query:
    """Mean of a histogram's or summary's observations over the window, in its unit. NaN without observations."""
    need(metric, OBSERVING, "mean")

    def build(scope: Scope) -> str:
        return f"{added(metric, by, scope, 'rate', '_sum')}\n/\n{added(metric, by, scope, 'rate', '_count')}"

    return replace(query(metric, by, metric.unit, build, measure="Mean of {}"), compound=True)


def observations(metric: Metric, *, by: Sequence[str] = (), unit: str = "") -> Query:
    """Observations of a histogram or summary per second; `unit` says of what."""
    need(metric, OBSERVING, "observations")
    return query(
        metric,
        by,
        f"{unit or 'samples'}/s",
        lambda scope: added(metric, by, scope, "rate", "_count"),
        measure=_OBSERVED,
    )


def observed(metric: Metric, *, by: Sequence[str] = (), unit: str = "") -> Query:
    """Observations of a histogram or summary within the window; `unit` says of what."""
    need(metric, OBSERVING, "observed")
    return query(
        metric,
        by,
        unit or "samples",
        lambda scope: added(metric, by, scope, "increase", "_count"),
        measure="Observations within the window of {}",
    )


def volume(metric: Metric, *, by: Sequence[str] = (), ago: str = "") -> Query:
    """Sum of a histogram's or summary's observations per second, in its unit per second; `ago` as for `rate`."""
    need(metric, OBSERVING, "volume")
    return query(
        metric,
        by,
        f"{metric.unit}/s",
        lambda scope: added(metric, by, scope, "rate", "_sum", ago=ago),
        measure="Sum per second of {}",
    )


def amount(metric: Metric, *, by: Sequence[str] = ()) -> Query:
    """Sum of a histogram's or summary's observations within the window, in its unit."""
    need(metric, OBSERVING, "amount")
    return query(
        metric,
        by,
        metric.unit,
        lambda scope: added(metric, by, scope, "increase", "_sum"),
        measure="Sum within the window of {}",
    )


def buckets(metric: Metric, *, by: Sequence[str] = ()) -> Query:
    """Cumulative bucket rates of a histogram, by `le` and `by`; what `quantile_of` and a heat map read."""
    need(metric, HISTOGRAMS, "buckets")
    return query(
        metric,
        ("le", *by),
        f"{metric.unit}/s",
        lambda scope: added(metric, ("le", *by), scope, "rate", "_bucket"),
        measure="Distribution of {}",
    )


def quantile(q: float, metric: Metric, *, by: Sequence[str] = ()) -> Query:
    """Return the `q`-quantile, 0 to 1, of a histogram, in its unit; never above the last finite edge.

    Raises:
        QueryError: Not a histogram, `q` outside 0 to 1, or a label is unknown.

    """
    need(metric, HISTOGRAMS, "quantile")
    return quantile_of(q, buckets(metric, by=by))


def quantile_of(q: float, rates: Query) -> Query:
    """Return the `q`-quantile, 0 to 1, of bucket rates, in the histogram's unit.

    Raises:
        QueryError: The query lost `le`, or `q` is outside 0 to 1.

    """
    if "le" not in rates.labels:
        raise QueryError(f"quantile of a query by ({', '.join(rates.labels)}): 'le' was dropped", "group by 'le' too")
    if not 0 < q < 1:
        raise QueryError(f"quantile {q:g}", "use a number between 0 and 1")
    rest = tuple(label for label in rates.labels if label != "le")
    text = rates.build
    return replace(
        rates,
        build=lambda scope: f"histogram_quantile({q:g}, {text(scope)})",
        unit=rates.unit.removesuffix("/s"),
        labels=rest,
        legend=f"p{q * 100:g} {legend(rest)}".strip(),
        edges=rates.metrics[0].buckets,
        compound=False,
        reading=replace(rates.reading, measure=percentile(q)),
    )


def share_within(metric: Metric, edge: float, *, by: Sequence[str] = ()) -> Query:
    """Return the share of a histogram's observations that are at most `edge`, 0 to 1. NaN without observations.

    Raises:
        QueryError: Not a histogram, `edge` is no bucket edge below the last one, or a label is unknown.

    """
    return _share(metric, edge, by, good=True)


def share_above(metric: Metric, edge: float, *, by: Sequence[str] = ()) -> Query:
    """Return the share of a histogram's observations that are above `edge`, 0 to 1. NaN without observations.

    Raises:
        QueryError: Not a histogram, `edge` is no bucket edge below the last one, or a label is unknown.

    """
    return _share(metric, edge, by, good=False)


def tail(q: float, metric: Metric, limit: Limit, *, by: Sequence[str] = ()) -> Query:
    """Return the share of a histogram's observations that are above `limit`, 0 to 1, where its `q`-quantile is above it.

    It reads one bucket of each series where the quantile reads them all: over a fleet, the dearest thing that a rule can do.

    Raises:
        QueryError: Not a histogram, the limit is no bucket edge below the last one, or a label is unknown.

    """
    return replace(share_above(metric, limit.value, by=by).above(round(1 - q, 6)), limits=(limit.name,))


def within(metric: Metric, edge: float, *, by: Sequence[str] = (), unit: str = "") -> Query:
    """Return observations per second that are at most `edge`; `unit` says of what.

    Raises:
        QueryError: Not a histogram, `edge` is no bucket edge below the last one, or a label is unknown.

    """
    need(metric, HISTOGRAMS, "within")
    _edge(metric, edge)
    return query(
        metric,
        by,
        f"{unit or 'samples'}/s",
        lambda scope: _within(metric, edge, by, scope),
        measure=f"Observations per second of at most {limited(edge, metric.unit)}; observed is the {{}}",
    )


def exceeded(metric: Metric, edge: float, *, by: Sequence[str] = (), unit: str = "") -> Query:
    """Return observations within the window that are above `edge`; `unit` says of what.

    Raises:
        QueryError: Not a histogram, `edge` is no bucket edge below the last one, or a label is unknown.

    """
    need(metric, HISTOGRAMS, "exceeded")
    _edge(metric, edge)

    def build(scope: Scope) -> str:
        return f"{added(metric, by, scope, 'increase', '_count')}\n-\n{_within(metric, edge, by, scope, 'increase')}"

    measure = f"Observations above {limited(edge, metric.unit)} within the window; observed is the {{}}"
    return replace(query(metric, by, unit or "samples", build, measure=measure), compound=True)


def _share(metric: Metric, edge: float, by: Sequence[str], *, good: bool) -> Query:
    need(metric, HISTOGRAMS, "share")
    _edge(metric, edge)

    def build(scope: Scope) -> str:
        share = f"{_within(metric, edge, by, scope)}\n/\n{added(metric, by, scope, 'rate', '_count')}"
        return share if good else f"1 -\n{share}"

    side = "of at most" if good else "above"
    measure = f"Share of observations {side} {limited(edge, metric.unit)}; observed is the {{}}"
    return replace(query(metric, by, "ratio", build, measure=measure), compound=True)


def _edge(metric: Metric, edge: float) -> None:
    if edge not in metric.buckets[:-1]:
        edges = ", ".join(number(e) for e in metric.buckets[:-1])
        raise QueryError(
            f"{number(edge)} is no bucket edge of {metric.full_name} ({metric.place}) below its last one",
            f"use one of {edges}",
        )


def at_edge(metric: Metric, edge: float, part: Metric) -> Matcher:
    """Return the matcher of one bucket of `part`, the metric or its older half; `edge` is in the metric's own unit.

    Prometheus 2 keeps `1000`, 3 makes it `1000.0`, and the server itself writes both. From a million on, and below a
    ten-thousandth, Prometheus 3 writes an exponent.

    Raises:
        QueryError: It is no bucket edge below the last one.

    """
    _edge(metric, edge)
    text = number(edge if part is not metric.before else edge / metric.factor)
    plain = text.replace(".", "\\.") + ("" if "." in text else "(\\.0)?")
    power = Decimal(text).adjusted()
    if _SMALL <= power < _LARGE:
        return Matcher("le", "=~", plain)
    digits = f"{Decimal(text).scaleb(-power).normalize():f}".replace(".", "\\.")
    sign = "-" if power < 0 else "\\+"
    return Matcher("le", "=~", f"{plain}|{digits}e{sign}{abs(power):02d}")


def _within(metric: Metric, edge: float, by: Sequence[str], scope: Scope, function: str = "rate") -> str:
    """Bucket rate (or increase) at one edge."""

    def inner(part: Metric) -> str:
        return f"{function}({select(part, scope, '_bucket', at_edge(metric, edge, part))}{scope.range})"

    return aggregate("sum", by, both(metric, inner), metric)
