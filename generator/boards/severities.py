"""Limits in the colour of the alert that watches them: red where it pages, orange where it opens a ticket."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from generator.boards import colours, grafana
from generator.boards.layout import Board


def colour(board: Board, severities: Mapping[str, str]) -> None:
    """Draw the limit of each panel that alerts watch in the colour of the most severe one.

    Args:
        board: The board; its panels are changed.
        severities: The severity of each alert, by its name.

    """
    watched = {panel.title: {severities[name] for name in panel.alerts if name in severities} for panel in board.panels}
    for made in _panels(board):
        found = watched.get(made.title, set())
        if found and "critical" not in found:
            for step in made.defaults.get("thresholds", {}).get("steps", ()):
                step["color"] = colours.WARNING if step["color"] == colours.CRITICAL else step["color"]


def _panels(board: Board) -> Iterator[grafana.Panel]:
    for made in board.dashboard.panels:
        yield from made.panels if isinstance(made, grafana.Row) and made.collapsed else ()
        if isinstance(made, grafana.Panel):
            yield made
