"""Whether an expression can have a result at all, given which series there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import promql_parser as pp

from generator.lint.expression import Matcher, Selector, parsed, selectors

#: Says whether some series fits a selector.
Present = Callable[[Selector], bool]

#: By the name of a recorded series: the labels that each of its rules adds, and its expression.
Recorded = Mapping[str, Sequence[tuple[Mapping[str, str], str]]]


def answers(text: str, present: Present, recorded: Recorded) -> bool:
    """Return whether some series can come out of an expression.

    Args:
        text: PromQL, Grafana's variables included.
        present: Says which series there are.
        recorded: Labels and expression of each rule that records a series, by its name.

    """
    return _any(parsed(text), present, recorded)


def _any(node: Any, present: Present, recorded: Recorded) -> bool:
    match node:
        case pp.VectorSelector() | pp.MatrixSelector():
            return all(_there(selector, present, recorded) for selector in selectors(node))
        case pp.ParenExpr() | pp.UnaryExpr() | pp.SubqueryExpr() | pp.AggregateExpr():
            return _any(node.expr, present, recorded)
        case pp.Call():
            # absent() has a result just where there is none.
            return node.func.name.startswith("absent") or all(_any(arg, present, recorded) for arg in node.args)
        case pp.BinaryExpr():
            left, right = _any(node.lhs, present, recorded), _any(node.rhs, present, recorded)
            return {"or": left or right, "unless": left}.get(str(node.op), left and right)
        case _:
            return True


def _there(selector: Selector, present: Present, recorded: Recorded) -> bool:
    if selector.name not in recorded:
        return present(selector)
    wanted = demanded(selector.matchers)
    others = {name: rules for name, rules in recorded.items() if name != selector.name}
    return any(
        answers(text, present, others)
        for labels, text in recorded[selector.name]
        if all(wanted.get(label, value) == value for label, value in labels.items())
    )


def demanded(matchers: tuple[Matcher, ...]) -> Mapping[str, str]:
    """Return the labels that a series has to have, with their values: what `=` asks for that is not empty."""
    return {m.label: m.value for m in matchers if m.op == "Equal" and m.value}
