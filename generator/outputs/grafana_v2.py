"""Boards as resources of Grafana's own API: schema v2, and the classic JSON in the envelope that Git Sync wants.

The second schema keeps panels by name, apart from the layout that refers to them; rows may be rows or tabs. Everything that
a classic board says is said here: nothing is added, and nothing left out.

Source: types of `@grafana/schema` 12.4 (Apache-2.0), `dashboard/v2beta1`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath as Path
from typing import Any

from generator.bundle import Bundle
from generator.outputs import documents, stamp
from generator.outputs.text import indented

Json = dict[str, Any]

#: The versions of the API that are written. Grafana serves the first since 12, the second in the form of these types since 12.4.
CLASSIC, SECOND = "v1beta1", "v2beta1"

#: What numbers of the classic model are called.
_HIDE = ("dontHide", "hideLabel", "hideVariable")
_REFRESH = ("never", "onDashboardLoad", "onTimeRangeChanged")
_SORT = (
    "disabled", "alphabeticalAsc", "alphabeticalDesc", "numericalAsc", "numericalDesc",
    "alphabeticalCaseInsensitiveAsc", "alphabeticalCaseInsensitiveDesc", "naturalAsc", "naturalDesc",
)  # fmt: skip
_CURSOR = ("Off", "Crosshair", "Tooltip")

#: What Grafana's time picker offers where a board says nothing.
_INTERVALS = ("5s", "10s", "30s", "1m", "5m", "15m", "30m", "1h", "2h", "1d")

#: The version of a query's own form; data sources have no other.
_QUERY = "v0"

#: Keys of an annotation that the second schema has a place for. The rest is what Grafana calls legacy options.
_ANNOTATION = frozenset({"builtIn", "datasource", "enable", "hide", "iconColor", "name", "target"})


def render(bundle: Bundle) -> Mapping[Path, str]:
    """Return a manifest of each board in each version, by its path."""
    layout = bundle.site.config.formats.grafana_v2.layout
    out: dict[Path, str] = {}
    for stem, board in documents.dashboards(bundle).items():
        plain = {**board, "description": stamp.without(board.get("description", "")).rstrip()}
        out[Path(f"grafana-v2/{SECOND}/{stem}.json")] = indented(_resource(plain, SECOND, second(plain, layout)))
        out[Path(f"grafana-v2/{CLASSIC}/{stem}.json")] = indented(_resource(plain, CLASSIC, _classic(plain)))
    return out


def second(board: Json, layout: str) -> Json:
    """Return a classic board in the second schema.

    Args:
        board: The board.
        layout: What its rows become: `rows` or `tabs`.

    """
    picker = board["timepicker"]
    return {
        "title": board["title"],
        "description": board["description"],
        "tags": board["tags"],
        "editable": board["editable"],
        "cursorSync": _CURSOR[board["graphTooltip"]],
        "liveNow": board["liveNow"],
        "preload": board["preload"],
        "links": board["links"],
        "annotations": [_annotation(one) for one in board["annotations"]["list"]],
        "variables": [_variable(one) for one in board["templating"]["list"]],
        "timeSettings": {
            **board["time"],
            "timezone": board["timezone"],
            "autoRefresh": board["refresh"],
            "autoRefreshIntervals": picker.get("refresh_intervals") or list(_INTERVALS),
            "hideTimepicker": picker["hidden"],
            "fiscalYearStartMonth": board["fiscalYearStartMonth"],
            **({"weekStart": board["weekStart"]} if board["weekStart"] else {}),
        },
        "elements": {_name(panel): _panel(panel) for _, panels in _rows(board["panels"]) for panel in panels},
        "layout": _layout(list(_rows(board["panels"])), layout),
    }


def _resource(board: Json, version: str, spec: Json) -> Json:
    head = {"apiVersion": f"dashboard.grafana.app/{version}", "kind": "Dashboard"}
    return {**head, "metadata": {"name": board["uid"]}, "spec": spec}


def _classic(board: Json) -> Json:
    """Return the classic JSON without what the envelope says."""
    return {key: value for key, value in board.items() if key not in {"id", "uid", "version"}}


def _rows(panels: Sequence[Json]) -> Iterator[tuple[Json, list[Json]]]:
    """Yield each row with its panels, which stand in it when it is collapsed, and behind it when it is open.

    What stands before the first row is a row without a title.
    """
    row: Json = {"title": "", "collapsed": False}
    children: list[Json] = []
    for panel in panels:
        if panel["type"] != "row":
            children.append(panel)
            continue
        if children or "id" in row:
            yield row, children
        row, children = panel, list(panel["panels"])
    if children or "id" in row:
        yield row, children


def _layout(rows: Sequence[tuple[Json, list[Json]]], layout: str) -> Json:
    if layout == "tabs":
        tabs = [{"title": row["title"], "layout": _grid(panels)} for row, panels in rows]
        return {"kind": "TabsLayout", "spec": {"tabs": [{"kind": "TabsLayoutTab", "spec": tab} for tab in tabs]}}
    listed = [
        {"title": row["title"], "collapse": row["collapsed"], "hideHeader": not row["title"], "layout": _grid(panels)}
        for row, panels in rows
    ]
    return {"kind": "RowsLayout", "spec": {"rows": [{"kind": "RowsLayoutRow", "spec": row} for row in listed]}}


def _grid(panels: Sequence[Json]) -> Json:
    """Return the grid of a row, which begins at its own top."""
    top = min((panel["gridPos"]["y"] for panel in panels), default=0)
    items = [
        {
            "x": at["x"],
            "y": at["y"] - top,
            "width": at["w"],
            "height": at["h"],
            "element": {"kind": "ElementReference", "name": _name(panel)},
        }
        for panel in panels
        for at in [panel["gridPos"]]
    ]
    return {"kind": "GridLayout", "spec": {"items": [{"kind": "GridLayoutItem", "spec": item} for item in items]}}


def _name(panel: Json) -> str:
    return f"panel-{panel['id']}"


def _panel(panel: Json) -> Json:
    queries = [
        {"refId": t["refId"], "hidden": t.get("hide", False), "query": _query(t)} for t in panel.get("targets", ())
    ]
    options = {key: panel[key] for key in ("interval", "maxDataPoints") if key in panel}
    data = {
        "queries": [{"kind": "PanelQuery", "spec": query} for query in queries],
        "transformations": [{"kind": one["id"], "spec": one} for one in panel.get("transformations", ())],
        "queryOptions": options,
    }
    spec = {"options": panel["options"], "fieldConfig": panel["fieldConfig"]}
    drawn = {"kind": "VizConfig", "group": panel["type"], "version": panel["pluginVersion"], "spec": spec}
    return {
        "kind": "Panel",
        "spec": {
            "id": panel["id"],
            "title": panel["title"],
            "description": panel.get("description", ""),
            "links": panel.get("links", []),
            "transparent": panel.get("transparent", False),
            "data": {"kind": "QueryGroup", "spec": data},
            "vizConfig": drawn,
        },
    }


def _query(target: Json) -> Json:
    """Return a query of a panel: what says whom and where stands beside what is asked."""
    asked = {key: value for key, value in target.items() if key not in {"datasource", "hide", "refId"}}
    return _data(target["datasource"], asked)


def _data(source: Json, asked: Json) -> Json:
    return {
        "kind": "DataQuery",
        "group": source["type"],
        "version": _QUERY,
        "datasource": {"name": source["uid"]},
        "spec": asked,
    }


def _annotation(one: Json) -> Json:
    rest = {key: value for key, value in one.items() if key not in _ANNOTATION}
    spec = {
        "name": one["name"],
        "enable": one["enable"],
        "hide": one["hide"],
        "iconColor": one["iconColor"],
        "query": _data(one["datasource"], one.get("target", {})),
        **({"builtIn": True} if one.get("builtIn") else {}),
        "legacyOptions": rest,
    }
    return {"kind": "AnnotationQuery", "spec": spec}


def _variable(one: Json) -> Json:
    common = {
        "name": one["name"],
        "label": one["label"],
        **({"description": one["description"]} if "description" in one else {}),
        "hide": _HIDE[one["hide"]],
        "skipUrlSync": one["skipUrlSync"],
        "multi": one["multi"],
        "includeAll": one["includeAll"],
        **({"allValue": one["allValue"]} if "allValue" in one else {}),
        "regex": one["regex"],
        "refresh": _REFRESH[one["refresh"]],
        "current": one["current"] or {"text": "", "value": ""},
        "options": one["options"],
        "allowCustomValue": True,
    }
    if one["type"] == "datasource":
        return {"kind": "DatasourceVariable", "spec": {**common, "pluginId": one["query"]}}
    asked = {
        "query": _data(one["datasource"], one["query"]),
        "definition": one["definition"],
        "sort": _SORT[one["sort"]],
    }
    return {"kind": "QueryVariable", "spec": {**common, **asked}}
