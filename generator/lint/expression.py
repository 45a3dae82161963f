"""PromQL taken apart: which series an expression reads, inside which functions, and which labels it keeps."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import promql_parser as pp

#: Grafana's macros as odd durations that no one would write, so that a parsed range still tells where it came from.
MACROS: Mapping[str, str] = {
    "__rate_interval": "7m13s",
    "__interval": "13s",
    "__range": "1h7m13s",
    "__interval_ms": "13000",
    "__range_s": "4033",
    "__range_ms": "4033000",
}
RATE_INTERVAL, RANGE = 433.0, 4033.0
VARIABLE = re.compile(r"\$\{(\w+)(?::\w+)?\}|\$(\w+)|\[\[(\w+)(?::\w+)?\]\]")

#: Aggregations that keep series as they are; what they group by only says among which to choose.
_SELECTING = frozenset({"topk", "bottomk"})

#: Operators whose right side only says what to keep: its labels are not in the result.
_FILTERING = frozenset({"and", "unless"})

#: Labels are unknown, so anything may be there.
ANY = None


@dataclass(frozen=True, slots=True)
class Matcher:
    """One matcher of a selector: `op` is Equal, NotEqual, Re or NotRe."""

    label: str
    op: str
    value: str


@dataclass(frozen=True, slots=True)
class Selector:
    """One selector and what surrounds it.

    Attributes:
        name: Series name; empty for one by matchers only.
        matchers: Its matchers, without the name's.
        names: Matchers of the name, where no single one is meant.
        seconds: Its range; 0 for an instant selector.
        offset: Its offset in seconds.
        back: How far it looks back in seconds, the subqueries around it included.
        calls: Functions and aggregations around it, outermost first.
        grouping: Labels named by `by`, `without`, `on`, `ignoring` or `group_*` around it.

    """

    name: str
    matchers: tuple[Matcher, ...]
    seconds: float
    offset: float
    back: float
    calls: tuple[str, ...]
    grouping: tuple[str, ...]
    names: tuple[Matcher, ...] = ()


def concrete(text: str) -> str:
    """Return a panel's query as Prometheus would get it: macros as durations, variables as the word `x`."""
    return VARIABLE.sub(lambda m: MACROS.get(m[1] or m[2] or m[3], m[0] if (m[2] or "").isdigit() else "x"), text)


#: More than one installation has of queries and parts of them, and fewer than would fill a memory.
_CACHE_SIZE = 3000


@lru_cache(maxsize=_CACHE_SIZE)
def parsed(text: str) -> Any:
    """Return the syntax tree of a query.

    Raises:
        ValueError: It is not PromQL.

    """
    return pp.parse(concrete(text))


@lru_cache(maxsize=_CACHE_SIZE)  # a tree is the same one only when it was parsed once: a dozen checks ask for the same
def selectors(tree: Any) -> tuple[Selector, ...]:
    """Return every selector of an expression, in the order of the text."""
    return tuple(_walk(tree, (), (), 0.0, 0.0))


def _walk(
    node: Any, calls: tuple[str, ...], grouping: tuple[str, ...], seconds: float, back: float
) -> Iterator[Selector]:
    match node:
        case pp.VectorSelector():
            found = [Matcher(m.name, str(m.op).rpartition(".")[2], m.value) for m in node.matchers.matchers]
            own = tuple(m for m in found if m.label != "__name__")
            of_name = tuple(m for m in found if m.label == "__name__")
            name = node.name or next((m.value for m in of_name if m.op == "Equal"), "")
            offset = node.offset.total_seconds() if node.offset else 0.0
            yield Selector(name, own, seconds, offset, back + offset, calls, grouping, () if name else of_name)
        case pp.MatrixSelector():
            range_ = node.range.total_seconds()
            yield from _walk(node.vector_selector, calls, grouping, range_, back + range_)
        case pp.SubqueryExpr():
            further = sum(part.total_seconds() for part in (node.range, node.offset) if part)
            yield from _walk(node.expr, (*calls, "subquery"), grouping, 0.0, back + further)
        case pp.Call():
            for argument in node.args:
                yield from _walk(argument, (*calls, node.func.name), grouping, seconds, back)
        case pp.AggregateExpr():
            labels = tuple(node.modifier.labels) if node.modifier else ()
            yield from _walk(node.expr, (*calls, str(node.op)), (*grouping, *labels), seconds, back)
        case pp.BinaryExpr():
            labels = _matching(node)
            labels_kept = () if str(node.op) in _FILTERING else grouping
            yield from _walk(node.lhs, calls, (*grouping, *labels), seconds, back)
            yield from _walk(node.rhs, calls, (*labels_kept, *labels), seconds, back)
        case pp.ParenExpr() | pp.UnaryExpr():
            yield from _walk(node.expr, calls, grouping, seconds, back)
        case _:
            return


