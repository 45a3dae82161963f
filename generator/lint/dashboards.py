"""Checks of dashboard files: shape, references, geometry. What a query says is `queries`' business."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from generator.config.site import Site
from generator.lint.expression import VARIABLE
from generator.lint.finding import Files, Finding, panels, strings, targets
from generator.source import Document, Place, fits, validator

_HERE = Path(__file__).parent
_SCHEMA = _HERE / "dashboard.schema.json"
_BUILTIN = frozenset(
    ["__interval", "__interval_ms", "__range", "__range_s", "__range_ms", "__rate_interval", "__rate_interval_ms", "__from", "__to", "__dashboard", "__org", "__user", "__name", "timeFilter", "__timeFilter", "__url_time_range", "__all_variables", "__data", "__field", "__value", "__series", "__cell", "__auto"]
)  # fmt: skip
_WITHOUT_QUERY = ("row", "text")
#: Grafana stores dashboards of 1 MiB and less in every database and in every Kubernetes ConfigMap.
_LARGEST = 1 << 20
_LINK = re.compile(r"/d/([\w-]+)\??(\S*)")


def _at(board: Document, place: Place, check: str, what: str, fix: str) -> Finding:
    return Finding(board.path, board.line(*place), check, what, fix)


def schema(files: Files, _: Site) -> Iterator[Finding]:
    """A dashboard is what Grafana 10.4 to 13 load unmigrated: known keys, right types, nothing null."""
    for board in files.boards:
        if fits(_SCHEMA, board.data):
            continue
        for error in validator(_SCHEMA).iter_errors(board.data):
            while error.context:
                error = max(error.context, key=lambda e: len(e.absolute_path))  # noqa: PLW2901 - down to the culprit
            yield _at(
                board,
                tuple(error.absolute_path),
                "dashboard/schema",
                error.message[:200],
                "write what Grafana's own model has there",
            )


def variables(files: Files, _: Site) -> Iterator[Finding]:
    """Every variable that is used is defined, and before it is used; every one that is defined is used."""
    for board in files.boards:
        listed = [v["name"] for v in board.data.get("templating", {}).get("list", ())]
        used: set[str] = set()
        for place, panel in panels(board):
            names = {m for s in strings({k: v for k, v in panel.items() if k != "panels"}) for m in _names(s)}
            used |= names
            for name in sorted(names - {*listed} - _BUILTIN):
                yield _at(
                    board,
                    place,
                    "dashboard/variables",
                    f"panel {panel.get('title')!r} uses ${name}, which is not defined",
                    f"use one of {', '.join(listed)}",
                )
        for number, variable in enumerate(board.data.get("templating", {}).get("list", ())):
            names = {m for s in strings(variable.get("query", "")) for m in _names(s)}
            used |= names
            for name in sorted(names - {*listed[:number]} - _BUILTIN):
                what = f"variable {variable['name']!r} uses ${name}, which is not defined before it"
                yield _at(
                    board, ("templating", "list", number), "dashboard/variables", what, "define it earlier, or drop it"
                )
        for number, name in enumerate(listed):
            if name not in used and name != "datasource":
                yield _at(
                    board,
                    ("templating", "list", number),
                    "dashboard/variables",
                    f"variable {name!r} is never used",
                    "use it, or drop it",
                )


def _names(text: str) -> set[str]:
    if "$" not in text and "[[" not in text:
        return set()
    return {name for groups in VARIABLE.findall(text) if not (name := next(filter(None, groups))).isdigit()}


def identity(files: Files, _: Site) -> Iterator[Finding]:
    """Uids and titles are unique, panel ids and titles within a board, ref ids within a panel."""
    seen: dict[tuple[str, str], str] = {}
    for board in files.boards:
        for key in ("uid", "title"):
            value = str(board.data.get(key, ""))
            other = seen.setdefault((key, value), board.path)
            if other != board.path:
                yield _at(
                    board,
                    (key,),
                    "dashboard/identity",
                    f"{key} {value!r} is also that of {other}",
                    f"give it a {key} of its own",
                )
        if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?", str(board.data.get("uid", ""))):
            yield _at(
                board,
                ("uid",),
                "dashboard/identity",
                f"uid {board.data.get('uid')!r}",
                "use at most 40 small letters, digits and inner hyphens",
            )
        for key in ("id", "title"):
            found: dict[Any, Place] = {}
            for place, panel in panels(board):
                if panel.get(key) in found:
                    yield _at(
                        board,
                        (*place, key),
                        "dashboard/identity",
                        f"{key} {panel.get(key)!r} belongs to another panel too",
                        "make it unique on the board",
                    )
                found[panel.get(key)] = place
        for place, panel in panels(board):
            refs = [t.get("refId") for t in panel.get("targets", ())]
            if len(refs) != len(set(refs)):
                yield _at(
                    board,
                    (*place, "targets"),
                    "dashboard/identity",
                    f"panel {panel.get('title')!r} uses a ref id twice",
                    "name its queries A, B, C",
                )


def grid(files: Files, _: Site) -> Iterator[Finding]:
    """Panels lie inside 24 columns, none on another, and a line has no hole below a short panel."""
    for board in files.boards:
        cells: dict[tuple[int, int], str] = {}
        for place, panel in panels(board):
            g = panel.get("gridPos", {"x": 0, "y": 0, "w": 0, "h": 0})
            if g["x"] + g["w"] > 24 or g["w"] < 1 or g["h"] < 1:  # noqa: PLR2004 - Grafana's columns
                yield _at(
                    board,
                    (*place, "gridPos"),
                    "dashboard/grid",
                    f"panel {panel.get('title')!r} leaves the grid",
                    "keep x + w at 24 or below",
                )
            if "panels" in place[2:]:
                continue
            other = {
                cells[c]
                for c in ((x, y) for x in range(g["x"], g["x"] + g["w"]) for y in range(g["y"], g["y"] + g["h"]))
                if c in cells
            }
            if other:
                yield _at(
                    board,
                    (*place, "gridPos"),
                    "dashboard/grid",
                    f"panel {panel.get('title')!r} lies on {', '.join(sorted(other))}",
                    "move one of them",
                )
            for x in range(g["x"], g["x"] + g["w"]):
                for y in range(g["y"], g["y"] + g["h"]):
                    cells[x, y] = repr(panel.get("title"))


def thresholds(files: Files, _: Site) -> Iterator[Finding]:
    """Threshold steps begin with the open one and ascend."""
    for board in files.boards:
        for place, panel in panels(board):
            config = panel.get("fieldConfig", {})
            listed = [config.get("defaults", {}).get("thresholds")]
            listed += [
                p["value"] for o in config.get("overrides", ()) for p in o["properties"] if p["id"] == "thresholds"
            ]
            for found in filter(None, listed):
                values = [s["value"] for s in found["steps"]]
                if values and (values[0] is not None or values[1:] != sorted(values[1:])):
                    yield _at(
                        board,
                        (*place, "fieldConfig"),
                        "dashboard/thresholds",
                        f"steps of panel {panel.get('title')!r} do not ascend",
                        "sort them, the open one first",
                    )


def described(files: Files, _: Site) -> Iterator[Finding]:
    """Every panel has a title, and a description that says what it shows."""
    for board in files.boards:
        for place, panel in panels(board):
            if not panel.get("title"):
                yield _at(board, place, "dashboard/described", "a panel without a title", "name it")
            elif panel["type"] != "row" and not panel.get("description"):
                yield _at(
                    board,
                    place,
                    "dashboard/described",
                    f"panel {panel['title']!r} has no description",
                    "say what it shows and why it may be empty",
                )


def datasource(files: Files, _: Site) -> Iterator[Finding]:
    """Every query goes to the data source that the board's variable names; no uid is fixed."""
    wanted = {"type": "prometheus", "uid": "${datasource}"}
    for board in files.boards:
        if "datasource" not in [
            v["name"] for v in board.data.get("templating", {}).get("list", ()) if v["type"] == "datasource"
        ]:
            yield _at(
                board,
                ("templating",),
                "dashboard/datasource",
                "no data source variable",
                "define the variable 'datasource'",
            )
        for place, panel, target in targets(board):
            if target.get("datasource") != wanted or panel.get("datasource") != wanted:
                yield _at(
                    board,
                    place,
                    "dashboard/datasource",
                    f"a query of {panel.get('title')!r} has a data source of its own",
                    "use ${datasource}",
                )


