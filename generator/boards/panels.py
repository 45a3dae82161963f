"""Panels: a title and queries in, a panel out. The one place that fills in look and defaults.

A panel is made when its board is laid out, because only the board knows which variables its queries are held to. A panel
whose queries the configuration makes impossible is left out, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from generator.boards import colours, grafana
from generator.boards.panel import POINTS, Panel, exemplified, steps, targets, unit_of
from generator.catalogue import Limit
from generator.errors import QueryError
from generator.promql.query import Query
from generator.promql.ranked import greatest, outstanding
from generator.promql.scope import Scope
from generator.units import grafana_unit

Json = Any

#: Range windows of a board: what holds a few scrapes at every zoom, and all that the board shows.
RATE_INTERVAL, RANGE = "$__rate_interval", "$__range"

#: Between two points of a graph: how often it is looked for what stands out.
INTERVAL = "$__interval"

#: How many series a graph shows whose labels have many values: as many as one can tell apart by colour.
GREATEST = 10


def lines(
    title: str,
    *queries: Query,
    limit: Limit | None = None,
    stack: bool = False,
    bad: str = "above",
    floor: bool = True,
    fleet: bool = False,
) -> Panel:
    """Draw queries over time. They share one unit; `limit` is drawn as a dashed line, `bad` says on which side it is red.

    The axis begins at 0 unless `floor` is off, which a query that can be negative needs. A query by labels of many values
    keeps the greatest over the range of the board. With `fleet`, where each line is a deployment, so does every query, and
    where less is worse the least.

    Returns:
        A time series panel of half a line.

    """
    unit = unit_of(title, queries, limit)
    queries = tuple(greatest(query, GREATEST, RANGE) if _many(query) else query for query in queries)
    if fleet:
        queries = tuple(outstanding(q, GREATEST, RANGE, INTERVAL, least=bad == "below") for q in queries)

    def make(possible: Sequence[Query], scope: Scope, description: str) -> grafana.Panel:
        custom: dict[str, Any] = {**_LINE, "stacking": {"group": "A", "mode": "normal" if stack else "none"}}
        custom["fillOpacity"] = 40 if stack else 10
        defaults: dict[str, Any] = {"color": {"mode": "palette-classic"}, "mappings": [], "unit": grafana_unit(unit)}
        if floor and unit != "unixtime":
            defaults["min"] = 0
            if room := _room(unit, limit, bad):
                custom["axisSoftMax"] = room
        if limit:
            custom["thresholdsStyle"] = {"mode": "dashed"}
            defaults["thresholds"] = steps(limit, bad, calm="transparent")
        return grafana.panel(
            "timeseries",
            title,
            targets(_called(title, possible), scope),
            options={"legend": _legend("table", "bottom", "mean", "max"), "tooltip": _TOOLTIP},
            defaults=defaults | {"custom": custom},
            overrides=_coloured(possible),
            description=description,
        )

    return Panel(title, queries, make, (12, 9), limits=_at(limit))


def stat(
    title: str, *queries: Query, limit: Limit | None = None, bad: str = "above", hot: str = colours.CRITICAL
) -> Panel:
    """Show the value that each query has now: blue, and `hot` on the `bad` side of `limit`; without one, in the colour of text.

    It has no graph: a figure of this moment is an instant query, which has no past. The rows below have that.

    Returns:
        A stat panel, six to a line.

    """
    unit = unit_of(title, queries, limit)

    def make(possible: Sequence[Query], scope: Scope, description: str) -> grafana.Panel:
        options = {
            "colorMode": "value", "graphMode": "none", "justifyMode": "auto", "orientation": "auto",
            "percentChangeColorMode": "standard", "reduceOptions": _REDUCE, "showPercentChange": False,
            "textMode": "auto", "wideLayout": True,
        }  # fmt: skip
        return grafana.panel(
            "stat",
            title,
            targets(possible, scope, instant=True),
            options=options,
            defaults=_single(unit, limit, bad, colours.PLAIN, hot),
            maxDataPoints=POINTS,
            description=description,
        )

    return Panel(title, queries, make, (4, 4), instant=True, limits=_at(limit))


def bars(title: str, *queries: Query, limit: Limit | None = None, bad: str = "above") -> Panel:
    """Show the value that each series has now as a horizontal bar."""
    unit = unit_of(title, queries, limit)

    def make(possible: Sequence[Query], scope: Scope, description: str) -> grafana.Panel:
        options = {
            "displayMode": "gradient", "legend": _legend("hidden", "bottom"), "maxVizHeight": 300, "minVizHeight": 16,
            "minVizWidth": 8, "namePlacement": "auto", "orientation": "horizontal", "reduceOptions": _REDUCE,
            "showUnfilled": True, "sizing": "auto", "valueMode": "color",
        }  # fmt: skip
        defaults = {"min": 0, **({"max": 1} if unit == "ratio" else {}), **_single(unit, limit, bad, colours.LINES[0])}
        return grafana.panel(
            "bargauge",
            title,
            targets(possible, scope, instant=True),
            options=options,
            defaults=defaults,
            maxDataPoints=POINTS,
            description=description,
        )

    return Panel(title, queries, make, (8, 8), instant=True, limits=_at(limit))


def heat(title: str, buckets: Query) -> Panel:
    """Draw how observations spread over a histogram's buckets, over time.

    Returns:
        A heat map of half a line.

    Raises:
        QueryError: The query has no label `le`.

    """
    if "le" not in buckets.labels:
        raise QueryError(f"heat map {title!r} of a query without 'le'", "use buckets()")
    unit = grafana_unit(buckets.unit.removesuffix("/s"))

    def make(possible: Sequence[Query], scope: Scope, description: str) -> grafana.Panel:
        (query,) = possible
        target = grafana.Target(
            expr=query.build(scope),
            legendFormat="{{le}}",
            format="heatmap",
            instant=False,
            exemplar=exemplified(query, scope, query.unit.removesuffix("/s")) or None,
        )
        options = {
            "calculate": False, "cellGap": 1, "cellValues": {"unit": "short"},
            "color": {"exponent": 0.5, "fill": "dark-orange", "mode": "scheme", "reverse": False, "scale": "exponential",
                      "scheme": "Oranges", "steps": 64},
            "exemplars": {"color": "rgba(255,0,255,0.7)"}, "filterValues": {"le": 1e-9}, "legend": {"show": True},
            "rowsFrame": {"layout": "auto"}, "showValue": "never",
            "tooltip": {"mode": "single", "showColorScale": False, "yHistogram": True},
            "yAxis": {"axisPlacement": "left", "reverse": False, "unit": unit},
        }  # fmt: skip
        custom = {"hideFrom": _HIDE, "scaleDistribution": {"type": "linear"}}
        return grafana.panel(
            "heatmap", title, [target], options=options, defaults={"custom": custom}, description=description
        )

    return Panel(title, (buckets,), make, (12, 9))


def state(title: str, query: Query, words: Mapping[str, tuple[str, str]]) -> Panel:
    """Show the state of each series over time; `words` gives each value a text and a colour."""

    def make(possible: Sequence[Query], scope: Scope, description: str) -> grafana.Panel:
        options = {
            "alignValue": "left", "legend": _legend("list", "bottom"), "mergeValues": True, "rowHeight": 0.9,
            "showValue": "never", "tooltip": {"mode": "single", "sort": "none", "hideZeros": False},
        }  # fmt: skip
        defaults = {
            "color": {"mode": "thresholds"},
            "custom": {"fillOpacity": 70, "lineWidth": 0, "hideFrom": _HIDE},
            "mappings": [grafana.value_map(words)],
            "thresholds": grafana.thresholds("text"),
        }
        return grafana.panel(
            "state-timeline",
            title,
            targets(possible, scope),
            options=options,
            defaults=defaults,
            description=description,
        )

    return Panel(title, (query,), make, (24, 8))


def text(title: str, content: str) -> Panel:
    """Show Markdown."""

    def make(_: Sequence[Query], __: Scope, description: str) -> grafana.Panel:
        code = {"language": "plaintext", "showLineNumbers": False, "showMiniMap": False}
        return grafana.panel(
            "text",
            title,
            [],
            options={"code": code, "content": content, "mode": "markdown"},
            defaults={},
            description=description,
        )

    return Panel(title, (), make, (24, 4), note=f"{title}.")


def over_range(query: Query) -> Query:
    """Return the query over all that the board shows, where it would have a window of some scrapes."""
    return query.over(RANGE)


def _at(limit: Limit | None) -> tuple[tuple[str, Limit, tuple[str, ...]], ...]:
    return (("", limit, ()),) if limit else ()


def _many(query: Query) -> bool:
    """Say whether a label of the result has more values than a graph can show."""
    listed = (metric.labels.get(label) for metric in query.metrics for label in query.labels)
    return any(label is not None and label.many for label in listed)


def _called(title: str, queries: Sequence[Query]) -> Sequence[Query]:
    """Return the queries; a lone line that would have a metric's name has the panel's."""
    if len(queries) > 1 or queries[0].legend not in {m.base for m in queries[0].metrics}:
        return queries
    return [queries[0].named(title)]


def _room(unit: str, limit: Limit | None, bad: str) -> float:
    """Return how far an axis reaches at least, in `unit`: else Grafana draws nothing but zeros below 100, which is 10,000 %."""
    if unit == "ratio":
        return limit.value * 1.1 if limit and bad == "above" else 0.01
    if unit.endswith("/s"):
        return 0 if unit == "bytes/s" else 0.01
    return 1 if unit != "none" and grafana_unit(unit) == "short" else 0


def _single(unit: str, limit: Limit | None, bad: str, plain: str, hot: str = colours.CRITICAL) -> dict[str, Any]:
    by = steps(limit, bad, calm=colours.GOOD, hot=hot) if limit else grafana.thresholds(plain)
    mappings = [grafana.no_number("-"), grafana.nothing(colours.PLAIN)]
    return {"color": {"mode": "thresholds"}, "mappings": mappings, "thresholds": by, "unit": grafana_unit(unit)}


def _coloured(queries: Sequence[Query]) -> list[Json]:
    """Return colours for lines: answers by status have those that one expects, a query that is one line has its own.

    Lines by the values of a label have Grafana's palette: nobody knows how many there are.
    """
    if all(q.labels == ("status",) for q in queries):
        return list(_STATUS)
    if any(q.labels for q in queries) or len(queries) > len(colours.LINES):
        return []
    return [
        grafana.of_query(number, colour) for number, colour in zip(range(len(queries)), colours.LINES, strict=False)
    ]


def _legend(mode: str, placement: str, *calcs: str) -> Json:
    hidden = mode == "hidden"
    return {
        "showLegend": not hidden,
        "displayMode": "list" if hidden else mode,
        "placement": placement,
        "calcs": list(calcs),
    }


#: Answers by status have the colours that one expects, whichever others there are.
_STATUS: Sequence[Json] = (
    grafana.colour("/(^| )(2..|success)$/", colours.GOOD),
    grafana.colour("/(^| )4..$/", colours.WARNING),
    grafana.colour("/(^| )(5..|error)$/", colours.CRITICAL),
)
_HIDE: Mapping[str, bool] = {"legend": False, "tooltip": False, "viz": False}
_REDUCE: Mapping[str, Any] = {"calcs": ["lastNotNull"], "fields": "", "values": False}
_TOOLTIP: Mapping[str, Any] = {"mode": "multi", "sort": "desc", "hideZeros": False, "maxHeight": 600}
_LINE: Mapping[str, Any] = {
    "axisBorderShow": False, "axisCenteredZero": False, "axisColorMode": "text", "axisLabel": "", "axisPlacement": "auto",
    "barAlignment": 0, "barWidthFactor": 0.6, "drawStyle": "line", "gradientMode": "none", "hideFrom": _HIDE,
    "insertNulls": False, "lineInterpolation": "linear", "lineWidth": 1, "pointSize": 5, "scaleDistribution": {"type": "linear"},
    "showPoints": "never", "spanNulls": False, "thresholdsStyle": {"mode": "off"},
}  # fmt: skip
