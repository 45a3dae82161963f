"""A wider condition: one evaluation of it stands for a whole stretch of them, so that an alert without `for` need not be asked at each.

`widened(E, w)` has a result at a time t if E has one at any time from t - w until t. It may have one where E has none. What it says
is whether there is any result at all, not with which labels or value.

Every range reaches back by w more, and a value that is compared is bounded: by the greatest or least sample of the stretch; by the
changes and resets of the longer range, which are no fewer; and an increase, which Prometheus extrapolates, by what it can be at most.
Where nothing bounds a value, it is enough that the series are there, which is true and mostly of no use.

Source: https://github.com/prometheus/prometheus/blob/main/promql/functions.go (extrapolatedRate)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import promql_parser as pp

from generator.config.timing import LOOK_BACK
from generator.errors import QueryError
from generator.outputs.timescale.expressions import Printer
from generator.units import period, seconds

#: An increase is the difference of two samples or more, extrapolated at each end by at most 1.1 times their mean distance.
MOST_EXTRAPOLATED = 3.2

#: By how much a mean may be off, as a share: the mean of equal numbers need not be that number.
ROUNDED = 1e-9

#: None of them is above 0 in a range in which nothing changes.
_CHANGES = frozenset({"increase", "rate", "irate"})

#: They count something in a range: a longer one has no less of it.
_COUNTS = frozenset({"changes", "resets", "count_over_time"})

#: Of a range, all between its least and its greatest sample.
_BETWEEN = frozenset({"max_over_time", "min_over_time", "avg_over_time", "last_over_time"})

#: They too have a result only for a range with a sample.
_OF_RANGES = frozenset({
    "delta", "idelta", "deriv", "sum_over_time", "stddev_over_time", "stdvar_over_time", "present_over_time", "quantile_over_time",
})  # fmt: skip

#: They have a result only for an element of their argument.
_OF_EACH = frozenset({
    "abs", "ceil", "floor", "round", "clamp", "clamp_min", "clamp_max", "exp", "ln", "log2", "log10", "sqrt", "sgn", "timestamp",
    "label_replace", "label_join", "histogram_quantile", "sort", "sort_desc",
})  # fmt: skip

#: Aggregations whose results lie between the least and the greatest of what goes in.
_MIDDLE = frozenset({"max", "min", "avg", "topk", "bottomk"})

_ABOVE, _BELOW = frozenset({">", ">="}), frozenset({"<", "<="})


class _Wide(NamedTuple):
    """PromQL that has a result if something else had one in the stretch; `tells` when it looks at values, not only at what is there."""

    text: str
    tells: bool


def widened(tree: Any, length: float) -> str:
    """Return the wider condition of an expression for stretches of so many seconds; empty where there is none that tells.

    There is none where something may be a result that is not read from a series (`absent`, `vector`, a number), of
    subqueries, and where only the series themselves would be looked for.
    """
    try:
        found = _Widening(length).exists(tree)
    except QueryError:
        return ""
    return found.text if found and found.tells else ""


class _Widening(Printer):
    """Writes wider conditions. Each method returns none where nothing can be said."""

    def __init__(self, length: float) -> None:
        super().__init__(1)
        self._length = length

    def exists(self, node: Any) -> _Wide | None:
        """Return what has a result if `node` has one in the stretch."""
        match node:
            case pp.ParenExpr() | pp.UnaryExpr() | pp.AggregateExpr():
                return self.exists(node.expr)
            case pp.VectorSelector():
                return _Wide(f"last_over_time({self._samples(node)})", tells=False)
            case pp.Call() if node.func.name in _CHANGES | _COUNTS | _BETWEEN | _OF_RANGES:
                return _Wide(f"last_over_time({found})", tells=False) if (found := self._range(node)) else None
            case pp.Call() if node.func.name in _OF_EACH:
                return next((self.exists(a) for a in node.args if not _literal(a)), None)
            case pp.BinaryExpr():
                return self._operated(node)
        return None

    def _operated(self, node: Any) -> _Wide | None:
        match str(node.op):
            case "or":
                return _either(self.exists(node.lhs), self.exists(node.rhs))
            case "unless":
                return self.exists(node.lhs)
            case op if op in _ABOVE | _BELOW and isinstance(node.rhs, pp.NumberLiteral) and not _bool(node):
                return self._compared(node.lhs, op, node.rhs.val)
        # There is no result without both sides.
        return _both(self.exists(side) for side in (node.lhs, node.rhs))

    def _compared(self, node: Any, op: str, limit: float) -> _Wide | None:  # noqa: PLR0911 - one per kind of node
        """Return what has a result if `node` has an element in the stretch that is above a limit, or below it."""
        match node:
            case pp.ParenExpr():
                return self._compared(node.expr, op, limit)
            case pp.BinaryExpr() if str(node.op) == "or":
                return _either(self._compared(node.lhs, op, limit), self._compared(node.rhs, op, limit))
            case pp.BinaryExpr() if str(node.op) == "and":
                return _both([self._compared(node.lhs, op, limit), self.exists(node.rhs)])
            case pp.BinaryExpr() if str(node.op) == "unless":
                return self._compared(node.lhs, op, limit)
            case pp.VectorSelector() if node.name:
                return self._comparison(f"{_extreme(op)}({self._samples(node)})", op, limit)
            case pp.Call():
                return self._called(node, op, limit) or self.exists(node)
            case pp.AggregateExpr() if str(node.op) in _MIDDLE:
                return self._compared(node.expr, *_loose(str(node.op), op, limit))
            case pp.AggregateExpr() if str(node.op) == "sum" and _positive(op, limit):
                bound = self._bound(node)
                # A sum above 0 has an addend above 0.
                return self._comparison(bound, op, limit) if bound else self._compared(node.expr, ">", 0.0)
        return self.exists(node)

    def _called(self, node: Any, op: str, limit: float) -> _Wide | None:
        name, found = node.func.name, self._range(node)
        if found is None or not _matrix(node).vector_selector.name:
            return None
        if name in _COUNTS and op in _ABOVE:
            return self._comparison(f"{name}({found})", op, limit)
        if name in _CHANGES and _positive(op, limit):
            return _Wide(f"changes({found}) > 0", tells=True)
        if name in _BETWEEN:
            return self._comparison(f"{_extreme(op)}({found})", *_loose(name[:3], op, limit))
        return None

    def _bound(self, node: Any) -> str | None:
        """Return what is there for each element that `node` has in the stretch, and no less than it, and never below 0."""
        match node:
            case pp.ParenExpr():
                return self._bound(node.expr)
            case pp.BinaryExpr() if str(node.op) in ("and", "unless"):
                return self._bound(node.lhs)
            case pp.AggregateExpr() if str(node.op) == "sum":
                bound = self._bound(node.expr)
                return self._gathered(node, lambda _: bound) if bound else None
            case pp.Call() if (found := self._range(node)) and _matrix(node).vector_selector.name:
                length = _matrix(node).range.total_seconds()
                return {
                    **{name: f"{name}({found})" for name in _COUNTS},
                    "increase": f"{MOST_EXTRAPOLATED} * increase({found})",
                    "rate": f"{MOST_EXTRAPOLATED} * increase({found}) / {length:g}",
                }.get(node.func.name)
        return None

    def _comparison(self, text: str, op: str, limit: float) -> _Wide:
        return _Wide(f"{text} {op} {limit!r}", tells=True)

    def _samples(self, selector: Any) -> str:
        """Return the samples that a selector may have taken: each counts for as long as Prometheus looks back."""
        return self._long(selector, self._length + seconds(LOOK_BACK))

    def _range(self, call: Any) -> str | None:
        """Return the range of a function with all that it was in the stretch; none for a subquery, and for what has no range."""
        found = _matrix(call)
        return self._long(found.vector_selector, self._length + found.range.total_seconds()) if found else None

    def _long(self, selector: Any, length: float) -> str:
        return f"{self._selector(selector)}[{period(length)}]{self._shift(selector)}"


def _both(parts: Iterable[_Wide | None]) -> _Wide | None:
    """Return all that tells together, whatever its labels; what tells nothing only where it is alone."""
    known = list(dict.fromkeys(part for part in parts if part))
    telling = [part for part in known if part.tells] or known[:1]
    if len(telling) < 2:  # noqa: PLR2004 - nothing to put together
        return telling[0] if telling else None
    return _Wide(" and on () ".join(f"({part.text})" for part in telling), tells=True)


def _either(left: _Wide | None, right: _Wide | None) -> _Wide | None:
    if not left or not right:
        return None
    if left.text == right.text:
        return left
    return _Wide(f"({left.text}) or ({right.text})", tells=left.tells and right.tells)


def _matrix(call: Any) -> Any:
    return next((a for a in call.args if isinstance(a, pp.MatrixSelector)), None)


def _extreme(op: str) -> str:
    return "max_over_time" if op in _ABOVE else "min_over_time"


def _loose(kind: str, op: str, limit: float) -> tuple[str, float]:
    """Return a comparison that leaves room for how a mean is rounded."""
    off = abs(limit) * ROUNDED if kind == "avg" else 0.0
    return op, limit - off if op in _ABOVE else limit + off


def _positive(op: str, limit: float) -> bool:
    return op in _ABOVE and (limit > 0 or (limit == 0 and op == ">"))


def _literal(node: Any) -> bool:
    return isinstance(node, pp.NumberLiteral | pp.StringLiteral)


def _bool(node: Any) -> bool:
    return bool(node.modifier and node.modifier.return_bool)
