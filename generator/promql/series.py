"""Selectors, sums over processes, and the bridge between two eras: what every query function stands on.

Where the configuration has servers of two eras, both are read, and the older one is brought to the newer one's names and
units. The label `era` keeps their series apart until they are summed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from generator.catalogue import Kind, Matcher, Metric
from generator.errors import QueryError
from generator.promql.query import Query
from generator.promql.scope import Scope
from generator.promql.wording import of_metric
from generator.units import number


def select(metric: Metric, scope: Scope, suffix: str = "", *extra: Matcher) -> str:
    """Return the selector of one series of `metric` at our targets, with its own and the scope's matchers."""
    ours = tuple(m for m in scope.matchers if m.label in metric.constant_labels or m.label in metric.labels)
    matchers = ", ".join(map(str, (*ours, *metric.target_matchers, *metric.matchers, *extra)))
    return f"{metric.full_name}{suffix}" + (f"{{{matchers}}}" if matchers else "")


def count_matching(metric: Metric, by: Sequence[str], *matchers: Matcher) -> Query:
    """Number of series of any name that carry `matchers`, at the targets that `metric` is held to."""

    def build(scope: Scope) -> str:
        ours = (*(m for m in scope.matchers if m.label in metric.constant_labels), *metric.target_matchers)
        text = ", ".join(map(str, (*ours, *matchers)))
        return f"count by ({', '.join(by)}) ({{{text}}})"

    return query(metric, by, "series", build, measure="Number of series with these labels at the targets of {}")


def added(metric: Metric, by: Sequence[str], scope: Scope, function: str, suffix: str = "", *, ago: str = "") -> str:
    """`sum by (by) (function(series[window] offset ago))` over both eras, values and `le` of the older one scaled."""
    offset = f" offset {ago}" if ago else ""

    def inner(part: Metric) -> str:
        return f"{function}({select(part, scope, suffix)}{scope.range}{offset})"

    older = metric.before
    if older is None or (metric.factor == 1 and suffix != "_bucket"):
        return aggregate("sum", by, both(metric, inner), metric)
    if suffix == "_bucket":
        old = _scaled_edges(aggregate("sum", by, inner(older), metric), older, metric.factor)
        if metric.missing:
            return old
        new = aggregate("sum", by, inner(metric), metric)
        return aggregate("sum", by, f"\n  {new}\n  or\n  {_marked(old)}\n", metric)
    scaled = f"{number(metric.factor)} * {inner(older)}" if suffix == "_sum" else inner(older)
    return aggregate("sum", by, scaled if metric.missing else f"{inner(metric)} or {_marked(scaled)}", metric)


def _scaled_edges(text: str, older: Metric, factor: float) -> str:
    """Rename the `le` values of the older era. From the widest on, so that no new value is taken for an old one."""
    for edge in reversed(older.buckets):
        old, new = number(edge), number(edge * factor)
        pattern = old.replace(".", "\\\\.") + ("" if "." in old else "(\\\\.0)?")
        text = f'label_replace({text}, "le", "{new}", "le", "{pattern}")'
    return text


def both(metric: Metric, inner: Callable[[Metric], str]) -> str:
    """Text for the newer era, the older one, or both joined so that no two series are taken for one."""
    if metric.before is None:
        return inner(metric)
    old = inner(metric.before)
    return old if metric.missing else f"{inner(metric)} or {_marked(old)}"


def _marked(text: str) -> str:
    return f'label_replace({text}, "era", "old", "", "")'


def aggregate(function: str, by: Sequence[str], inner: str, metric: Metric) -> str:
    """Wrap `inner` in an aggregation; what an older era writes for an unset label is taken for unset."""
    for label in by:
        blank = metric.constant_labels[label].blank if label in metric.constant_labels else ""
        if blank:
            inner = f'label_replace({inner}, "{label}", "", "{label}", "{blank}")'
    return f"{function} by ({', '.join(by)}) ({inner})" if by else f"{function}({inner})"