def _matching(node: Any) -> tuple[str, ...]:
    modifier = node.modifier
    if not modifier:
        return ()
    named = tuple(modifier.matching.labels) if modifier.matching else ()
    return (*named, *(modifier.group_labels or ()))


def labels(node: Any) -> frozenset[str] | None:  # noqa: PLR0911 - one per kind of node
    """Return the labels that the result can have, or ANY where they are those of the raw series."""
    match node:
        case pp.ParenExpr() | pp.UnaryExpr() | pp.SubqueryExpr():
            return labels(node.expr)
        case pp.AggregateExpr():
            if str(node.op) in _SELECTING:
                return labels(node.expr)
            if node.modifier is None:
                return frozenset()
            by = str(node.modifier.type).endswith("By")
            inner = labels(node.expr)
            named = frozenset(node.modifier.labels)
            return (named if inner is ANY else named & inner) if by else (ANY if inner is ANY else inner - named)
        case pp.Call():
            return _labels_of_call(node)
        case pp.BinaryExpr():
            left, right = labels(node.lhs), labels(node.rhs)
            if isinstance(node.lhs, pp.NumberLiteral):
                return right
            if str(node.op) == "or":
                return ANY if left is ANY or right is ANY else left | right
            return left
        case pp.NumberLiteral() | pp.StringLiteral():
            return frozenset()
        case _:
            return ANY


def _labels_of_call(node: Any) -> frozenset[str] | None:
    name = node.func.name
    if name in ("vector", "time", "scalar"):
        return frozenset()
    inner = [labels(a) for a in node.args if not isinstance(a, (pp.NumberLiteral, pp.StringLiteral))]
    if not inner or inner[0] is ANY:
        return ANY
    if name == "histogram_quantile":
        return inner[0] - {"le"}
    if name == "label_replace":
        return inner[0] | {node.args[1].val}
    return inner[0]


def functions(tree: Any) -> set[str]:
    """Return the names of all functions that an expression calls."""
    return {node.func.name for node in _nodes(tree) if isinstance(node, pp.Call)}


def durations(tree: Any) -> set[float]:
    """Return every range and offset of an expression in seconds, those of subqueries included."""
    out = set()
    for node in _nodes(tree):
        out |= {part.total_seconds() for name in ("range", "offset") if (part := getattr(node, name, None))}
    return out


def quantiles_without_le(tree: Any) -> bool:
    """Say whether some histogram_quantile() gets a vector that lost `le`."""
    calls = (n for n in _nodes(tree) if isinstance(n, pp.Call) and n.func.name == "histogram_quantile")
    return any((found := labels(n.args[1])) is not ANY and "le" not in found for n in calls)


def comparisons(tree: Any) -> list[tuple[Any, str, float]]:
    """Return every comparison with a number: left side, operator, number."""
    ops = {">", ">=", "<", "<=", "==", "!="}
    return [
        (n.lhs, str(n.op), float(n.rhs.val))
        for n in _nodes(tree)
        if isinstance(n, pp.BinaryExpr) and str(n.op) in ops and isinstance(n.rhs, pp.NumberLiteral)
    ]


def has_condition(node: Any) -> bool:
    """Say whether the result depends on a condition: a comparison, `and`, `unless`, or absent()."""
    ops = {">", ">=", "<", "<=", "==", "!=", "and", "unless"}
    return any(
        (isinstance(n, pp.BinaryExpr) and str(n.op) in ops)
        or (isinstance(n, pp.Call) and n.func.name.startswith("absent"))
        for n in _nodes(node)
    )


@lru_cache(maxsize=_CACHE_SIZE)
def _nodes(tree: Any) -> tuple[Any, ...]:
    """Return an expression and all that is inside of it, in the order of the text."""
    return tuple(_below(tree))


def _below(node: Any) -> Iterator[Any]:
    yield node
    match node:
        case pp.MatrixSelector():
            yield from _below(node.vector_selector)
        case pp.SubqueryExpr() | pp.AggregateExpr() | pp.ParenExpr() | pp.UnaryExpr():
            yield from _below(node.expr)
        case pp.Call():
            for argument in node.args:
                yield from _below(argument)
        case pp.BinaryExpr():
            yield from _below(node.lhs)
            yield from _below(node.rhs)
