"""What a run will cost the server, before it runs: queries, and samples as Prometheus itself counts them.

Prometheus counts a sample each time that a step of a query looks at it. Source: `stats` of
https://prometheus.io/docs/prometheus/latest/querying/api/#range-queries
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import promql_parser as pp

from generator.backtest.runs import Grid
from generator.backtest.server import MOST_POINTS, SLICE_SECONDS
from generator.outputs.timescale.expressions import Printer

#: What a part may cost of the whole to be asked first: the whole is asked again where the part has a result.
FAR_CHEAPER = 0.34


@dataclass(frozen=True, slots=True)
class Cost:
    """Queries and samples of a first look; a closer one at what fires comes on top of it."""

    queries: int
    samples: float

    def __add__(self, other: Cost) -> Cost:
        """Return both together."""
        return Cost(self.queries + other.queries, self.samples + other.samples)


def cost(
    tree: Any, grid: Grid, step: int, span: tuple[float, float], scrape: float, series: Callable[[Any], float]
) -> Cost:
    """Return what it costs to ask for an expression.

    Args:
        tree: The expression.
        grid: When it is evaluated.
        step: Every how manyth round is asked.
        span: From when to when, in unix seconds.
        scrape: Seconds between two scrapes.
        series: Tells how many series a selector reads.

    """
    length = span[1] - span[0]
    points = length / (grid.interval * step)
    queries = max(math.ceil(points / MOST_POINTS), math.ceil(length / SLICE_SECONDS))
    return Cost(queries, _samples(tree, points, length, scrape, series))


def cheapest(tree: Any, samples: Callable[[Any], float]) -> str:
    """Return the cheapest of the parts that `and` puts together, if it is far cheaper than the whole; else nothing.

    Where one of them has no result the whole has none, whatever their labels.
    """
    parts = sorted((samples(part), str(number), part) for number, part in enumerate(_conjuncts(tree)))
    if len(parts) < 2 or parts[0][0] > samples(tree) * FAR_CHEAPER:  # noqa: PLR2004 - one part is the whole
        return ""
    return Printer(1).text(parts[0][2])


def _conjuncts(node: Any) -> Iterator[Any]:
    match node:
        case pp.ParenExpr():
            yield from _conjuncts(node.expr)
        case pp.BinaryExpr() if str(node.op) == "and":
            yield from _conjuncts(node.lhs)
            yield from _conjuncts(node.rhs)
        case pp.BinaryExpr() if str(node.op) == "unless":
            yield from _conjuncts(node.lhs)
        case _:
            if filters(node):
                yield node


def filters(node: Any) -> bool:
    """Say whether a part can be without a result where there is data: it compares."""
    match node:
        case pp.ParenExpr() | pp.AggregateExpr():
            return filters(node.expr)
        case pp.BinaryExpr():
            compares = str(node.op) in {">", "<", ">=", "<=", "==", "!="} and not (
                node.modifier and node.modifier.return_bool
            )
            return compares or filters(node.lhs) or filters(node.rhs)
    return False


def _samples(  # noqa: PLR0911 - one per kind of node
    node: Any, points: float, length: float, scrape: float, series: Callable[[Any], float]
) -> float:
    def inner(part: Any, points: float = points) -> float:
        return _samples(part, points, length, scrape, series)

    match node:
        case pp.VectorSelector():
            return points * series(node)
        case pp.MatrixSelector():
            return points * series(node.vector_selector) * max(1.0, _seconds(node.range) / scrape)
        case pp.SubqueryExpr():
            every = _seconds(node.step) or 60.0
            return inner(node.expr, (length + _seconds(node.range)) / every)
        case pp.ParenExpr() | pp.UnaryExpr() | pp.AggregateExpr():
            return inner(node.expr)
        case pp.Call():
            return sum(inner(a) for a in node.args)
        case pp.BinaryExpr():
            return inner(node.lhs) + inner(node.rhs)
    return 0.0


def _seconds(length: Any) -> float:
    return float(length.total_seconds()) if length else 0.0
