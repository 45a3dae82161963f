"""Panels: a title and queries in, a panel out. The one place that fills in look and defaults.

A panel is made when its board is laid out, because only the board knows which variables its queries are held to. A panel
whose queries the configuration makes impossible is left out, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from generator.boards import grafana
from generator.catalogue import Limit
from generator.errors import QueryError
from generator.promql.query import Query, Scope
from generator.units import grafana_unit

Json = Any

#: Range windows of a board: what holds a few scrapes at every zoom, and all that the board shows.
RATE_INTERVAL, RANGE = "$__rate_interval", "$__range"

#: How many series a graph shows whose labels have many values: as many as one can tell apart by colour.
GREATEST = 10


@dataclass(frozen=True, slots=True)
class Shown:
    """A panel to be.

    Attributes:
        title: Its title, unique on its board: its id follows from it.
        queries: What it shows; the impossible ones are dropped.
        make: Scope and description in, grafanalib panel out.
        size: Width and height in grid units, of 24 columns.
        note: What a reader must know beyond what the queries say of themselves.
        columns: Headers of a table, one per query.
        usual: What is normal.
        action: What to do when it is not.
        alerts: Names of the alerts that watch it; their runbooks say the rest.
        instant: It shows this moment and no past.

    """

    title: str
    queries: tuple[Query, ...]
    make: Callable[[Sequence[Query], Scope, str], grafana.Panel]
    size: tuple[int, int]
    note: str = ""
    columns: tuple[str, ...] = ()
    usual: str = ""
    action: str = ""
    alerts: tuple[str, ...] = ()
    instant: bool = False

    @property
    def possible(self) -> tuple[Query, ...]:
        """The queries that the configuration allows."""
        return tuple(q for q in self.queries if not q.missing)

    def wide(self, width: int, height: int = 0) -> Shown:
        """Return the panel at another size."""
        return replace(self, size=(width, height or self.size[1]))

    def with_note(self, note: str) -> Shown:
        """Return the panel with a note in its description."""
        return replace(self, note=note)

    def normal(self, usual: str, action: str = "", *, alert: str | tuple[str, ...] = ()) -> Shown:
        """Return the panel with what is normal, what to do otherwise, and the alerts that watch it."""
        return replace(self, usual=usual, action=action, alerts=(alert,) if isinstance(alert, str) else alert)


def lines(
    title: str, *queries: Query, limit: Limit | None = None, stack: bool = False, bad: str = "above", floor: bool = True
) -> Shown:
    """Draw queries over time. They share one unit; `limit` is drawn as a dashed line, `bad` says on which side it is red.

    The axis begins at 0 unless `floor` is off, which a query that can be negative needs. A query by labels of many values
    keeps the greatest over the range of the board.
    """
    unit = _unit(title, queries, limit)
    queries = tuple(query.greatest(GREATEST, RANGE) if _many(query) else query for query in queries)

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
            defaults["thresholds"] = _steps(limit, bad, calm="transparent")
        return grafana.panel(
            "timeseries",
            title,
            _targets(_called(title, possible), scope),
            options={"legend": _legend("table", "bottom", "mean", "max"), "tooltip": _TOOLTIP},
            defaults=defaults | {"custom": custom},
            overrides=_STATUS if all(q.labels == ("status",) for q in possible) else [],
            description=description,
        )

    return Shown(title, queries, make, (12, 9))


def stat(title: str, *queries: Query, limit: Limit | None = None, bad: str = "above") -> Shown:
    """Show the value that each query has now: green, and red on the `bad` side of `limit`; without one, blue.

    It has no graph: a figure of this moment is an instant query, which has no past. The rows below have that.
    """
    unit = _unit(title, queries, limit)

    def make(possible: Sequence[Query], scope: Scope, description: str) -> grafana.Panel:
        options = {
            "colorMode": "value", "graphMode": "none", "justifyMode": "auto", "orientation": "auto",
            "percentChangeColorMode": "standard", "reduceOptions": _REDUCE, "showPercentChange": False,
            "textMode": "auto", "wideLayout": True,
        }  # fmt: skip
        return grafana.panel(
            "stat",
            title,
            _targets(possible, scope, instant=True),
            options=options,
            defaults=_single(unit, limit, bad),
            maxDataPoints=_POINTS,
            description=description,
        )

    return Shown(title, queries, make, (4, 4), instant=True)


def bars(title: str, *queries: Query, limit: Limit | None = None, bad: str = "above") -> Shown:
    """Show the value that each series has now as a horizontal bar."""
    unit = _unit(title, queries, limit)

    def make(possible: Sequence[Query], scope: Scope, description: str) -> grafana.Panel:
        options = {
            "displayMode": "gradient", "legend": _legend("hidden", "bottom"), "maxVizHeight": 300, "minVizHeight": 16,
            "minVizWidth": 8, "namePlacement": "auto", "orientation": "horizontal", "reduceOptions": _REDUCE,
            "showUnfilled": True, "sizing": "auto", "valueMode": "color",
        }  # fmt: skip
        defaults = {"min": 0, **({"max": 1} if unit == "ratio" else {}), **_single(unit, limit, bad)}
        return grafana.panel(
            "bargauge",
            title,
            _targets(possible, scope, instant=True),
            options=options,
            defaults=defaults,
            maxDataPoints=_POINTS,
            description=description,
        )

    return Shown(title, queries, make, (8, 8), instant=True)


def heat(title: str, buckets: Query) -> Shown:
    """Draw how observations spread over a histogram's buckets, over time."""
    if "le" not in buckets.labels:
        raise QueryError(f"heat map {title!r} of a query without 'le'", "use buckets()")
    unit = grafana_unit(buckets.unit.removesuffix("/s"))

    def make(possible: Sequence[Query], scope: Scope, description: str) -> grafana.Panel:
        (query,) = possible
        target = grafana.Target(expr=query.build(scope), legendFormat="{{le}}", format="heatmap", instant=False)
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

    return Shown(title, (buckets,), make, (12, 9))


