"""A bundle as it is told apart from another one: rules and boards as values, wherever they were found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generator.units import seconds

#: What a panel may have without a difference to who looks at it: where it stands, and which release wrote it.
_UNSEEN = frozenset({"gridPos", "id", "pluginVersion", "targets", "title", "panels"})


@dataclass(frozen=True, slots=True)
class Rule:
    """One alert or recording rule.

    Attributes:
        name: Of the alert, or of the recorded series.
        expr: Its expression, as it was found.
        hold, keep: Seconds that it must be true, and that it goes on; 0 for none.
        labels, annotations: What it adds.
        group: The rule group that it is in.

    """

    name: str
    expr: str
    hold: float
    keep: float
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    group: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: what links know it by, what it is called, what it asks, and how it looks."""

    id: int
    title: str
    queries: tuple[str, ...]
    look: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Board:
    """One board: what links know it by, its title, its panels by id, its variables with their queries, and its tags."""

    uid: str
    title: str
    panels: Mapping[int, Panel]
    variables: Mapping[str, str]
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class State:
    """What one side has.

    Attributes:
        name: What it is called in a report.
        alerts, records: Rules by name; several may have one.
        boards: Boards by uid.
        knows: Which of `rules` and `boards` the side can tell of at all.

    """

    name: str
    alerts: Mapping[str, Sequence[Rule]]
    records: Mapping[str, Sequence[Rule]]
    boards: Mapping[str, Board]
    knows: frozenset[str] = frozenset({"rules", "boards"})


def state(name: str, groups: Sequence[Mapping[str, Any]], boards: Sequence[Mapping[str, Any]]) -> State:
    """Return what groups of rules, as rule files have them, and classic dashboards are together."""
    alerts: dict[str, list[Rule]] = {}
    records: dict[str, list[Rule]] = {}
    for group in groups:
        for raw in group.get("rules") or ():
            listed, called = (alerts, raw["alert"]) if "alert" in raw else (records, raw["record"])
            listed.setdefault(called, []).append(_rule(called, raw, str(group.get("name", ""))))
    return State(name, alerts, records, {board.uid: board for board in map(_board, boards)})


def _rule(name: str, raw: Mapping[str, Any], group: str) -> Rule:
    labels, annotations = (
        {str(k): str(v) for k, v in (raw.get(key) or {}).items()} for key in ("labels", "annotations")
    )
    hold, keep = (seconds(str(raw.get(key) or "0s")) for key in ("for", "keep_firing_for"))
    return Rule(name, str(raw["expr"]), hold, keep, labels, annotations, group)


def _board(raw: Mapping[str, Any]) -> Board:
    panels = {panel.id: panel for panel in map(_panel, _panels(raw.get("panels") or ()))}
    listed = (raw.get("templating") or {}).get("list") or ()
    return Board(
        str(raw.get("uid", "")),
        str(raw.get("title", "")),
        panels,
        {str(one["name"]): _asked(one.get("query")) for one in listed},
        frozenset(map(str, raw.get("tags") or ())),
    )


def _panels(raw: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for panel in raw:
        yield panel
        yield from _panels(panel.get("panels") or ())


def _panel(raw: Mapping[str, Any]) -> Panel:
    queries = tuple(str(target.get("expr", "")) for target in raw.get("targets") or ())
    look = {key: value for key, value in raw.items() if key not in _UNSEEN}
    asked = [
        {key: value for key, value in target.items() if key not in ("expr", "refId", "datasource")}
        for target in raw.get("targets") or ()
    ]
    return Panel(int(raw.get("id") or 0), str(raw.get("title", "")), queries, {**look, "targets": asked})


def _asked(query: Any) -> str:
    """Return the text of a variable's query, which Grafana has as a text or as an object."""
    return str(query.get("query", "")) if isinstance(query, dict) else str(query or "")