def queried(files: Files, _: Site) -> Iterator[Finding]:
    """A panel that shows data has a query."""
    for board in files.boards:
        for place, panel in panels(board):
            if panel["type"] not in _WITHOUT_QUERY and not panel.get("targets"):
                yield _at(
                    board,
                    place,
                    "dashboard/queried",
                    f"panel {panel.get('title')!r} has no query",
                    "give it one, or make it a text",
                )


def refreshed(files: Files, _: Site) -> Iterator[Finding]:
    """Query variables are read again when the time range changes, so that they show who was there then."""
    for board in files.boards:
        for number, variable in enumerate(board.data.get("templating", {}).get("list", ())):
            if variable["type"] == "query" and variable.get("refresh") != 2:  # noqa: PLR2004 - Grafana's "on time range change"
                yield _at(
                    board,
                    ("templating", "list", number),
                    "dashboard/refreshed",
                    f"variable {variable['name']!r} is read once",
                    "set refresh to 2",
                )


def units(files: Files, _: Site) -> Iterator[Finding]:
    """Every panel with figures names a unit that Grafana knows."""
    known = set(json.loads((_HERE / "grafana_registry.json").read_text(encoding="utf-8"))["units"])
    for board in files.boards:
        for place, panel in panels(board):
            config = panel.get("fieldConfig", {})
            named = [config.get("defaults", {}).get("unit")]
            named += [p["value"] for o in config.get("overrides", ()) for p in o["properties"] if p["id"] == "unit"]
            found = [u for u in named if u]
            for unit in found:
                if unit not in known and not unit.startswith("count:"):
                    yield _at(
                        board,
                        (*place, "fieldConfig"),
                        "dashboard/units",
                        f"unit {unit!r} of {panel.get('title')!r} is unknown",
                        "use one of Grafana's ids",
                    )
            if panel["type"] in ("timeseries", "stat", "gauge", "bargauge") and not found:
                yield _at(
                    board,
                    place,
                    "dashboard/units",
                    f"panel {panel.get('title')!r} has no unit",
                    "name the unit of its figures",
                )