def state(title: str, query: Query, words: Mapping[str, tuple[str, str]]) -> Shown:
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
            _targets(possible, scope),
            options=options,
            defaults=defaults,
            description=description,
        )

    return Shown(title, (query,), make, (24, 8))


@dataclass(frozen=True, slots=True)
class Column:
    """One value column of a table: its header, its query, and the limit from which it is red on its `bad` side."""

    header: str
    query: Query
    limit: Limit | None = None
    bad: str = "above"


def table(title: str, columns: Sequence[Column], *, sort: str = "", link: Mapping[str, str] | None = None) -> Shown:
    """Show one row per label set, one column per label and per query; all queries have the same labels.

    Args:
        title: The title.
        columns: The value columns, left to right.
        sort: Header of the column that is greatest first, or label that is in alphabetical order.
        link: Label to the URL that its cell opens.

    Raises:
        QueryError: Two columns have different labels, so their rows would not meet.

    """
    labels = columns[0].query.labels
    for column in columns:
        if set(column.query.labels) != set(labels):
            what = f"column {column.header!r} of {title!r} is by ({', '.join(column.query.labels)})"
            raise QueryError(what, f"group it by ({', '.join(labels)}) as the first one")
        _unit(title, (column.query,), column.limit)

    def make(possible: Sequence[Query], scope: Scope, description: str) -> grafana.Panel:
        held = [c for c in columns if c.query in possible]
        targets = _targets([c.query for c in held], scope, instant=True, form="table")
        names = (
            {f"Value #{chr(ord('A') + i)}": c.header for i, c in enumerate(held)}
            if len(held) > 1
            else {"Value": held[0].header}
        )
        order = {label: i for i, label in enumerate(labels)} | {v: len(labels) + i for i, v in enumerate(names)}
        organize = {
            "id": "organize",
            "options": {
                "excludeByName": {"Time": True},
                "includeByName": {},
                "indexByName": order,
                "renameByName": names,
            },
        }
        custom = {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": True, "inspect": False}
        widths = {c.header: _width(c) for c in held}
        narrow = sum(widths.values()) <= _NARROW
        overrides = [_column(c, widths[c.header] if narrow else 0) for c in held]
        overrides += [
            grafana.override(label, links=[{"title": "Open", "url": url}]) for label, url in (link or {}).items()
        ]
        return grafana.panel(
            "table",
            title,
            targets,
            options={
                "cellHeight": "sm",
                "showHeader": True,
                "sortBy": [{"desc": sort not in labels, "displayName": sort}] if sort else [],
            },
            defaults={
                "color": {"mode": "thresholds"},
                "custom": custom,
                "mappings": [grafana.no_number("-")],
                "noValue": "-",
                "thresholds": grafana.thresholds("text"),
            },
            transformations=([{"id": "merge", "options": {}}] if len(held) > 1 else []) + [organize],
            overrides=overrides,
            maxDataPoints=_POINTS,
            description=description,
        )

    return Shown(title, tuple(c.query for c in columns), make, (24, 8), columns=tuple(c.header for c in columns))


def text(title: str, content: str) -> Shown:
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

    return Shown(title, (), make, (24, 4), note=f"{title}.")


def _width(column: Column) -> int:
    """Return the pixels that a column needs for its header with the signs of sort and filter, and for a figure or a date."""
    return max(180 if column.query.unit == "unixtime" else 120, 8 * len(column.header) + 60)


def _column(column: Column, width: int) -> Json:
    look: dict[str, Any] = {"unit": grafana_unit(column.query.unit), **({"custom__width": width} if width else {})}
    if column.limit:
        look["thresholds"] = _steps(column.limit, column.bad, calm="text")
        look["custom__cellOptions"] = {"type": "color-text"}
    return grafana.override(column.header, **look)


def _unit(title: str, queries: Sequence[Query], limit: Limit | None) -> str:
    units = sorted({q.unit for q in queries})
    if len(units) != 1:
        raise QueryError(f"panel {title!r} mixes the units {', '.join(units)}", "make one panel per unit")
    if limit is not None and limit.unit != units[0]:
        raise QueryError(
            f"panel {title!r} in {units[0]} has the limit {limit.name}, in {limit.unit}", "use a limit of its unit"
        )
    return units[0]


def over_range(query: Query) -> Query:
    """Return the query over all that the board shows, where it would have a window of some scrapes."""
    return query.over(RANGE)


def _many(query: Query) -> bool:
    """Say whether a label of the result has more values than a graph can show."""
    listed = (metric.labels.get(label) for metric in query.metrics for label in query.labels)
    return any(label is not None and label.many for label in listed)


def _targets(
    queries: Sequence[Query], scope: Scope, *, instant: bool = False, form: str = "time_series"
) -> list[grafana.Target]:
    return [
        grafana.Target(expr=q.build(scope), legendFormat=q.legend or "__auto", instant=instant, format=form)
        for q in queries
    ]


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


def _steps(limit: Limit, bad: str, *, calm: str) -> Json:
    if bad == "above":
        return grafana.thresholds(calm, (limit.value, "red"))
    return grafana.thresholds("red", (limit.value, calm))


def _single(unit: str, limit: Limit | None, bad: str) -> dict[str, Any]:
    steps = _steps(limit, bad, calm="green") if limit else grafana.thresholds("blue")
    mappings = [grafana.no_number("-")]
    return {"color": {"mode": "thresholds"}, "mappings": mappings, "thresholds": steps, "unit": grafana_unit(unit)}


def _legend(mode: str, placement: str, *calcs: str) -> Json:
    hidden = mode == "hidden"
    return {
        "showLegend": not hidden,
        "displayMode": "list" if hidden else mode,
        "placement": placement,
        "calcs": list(calcs),
    }


#: Points by which Grafana divides the range of a figure of this moment: `$__rate_interval`, which follows from them, then is
#: no longer than scrapes demand, also where the board shows a week. What is asked for is one point.
_POINTS = 11_000
#: Answers by status have the colours that one expects, whichever others there are.
_STATUS: Sequence[Json] = (
    grafana.colour("/(^| )(2..|success)$/", "green"),
    grafana.colour("/(^| )4..$/", "orange"),
    grafana.colour("/(^| )(5..|error)$/", "red"),
)
#: Pixels that the figures of a table may have for themselves, so that its labels get what is left: a small screen has 1,400.
_NARROW = 850
_HIDE: Mapping[str, bool] = {"legend": False, "tooltip": False, "viz": False}
_REDUCE: Mapping[str, Any] = {"calcs": ["lastNotNull"], "fields": "", "values": False}
_TOOLTIP: Mapping[str, Any] = {"mode": "multi", "sort": "desc", "hideZeros": False, "maxHeight": 600}
_LINE: Mapping[str, Any] = {
    "axisBorderShow": False, "axisCenteredZero": False, "axisColorMode": "text", "axisLabel": "", "axisPlacement": "auto",
    "barAlignment": 0, "barWidthFactor": 0.6, "drawStyle": "line", "gradientMode": "none", "hideFrom": _HIDE,
    "insertNulls": False, "lineInterpolation": "linear", "lineWidth": 1, "pointSize": 5, "scaleDistribution": {"type": "linear"},
    "showPoints": "never", "spanNulls": False, "thresholdsStyle": {"mode": "off"},
}  # fmt: skip
