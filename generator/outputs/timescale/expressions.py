"""PromQL on a clock that runs N times as fast: parsed, and written anew with other durations.

| in an expression | becomes | because |
| --- | --- | --- |
| a range, an offset, a subquery's range or step | an Nth of it | so much passes on the wall |
| `rate`, `irate`, `deriv` | an Nth of the result | they are per second of the wall |
| the horizon of `predict_linear` | an Nth of it | its slope is per second of the wall |
| `time() - x`, `time() - timestamp(x)` | N times it | both are times on the wall, the difference is an age |
| `scrape_duration_seconds` | N times it | Prometheus measures it on the wall |

What looks at the clock in another way (`hour()`, `@`, a comparison with `time()`) has no scaled form and is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import promql_parser as pp

from generator.errors import QueryError
from generator.units import number, seconds

#: Their result is per second.
PER_SECOND = frozenset({"rate", "irate", "deriv"})

#: They give a time on the wall; the difference of two such is an age.
CLOCKS = frozenset({"time", "timestamp"})

#: They ask the calendar, or start at a fixed time: no such thing on a fast clock.
CALENDAR = frozenset({"day_of_month", "day_of_week", "day_of_year", "days_in_month", "hour", "minute", "month", "year", "start", "end"})  # fmt: skip

#: What they make of times on the wall is one again.
KEEPING = frozenset({"max", "min", "avg"})
KEEPING_OVER_TIME = frozenset({"max_over_time", "min_over_time", "avg_over_time", "last_over_time"})

WALL_OVER_TIME = KEEPING_OVER_TIME | {"quantile_over_time"}

#: Series of Prometheus' own that hold seconds of the wall.
MEASURED = frozenset({"scrape_duration_seconds"})

#: Matcher operators by the name that the parser gives them.
_OPERATORS = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}


def duration(text: str, scale: float) -> str:
    """Return a Prometheus duration divided by `scale`, to the millisecond; at least one unless it was 0.

    Raises:
        ValueError: It is no duration.

    """
    return _duration(seconds(text), scale)


def expression(text: str, scale: float) -> str:
    """Return a PromQL expression for a clock that runs `scale` times as fast.

    Raises:
        QueryError: It asks the clock something that has no scaled form.
        ValueError: It is not PromQL.

    """
    return Printer(scale).text(pp.parse(text))


def _duration(length: float, scale: float) -> str:
    milliseconds = round(length * 1000 / scale)
    if not milliseconds and length:
        milliseconds = 1
    return f"{milliseconds}ms" if milliseconds % 1000 else f"{milliseconds // 1000}s"


def _quoted(text: str) -> str:
    """Return a string literal; every version reads double quotes with escapes."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _is_clock(node: Any) -> bool:
    while isinstance(node, pp.ParenExpr):
        node = node.expr
    return isinstance(node, pp.Call) and node.func.name in CLOCKS


