"""PromQL from catalogue metrics: metrics in, `Query` out. Refuses what has no meaning. No Grafana and no YAML.

Where the configuration has servers of two eras, each function reads both and brings the older one to the newer one's
names and units; a board or rule asks for the newer name only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from generator.catalogue import Kind, Matcher, Metric
from generator.errors import QueryError
from generator.query import Query, Scope, number
from generator.units import seconds

_COUNTERS = (Kind.COUNTER,)
_GAUGES = (Kind.GAUGE, Kind.INFO)


def rate(metric: Metric, *, by: Sequence[str] = ()) -> Query:
    """Events (or units) per second, summed over every label not in `by`.

    Raises:
        QueryError: Not a counter, or a label is unknown.

    """
    _need(metric, _COUNTERS, "rate")
    return _query(metric, by, f"{metric.unit}/s", lambda scope: _added(metric, by, scope, "rate"))


def increase(metric: Metric, *, by: Sequence[str] = ()) -> Query:
    """Events (or units) within the window, summed over every label not in `by`; not a whole number, Prometheus extrapolates.

    Raises:
        QueryError: Not a counter, or a label is unknown.

    """
    _need(metric, _COUNTERS, "increase")
    return _query(metric, by, metric.unit, lambda scope: _added(metric, by, scope, "increase"))


def happened(metric: Metric, *, by: Sequence[str] = ()) -> Query:
    """Events within the window, 0 left out, by a counter whose series is born at its first event.

    `increase()` never sees the event that a series is born with. So a series also counts when it did not exist a window
    ago while its target was up, or when its process is younger than the window; a target found late and a gap of
    Prometheus do not count.

    Edge: two of the three clauses can hold for different series at once; each series counts by the first that holds.

    Raises:
        QueryError: Not a counter, or a label is unknown.

    """
    _need(metric, _COUNTERS, "happened")

    def inner(part: Metric, scope: Scope) -> str:
        series, window = select(part, scope), scope.window
        up = _plain("up", part, scope)
        start = _plain("process_start_time_seconds", part, scope)
        on = f"on ({', '.join(_target_labels(part))})"
        return (
            f"increase({series}[{window}]) > 0\n"
            f"or\n({series} > 0 unless {series} offset {window}) and {on} ({up} offset {window} == 1)\n"
            f"or\n{series} > 0 and {on} (time() - {start} < {number(seconds(window))})"
        )

    def build(scope: Scope) -> str:
        return _aggregate("sum", by, "\n" + _inset(_both(metric, lambda part: inner(part, scope))) + "\n", metric)

    return _query(metric, by, metric.unit, build)


def total(metric: Metric, *, by: Sequence[str] = ()) -> Query:
    """Sum of a gauge over processes.

    Raises:
        QueryError: Not a gauge; or each process repeats one global value, or the last writer's, so a sum means nothing.

    """
    _need(metric, _GAUGES, "total")
    if metric.aggregate not in ("sum", "instance"):
        why = {"global": "every process repeats one global value", "max": "it is one session's value", "min": "it is one run's value"}
        what = f"sum of {metric.full_name} ({metric.place}): {why.get(metric.aggregate, 'no sum of it means anything')}"
        raise QueryError(what, "use level()")
    return _gauge(metric, by, "sum")


def level(metric: Metric, *, by: Sequence[str] = ()) -> Query:
    """Value of a gauge over processes, put together as the catalogue says: sum, max or min.

    Raises:
        QueryError: Not a gauge; or it has a meaning per process only.

    """
    _need(metric, _GAUGES, "level")
    functions = {"sum": "sum", "global": "max", "max": "max", "min": "min"}
    if metric.aggregate not in functions:
        raise QueryError(f"{metric.full_name} ({metric.place}) has a meaning per process only", "use peak(), lowest() or each()")
    return _gauge(metric, by, functions[metric.aggregate])


def peak(metric: Metric | Query, *, by: Sequence[str] = ()) -> Query:
    """Greatest value of a gauge, or of a query made by `each`, over processes."""
    return _extreme(metric, by, "max")


def lowest(metric: Metric | Query, *, by: Sequence[str] = ()) -> Query:
    """Least value of a gauge, or of a query made by `each`, over processes."""
    return _extreme(metric, by, "min")


def count(metric: Metric, *, by: Sequence[str] = ()) -> Query:
    """Number of series of a gauge: with one series per process, the number of processes. Never 0: nothing when there is none."""
    _need(metric, _GAUGES, "count")
    return replace(_gauge(metric, by, "count"), unit="instances")


def each(metric: Metric) -> Query:
    """A gauge as it is, one value per series; combine it with others of the same process, then aggregate by `peak` or `lowest`."""
    _need(metric, _GAUGES, "each")
    targets = _target_labels(metric)
    return _query(metric, targets, metric.unit, lambda scope: _both(metric, lambda part: select(part, scope)), check=False)


def restarts(start_time: Metric, *, by: Sequence[str] = ()) -> Query:
    """Restarts within the window: how often the start time of a process changed at one address."""
    _need(start_time, _GAUGES, "restarts")

    def build(scope: Scope) -> str:
        return _aggregate("sum", by, f"changes({select(start_time, scope)}[{scope.window}])", start_time)

    return replace(_query(start_time, by, "restarts", build), help="Restarts of processes at an unchanged address.")


def starts(started: Metric, *, by: Sequence[str] = ()) -> Query:
    """Processes whose start counter exists: it is 1 for the whole life of a process, so it is counted and never rated."""
    _need(started, _COUNTERS, "starts")

    def build(scope: Scope) -> str:
        return _aggregate("count", by, select(started, scope), started)

    return _query(started, by, "instances", build)


def mean(metric: Metric, *, by: Sequence[str] = ()) -> Query:
    """Mean of a histogram's or summary's observations over the window, in its unit. NaN without observations."""
    _need(metric, (Kind.HISTOGRAM, Kind.SUMMARY), "mean")

    def build(scope: Scope) -> str:
        return f"{_added(metric, by, scope, 'rate', '_sum')}\n/\n{_added(metric, by, scope, 'rate', '_count')}"

    return replace(_query(metric, by, metric.unit, build), compound=True)


def observations(metric: Metric, *, by: Sequence[str] = (), unit: str = "") -> Query:
    """Observations of a histogram or summary per second; `unit` says of what."""
    _need(metric, (Kind.HISTOGRAM, Kind.SUMMARY), "observations")
    return _query(metric, by, f"{unit or 'samples'}/s", lambda scope: _added(metric, by, scope, "rate", "_count"))


def observed(metric: Metric, *, by: Sequence[str] = (), unit: str = "") -> Query:
    """Observations of a histogram or summary within the window; `unit` says of what."""
    _need(metric, (Kind.HISTOGRAM, Kind.SUMMARY), "observed")
    return _query(metric, by, unit or "samples", lambda scope: _added(metric, by, scope, "increase", "_count"))


def volume(metric: Metric, *, by: Sequence[str] = ()) -> Query:
    """Sum of a histogram's or summary's observations per second, in its unit per second."""
    _need(metric, (Kind.HISTOGRAM, Kind.SUMMARY), "volume")
    return _query(metric, by, f"{metric.unit}/s", lambda scope: _added(metric, by, scope, "rate", "_sum"))


def buckets(metric: Metric, *, by: Sequence[str] = ()) -> Query:
    """Cumulative bucket rates of a histogram, by `le` and `by`; what `quantile_of` and a heat map read."""
    _need(metric, (Kind.HISTOGRAM,), "buckets")
    return _query(metric, ("le", *by), f"{metric.unit}/s", lambda scope: _added(metric, ("le", *by), scope, "rate", "_bucket"))


def quantile(q: float, metric: Metric, *, by: Sequence[str] = ()) -> Query:
    """The `q`-quantile, 0 to 1, of a histogram, in its unit; never above the last finite edge.

    Raises:
        QueryError: Not a histogram, `q` outside 0 to 1, or a label is unknown.

    """
    _need(metric, (Kind.HISTOGRAM,), "quantile")
    return quantile_of(q, buckets(metric, by=by))


def quantile_of(q: float, query: Query) -> Query:
    """The `q`-quantile, 0 to 1, of bucket rates, in the histogram's unit.

    Raises:
        QueryError: The query lost `le`, or `q` is outside 0 to 1.

    """
    if "le" not in query.labels:
        raise QueryError(f"quantile of a query by ({', '.join(query.labels)}): 'le' was dropped", "group by 'le' too")
    if not 0 < q < 1:
        raise QueryError(f"quantile {q:g}", "use a number between 0 and 1")
    rest = tuple(label for label in query.labels if label != "le")
    text = query.build
    return replace(
        query,
        build=lambda scope: f"histogram_quantile({q:g}, {text(scope)})",
        unit=query.unit.removesuffix("/s"),
        labels=rest,
        legend=f"p{q * 100:g} {_legend(rest)}".strip(),
        edges=query.metrics[0].buckets,
        compound=False,
    )


def share_within(metric: Metric, edge: float, *, by: Sequence[str] = ()) -> Query:
    """Share of a histogram's observations that are at most `edge`, 0 to 1. NaN without observations.

    Raises:
        QueryError: Not a histogram, `edge` is no bucket edge below the last one, or a label is unknown.

    """
    return _share(metric, edge, by, good=True)


def share_above(metric: Metric, edge: float, *, by: Sequence[str] = ()) -> Query:
    """Share of a histogram's observations that are above `edge`, 0 to 1. NaN without observations.

    Raises:
        QueryError: Not a histogram, `edge` is no bucket edge below the last one, or a label is unknown.

    """
    return _share(metric, edge, by, good=False)


def within(metric: Metric, edge: float, *, by: Sequence[str] = (), unit: str = "") -> Query:
    """Observations per second that are at most `edge`; `unit` says of what.

    Raises:
        QueryError: Not a histogram, `edge` is no bucket edge below the last one, or a label is unknown.

    """
    _need(metric, (Kind.HISTOGRAM,), "within")
    _edge(metric, edge)
    return _query(metric, by, f"{unit or 'samples'}/s", lambda scope: _within(metric, edge, by, scope))


def _share(metric: Metric, edge: float, by: Sequence[str], *, good: bool) -> Query:
    _need(metric, (Kind.HISTOGRAM,), "share")
    _edge(metric, edge)

    def build(scope: Scope) -> str:
        share = f"{_within(metric, edge, by, scope)}\n/\n{_added(metric, by, scope, 'rate', '_count')}"
        return share if good else f"1 -\n{share}"

    return replace(_query(metric, by, "ratio", build), compound=True)


def _edge(metric: Metric, edge: float) -> None:
    if edge not in metric.buckets[:-1]:
        edges = ", ".join(number(e) for e in metric.buckets[:-1])
        raise QueryError(f"{number(edge)} is no bucket edge of {metric.full_name} ({metric.place}) below its last one", f"use one of {edges}")


def _within(metric: Metric, edge: float, by: Sequence[str], scope: Scope) -> str:
    """Bucket rate at one edge. Prometheus 2 keeps `1000`, 3 makes it `1000.0`, and the server itself writes both."""

    def inner(part: Metric) -> str:
        text = number(edge if part is not metric.before else edge / metric.factor)
        pattern = text.replace(".", "\\.") + ("" if "." in text else "(\\.0)?")
        return f"rate({select(part, scope, '_bucket', Matcher('le', '=~', pattern))}[{scope.window}])"

    return _aggregate("sum", by, _both(metric, inner), metric)


def select(metric: Metric, scope: Scope, suffix: str = "", *extra: Matcher) -> str:
    """Return the selector of one series of `metric` with its own and the scope's matchers."""
    ours = tuple(m for m in scope.matchers if m.label in metric.constant_labels or m.label in metric.labels)
    matchers = ", ".join(map(str, (*ours, *metric.matchers, *extra)))
    return f"{metric.full_name}{suffix}" + (f"{{{matchers}}}" if matchers else "")


