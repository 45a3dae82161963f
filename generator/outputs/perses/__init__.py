"""Boards for Perses: a project, a data source and a dashboard of each board, with what its panels lack left out by name.

Source: the Go model of Perses 0.53 (`pkg/model/api/v1`), and the types that its plugins publish (Apache-2.0).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath as Path
from typing import Any

from generator.boards.layout import LeftOut
from generator.bundle import Bundle
from generator.outputs import documents, stamp
from generator.outputs.perses.panels import DRAWN, lacking, panel, unnamed
from generator.outputs.text import indented

Json = dict[str, Any]

#: Where the documents stand.
PROJECT, DATASOURCE, DASHBOARDS = Path("perses/project.json"), Path("perses/datasource.json"), Path("perses/dashboards")

#: Why something of every board has no place.
_WHOLE = {
    "annotations": "Perses has no annotations",
    "links to other boards": "Perses links to addresses, not to boards by tag",
    "the variable datasource": "Perses asks the default data source of its kind",
    "the time zone, the cursor that boards share": "a choice of each user of Perses",
}


def render(bundle: Bundle) -> Mapping[Path, str]:
    """Return the documents by path: the project and the data source first, which the dashboards need."""
    options = bundle.site.config.formats.perses
    out = {PROJECT: indented(_project(options.project)), DATASOURCE: indented(_datasource(bundle))}
    for stem, board in documents.dashboards(bundle).items():
        out[DASHBOARDS / f"{stem}.json"] = indented(_dashboard(board, options.project))
    return out


def left_out(bundle: Bundle) -> Sequence[LeftOut]:
    """Return panels that Perses does not draw, and what it does not say of those that it draws, by board."""
    out = [LeftOut(str(DASHBOARDS), what, why) for what, why in _WHOLE.items()]
    units: set[str] = set()
    for stem, board in documents.dashboards(bundle).items():
        where = str(DASHBOARDS / f"{stem}.json")
        every = [one for _, _, panels in _rows(board["panels"]) for one in panels]
        out += [LeftOut(where, p["title"], _undrawn(p)) for p in every if p["type"] not in DRAWN]
        units |= {name for one in every if one["type"] in DRAWN for name in unnamed(one)}
        reasons: dict[tuple[str, str], list[str]] = {}
        for one in every:
            for found in lacking(one) if one["type"] in DRAWN else ():
                reasons.setdefault(found, []).append(one["title"])
        out += [LeftOut(where, f"{what} of {', '.join(titles)}", why) for (what, why), titles in reasons.items()]
    if units:
        why = "Perses has no units of one's own; the numbers are there without them"
        out.append(LeftOut(str(DASHBOARDS), f"the units {', '.join(sorted(units))}", why))
    return tuple(out)


def _undrawn(one: Json) -> str:
    if one["type"] == "heatmap":
        return "Perses draws heatmaps of native histograms alone, and these have buckets by label"
    return f"Perses has no panel like {one['type']}"


def _project(name: str) -> Json:
    return {"kind": "Project", "metadata": {"name": name}, "spec": {"display": {"name": "Agent observability"}}}


def _datasource(bundle: Bundle) -> Json:
    """Return a Prometheus for all projects, which Perses asks itself; `minStep` of queries follows from its scrapes."""
    proxy = {"kind": "HTTPProxy", "spec": {"url": bundle.site.config.formats.perses.prometheus}}
    spec = {"proxy": proxy, "scrapeInterval": bundle.site.timing.scrape}
    plugin = {"kind": "PrometheusDatasource", "spec": spec}
    display = {"name": "Prometheus"}
    return {
        "kind": "GlobalDatasource",
        "metadata": {"name": "prometheus"},
        "spec": {"display": display, "default": True, "plugin": plugin},
    }


def _dashboard(board: Json, project: str) -> Json:
    spec: Json = {
        "display": {"name": board["title"], "description": stamp.without(board["description"]).rstrip()},
        "duration": _back(board),
        "refreshInterval": board["refresh"] or "0s",
        "variables": [_variable(v, _back(board)) for v in board["templating"]["list"] if v["type"] == "query"],
        "panels": {},
        "layouts": [],
    }
    for title, collapsed, panels in _rows(board["panels"]):
        drawn = [one for one in panels if one["type"] in DRAWN]
        spec["panels"] |= {_name(one): panel(one) for one in drawn}
        if drawn:
            spec["layouts"].append(_grid(title, drawn, collapsed=collapsed))
    return {"kind": "Dashboard", "metadata": {"name": board["uid"], "project": project}, "spec": spec}


def _back(board: Json) -> str:
    """Return how far a board looks back: `now-6h` is `6h`. A board that ends before now has no other form in Perses."""
    found = re.fullmatch(r"now-(\d+[smhdw])", board["time"]["from"])
    return found[1] if found else "6h"


def _variable(one: Json, back: str) -> Json:
    """Return a list of the values of a label: of one selector, or of an expression, in which Perses knows no `$__range`."""
    query = one["query"]["query"]
    found = re.fullmatch(r"label_values\((?P<selector>.+), (?P<label>\w+)\)", query, re.DOTALL)
    if found:
        spec: Json = {"labelName": found["label"], "matchers": [found["selector"]]}
        plugin = {"kind": "PrometheusLabelValuesVariable", "spec": spec}
    else:
        expr = query.removeprefix("query_result(").removesuffix(")").replace("$__range", back)
        label = one["regex"].removeprefix("/").partition("=")[0]
        plugin = {"kind": "PrometheusPromQLVariable", "spec": {"expr": expr, "labelName": label}}
    chosen = one["current"].get("value")
    return {
        "kind": "ListVariable",
        "spec": {
            "name": one["name"],
            "display": {"name": one["label"], "description": one["description"], "hidden": False},
            "allowMultiple": one["multi"],
            "allowAllValue": one["includeAll"],
            "customAllValue": one["allValue"],
            **({"defaultValue": chosen} if chosen else {}),
            "sort": "alphabetical-asc",
            "plugin": plugin,
        },
    }


def _rows(panels: Sequence[Json]) -> Iterator[tuple[str, bool, list[Json]]]:
    """Yield title, whether it is closed, and panels of each row; what stands before the first row has no title."""
    title, collapsed, children = "", False, []
    for one in panels:
        if one["type"] != "row":
            children.append(one)
            continue
        if children:
            yield title, collapsed, children
        title, collapsed, children = one["title"], one["collapsed"], list(one["panels"])
    if children:
        yield title, collapsed, children


def _grid(title: str, panels: Sequence[Json], *, collapsed: bool) -> Json:
    """Return a row; its grid has 24 columns as Grafana's, and begins at its own top."""
    top = min(one["gridPos"]["y"] for one in panels)
    items = [
        {
            "x": at["x"],
            "y": at["y"] - top,
            "width": at["w"],
            "height": at["h"],
            "content": {"$ref": f"#/spec/panels/{_name(one)}"},
        }
        for one in panels
        for at in [one["gridPos"]]
    ]
    return {"kind": "Grid", "spec": {"display": {"title": title, "collapse": {"open": not collapsed}}, "items": items}}


def _name(one: Json) -> str:
    return f"panel-{one['id']}"
