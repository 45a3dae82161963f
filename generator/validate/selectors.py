"""Selectors as text: as PromQL has them, and as a sentence shows them."""

from __future__ import annotations

from collections.abc import Sequence

from generator.lint.expression import Matcher, Selector
from generator.validate.syntax import Tree

#: Operators of matchers, by their names in the parser.
SIGNS = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}


def text(name: str, matchers: Sequence[Matcher]) -> str:
    """Return the selector of a series name with matchers, as PromQL."""

    def quoted(value: str) -> str:
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'"{escaped}"'

    listed = ", ".join(f"{m.label}{SIGNS[m.op]}{quoted(m.value)}" for m in matchers)
    return f"{name}{{{listed}}}" if listed else name


def shown(matchers: Sequence[Matcher]) -> str:
    """Return matchers as a sentence shows them."""
    return ", ".join(f'{m.label}{SIGNS[m.op]}"{m.value}"' for m in matchers)


def names(part: Tree) -> str:
    """Return the series that a part of an expression reads, as a sentence names them; the part itself where it reads none."""
    listed = list(dict.fromkeys(s.name or "{}" for s in part.selectors()))
    return ", ".join(listed) or part.text


def literal(part: Tree, selector: Selector) -> list[Matcher]:
    """Return the matchers of a selector of a part, with their values as they are written."""
    return [Matcher(m.label, m.op, part.literal(m.value)) for m in selector.matchers]