def _added(metric: Metric, by: Sequence[str], scope: Scope, function: str, suffix: str = "") -> str:
    """`sum by (by) (function(series[window]))` over both eras, values and `le` of the older one scaled."""

    def inner(part: Metric) -> str:
        return f"{function}({select(part, scope, suffix)}[{scope.window}])"

    older = metric.before
    if older is None or (metric.factor == 1 and suffix != "_bucket"):
        return _aggregate("sum", by, _both(metric, inner), metric)
    if suffix == "_bucket":
        old = _scaled_edges(_aggregate("sum", by, inner(older), metric), older, metric.factor)
        if metric.missing:
            return old
        new = _aggregate("sum", by, inner(metric), metric)
        return _aggregate("sum", by, f"\n  {new}\n  or\n  {_marked(old)}\n", metric)
    scaled = f"{number(metric.factor)} * {inner(older)}" if suffix == "_sum" else inner(older)
    return _aggregate("sum", by, scaled if metric.missing else f"{inner(metric)} or {_marked(scaled)}", metric)


def _scaled_edges(text: str, older: Metric, factor: float) -> str:
    """Rename the `le` values of the older era. From the widest on, so that no new value is taken for an old one."""
    for edge in reversed(older.buckets):
        old, new = number(edge), number(edge * factor)
        pattern = old.replace(".", "\\\\.") + ("" if "." in old else "(\\\\.0)?")
        text = f'label_replace({text}, "le", "{new}", "le", "{pattern}")'
    return text


