"""Why the values of an expression are no numbers: what is divided by, what was observed, what a page itself says."""

from __future__ import annotations

from dataclasses import replace

import promql_parser as pp

from generator.validate import selectors
from generator.validate.existence import Existence
from generator.validate.recording_rules import RecordingRules
from generator.validate.syntax import Tree, nodes, tree
from generator.validate.verdict import Finding, empty


class Numberless:
    """Says why expressions give NaN. Safe to use from several threads."""

    def __init__(self, existence: Existence, rules: RecordingRules) -> None:
        self._existence, self._rules = existence, rules

    def why(self, expression: Tree, at: float | None, through: frozenset[str] = frozenset()) -> Finding | None:
        """Return which division or quantile has nothing below it, if one has; also in what a rule recorded.

        Args:
            expression: Its tree.
            at: Unix seconds; None means now.
            through: Expressions of rules that led here.

        Raises:
            ProbeError: Prometheus does not answer.

        """
        for node in nodes(expression.node):
            if isinstance(node, pp.BinaryExpr) and str(node.op) == "/":
                below = expression.of(node.rhs)
                if below.selectors() and not self._existence.any(f"({below.text}) > 0 or ({below.text}) < 0", at):
                    found = self._recorded(below, at, through)
                    return found or empty(
                        f"nothing happened in the window: {selectors.names(below)} gives 0 to divide by"
                    )
            if isinstance(node, pp.Call) and node.func.name == "histogram_quantile":
                buckets = expression.of(node.args[1])
                if not self._existence.any(f"({buckets.text}) > 0", at):
                    return empty(f"nothing was observed in the window: {selectors.names(buckets)}")
        return self._recorded(expression, at, through) or self._exposed(expression, at)

    def _exposed(self, expression: Tree, at: float | None) -> Finding | None:
        """Say which series has no number on its own page, if one has: an exporter that could not find it out."""
        for node in nodes(expression.node):
            inner = node.vector_selector if isinstance(node, pp.MatrixSelector) else node
            if isinstance(inner, pp.VectorSelector):
                text = expression.of(inner).text
                if self._existence.any(f"{text} != {text}", at):
                    return empty(f"the page itself gives NaN: {selectors.names(expression.of(inner))}")
        return None

    def _recorded(self, part: Tree, at: float | None, through: frozenset[str]) -> Finding | None:
        """Say why what a part reads was recorded without a number, if a rule did so."""
        for node in nodes(part.node):
            if not isinstance(node, pp.VectorSelector):
                continue
            ((selector,), text) = part.of(node).selectors(), part.of(node).text
            matchers = selectors.literal(part, selector)
            for record in self._rules.read_by(selector.name, matchers):
                expr = self._rules.expression(record)
                if expr in through or self._existence.any(f"{text} == {text}", at):
                    continue
                found = self.why(tree(expr), self._rules.moment(record, at), through | {expr})
                if found:
                    return replace(found, why=f"{record.name} has no value: {found.why}")
        return None
