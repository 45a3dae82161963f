"""The greatest of many series: at each time, and over the range of a graph."""

from __future__ import annotations

from dataclasses import replace

from generator.errors import QueryError
from generator.promql.query import Query, indented
from generator.promql.scope import Scope


def top(query: Query, most: int) -> Query:
    """Return a query's greatest `most` series at each time, where labels have many values; for a table, which has one time."""
    text = query.build
    reading = replace(query.reading, tail=f"The {most} highest.")
    return replace(query, build=lambda scope: _topk(most, text(scope)), compound=False, reading=reading)


def greatest(query: Query, most: int, range_: str) -> Query:
    """Return the `most` series that are greatest over the range of a graph, so that none comes and goes with its rank.

    Args:
        query: What is shown.
        most: How many.
        range_: Duration of the graph's range.

    Raises:
        QueryError: It has no range window, so its value over the whole range is not known.

    """
    left, text = query.operand, query.build
    if range_ not in text(Scope(range_)):
        raise QueryError("the greatest of a query without a range window", "use a rate, or a mean over the window")

    def build(scope: Scope) -> str:
        ranked = _topk(most, text(replace(scope, window=range_, at="@ end()")))
        return f"{left(scope)}\nand\n{ranked}"

    reading = replace(query.reading, tail=f"The {most} highest over the range of the board.")
    return replace(query, build=build, compound=True, edges=(), reading=reading)


def outstanding(query: Query, most: int, range_: str, step: str, *, least: bool = False) -> Query:
    """Return the `most` series that rise highest within the range of a graph, or fall lowest: the same ones at each time.

    For what has no range window; it is looked at every `step`, both of them durations.
    """
    left, text = query.operand, query.build
    choose, extreme, word = ("bottomk", "min", "lowest") if least else ("topk", "max", "highest")

    def build(scope: Scope) -> str:
        ranked = f"{extreme}_over_time((\n{indented(text(scope))}\n)[{range_}:{step}] @ end())"
        return f"{left(scope)}\nand\n{choose}({most},\n{indented(ranked)}\n)"

    reading = replace(query.reading, tail=f"The {most} {word} over the range of the board.")
    return replace(query, build=build, compound=True, edges=(), reading=reading)


def _topk(most: int, inner: str) -> str:
    return f"topk({most}, {inner})" if "\n" not in inner else f"topk({most},\n{indented(inner)}\n)"
