"""A PromQL expression as a tree whose parts can be asked one by one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import promql_parser as pp

from generator.lint.canonical import canonical
from generator.lint.expression import Selector, selectors

#: String literals are put aside while an expression is taken apart: the parser prints them without their escapes.
_LITERAL = re.compile(r'"(?:[^"\\]|\\.)*"')
_TOKEN = re.compile(r'"(L\d+L)"')

COMPARISONS = frozenset({">", ">=", "<", "<=", "==", "!="})


@dataclass(frozen=True, slots=True)
class Tree:
    """A part of an expression.

    Attributes:
        node: The parser's node.
        literals: The string literals that were put aside, by token.

    """

    node: Any
    literals: dict[str, str]

    @property
    def text(self) -> str:
        """The part as PromQL."""
        return _TOKEN.sub(lambda m: self.literals[m[1]], str(self.node))

    def literal(self, token: str) -> str:
        """Return what a matcher's value means."""
        written = self.literals.get(token)
        if written is None:
            return token
        try:
            return str(json.loads(written))
        except ValueError:
            return written[1:-1]

    def of(self, node: Any) -> Tree:
        """Return another node of the same expression."""
        return Tree(node, self.literals)

    def selectors(self) -> list[Selector]:
        """Return every selector in it."""
        return list(selectors(self.node))

    def bare(self) -> Tree:
        """Return it without the parentheses around it."""
        node = self.node
        while isinstance(node, pp.ParenExpr):
            node = node.expr
        return self.of(node)


def tree(expr: str) -> Tree:
    """Return the tree of an expression without variables.

    Raises:
        ValueError: It is not PromQL.

    """
    literals: dict[str, str] = {}

    def aside(found: re.Match[str]) -> str:
        token = f"L{len(literals)}L"
        literals[token] = found[0]
        return f'"{token}"'

    return Tree(pp.parse(_LITERAL.sub(aside, expr)), literals)


def same(one: str, other: str) -> bool:
    """Say whether two expressions mean the same; of what is no PromQL, whether it is written alike."""
    return one == other or canonical(one) == canonical(other)


def nodes(node: Any) -> Iterator[Any]:
    """Yield a node and everything below it that is evaluated to a vector."""
    yield node
    match node:
        case pp.SubqueryExpr() | pp.AggregateExpr() | pp.ParenExpr() | pp.UnaryExpr():
            yield from nodes(node.expr)
        case pp.Call():
            for argument in node.args:
                yield from nodes(argument)
        case pp.BinaryExpr():
            yield from nodes(node.lhs)
            yield from nodes(node.rhs)