def rename_label(found: Query, label: str, name: str) -> Query:
    """Return a query that keeps one label with that label called `name`, as its like on other servers is.

    Raises:
        QueryError: The query keeps other labels.

    """
    if found.labels != (label,):
        raise QueryError(
            f"a query by ({', '.join(found.labels)}) cannot call {label!r} {name!r}", f"group by {label!r} alone"
        )
    inner = found.build

    def build(scope: Scope) -> str:
        return f'sum by ({name}) (label_replace({inner(scope)}, "{name}", "$1", "{label}", "(.*)"))'

    return replace(
        found,
        build=build,
        labels=(name,),
        legend=legend((name,)),
        compound=False,
        reading=found.reading.grouped((name,)),
    )


def replace_label(found: Query, label: str, value: str) -> Query:
    """Return a query each of whose series has `value` in `label`.

    Raises:
        QueryError: The query does not keep the label.

    """
    if label not in found.labels:
        raise QueryError(f"a query by ({', '.join(found.labels)}) gets the label {label!r}", "group by it first")
    inner = found.build
    return replace(
        found, build=lambda scope: f'label_replace({inner(scope)}, "{label}", "{value}", "", "")', compound=False
    )


def add_label(found: Query, label: str, value: str) -> Query:
    """Return a query each of whose series has one label more, with one value: what another query says by that label.

    Raises:
        QueryError: The query has the label.

    """
    if label in found.labels:
        raise QueryError(f"a query by ({', '.join(found.labels)}) gets the label {label!r}", "use replace_label()")
    labels = (*found.labels, label)
    return replace(replace_label(replace(found, labels=labels), label, value), legend=legend(labels))


def query(
    metric: Metric,
    by: Sequence[str],
    unit: str,
    build: Callable[[Scope], str],
    *,
    measure: str = "{}",
    check: bool = True,
) -> Query:
    """Return a query of one metric. It is missing when neither era has the metric at this site.

    `measure` says in words what it computes, with `{}` for the metric.
    """
    if check:
        require_labels(metric, by)
    alive = [m for m in (metric, metric.before) if m is not None and not m.missing]
    return Query(
        build=build,
        unit=unit,
        labels=tuple(by),
        reading=of_metric(metric, by, measure),
        metrics=tuple(alive) if alive else (metric,),
        legend=legend(by) or metric.base,
        missing=() if alive else ((metric.full_name, metric.missing),),
        recorded=metric.system == "recorded",
    )


def require_labels(metric: Metric, by: Sequence[str]) -> None:
    """Refuse a grouping label that the metric lacks; `le` belongs to every histogram."""
    for label in by:
        if label != "le" or metric.kind is not Kind.HISTOGRAM:
            metric.label(label)


def need(metric: Metric, kinds: Sequence[Kind], function: str) -> None:
    """Refuse a metric of another kind than the function is for.

    Raises:
        QueryError: It is of another kind.

    """
    if metric.kind not in kinds:
        what = f"{function}() of {metric.full_name} ({metric.place}), a {metric.kind}"
        raise QueryError(what, f"{function}() needs a {' or '.join(kinds)}")


def legend(by: Sequence[str]) -> str:
    """Return a Grafana legend of the grouping labels."""
    return " ".join(f"{{{{{label}}}}}" for label in by if label != "le")


def target_labels(metric: Metric) -> tuple[str, ...]:
    """Return the labels that one process has on all its series, whatever the metric."""
    return tuple(name for name, label in metric.constant_labels.items() if label.bound == "target label")


def plain(name: str, metric: Metric, scope: Scope) -> str:
    """Return the selector of a series that every target has, held to the same targets as `metric`."""
    ours = (*(m for m in scope.matchers if m.label in metric.constant_labels), *metric.target_matchers)
    matchers = ", ".join(map(str, ours))
    return f"{name}{{{matchers}}}" if matchers else name