def _both(metric: Metric, inner: Callable[[Metric], str]) -> str:
    """Text of the newer era, the older one, or both joined so that no two series are taken for one."""
    if metric.before is None:
        return inner(metric)
    old = inner(metric.before)
    return old if metric.missing else f"{inner(metric)} or {_marked(old)}"


def _marked(text: str) -> str:
    return f'label_replace({text}, "era", "old", "", "")'


def _aggregate(function: str, by: Sequence[str], inner: str, metric: Metric) -> str:
    for label in by:
        blank = metric.constant_labels[label].blank if label in metric.constant_labels else ""
        if blank:
            inner = f'label_replace({inner}, "{label}", "", "{label}", "{blank}")'
    return f"{function} by ({', '.join(by)}) ({inner})" if by else f"{function}({inner})"


def _gauge(metric: Metric, by: Sequence[str], function: str) -> Query:
    def build(scope: Scope) -> str:
        return _aggregate(function, by, _both(metric, lambda part: select(part, scope)), metric)

    return _query(metric, by, metric.unit, build)


def _extreme(metric: Metric | Query, by: Sequence[str], function: str) -> Query:
    if isinstance(metric, Metric):
        _need(metric, _GAUGES, function)
        return _gauge(metric, by, function)
    text, source = metric.build, metric.metrics[0]
    _check(source, by)

    def build(scope: Scope) -> str:
        inner = text(scope)
        return _aggregate(function, by, f"\n{_inset(inner)}\n" if "\n" in inner else inner, source)

    return replace(metric, build=build, labels=tuple(by), legend=_legend(by), compound=False)


