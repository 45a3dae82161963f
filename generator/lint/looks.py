"""Checks of what one sees of a board before any figure: lines of the grid, tables and words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from generator.boards.grafana import WIDTH
from generator.boards.tables import COLUMN, SCREEN, inner
from generator.config.site import Site
from generator.lint.finding import Files, Finding, finding_at, panels
from generator.source import Place

#: A name as metrics and labels have it.
_RAW = re.compile(r"\b[a-z0-9]+(_[a-z0-9]+)+")

#: How a header begins: with a large letter, a figure, or as a percentile.
_HEADER = re.compile(r"[A-Z0-9]|p\d")


def filled(files: Files, _: Site) -> Iterator[Finding]:
    """A line of the grid has panels from its first column to its last."""
    for board in files.boards:
        lines: dict[tuple[Place, int], list[tuple[Place, Mapping[str, Any]]]] = {}
        for place, panel in panels(board):
            if "gridPos" in panel:
                lines.setdefault((place[:-1], panel["gridPos"]["y"]), []).append((place, panel))
        for line in lines.values():
            width = sum(panel["gridPos"]["w"] for _, panel in line)
            if width < WIDTH:
                place, panel = line[-1]
                yield finding_at(
                    board,
                    (*place, "gridPos"),
                    "dashboard/filled",
                    f"the line of {panel.get('title')!r} has {width} of {WIDTH} columns",
                    "make its panels wider",
                )


def fits(files: Files, _: Site) -> Iterator[Finding]:
    """A table does not scroll sideways on a screen of 1,400 pixels."""
    for board in files.boards:
        for place, panel in panels(board):
            if panel["type"] != "table":
                continue
            config = panel.get("fieldConfig", {})
            least = config.get("defaults", {}).get("custom", {}).get("minWidth", COLUMN)
            widths = {
                rule["matcher"].get("options"): own["value"]
                for rule in config.get("overrides", ())
                for own in rule["properties"]
                if own["id"] == "custom.width"
            }
            needed = sum(widths.get(header, least) for header in _headers(panel))
            room = inner(panel.get("gridPos", {}).get("w", WIDTH))
            if needed > room:
                yield finding_at(
                    board,
                    place,
                    "dashboard/fits",
                    f"columns of {panel.get('title')!r} need {needed} pixels, and a screen of {SCREEN} has {room} for them",
                    "divide the table, or make it wider",
                )


def spoken(files: Files, _: Site) -> Iterator[Finding]:
    """Titles and headers are words: no name of a metric or a label, but on boards that list metrics by their names."""
    for board in files.boards:
        titled = [(place, str(panel.get("title", ""))) for place, panel in panels(board) if panel["type"] != "row"]
        raw = [(place, title) for place, title in titled if _RAW.search(title)]
        for place, title in raw if len(raw) < len(titled) else ():
            yield finding_at(board, (*place, "title"), "dashboard/spoken", f"title {title!r}", "say what it shows")
        for place, panel in panels(board):
            for header in _headers(panel) if panel["type"] == "table" else ():
                if not _HEADER.match(header) or _RAW.search(header) or header.startswith("Value"):
                    yield finding_at(
                        board,
                        place,
                        "dashboard/spoken",
                        f"a column of {panel.get('title')!r} is called {header!r}",
                        "rename it: words, the first with a large letter",
                    )


def _headers(panel: Mapping[str, Any]) -> Iterator[str]:
    """Yield the headers of a table's columns, as far as it says which it has."""
    for one in panel.get("transformations", ()):
        options = one.get("options", {}) if one.get("id") == "organize" else {}
        for name in options.get("indexByName", ()):
            if not options.get("excludeByName", {}).get(name):
                yield options.get("renameByName", {}).get(name, name)
