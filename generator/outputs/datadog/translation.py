"""PromQL in, Datadog's query language out; what has no counterpart is refused with the reason.

| in PromQL | in Datadog | because |
| --- | --- | --- |
| `increase(c[w])`, also as the generator writes first events | `sum(last_w):sum:c{...}.as_count()` | counters arrive as what was added |
| `rate(c[w])` | the same, divided by the window | as above |
| `h_bucket{le="x"}` of a pushed histogram | `count(v: v<=x):h{...}` | it arrives as a distribution |
| a gauge that holds for d, above a limit | `min(last_d)`, below it `max(last_d)` | every value within d is beyond the limit |
| `min_over_time(…[w:s])` above a limit, `max_over_time` below it | the same over w and the hold together | it was so at each moment of both |
| `and`, `or`, `unless` | `&&`, `||`, `!` of a composite monitor | both match by the same groups |
| `x / (y > 0)` | `x / y` | a quotient by 0 is nothing there |
| a recorded series, and its sum over a time | what it records, over that window | Datadog records nothing |
| the sum of two that may be missing | `default_zero(x) + default_zero(y)` | no event is 0, not nothing |

Events of a window have no hold in Datadog: such a monitor tells up to `for` sooner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import promql_parser as pp

from generator.outputs.datadog.condition import Asked, Checked, Condition, Joined, Not
from generator.outputs.datadog.shapes import bare
from generator.outputs.datadog.tags import tag
from generator.outputs.datadog.value import UntranslatableError, Value
from generator.outputs.datadog.values import Values
from generator.units import period, seconds

#: Shortest window of a gauge: values arrive once a minute.
SHORTEST = "5m"

#: Seconds between two runs of the Agent's check, and most of its results that a monitor looks at.
CHECK_SECONDS, MOST_CHECKS = 15, 99

_COMPARISONS = frozenset({">", ">=", "<", "<=", "=="})
_JOINED = {"and": "&&", "or": "||"}


@dataclass(frozen=True, slots=True)
class Translator:
    """Translates the conditions of alerts for one system of an installation."""

    values: Values

    def condition(self, text: str, hold: str) -> Condition:
        """Return what a monitor asks in place of an alert's expression.

        Args:
            text: The expression.
            hold: How long it must be true, as a duration.

        Raises:
            UntranslatableError: It has no counterpart.

        """
        return self._condition(pp.parse(text), hold)

    def _condition(self, node: Any, hold: str) -> Condition:
        match node:
            case pp.ParenExpr():
                return self._condition(node.expr, hold)
            case pp.BinaryExpr() if str(node.op) in {"and", "or", "unless"}:
                if node.modifier is not None and node.modifier.matching is not None:
                    raise UntranslatableError("a composite monitor joins by all groups, not by some of the labels")
                left, right = self._condition(node.lhs, hold), self._condition(node.rhs, hold)
                if str(node.op) == "unless":
                    return Joined("&&", (left, Not(right)))
                return Joined(_JOINED[str(node.op)], (left, right))
            case pp.BinaryExpr() if str(node.op) == "==" and (up := self._scraped(node)):
                return self._checked(*up, hold)
            case pp.BinaryExpr() if str(node.op) in _COMPARISONS and isinstance(node.rhs, pp.NumberLiteral):
                if lasting := self._lasting(node, hold):
                    return lasting
                return _asked(self.values.value(node.lhs), str(node.op), node.rhs.val, hold)
            case pp.Call():
                raise UntranslatableError(f"there is no {node.func.name}() for a monitor")
        raise UntranslatableError("a monitor asks whether a value passes a limit, and this is no such comparison")

    def _lasting(self, node: Any, hold: str) -> Asked | None:
        """Return what asks whether the least or the greatest of a time is beyond a limit; None for anything else.

        What was so at every moment of a time, and stays so for the hold, was so at every moment of both.
        """
        call, op = bare(node.lhs), str(node.op)
        wanted = {"min_over_time": (">", ">="), "max_over_time": ("<", "<=", "==")}
        if not (isinstance(call, pp.Call) and op in wanted.get(call.func.name, ())):
            return None
        asked = call.args[0]
        if not isinstance(asked, pp.SubqueryExpr) or asked.offset or not asked.range:
            return None
        value = self.values.value(asked.expr)
        if value.window or value.constant:
            return None
        return _asked(value, op, node.rhs.val, period(asked.range.total_seconds() + seconds(hold)))

    def _scraped(self, node: Any) -> tuple[Any, Sequence[str]] | None:
        """Return the selector of `up` and the labels where an expression asks which process does not answer."""
        inner = bare(node.lhs)
        if not (isinstance(inner, pp.AggregateExpr) and inner.modifier and isinstance(inner.expr, pp.VectorSelector)):
            return None
        asks = inner.expr.name == "up" and self.values.tags.instance in inner.modifier.labels
        return (inner.expr, inner.modifier.labels) if asks else None

    def _checked(self, selector: Any, labels: Sequence[str], hold: str) -> Checked:
        texts = [
            tag(self.values.tags.names.get(m.name, m.name) or m.name, str(m.op).rpartition(".")[2], m.value)
            for m in selector.matchers.matchers
            if (m.name, m.value) not in self.values.tags.target_labels
        ]
        if any(" " in text for text in texts):
            raise UntranslatableError("a monitor of checks has no choice between tags")
        named = tuple(name for label in labels if (name := self.values.tags.names.get(label, label)))
        times = min(max(round(seconds(hold) / CHECK_SECONDS), 1), MOST_CHECKS)
        return Checked(f"{self.values.system}.openmetrics.health", tuple(texts), named, times)


def _asked(value: Value, op: str, limit: float, hold: str) -> Asked:
    if value.constant:
        raise UntranslatableError("it compares a number")
    if value.window:
        return Asked("sum", period(value.window), value.text, op, limit * value.per, value.names)
    window = max(hold, SHORTEST, key=seconds)
    if op == "==":
        if limit:
            raise UntranslatableError("a gauge that holds one value")
        op = "<="  # of what is never negative
    return Asked("max" if op.startswith("<") else "min", period(seconds(window)), value.text, op, limit, value.names)
