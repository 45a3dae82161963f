"""grafanalib's object model with the serialisation of today's Grafana. Knows JSON shapes, and nothing of metrics.

grafanalib 0.7.1 writes what Grafana 7 read: nulls, a halved query step, 100 points per graph, string data sources. These
subclasses write what Grafana 10.4 to 13 load without migrating: schema version 42, object references, nothing unset.

Source: `@grafana/schema` 12.4 (Apache-2.0); `generator/lint/dashboard.schema.json` is made from it and checks the result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attr
import orjson
from grafanalib import core as g

#: The last version of the classic model; newer Grafana migrates nothing from here.
SCHEMA_VERSION = 42
#: The oldest Grafana that is supported. Below 8 Grafana would run migrations of ancient options.
PLUGIN_VERSION = "10.4.0"
WIDTH = 24
DATASOURCE: Mapping[str, str] = {"type": "prometheus", "uid": "${datasource}"}
_GRAFANA = {"type": "grafana", "uid": "-- Grafana --"}
#: The only keys whose null means something: the base step of thresholds, the open ends of a range.
_NULLABLE = frozenset({"value", "from", "to"})

#: Values that are JSON as they are, and most of a board.
_LEAVES = frozenset({str, bool, int, float})

Json = Any

#: attrs without its type-checker plugin, which cannot see the fields of grafanalib's untyped classes.
_attrs: Any = attr.s
evolve: Any = attr.evolve


def plain(value: Json) -> Json:
    """Return `value` as JSON types, without the nulls that mean "not set"."""
    if value is None or type(value) in _LEAVES:
        return value
    if isinstance(value, (dict, Mapping)):
        return {k: v if type(v) in _LEAVES else plain(v) for k, v in value.items() if v is not None or k in _NULLABLE}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return plain(value.to_json_data()) if hasattr(value, "to_json_data") else value


def merged(base: Mapping[str, Any], extra: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return `base` with `extra` laid over it; mappings merge, everything else is replaced."""
    out = dict(base)
    for key, value in (extra or {}).items():
        both = isinstance(value, Mapping) and isinstance(out.get(key), Mapping)
        out[key] = merged(out[key], value) if both else value
    return out


@_attrs
class Target(g.Target):
    """A Prometheus query."""

    exemplar = attr.ib(default=None)

    def to_json_data(self) -> Json:
        """Return the query as Grafana's own editor stores it."""
        return {
            "datasource": DATASOURCE,
            "editorMode": "code",
            "exemplar": self.exemplar,
            "expr": self.expr,
            "format": self.format,
            "instant": self.instant,
            "interval": self.interval or None,
            "legendFormat": self.legendFormat,
            "range": not self.instant,
            "refId": self.refId,
        }


@_attrs
class Variable(g.Template):
    """A dashboard variable. `extra` holds what its kind adds."""

    description = attr.ib(default=None)
    extra: Any = attr.ib(factory=dict)

    def to_json_data(self) -> Json:
        """Return the variable with a `current` that is valid before anybody touched it."""
        return {
            "allValue": self.allValue,
            "description": self.description,
            "hide": self.hide,
            "includeAll": self.includeAll,
            "label": self.label,
            "multi": self.multi,
            "name": self.name,
            "options": self.options,
            "query": self.query,
            "refresh": self.refresh,
            "regex": self.regex or "",
            "skipUrlSync": False,
            "type": self.type,
            **self.extra,
        }


def datasource_variable() -> Variable:
    """Return the variable `datasource`, which every panel uses."""
    return Variable(
        "datasource",
        "prometheus",
        type="datasource",
        label="Data source",
        refresh=1,
        extra={"current": {"text": "default", "value": "default"}},
    )