class Printer:
    """Writes a syntax tree; one method per kind of node."""

    def __init__(self, scale: float) -> None:
        self._scale = scale
        self._factor = number(scale)
        self._kinds: Mapping[type, Callable[[Any], str]] = {
            pp.VectorSelector: self._vector, pp.MatrixSelector: self._matrix, pp.SubqueryExpr: self._subquery,
            pp.Call: self._call, pp.AggregateExpr: self._aggregate, pp.BinaryExpr: self._binary,
            pp.ParenExpr: lambda n: f"({self.text(n.expr)})", pp.UnaryExpr: lambda n: f"-{self.text(n.expr)}",
            pp.NumberLiteral: lambda n: _literal(n.val), pp.StringLiteral: lambda n: _quoted(n.val),
        }  # fmt: skip

    def text(self, node: Any) -> str:
        """Return a part of an expression as text.

        Raises:
            QueryError: It has no scaled form.

        """
        return self._kinds[type(node)](node)

    def _vector(self, node: Any) -> str:
        text = self._selector(node) + self._shift(node)
        return f"({self._factor} * {text})" if node.name in MEASURED and self._scale != 1 else text

    def _selector(self, node: Any) -> str:
        if node.matchers.or_matchers:
            raise QueryError("`or` between matchers", "write one regular expression")
        matchers = [
            f"{m.name}{_OPERATORS[str(m.op).rpartition('.')[2]]}{_quoted(m.value)}" for m in node.matchers.matchers
        ]
        return (node.name or "") + (f"{{{', '.join(matchers)}}}" if matchers else "")

    def _matrix(self, node: Any) -> str:
        inner = node.vector_selector
        return f"{self._selector(inner)}[{_duration(node.range.total_seconds(), self._scale)}]{self._shift(inner)}"

    def _subquery(self, node: Any) -> str:
        step = _duration(node.step.total_seconds(), self._scale) if node.step else ""
        return f"{self.text(node.expr)}[{_duration(node.range.total_seconds(), self._scale)}:{step}]{self._shift(node)}"

    def _shift(self, node: Any) -> str:
        if node.at is not None:
            raise QueryError("`@` fixes a time on the wall", "use offset")
        offset: timedelta | None = node.offset
        if offset is None:
            return ""
        length = offset.total_seconds()
        return f" offset {'-' if length < 0 else ''}{_duration(abs(length), self._scale)}"

    def _call(self, node: Any) -> str:
        name = node.func.name
        if name in CLOCKS | CALENDAR and self._scale != 1:
            raise QueryError(f"{name}() outside of a difference of two times", "subtract: time() - x is an age")
        measured = [a for a in node.args if isinstance(a, pp.MatrixSelector) and a.vector_selector.name in MEASURED]
        if measured and self._scale != 1 and name not in WALL_OVER_TIME:
            what = f"{name}() of {measured[0].vector_selector.name}, which is measured on the wall"
            raise QueryError(what, f"use {', '.join(sorted(WALL_OVER_TIME))}, or its newest value")
        arguments = [self.text(a) for a in node.args]
        if name == "predict_linear" and self._scale != 1:
            arguments[1] = f"({arguments[1]}) / {self._factor}"
        text = f"{name}({', '.join(arguments)})"
        if measured and self._scale != 1:
            return f"({self._factor} * {text})"
        return f"({text} / {self._factor})" if name in PER_SECOND and self._scale != 1 else text

    def _aggregate(self, node: Any) -> str:
        return self._gathered(node, self.text)

    def _gathered(self, node: Any, inner: Callable[[Any], str]) -> str:
        words = [str(node.op)]
        if node.modifier is not None:
            words.append(f"{str(node.modifier.type).rpartition('.')[2].lower()} ({', '.join(node.modifier.labels)})")
        arguments = [self.text(node.param)] if node.param is not None else []
        return f"{' '.join(words)} ({', '.join([*arguments, inner(node.expr)])})"

    def _binary(self, node: Any) -> str:
        age = str(node.op) == "-" and (_is_clock(node.lhs) or _is_clock(node.rhs)) and self._scale != 1
        side = self._instant if age else self.text
        text = f"{side(node.lhs)} {node.op}{_modifier(node.modifier)} {side(node.rhs)}"
        return f"({self._factor} * ({text}))" if age else text

    def _instant(self, node: Any) -> str:
        """Write one side of an age: only what surely is a time on the wall, or an age would be neither the one nor the other."""
        match node:
            case pp.ParenExpr():
                return f"({self._instant(node.expr)})"
            case pp.AggregateExpr() if str(node.op) in KEEPING:
                return self._gathered(node, self._instant)
            case pp.Call() if node.func.name in CLOCKS or (
                node.func.name in KEEPING_OVER_TIME and isinstance(node.args[0], pp.MatrixSelector)
            ):
                return f"{node.func.name}({', '.join(self.text(a) for a in node.args)})"
            case pp.VectorSelector():
                return self.text(node)
        raise QueryError("a difference with time() whose other side may be no time", "subtract a series of start times")


def _literal(value: float) -> str:
    """Return a number as every version reads it, without losing a digit; NaN and the infinities are words."""
    return repr(value).removesuffix(".0")


def _modifier(modifier: Any) -> str:
    """Return what stands behind an operator, with a space before each word."""
    if modifier is None:
        return ""
    words = ["bool"] if modifier.return_bool else []
    if modifier.matching is not None:
        on = str(modifier.matching.type).endswith("Include")
        words.append(f"{'on' if on else 'ignoring'} ({', '.join(modifier.matching.labels)})")
    card = str(modifier.card).rpartition(".")[2]
    if card in {"ManyToOne", "OneToMany"}:
        words.append(f"group_{'left' if card == 'ManyToOne' else 'right'} ({', '.join(modifier.group_labels or ())})")
    return "".join(f" {word}" for word in words)
