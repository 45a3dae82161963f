"""The values of expressions: what is summed, grouped and divided, in Datadog's query language."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import promql_parser as pp

from generator.outputs.datadog.naming import Series
from generator.outputs.datadog.shapes import bare, events, marked, nothing, outstanding, unguarded
from generator.outputs.datadog.tags import Tags, edge
from generator.outputs.datadog.value import UntranslatableError, Value, arithmetic
from generator.units import number

#: What the names of recorded series begin with.
_OURS = "agentobs_"

ARITHMETIC = frozenset({"+", "-", "*", "/"})

#: A recorded series: its name, and its own labels with their values.
Recorded = tuple[str, frozenset[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Values:
    """Translates values for one system of an installation.

    Attributes:
        known: Series by their names in Prometheus.
        system: Namespace of what is scraped.
        tags: How selectors are written.
        recorded: What recorded series of rates and counts record: expression and seconds between two values, by name and labels.

    """

    known: Mapping[str, Series]
    system: str
    tags: Tags
    recorded: Mapping[Recorded, tuple[str, float]]

    def graph(self, text: str) -> Value:
        """Return the query of a graph in place of an expression.

        Raises:
            UntranslatableError: It has no counterpart.

        """
        node = pp.parse(text)
        if isinstance(node, pp.BinaryExpr) and str(node.op) == "and" and (condition := outstanding(node.rhs)):
            value = self.value(node.lhs)
            return replace(value, text=f"top({value.text}, {condition[0]}, 'mean', '{condition[1]}')")
        return self.value(node)

    def value(self, node: Any) -> Value:
        """Return the value of an expression.

        Raises:
            UntranslatableError: It has no counterpart.

        """
        match node:
            case pp.ParenExpr():
                return self.value(node.expr)
            case pp.NumberLiteral():
                return Value(number(node.val), constant=True)
            case pp.AggregateExpr():
                return self._aggregate(node)
            case pp.BinaryExpr() if str(node.op) in ARITHMETIC:
                return self._computed(node, self.value)
            case pp.BinaryExpr() if str(node.op) == "or":
                return self._otherwise(node)
            case pp.Call() if node.func.name == "histogram_quantile":
                return self._quantile(*node.args)
            case pp.Call():
                raise UntranslatableError(f"there is no {node.func.name}() over a grouped value")
        raise UntranslatableError("it takes one value where another one lacks")

    def _otherwise(self, node: Any) -> Value:
        """Return the first of two values where the second stands for a want of history, or is 0 for a want of events."""
        left, right = self.value(node.lhs), bare(node.rhs)
        if left.window and nothing(right):
            return left
        if left.window and left.text == self.value(right).text:
            return left
        raise UntranslatableError("it takes one value where another one lacks")

    def _record(self, selector: Any) -> tuple[Value, float]:
        """Return what a recorded series records, and the seconds between two values of it."""
        labels = frozenset(
            (m.name, m.value) for m in selector.matchers.matchers if (m.name, m.value) not in self.tags.target_labels
        )
        found = self.recorded.get((selector.name, labels))
        if found is None:
            raise UntranslatableError("it reads recorded series, which Prometheus alone has")
        return self.value(pp.parse(found[0])), found[1]

    def _recorded(self, node: Any) -> Value | None:
        """Return what a recorded series, or its sum over a time, stands for; None for anything else."""
        match node:
            case pp.VectorSelector() if (node.name or "").startswith(_OURS):
                return self._record(node)[0]
            case pp.Call() if node.func.name == "sum_over_time" and isinstance(node.args[0], pp.MatrixSelector):
                ranged = node.args[0]
                value, every = self._record(ranged.vector_selector)
                if not value.window:
                    raise UntranslatableError("it reads recorded series, which Prometheus alone has")
                # Each value is of the events of one window, and these overlap where it is recorded more often than that.
                per = value.per * every / value.window
                return replace(value, window=ranged.range.total_seconds(), per=per)
        return None

    def _both(self, node: Any) -> Value | None:
        """Return the sum of two values each of which may be missing; None for anything else."""
        if not (isinstance(node, pp.BinaryExpr) and str(node.op) == "or"):
            return None
        second = marked(node.rhs)
        if second is None:
            return None
        left, right = self.value(node.lhs), self.value(second)
        if not left.window or (left.window, left.per) != (right.window, right.per):
            raise UntranslatableError("it adds up what has different windows")
        text = f"(default_zero({left.text}) + default_zero({right.text}))"
        return Value(text, left.window, left.per, tuple(dict.fromkeys((*left.names, *right.names))))

    def _computed(self, node: Any, value: Callable[[Any], Value]) -> Value:
        if node.modifier is not None and node.modifier.matching is not None:
            raise UntranslatableError("it matches two groups by some of their labels")
        right = unguarded(node.rhs) if str(node.op) == "/" else node.rhs
        return arithmetic(value(node.lhs), str(node.op), value(right))

    def _each(self, node: Any, how: str, labels: Sequence[str]) -> Value:
        """Return what is computed with the gauges of each process: one group per process stands for the worst of them."""
        match node:
            case pp.ParenExpr():
                return self._each(node.expr, how, labels)
            case pp.NumberLiteral():
                return self.value(node)
            case pp.BinaryExpr() if str(node.op) in ARITHMETIC:
                return self._computed(node, lambda inner: self._each(inner, how, labels))
            case pp.VectorSelector():
                return self._gauge(node, how, labels)
        raise UntranslatableError("it computes with single series before it groups them")

    def _gauge(self, selector: Any, how: str, labels: Sequence[str]) -> Value:
        found = self._found(selector)
        if not found.gauge:
            raise UntranslatableError("it reads a counter's total, and Datadog has what was added")
        name = self._name(found)
        return Value(f"{how}:{name}{self.tags.filter(selector, found)}{self.tags.by(labels)}", names=(name,))

    def _aggregate(self, node: Any) -> Value:
        how = str(node.op)
        labels = tuple(node.modifier.labels) if node.modifier else ()
        if how not in {"sum", "max", "min", "avg"}:
            raise UntranslatableError(f"Datadog has no {how}() of series")
        inner = bare(node.expr)
        if how in {"sum", "max"} and (found := self._recorded(inner)):
            return found
        if how == "sum" and (found := self._both(inner)):
            return found
        if isinstance(inner, pp.VectorSelector):
            return self._gauge(inner, how, labels)
        if how in {"max", "min"}:
            return self._each(inner, how, tuple(dict.fromkeys((*labels, self.tags.instance))))
        if how != "sum":
            raise UntranslatableError("it computes with single series before it groups them")
        selector, window, per = events(inner)
        return self._counted(selector, window, per, labels)

    def _counted(self, selector: Any, window: float, per: float, labels: Sequence[str]) -> Value:
        found = self._found(selector)
        if found.gauge:
            raise UntranslatableError("it reads how a gauge changes")
        name, by = self._name(found), self.tags.by(labels)
        how = "sum"
        if found.pushed and found.suffix == "_sum":
            raise UntranslatableError("a distribution's sum is no count")
        if found.pushed and found.suffix:
            how = f"count(v: v<={edge(selector, found)})" if found.suffix == "_bucket" else "count"
        return Value(f"{how}:{name}{self.tags.filter(selector, found)}{by}.as_count()", window, per, (name,))

    def _quantile(self, share: Any, inner: Any) -> Value:
        aggregated = bare(inner)
        if not (isinstance(aggregated, pp.AggregateExpr) and isinstance(share, pp.NumberLiteral)):
            raise UntranslatableError("a quantile of something that is no histogram")
        selector, window, _ = events(bare(aggregated.expr))
        found = self._found(selector)
        if not found.pushed:
            raise UntranslatableError("a quantile needs a distribution, and the check sends buckets")
        grouped = aggregated.modifier.labels if aggregated.modifier else ()
        labels = [label for label in grouped if label != "le"]
        name = self._name(found)
        return Value(
            f"p{number(share.val * 100)}:{name}{self.tags.filter(selector, found)}{self.tags.by(labels)}",
            window,
            1,
            (name,),
        )

    def _found(self, selector: Any) -> Series:
        name = selector.name or ""
        if found := self.known.get(name):
            return found
        if name.startswith(_OURS):
            raise UntranslatableError("it reads recorded series, which Prometheus alone has")
        if name in {"up", ""} or name.startswith("scrape_"):
            raise UntranslatableError("it reads what Prometheus says of its scrapes")
        raise UntranslatableError(f"{name} is no metric of the catalogue")

    def _name(self, found: Series) -> str:
        name = found.name(self.system)
        if not name:
            raise UntranslatableError(f"{found.metric.full_name} is not collected")
        return name
