"""What a panel to be is, and what panels of every kind are made with: targets, units, thresholds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from generator.boards import colours, grafana
from generator.catalogue import Kind, Limit
from generator.errors import QueryError
from generator.promql.query import Query
from generator.promql.scope import Scope

Json = Any

#: Points by which Grafana divides the range of a figure of this moment: `$__rate_interval`, which follows from them, then is
#: no longer than scrapes demand, also where the board shows a week. What is asked for is one point.
POINTS = 11_000


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel to be.

    Attributes:
        title: Its title, unique on its board: its id follows from it.
        queries: What it shows; the impossible ones are dropped.
        make: Scope and description in, grafanalib panel out.
        size: Width and height in grid units, of 24 columns.
        note: What a reader must know beyond what the queries say of themselves.
        columns: Headers of a table, one per query.
        usual: What is normal.
        action: What to do when it is not.
        alerts: Names of the alerts that watch it; their runbooks say the rest.
        instant: It shows this moment and no past.
        limits: What is drawn at limits: the column of a table, or nothing for the panel itself; the limit; and the alerts that fire
            at it where it is not one of the bundle.

    """

    title: str
    queries: tuple[Query, ...]
    make: Callable[[Sequence[Query], Scope, str], grafana.Panel]
    size: tuple[int, int]
    note: str = ""
    columns: tuple[str, ...] = ()
    usual: str = ""
    action: str = ""
    alerts: tuple[str, ...] = ()
    instant: bool = False
    limits: tuple[tuple[str, Limit, tuple[str, ...]], ...] = ()

    @property
    def possible(self) -> tuple[Query, ...]:
        """The queries that the configuration allows."""
        return tuple(q for q in self.queries if not q.missing)

    def wide(self, width: int, height: int = 0) -> Panel:
        """Return the panel at another size."""
        return replace(self, size=(width, height or self.size[1]))

    def with_note(self, note: str) -> Panel:
        """Return the panel with a note in its description."""
        return replace(self, note=note)

    def normal(self, usual: str, action: str = "", *, alert: str | tuple[str, ...] = ()) -> Panel:
        """Return the panel with what is normal, what to do otherwise, and the alerts that watch it."""
        return replace(self, usual=usual, action=action, alerts=(alert,) if isinstance(alert, str) else alert)


def unit_of(title: str, queries: Sequence[Query], limit: Limit | None) -> str:
    """Return the unit that the queries of a panel share.

    Raises:
        QueryError: They have several units, or the limit has another one.

    """
    units = sorted({q.unit for q in queries})
    if len(units) != 1:
        raise QueryError(f"panel {title!r} mixes the units {', '.join(units)}", "make one panel per unit")
    if limit is not None and limit.unit != units[0]:
        raise QueryError(
            f"panel {title!r} in {units[0]} has the limit {limit.name}, in {limit.unit}", "use a limit of its unit"
        )
    return units[0]


def targets(
    queries: Sequence[Query], scope: Scope, *, instant: bool = False, form: str = "time_series"
) -> list[grafana.Target]:
    """Return the queries as Grafana asks them; `instant` for this moment alone."""
    return [
        grafana.Target(
            expr=q.build(scope),
            legendFormat=q.legend or "__auto",
            instant=instant,
            format=form,
            exemplar=(not instant and exemplified(q, scope)) or None,
        )
        for q in queries
    ]


def exemplified(query: Query, scope: Scope, unit: str = "") -> bool:
    """Say whether Prometheus finds exemplars for a query that belong on its axis.

    Grafana asks it for those of every selector that the expression has. A recorded series has none, so the query has to read
    the buckets themselves; and an exemplar has the value of one observation, so the axis has to be in the unit of these.

    Args:
        query: What is drawn.
        scope: Where it runs.
        unit: The unit of the axis, where that is not the query's.

    Returns:
        False also where the catalogue knows of no exemplars.

    """
    marked = [m for m in query.metrics if m.exemplars and m.kind is Kind.HISTOGRAM and m.unit == (unit or query.unit)]
    return bool(marked) and any(f"{metric.full_name}_bucket" in query.build(scope) for metric in marked)


def steps(limit: Limit, bad: str, *, calm: str, hot: str = colours.CRITICAL) -> Json:
    """Return the thresholds of a limit: the colour `hot` on its `bad` side, `calm` on the other."""
    if bad == "above":
        return grafana.thresholds(calm, (limit.value, hot))
    return grafana.thresholds(hot, (limit.value, calm))