def _query(metric: Metric, by: Sequence[str], unit: str, build: Callable[[Scope], str], *, check: bool = True) -> Query:
    if check:
        _check(metric, by)
    alive = [m for m in (metric, metric.before) if m is not None and not m.missing]
    return Query(
        build=build,
        unit=unit,
        labels=tuple(by),
        help=metric.help,
        metrics=tuple(alive) if alive else (metric,),
        legend=_legend(by) or metric.base,
        missing=() if alive else (f"{metric.full_name} is {metric.missing}" if metric.missing.startswith("not in") else f"{metric.full_name}: {metric.missing}",),
        recorded=metric.system == "recorded",
    )


def _check(metric: Metric, by: Sequence[str]) -> None:
    for label in by:
        if label != "le" or metric.kind is not Kind.HISTOGRAM:
            metric.label(label)


def _need(metric: Metric, kinds: Sequence[Kind], function: str) -> None:
    if metric.kind not in kinds:
        what = f"{function}() of {metric.full_name} ({metric.place}), a {metric.kind}"
        raise QueryError(what, f"{function}() needs a {' or '.join(kinds)}")


def _legend(by: Sequence[str]) -> str:
    return " ".join(f"{{{{{label}}}}}" for label in by if label != "le")


def _target_labels(metric: Metric) -> tuple[str, ...]:
    return tuple(name for name, label in metric.constant_labels.items() if label.bound == "target label")


def _plain(name: str, metric: Metric, scope: Scope) -> str:
    matchers = ", ".join(str(m) for m in scope.matchers if m.label in metric.constant_labels)
    return f"{name}{{{matchers}}}" if matchers else name


def _inset(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())

