"""Tables: one row per label set, one column per label and per query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from generator.boards import colours, grafana
from generator.boards.panel import POINTS, Panel, steps, targets, unit_of
from generator.catalogue import Limit
from generator.errors import QueryError
from generator.promql.query import Query
from generator.promql.scope import Scope
from generator.units import grafana_unit

Json = Any

#: Pixels of a small screen, around its panels, between two of them, and inside of one beside its content.
SCREEN, _MARGIN, _GAP, _INSIDE = 1400, 32, 8, 18

#: Pixels that Grafana gives a column at least which says nothing of its width, and those that letters can still be read in.
COLUMN, _LEAST = 150, 60

#: What is written otherwise than its letters say.
_WORDS = {"api": "API", "http": "HTTP", "id": "ID", "llm": "LLM", "mcp": "MCP", "url": "URL", "alertname": "alert"}


@dataclass(frozen=True, slots=True)
class Column:
    """One value column of a table.

    Attributes:
        header: Its header.
        query: Its query.
        limit: From which it is red on its `bad` side.
        bad: `above` or `below`.
        words: Each value's text and colour; such a column stands before the labels, and is least first when one sorts by it.
        alert: The alert that fires at the limit, where the limit is not one of the bundle.

    """

    header: str
    query: Query
    limit: Limit | None = None
    bad: str = "above"
    words: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    alert: str = ""


def table(
    title: str,
    columns: Sequence[Column],
    *,
    sort: str = "",
    link: Mapping[str, str] | None = None,
    hidden: Sequence[str] = (),
    headers: Mapping[str, str] | None = None,
) -> Panel:
    """Show one row per label set, one column per label and per query; all queries have the same labels.

    Args:
        title: The title.
        columns: The value columns, left to right.
        sort: Header of the column that is greatest first, or label that is in alphabetical order.
        link: Label to the URL that its cell opens.
        hidden: Labels that have no column: another one says the same.
        headers: Label to its header, where its name is not what people call it.

    Returns:
        A table as wide as the board. It does not scroll sideways on a screen of 1,400 pixels while its figures leave room.

    Raises:
        QueryError: Two columns have different labels, so their rows would not meet.

    """
    labels = columns[0].query.labels
    for column in columns:
        if set(column.query.labels) != set(labels):
            what = f"column {column.header!r} of {title!r} is by ({', '.join(column.query.labels)})"
            raise QueryError(what, f"group it by ({', '.join(labels)}) as the first one")
        unit_of(title, (column.query,), column.limit)

    def make(possible: Sequence[Query], scope: Scope, description: str) -> grafana.Panel:
        present = [c for c in columns if c.query in possible]
        asked = targets([c.query for c in present], scope, instant=True, form="table")
        names = (
            {f"Value #{chr(ord('A') + i)}": c.header for i, c in enumerate(present)}
            if len(present) > 1
            else {"Value": present[0].header}
        )
        called = {name: (headers or {}).get(name, spoken(name)) for name in labels if name not in hidden}
        worded = [place for place, column in zip(names, present, strict=True) if column.words]
        shown = [*worded, *(n for n in labels if n not in hidden), *(n for n in names if n not in worded)]
        order = {name: i for i, name in enumerate(shown)}
        organize = {
            "id": "organize",
            "options": {
                "excludeByName": {"Time": True, **dict.fromkeys(hidden, True)},
                "includeByName": {},
                "indexByName": order,
                "renameByName": {**names, **called},
            },
        }
        upwards = [*called.values(), *(c.header for c in present if c.words)]
        widths = _widths(present, len(called), sort)
        least = (inner(grafana.WIDTH) - sum(widths)) // (len(called) or 1)
        custom = {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": True, "inspect": False}
        overrides = [_column(c, width) for c, width in zip(present, widths, strict=True)]
        overrides += [
            grafana.override(called[label], links=[{"title": "Open", "url": url}])
            for label, url in (link or {}).items()
        ]
        return grafana.panel(
            "table",
            title,
            asked,
            options={
                "cellHeight": "sm",
                "showHeader": True,
                "sortBy": [{"desc": sort not in upwards, "displayName": sort}] if sort else [],
            },
            defaults={
                "color": {"mode": "thresholds"},
                "custom": custom | ({"minWidth": max(least, _LEAST)} if least < COLUMN else {}),
                "mappings": [grafana.no_number("-")],
                "noValue": "-",
                "thresholds": grafana.thresholds(colours.PLAIN),
            },
            transformations=([{"id": "merge", "options": {}}] if len(present) > 1 else []) + [organize],
            overrides=overrides,
            maxDataPoints=POINTS,
            description=description,
        )

    return Panel(
        title,
        tuple(c.query for c in columns),
        make,
        (grafana.WIDTH, 8),
        columns=tuple(c.header for c in columns),
        limits=tuple((c.header, c.limit, (c.alert,) if c.alert else ()) for c in columns if c.limit),
    )


def inner(width: int) -> int:
    """Return the pixels inside a panel of a width in grid units, on a screen of 1,400."""
    return (SCREEN - _MARGIN + _GAP) * width // grafana.WIDTH - _GAP - _INSIDE


def words(label: str) -> str:
    """Return a label's name as one says it within a title: `agent_id` is `agent ID`."""
    return " ".join([_WORDS.get(word, word) for word in label.strip("_").split("_") if word] or [label])


def spoken(label: str) -> str:
    """Return a label's name as a header, in words: `redis_version` is `Redis version`."""
    said = words(label)
    return said[:1].upper() + said[1:]


def _widths(columns: Sequence[Column], labels: int, sort: str) -> list[int]:
    """Return the pixels of each column: with room to sort by it where all have it, else what its header needs."""
    wide = [max(180 if column.query.unit == "unixtime" else 120, 8 * len(column.header) + 60) for column in columns]
    if sum(wide) + labels * COLUMN <= inner(grafana.WIDTH):
        return wide
    return [_narrow(column, sort) for column in columns]


def _narrow(column: Column, sort: str) -> int:
    """Return the pixels that a column needs for its header with the sign of its filter, and for a figure or a date."""
    least = 180 if column.query.unit == "unixtime" else 90
    return max(least, round(7.5 * len(column.header)) + (62 if column.header == sort else 44))


def _column(column: Column, width: int) -> Json:
    look: dict[str, Any] = {"unit": grafana_unit(column.query.unit), "custom__width": width}
    if column.words:
        look |= {"mappings": [grafana.value_map(column.words)], "custom__align": "left"}
        look["custom__cellOptions"] = {"type": "color-text"}
    if column.limit:
        look["thresholds"] = steps(column.limit, column.bad, calm=colours.PLAIN)
        look["custom__cellOptions"] = {"type": "color-text"}
    return grafana.override(column.header, **look)
