"""Limits in the colour of the alerts that fire at them: red where one pages, orange where all open tickets.

One limit has one colour on every board, in graphs, figures and tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from generator.boards import colours, grafana
from generator.boards.layout import Board
from generator.catalogue import Limit
from generator.rules.rule import Alert

Json = Any


def of_limits(boards: Iterable[Board], alerts: Iterable[Alert]) -> dict[str, str]:
    """Return the colour of each limit of the bundle that is drawn, by its name.

    It is that of the most severe alert that compares something with it, else of the most severe one of the panels that draw it.
    """
    severity = {alert.name: alert.severity for alert in alerts}
    fires: dict[str, set[str]] = {}
    for alert in alerts:
        for name in alert.query.limits:
            fires.setdefault(name, set()).add(alert.severity)
    watched: dict[str, set[str]] = {}
    for board in boards:
        for panel in board.panels:
            for _, limit, _ in panel.limits:
                watched.setdefault(limit.name, set()).update(severity[a] for a in panel.alerts if a in severity)
    return {name: _hot(fires.get(name) or found) for name, found in watched.items()}


def colour(board: Board, severities: Mapping[str, str], limits: Mapping[str, str], known: Mapping[str, Limit]) -> None:
    """Draw what is beyond each limit of a board in the limit's colour.

    Args:
        board: The board; its panels are changed.
        severities: The severity of each alert, by its name.
        limits: The colour of each limit of the bundle, by its name.
        known: The limits of the bundle, by their names. Any other one is a panel's own, and has the colour of its alerts.

    """
    panels = {panel.title: panel for panel in board.panels}
    for made in _panels(board):
        panel = panels[made.title]
        for column, limit, own in panel.limits:
            hot = limits[limit.name] if limit.name in known else _of_alerts(own or panel.alerts, severities)
            for step in _steps(made, column):
                step["color"] = hot if hot and step["color"] == colours.CRITICAL else step["color"]


def _of_alerts(names: Iterable[str], severities: Mapping[str, str]) -> str:
    found = {severities[name] for name in names if name in severities}
    return _hot(found) if found else ""


def _hot(severities: set[str]) -> str:
    return colours.CRITICAL if "critical" in severities or not severities else colours.WARNING


def _steps(made: grafana.Panel, column: str) -> Iterator[Json]:
    if not column:
        yield from made.defaults.get("thresholds", {}).get("steps", ())
    for override in made.overrides if column else ():
        if override["matcher"]["options"] == column:
            for one in override["properties"]:
                yield from one["value"]["steps"] if one["id"] == "thresholds" else ()


def _panels(board: Board) -> Iterator[grafana.Panel]:
    for made in board.dashboard.panels:
        yield from made.panels if isinstance(made, grafana.Row) and made.collapsed else ()
        if isinstance(made, grafana.Panel):
            yield made