def links(files: Files, _: Site) -> Iterator[Finding]:
    """A link to another board names one that exists, hands on time, and sets only variables that the board has."""
    known = {b.data.get("uid"): {v["name"] for v in b.data.get("templating", {}).get("list", ())} for b in files.boards}
    for board in files.boards:
        for text in strings(board.data.get("panels", ())):
            for uid, query in _LINK.findall(text):
                if uid not in known:
                    yield _at(
                        board,
                        ("panels",),
                        "dashboard/links",
                        f"link to the board {uid!r}, which is not there",
                        f"use one of {', '.join(sorted(map(str, known)))}",
                    )
                    continue
                for name in set(re.findall(r"var-(\w+)=", query)) - known[uid]:
                    yield _at(
                        board,
                        ("panels",),
                        "dashboard/links",
                        f"link sets {name!r}, which board {uid!r} has not",
                        "drop it from the link",
                    )
                if "__url_time_range" not in query:
                    yield _at(
                        board,
                        ("panels",),
                        "dashboard/links",
                        f"link to {uid!r} loses the time range",
                        "add ${__url_time_range}",
                    )
        for number, link in enumerate(board.data.get("links", ())):
            if link["type"] == "dashboards" and not (link.get("keepTime") and link.get("includeVars")):
                yield _at(
                    board,
                    ("links", number),
                    "dashboard/links",
                    f"links {link.get('title')!r} lose time or variables",
                    "set keepTime and includeVars",
                )


def annotated(files: Files, _: Site) -> Iterator[Finding]:
    """An annotation by a query has both forms: `expr` for Grafana 10 and 11, `target` for 12 and later."""
    for board in files.boards:
        for number, annotation in enumerate(board.data.get("annotations", {}).get("list", ())):
            if not annotation.get("builtIn") and annotation.get("expr") != annotation.get("target", {}).get("expr"):
                what = f"annotation {annotation.get('name')!r} has no query, or two different ones"
                yield _at(
                    board,
                    ("annotations", "list", number),
                    "dashboard/annotated",
                    what,
                    "set expr and target.expr to the same",
                )


def size(files: Files, _: Site) -> Iterator[Finding]:
    """A dashboard fits into a Kubernetes ConfigMap."""
    for board in files.boards:
        length = len(json.dumps(board.data))
        if length > _LARGEST:
            yield _at(board, (), "dashboard/size", f"{length} bytes", f"keep it below {_LARGEST}; split the board")
