"""Recorded series that a history lacks, replaced by what they are recorded from.

Where a selector reads a recorded series at one moment, the expression takes its place; where it reads a range, a subquery
of the expression does, in steps of the recording group. The rule's own labels are added, or decide which rule is meant; any
other matcher is handed down to what the expression reads. What cannot be written so is told by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import promql_parser as pp

from generator.backtest.rules import Record
from generator.errors import QueryError
from generator.lint.expression import selectors
from generator.outputs.timescale.expressions import Printer, duration
from generator.units import period

#: Matcher operators by the name that the parser gives them.
_OPERATORS = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}

#: Functions whose result has the labels of their argument.
_CHANGING = frozenset({"label_replace", "label_join", "absent", "absent_over_time", "vector", "scalar"})

#: How deep records may read records.
_DEEPEST = 20

Matcher = tuple[str, str, str]


def matchers(node: Any) -> tuple[Matcher, ...]:
    """Return the matchers of a selector as label, operator and value, the name's among them only where it is one of those."""
    return tuple((m.name, _OPERATORS[str(m.op).rpartition(".")[2]], m.value) for m in node.matchers.matchers)


def matches(value: str, op: str, wanted: str) -> bool:
    """Say whether a label's value is what a matcher asks for; patterns are whole, as Prometheus reads them."""
    if op in ("=", "!="):
        return (value == wanted) == (op == "=")
    return bool(re.fullmatch(wanted, value)) == (op == "=~")


class Inliner(Printer):
    """Writes an expression with some recorded series replaced.

    Attributes:
        used: Names of the recorded series that were replaced.

    """

    def __init__(
        self,
        records: Mapping[str, Sequence[Record]],
        lacking: Callable[[str, tuple[Matcher, ...]], bool],
        interval: float,
    ) -> None:
        """Prepare to write.

        Args:
            records: Rules by the name of what they record.
            lacking: Tells whether a selector of a recorded series has to be replaced.
            interval: How often the expression is evaluated, in seconds.

        """
        super().__init__(1)
        self._records, self._lacking, self._evaluated = records, lacking, interval
        self._deep = 0
        self.used: set[str] = set()

    def _vector(self, node: Any) -> str:
        inner = self._replacement(node)
        if inner is None:
            return super()._vector(node)
        if node.offset is None and self._interval(node) <= self._evaluated:
            return inner
        # A subquery has its steps at whole multiples: the newest one of a round is what was recorded last.
        every = period(self._interval(node))
        return f"last_over_time({inner}[{every}:{every}]{self._shift(node)})"

    def _matrix(self, node: Any) -> str:
        inner = self._replacement(node.vector_selector)
        if inner is None:
            return super()._matrix(node)
        length = duration(f"{round(node.range.total_seconds() * 1000)}ms", 1)
        return f"{inner}[{length}:{period(self._interval(node.vector_selector))}]{self._shift(node.vector_selector)}"

    def _interval(self, node: Any) -> float:
        return max(r.interval for r in self._records[node.name])

    def _replacement(self, node: Any) -> str | None:
        """Return what a selector reads, in brackets; None for one that stays."""
        asked = matchers(node)
        if node.name not in self._records or not self._lacking(node.name, asked):
            return None
        if self._deep >= _DEEPEST:
            raise QueryError(f"{node.name} is recorded from itself", "record it under another name")
        self._deep += 1
        parts = [part for rule in self._records[node.name] if (part := self._rule(rule, asked)) is not None]
        self._deep -= 1
        self.used.add(node.name)
        if not parts:
            raise QueryError(f"no rule records {node.name} with these labels", "see its recording rules")
        return parts[0] if len(parts) == 1 else f"({' or '.join(parts)})"

    def _rule(self, rule: Record, asked: Sequence[Matcher]) -> str | None:
        """Return what one rule records as far as it is asked for; None where its own labels are others."""
        if not all(matches(rule.labels[label], op, value) for label, op, value in asked if label in rule.labels):
            return None
        tree = pp.parse(rule.expr)
        handed = [m for m in asked if m[0] not in rule.labels]
        for matcher in handed:
            if not _hands_down(tree, matcher[0]):
                what = (
                    f"{rule.name} is asked for {matcher[0]}, which its expression does not hand down to what it reads"
                )
                raise QueryError(what, "name the label in every grouping of the recording rule")
        text = f"({_Narrowed(self, handed).text(tree)})"
        for label, value in sorted(rule.labels.items()):
            quoted = value.replace("$", "$$").replace("\\", "\\\\").replace('"', '\\"')
            text = f'label_replace({text}, "{label}", "{quoted}", "", "")'
        return text


class _Narrowed(Printer):
    """Writes an expression with more matchers at each selector, and then replaces what is replaced."""

    def __init__(self, inliner: Inliner, more: Sequence[Matcher]) -> None:
        super().__init__(1)
        self._inliner, self._more = inliner, more

    def _vector(self, node: Any) -> str:
        return self._inliner._vector(self._with(node))  # noqa: SLF001 - one printer in two classes

    def _matrix(self, node: Any) -> str:
        range_ = duration(f"{round(node.range.total_seconds() * 1000)}ms", 1)
        selector = self._with(node.vector_selector)
        text = f"{self._selector(selector)}[{range_}]{self._shift(selector)}"
        return self._inliner._matrix(pp.parse(text))  # noqa: SLF001 - one printer in two classes

    def _with(self, node: Any) -> Any:
        selected = set(matchers(node))
        added = ", ".join(f"{a}{op}{_quoted(b)}" for a, op, b in self._more if (a, op, b) not in selected)
        if not added:
            return node
        text = self._selector(node)
        text = f"{text[:-1]}, {added}}}" if text.endswith("}") else f"{text}{{{added}}}"
        return pp.parse(text + self._shift(node))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _hands_down(node: Any, label: str) -> bool:  # noqa: C901, PLR0911 - one per kind of node
    """Say whether a matcher on a label of the result asks for the same as one on everything that is read."""
    match node:
        case pp.VectorSelector() | pp.MatrixSelector():
            return True
        case pp.NumberLiteral() | pp.StringLiteral():
            return True
        case pp.ParenExpr() | pp.UnaryExpr() | pp.SubqueryExpr():
            return _hands_down(node.expr, label)
        case pp.AggregateExpr():
            if node.modifier is None:
                return False
            by = str(node.modifier.type).endswith("By")
            return (label in node.modifier.labels) == by and _hands_down(node.expr, label)
        case pp.Call():
            name = node.func.name
            if name == "label_replace":
                return node.args[1].val != label and _hands_down(node.args[0], label)
            return name not in _CHANGING and all(_hands_down(a, label) for a in node.args)
        case pp.BinaryExpr():
            matching = node.modifier.matching if node.modifier else None
            if matching is not None:
                on = str(matching.type).endswith("Include")
                if (label in matching.labels) != on:
                    return False
            return _hands_down(node.lhs, label) and _hands_down(node.rhs, label)
    return False


def lookback(tree: Any) -> float:
    """Return how far back an expression looks, in seconds, without the last five minutes of a selector."""
    return max((one.back for one in selectors(tree)), default=0.0)


def names(texts: Collection[str], records: Mapping[str, Sequence[Record]]) -> set[str]:
    """Return the recorded series that some expressions read, directly or not."""
    found: set[str] = set()
    todo = list(texts)
    while todo:
        text = todo.pop()
        for name in records:
            if name not in found and re.search(rf"(?<![\w:]){re.escape(name)}(?![\w:])", text):
                found.add(name)
                todo += [r.expr for r in records[name]]
    return found
