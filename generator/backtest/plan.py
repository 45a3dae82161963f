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
from generator.backtest.widened import widened
from generator.outputs.timescale.expressions import Printer

#: What a part may cost of the whole to be asked first: the whole is asked again where the part has a result.
FAR_CHEAPER = 0.34

#: What one step of one series costs, in samples that are merely read: measured, a microsecond beside some twenty nanoseconds.
STEP_WORK = 30.0

#: For so many rounds one question stands where a wider condition is asked.
WIDE = 20


@dataclass(frozen=True, slots=True)
class Cost:
    """Queries and samples of a first look; a closer one at what fires comes on top of it.

    `work` is what it is for the server, about, in samples: a step of a query costs something whatever it reads.
    """

    queries: int
    samples: float
    work: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        """Return both together."""
        return Cost(self.queries + other.queries, self.samples + other.samples, self.work + other.work)


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
    samples, steps = _samples(tree, points, length, scrape, series)
    return Cost(queries, samples, samples + STEP_WORK * steps)


@dataclass(frozen=True, slots=True)
class Sign:
    """A cheaper expression without a result of which an alert's own has none.

    Attributes:
        expr: PromQL.
        step: Every how manyth round it is asked.
        wide: A result stands for all rounds since the one that was asked before, and not for its own alone.

    """

    expr: str
    step: int
    wide: bool = False


def sign(tree: Any, step: int, interval: float, work: Callable[[Any, int], float], *, wide: bool) -> Sign | None:
    """Return the cheapest sign of an expression, if it is far cheaper than the whole.

    Args:
        tree: The expression.
        step: Every how manyth round it would be asked.
        interval: Seconds between two rounds.
        work: Tells what an expression costs at every so manyth round.
        wide: Whether a wider condition may stand for many rounds.

    """
    series = work(tree, step)
    found = [(work(part, step), Sign(Printer(1).text(part), step)) for part in parts(tree)]
    if wide and step < WIDE and (text := widened(tree, WIDE * interval)):
        found.append((work(pp.parse(text), WIDE), Sign(text, WIDE, wide=True)))
    cost, best = min(found, key=lambda one: one[0], default=(series, None))
    return best if cost <= series * FAR_CHEAPER else None


def parts(tree: Any) -> list[Any]:
    """Return the parts that `and` puts together and that compare something; none where there is one alone.

    Where one of them has no result the whole has none, whatever their labels.
    """
    found = list(_conjuncts(tree))
    return found if len(found) > 1 else []


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


def _samples(
    node: Any, points: float, length: float, scrape: float, series: Callable[[Any], float]
) -> tuple[float, float]:
    """Return the samples that are looked at, and at how many steps of series."""

    def inner(*parts: Any, points: float = points) -> tuple[float, float]:
        found = [_samples(part, points, length, scrape, series) for part in parts]
        return sum(samples for samples, _ in found), sum(steps for _, steps in found)

    match node:
        case pp.VectorSelector():
            return points * series(node), points * series(node)
        case pp.MatrixSelector():
            steps = points * series(node.vector_selector)
            return steps * max(1.0, _seconds(node.range) / scrape), steps
        case pp.SubqueryExpr():
            every = _seconds(node.step) or 60.0
            return inner(node.expr, points=(length + _seconds(node.range)) / every)
        case pp.ParenExpr() | pp.UnaryExpr() | pp.AggregateExpr():
            return inner(node.expr)
        case pp.BinaryExpr():
            return inner(node.lhs, node.rhs)
    return inner(*node.args) if isinstance(node, pp.Call) else (0.0, 0.0)


def _seconds(length: Any) -> float:
    return float(length.total_seconds()) if length else 0.0
