"""Queries of what changed at a moment: a process that started, a version that came, a number of processes that is another.

Each reads the newest value of some series at two or three moments and no range, so a thousand servers cost little, and is
empty while nothing changes. `ago` is how far back is looked: as long as the step of a graph at least, or something is missed.
"""

from __future__ import annotations

from collections.abc import Sequence

from generator.catalogue import Metric
from generator.promql.query import Query, indented
from generator.promql.scope import Scope
from generator.promql.series import aggregate, query, select

#: How long after it was last seen a version counts as known: a failed scrape or a slow rollout makes it no new one.
KNOWN = "15m"


def started(start_time: Metric, *, by: Sequence[str]) -> Query:
    """Return the start time of the youngest process in milliseconds, where it was another one `window` ago.

    The time is true whatever was missing in between: a scrape that failed brings back an earlier start, at its own time.
    """

    def build(scope: Scope) -> str:
        now = aggregate("max", by, select(start_time, scope), start_time)
        before = aggregate("max", by, f"{select(start_time, scope)} offset {scope.window}", start_time)
        return f"1000 * (\n{indented(f'{now}{chr(10)}unless{chr(10)}({now} == {before})')}\n)"

    return query(start_time, by, "milliseconds", build)


def appeared(info: Metric, label: str, *, by: Sequence[str]) -> Query:
    """Processes of a version, the value of `label`, that was not there `window` ago while another one was, by `by` and `label`."""

    def build(scope: Scope) -> str:
        def seen(labels: Sequence[str], ago: str) -> str:
            return aggregate("count", labels, f"{select(info, scope)} offset {ago}", info)

        now = aggregate("count", (*by, label), select(info, scope), info)
        same, any_ = (
            f"(\n{indented(f'{seen(labels, scope.window)}{chr(10)}or{chr(10)}{seen(labels, KNOWN)}')}\n)"
            for labels in ((*by, label), by)
        )
        return f"(\n{indented(f'{now}{chr(10)}unless{chr(10)}{same}')}\n)\nand on ({', '.join(by)})\n{any_}"

    return query(info, (*by, label), "instances", build)


def resized(up: Metric, *, by: Sequence[str]) -> Query:
    """Number of targets, where it was another one `window` ago and not none."""

    def build(scope: Scope) -> str:
        now = aggregate("count", by, select(up, scope), up)
        before = aggregate("count", by, f"{select(up, scope)} offset {scope.window}", up)
        return f"{now}\n!=\n{before}"

    return query(up, by, "instances", build)
