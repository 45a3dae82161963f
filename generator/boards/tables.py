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

#: Pixels that the figures of a table may have for themselves, so that its labels get what is left: a small screen has 1,400.
_NARROW = 850


@dataclass(frozen=True, slots=True)
class Column:
    """One value column of a table.

    Attributes:
        header: Its header.
        query: Its query.
        limit: From which it is red on its `bad` side.
        bad: `above` or `below`.
        words: Each value's text and colour; such a column stands before the labels, and is least first when one sorts by it.

    """

    header: str
    query: Query
    limit: Limit | None = None
    bad: str = "above"
    words: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def table(
    title: str,
    columns: Sequence[Column],
    *,
    sort: str = "",
    link: Mapping[str, str] | None = None,
    hidden: Sequence[str] = (),
) -> Panel:
    """Show one row per label set, one column per label and per query; all queries have the same labels.

    Args:
        title: The title.
        columns: The value columns, left to right.
        sort: Header of the column that is greatest first, or label that is in alphabetical order.
        link: Label to the URL that its cell opens.
        hidden: Labels that have no column: another one says the same.

    Returns:
        A table as wide as the board.

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
        worded = [place for place, column in zip(names, present, strict=True) if column.words]
        shown = [*worded, *(n for n in labels if n not in hidden), *(n for n in names if n not in worded)]
        order = {name: i for i, name in enumerate(shown)}
        organize = {
            "id": "organize",
            "options": {
                "excludeByName": {"Time": True, **dict.fromkeys(hidden, True)},
                "includeByName": {},
                "indexByName": order,
                "renameByName": names,
            },
        }
        upwards = [*labels, *(c.header for c in present if c.words)]
        custom = {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": True, "inspect": False}
        widths = {c.header: _width(c) for c in present}
        narrow = sum(widths.values()) <= _NARROW
        overrides = [_column(c, widths[c.header] if narrow else 0) for c in present]
        overrides += [
            grafana.override(label, links=[{"title": "Open", "url": url}]) for label, url in (link or {}).items()
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
                "custom": custom,
                "mappings": [grafana.no_number("-")],
                "noValue": "-",
                "thresholds": grafana.thresholds(colours.PLAIN),
            },
            transformations=([{"id": "merge", "options": {}}] if len(present) > 1 else []) + [organize],
            overrides=overrides,
            maxDataPoints=POINTS,
            description=description,
        )

    return Panel(title, tuple(c.query for c in columns), make, (24, 8), columns=tuple(c.header for c in columns))


def _width(column: Column) -> int:
    """Return the pixels that a column needs for its header with the signs of sort and filter, and for a figure or a date."""
    return max(180 if column.query.unit == "unixtime" else 120, 8 * len(column.header) + 60)


def _column(column: Column, width: int) -> Json:
    look: dict[str, Any] = {"unit": grafana_unit(column.query.unit), **({"custom__width": width} if width else {})}
    if column.words:
        look |= {"mappings": [grafana.value_map(column.words)], "custom__align": "left"}
        look["custom__cellOptions"] = {"type": "color-text"}
    if column.limit:
        look["thresholds"] = steps(column.limit, column.bad, calm=colours.PLAIN)
        look["custom__cellOptions"] = {"type": "color-text"}
    return grafana.override(column.header, **look)