def label_variable(
    name: str, label: str, query: str, *, default_all: bool, description: str, regex: str = ""
) -> Variable:
    """Return a multi-value variable of label values with All, read again when the time range changes.

    All matches an absent label too. Without `default_all` a board opens with the first value. With `regex` the query is
    the result of an expression, of whose text the first group is the value.
    """
    current = {"current": {"text": ["All"], "value": ["$__all"]}} if default_all else {"current": {}}
    return Variable(
        name,
        {"qryType": 3 if regex else 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
        label=label,
        description=description,
        multi=True,
        includeAll=True,
        allValue=".*",
        regex=regex or None,
        refresh=g.REFRESH_ON_TIME_RANGE_CHANGE,
        extra={"datasource": DATASOURCE, "definition": query, "sort": g.SORT_ALPHA_ASC, **current},
    )


def annotation(name: str, expr: str, color: str, *, title: str, text: str, tags: str, on: bool = True) -> Json:
    """Return an annotation by a query. Grafana 12 and later read `target`, 10 and 11 `expr` and `step`: both are there.

    It has a switch above the board; `on` says whether it is drawn before anybody touched that.
    """
    return {
        "datasource": DATASOURCE, "enable": on, "hide": False, "iconColor": color, "name": name, "titleFormat": title,
        "textFormat": text, "tagKeys": tags, "expr": expr, "step": "1m",
        "target": {"expr": expr, "interval": "1m", "refId": "Anno"},
    }  # fmt: skip


def page(title: str, url: str) -> Json:
    """Return a link of a panel to a page outside of Grafana."""
    return {"title": title, "url": url, "targetBlank": True}


def thresholds(base: str, *steps: tuple[float, str]) -> Json:
    """Return absolute thresholds: the colour below the first step, then `(from, colour)`, ascending."""
    return {
        "mode": "absolute",
        "steps": [{"color": base, "value": None}, *({"color": c, "value": v} for v, c in steps)],
    }


def value_map(mapping: Mapping[str, tuple[str, str]]) -> Json:
    """Return a mapping of values to (text, colour)."""
    options = {
        value: {"color": color, "index": i, "text": text} for i, (value, (text, color)) in enumerate(mapping.items())
    }
    return {"type": "value", "options": options}


def override(name: str, **properties: Json) -> Json:
    """Return an override of the field `name`. A double underscore in a key is a dot."""
    listed = [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()]
    return {"matcher": {"id": "byName", "options": name}, "properties": listed}


def no_number(text: str) -> Json:
    """Return a mapping of what is no number, such as a share of nothing, to a text."""
    return {"type": "special", "options": {"match": "nan", "result": {"index": 0, "text": text}}}


def nothing(color: str) -> Json:
    """Return a mapping that gives what is empty a colour: Grafana's own is that of the lowest step, which often says that all is well."""
    return {"type": "special", "options": {"match": "null", "result": {"color": color, "index": 1}}}


def colour(pattern: str, color: str) -> Json:
    """Return an override that gives series whose name matches a regular expression shades of a colour."""
    value = {"mode": "shades", "fixedColor": color}
    return {"matcher": {"id": "byRegexp", "options": pattern}, "properties": [{"id": "color", "value": value}]}


def of_query(number: int, color: str) -> Json:
    """Return an override that gives a colour to what the query with this number, from 0, returns."""
    value = {"mode": "fixed", "fixedColor": color}
    matcher = {"id": "byFrameRefID", "options": chr(ord("A") + number)}
    return {"matcher": matcher, "properties": [{"id": "color", "value": value}]}


@_attrs
class Panel(g.Panel):
    """A panel of any kind: type, options and field configuration are free, the litter of older Grafana is dropped."""

    kind = attr.ib(default="timeseries")
    options: Any = attr.ib(factory=dict)
    defaults: Any = attr.ib(factory=dict)
    overrides: Any = attr.ib(factory=list)
    maxDataPoints = attr.ib(default=None)  # grafanalib's 100 halves the resolution of every wide graph

    def to_json_data(self) -> Json:
        """Return the panel as Grafana stores it."""
        body = self.panel_json({"type": self.kind, "pluginVersion": PLUGIN_VERSION, "options": self.options})
        body["fieldConfig"] = {"defaults": self.defaults, "overrides": self.overrides}
        for key in ("cacheTimeout", "editable", "error", "height", "minSpan", "span", "hideTimeOverride"):
            body.pop(key)
        return {key: value for key, value in body.items() if value or key in ("id", "title")}


def every(made: Panel, interval: str) -> Panel:
    """Return the panel, with no query of a shorter step than `interval`, the time between two scrapes.

    Of a query it is what `$__rate_interval` follows from, before any setting of the data source; of the panel it is the
    least `$__interval`, too.
    Source: `calculateRateInterval` of Grafana's Prometheus data source.
    """
    if not made.targets:
        return made
    made.interval = interval
    for target in made.targets:
        target.interval = interval
    return made


@_attrs
class Row(g.RowPanel):
    """A row; its panels are nested only when it is collapsed, which is where Grafana looks for them."""

    def to_json_data(self) -> Json:
        """Return the row as Grafana stores it."""
        return {
            "collapsed": self.collapsed,
            "gridPos": self.gridPos,
            "id": self.id,
            "panels": self.panels if self.collapsed else [],
            "title": self.title,
            "type": "row",
        }


@_attrs
class Dashboard(g.Dashboard):
    """A dashboard at schema version 42, without nulls and without the keys that Grafana dropped."""

    schemaVersion = attr.ib(default=SCHEMA_VERSION)
    timezone = attr.ib(default="browser")
    graphTooltip = attr.ib(default=g.GRAPH_TOOLTIP_MODE_SHARED_CROSSHAIR)
    timePicker = attr.ib(default=attr.Factory(lambda: g.TimePicker(None, None)))

    def to_json_data(self) -> Json:
        """Return the dashboard as an import or a provisioned file wants it."""
        data = super().to_json_data()
        for key in ("__inputs", "gnetId", "hideControls", "rows", "sharedCrosshair", "style"):
            data.pop(key)
        builtin = {"builtIn": 1, "datasource": _GRAFANA, "enable": True, "hide": True, "iconColor": "rgba(0, 211, 255, 1)",
                   "name": "Annotations & Alerts", "type": "dashboard"}  # fmt: skip
        data["annotations"] = {"list": [builtin, *self.annotations.list]}
        return plain({**data, "fiscalYearStartMonth": 0, "liveNow": False, "preload": False, "weekStart": ""}) | {
            "id": None
        }


def dumps(board: Dashboard | Json) -> str:
    """Return the text of a dashboard, or of its JSON: sorted keys, two spaces, one newline at the end."""
    document = board.to_json_data() if isinstance(board, Dashboard) else board
    return orjson.dumps(
        document, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
    ).decode()


def panel(kind: str, title: str, targets: Sequence[Target], *, options: Json, defaults: Json, **rest: Any) -> Panel:
    """Return a panel; its size and id are the layout's to set."""
    for number, target in enumerate(targets):
        target.refId = chr(ord("A") + number)
    return Panel(
        kind=kind,
        title=title,
        targets=list(targets),
        options=options,
        defaults=defaults,
        dataSource=DATASOURCE if targets else None,
        repeat=g.Repeat(),
        **rest,
    )
