"""What an expression is, by its shape: which events it counts, what it only guards, what it only chooses from."""

from __future__ import annotations

from typing import Any

import promql_parser as pp

from generator.outputs.datadog.value import UntranslatableError


def nothing(node: Any) -> bool:
    """Say whether an expression is 0 times something."""
    product = isinstance(node, pp.BinaryExpr) and str(node.op) == "*"
    return product and any(isinstance(one, pp.NumberLiteral) and one.val == 0 for one in (node.lhs, node.rhs))


def marked(node: Any) -> Any:
    """Return the group of an expression that only gets a label to be told from another one; None for anything else."""
    inner = bare(node)
    if not (isinstance(inner, pp.Call) and inner.func.name == "label_replace"):
        return None
    return inner.args[0] if isinstance(bare(inner.args[0]), pp.AggregateExpr) else None


def outstanding(node: Any) -> tuple[int, str] | None:
    """Return how many series an expression keeps that only chooses the greatest (`desc`) or the least (`asc`); else None."""
    inner = bare(node)
    order = {"topk": "desc", "bottomk": "asc"}.get(str(inner.op)) if isinstance(inner, pp.AggregateExpr) else None
    return (int(inner.param.val), order) if order and isinstance(inner.param, pp.NumberLiteral) else None


def bare(node: Any) -> Any:
    """Return an expression without the parentheses around it."""
    while isinstance(node, pp.ParenExpr):
        node = node.expr
    return node


def unguarded(node: Any) -> Any:
    """Return a divisor without the guard that it is above 0."""
    inner = bare(node)
    guarded = isinstance(inner, pp.BinaryExpr) and str(inner.op) == ">" and isinstance(inner.rhs, pp.NumberLiteral)
    return inner.lhs if guarded and inner.rhs.val == 0 else node


def events(node: Any) -> tuple[Any, float, float]:
    """Return the counter that an expression counts events of, the window in seconds, and what the count is divided by.

    Raises:
        UntranslatableError: It is no such expression.

    """
    if isinstance(node, pp.Call) and node.func.name in {"rate", "increase"}:
        ranged = node.args[0]
        if not isinstance(ranged, pp.MatrixSelector):
            raise UntranslatableError("it reads a subquery")
        if ranged.vector_selector.offset:
            raise UntranslatableError("it compares with the past, which a monitor does by other means")
        window = ranged.range.total_seconds()
        return ranged.vector_selector, window, window if node.func.name == "rate" else 1
    if isinstance(node, pp.Call):
        raise UntranslatableError(f"there is no {node.func.name}() of events")
    if isinstance(node, pp.BinaryExpr):
        return _first_events(node)
    raise UntranslatableError("it computes with single series before it groups them")


#: What the generator reads beside a counter to tell a series that was born from one that was found late.
_BESIDE = frozenset({"up", "process_start_time_seconds"})


def _first_events(node: Any) -> tuple[Any, float, float]:
    """Return what an expression counts that the generator writes for a counter born at its first event, or for one that moved.

    It is told by its parts: one increase, one rate beside it, and of other series only what tells a birth. Datadog is sent
    what was added, the first event included, so that all of it is one sum.

    Raises:
        UntranslatableError: It has other parts.

    """
    calls: list[Any] = []
    selectors: list[Any] = []
    _collect(node, calls, selectors)
    increases = [call for call in calls if call.func.name == "increase"] or [c for c in calls if c.func.name == "rate"]
    if len(increases) != 1 or {call.func.name for call in calls} - {"increase", "rate", "time"}:
        raise UntranslatableError("it computes with single series before it groups them")
    selector, window, per = events(increases[0])
    own = [one for one in selectors if one.name not in _BESIDE]
    if {_key(one) for one in own} != {_key(selector)} or str(node.op) not in {"and", "or"}:
        raise UntranslatableError("it computes with single series before it groups them")
    return selector, window, per


def _collect(node: Any, calls: list[Any], selectors: list[Any]) -> None:
    match node:
        case pp.ParenExpr():
            _collect(node.expr, calls, selectors)
        case pp.BinaryExpr():
            _collect(node.lhs, calls, selectors)
            _collect(node.rhs, calls, selectors)
        case pp.Call():
            calls.append(node)
            for argument in node.args:
                _collect(argument, calls, selectors)
        case pp.MatrixSelector():
            selectors.append(node.vector_selector)
        case pp.VectorSelector():
            selectors.append(node)
        case pp.NumberLiteral():
            pass
        case _:
            raise UntranslatableError("it computes with single series before it groups them")


def _key(selector: Any) -> tuple[object, ...]:
    return selector.name, tuple(sorted((m.name, str(m.op), m.value) for m in selector.matchers.matchers))
