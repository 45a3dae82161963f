"""Queries of two sides with different labels: what each counts times what one of it is worth, and shares of a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from generator.errors import QueryError
from generator.promql.query import Query, indented
from generator.promql.scope import Scope
from generator.promql.series import legend
from generator.promql.wording import sentence


def worth(counted: Query, each: Query, *, by: Sequence[str], unit: str) -> Query:
    """Return the sum by some labels of what is counted times what each of it is worth.

    Args:
        counted: How many; it has the labels of `each`, and `by`.
        each: What one is worth, by some of the labels.
        by: Labels to keep.
        unit: Unit of the sum.

    Raises:
        QueryError: A label is needed that the counted query lacks.

    """
    if lost := [label for label in (*each.labels, *by) if label not in counted.labels]:
        what = f"a query by ({', '.join(counted.labels)}) is joined by {', '.join(lost)}"
        raise QueryError(what, "group it by these labels too")

    def build(scope: Scope) -> str:
        on = f"* on ({', '.join(each.labels)}) group_left ()"
        return _sum(by, f"{counted.operand(scope)}\n{on}\n{each.operand(scope)}")

    return replace(counted, build=build, unit=unit, labels=tuple(by), legend=legend(by), compound=False)


def summed(query: Query, by: Sequence[str]) -> Query:
    """Return the sum of a query by some of its labels.

    Raises:
        QueryError: It does not keep one of them.

    """
    if lost := [label for label in by if label not in query.labels]:
        raise QueryError(f"a query by ({', '.join(query.labels)}) is summed by {', '.join(lost)}", "group by it first")
    inner = query.build
    return replace(
        query, build=lambda scope: _sum(by, inner(scope)), labels=tuple(by), legend=legend(by), compound=False, edges=()
    )


def share_of(part: Query, total: Query) -> Query:
    """Return each series of `part` as a share of the one value of `total`, where that is above 0.

    Raises:
        QueryError: `total` has labels, or another unit.

    """
    if total.labels or total.unit != part.unit:
        what = f"a share of a query by ({', '.join(total.labels)}) in {total.unit} is taken of one in {part.unit}"
        raise QueryError(what, "take it of one value in its own unit")

    def build(scope: Scope) -> str:
        return f"{part.operand(scope)}\n/ on () group_left ()\n({total.build(scope)} > 0)"

    return replace(part, build=build, unit="ratio", compound=True, edges=(), missing=(*part.missing, *total.missing))


def constant(of: Query, value: str) -> Query:
    """Return a number of the configuration, about the metrics that `of` reads and in its unit."""
    text = f"vector({value})"
    reading = sentence("A number of the configuration")
    return replace(
        of, build=lambda _: text, labels=(), legend="", reading=reading, missing=(), compound=False, edges=()
    )


def _sum(by: Sequence[str], inner: str) -> str:
    grouping = f" by ({', '.join(by)}) " if by else ""
    return f"sum{grouping}(\n{indented(inner)}\n)"
