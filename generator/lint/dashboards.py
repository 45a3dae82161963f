"""Checks of dashboard files: shape, geometry, texts. What they refer to is `references`' business."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from generator.config.site import Site
from generator.lint.finding import Files, Finding, finding_at, panels
from generator.source import Place, fits, validator

_HERE = Path(__file__).parent
_SCHEMA = _HERE / "dashboard.schema.json"
_WITHOUT_QUERY = ("row", "text")
#: Grafana stores dashboards of 1 MiB and less in every database and in every Kubernetes ConfigMap.
_LARGEST = 1 << 20


def schema(files: Files, _: Site) -> Iterator[Finding]:
    """A dashboard is what Grafana 10.4 to 13 load unmigrated: known keys, right types, nothing null."""
    for board in files.boards:
        if fits(_SCHEMA, board.data):
            continue
        for error in validator(_SCHEMA).iter_errors(board.data):
            while error.context:
                error = max(error.context, key=lambda e: len(e.absolute_path))  # noqa: PLW2901 - down to the culprit
            yield finding_at(
                board,
                tuple(error.absolute_path),
                "dashboard/schema",
                error.message[:200],
                "write what Grafana's own model has there",
            )


def identity(files: Files, _: Site) -> Iterator[Finding]:
    """Uids and titles are unique, panel ids and titles within a board, ref ids within a panel."""
    seen: dict[tuple[str, str], str] = {}
    for board in files.boards:
        for key in ("uid", "title"):
            value = str(board.data.get(key, ""))
            other = seen.setdefault((key, value), board.path)
            if other != board.path:
                yield finding_at(
                    board,
                    (key,),
                    "dashboard/identity",
                    f"{key} {value!r} is also that of {other}",
                    f"give it a {key} of its own",
                )
        if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?", str(board.data.get("uid", ""))):
            yield finding_at(
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
                    yield finding_at(
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
                yield finding_at(
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
                yield finding_at(
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
                yield finding_at(
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
                    yield finding_at(
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
                yield finding_at(board, place, "dashboard/described", "a panel without a title", "name it")
            elif panel["type"] != "row" and not panel.get("description"):
                yield finding_at(
                    board,
                    place,
                    "dashboard/described",
                    f"panel {panel['title']!r} has no description",
                    "say what it shows and why it may be empty",
                )


def queried(files: Files, _: Site) -> Iterator[Finding]:
    """A panel that shows data has a query."""
    for board in files.boards:
        for place, panel in panels(board):
            if panel["type"] not in _WITHOUT_QUERY and not panel.get("targets"):
                yield finding_at(
                    board,
                    place,
                    "dashboard/queried",
                    f"panel {panel.get('title')!r} has no query",
                    "give it one, or make it a text",
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
                    yield finding_at(
                        board,
                        (*place, "fieldConfig"),
                        "dashboard/units",
                        f"unit {unit!r} of {panel.get('title')!r} is unknown",
                        "use one of Grafana's ids",
                    )
            if panel["type"] in ("timeseries", "stat", "gauge", "bargauge") and not found:
                yield finding_at(
                    board,
                    place,
                    "dashboard/units",
                    f"panel {panel.get('title')!r} has no unit",
                    "name the unit of its figures",
                )


def size(files: Files, _: Site) -> Iterator[Finding]:
    """A dashboard fits into a Kubernetes ConfigMap."""
    for board in files.boards:
        length = len(json.dumps(board.data))
        if length > _LARGEST:
            yield finding_at(
                board, (), "dashboard/size", f"{length} bytes", f"keep it below {_LARGEST}; split the board"
            )
