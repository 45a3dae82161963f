"""Expressions by what they mean: equal whatever their spaces, parentheses and the order of their matchers."""

from __future__ import annotations

import re
from contextlib import suppress
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any

import promql_parser as pp

from generator.lint.expression import MACROS, concrete, labels

#: A text in quotes, or a number that is no part of a name or a duration.
_PARTS = re.compile(r'"(?:\\.|[^"\\])*"|(?<![\w.:])(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w.:])')


#: Grafana's own durations, which no parser knows.
_MACRO = re.compile(r"\$(?:\{(" + "|".join(MACROS) + r")\}|(" + "|".join(MACROS) + r")\b)")

#: How PromQL writes what the parser calls the operators of matchers.
_SIGNS = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}

#: Tokens of a canonical text: what a difference is told in.
_TOKENS = re.compile(r'"[^"]*"|[\w.:$]+(?:[=!]~?"[^"]*")?|\s+|.')

#: Characters of a difference at most.
_LONGEST = 160


@lru_cache(maxsize=4096)
def _tree(text: str) -> Any:
    """Return the syntax tree; variables of Grafana keep their names where they stand in quotes. None for what is not PromQL."""
    for filled in (_MACRO.sub(lambda m: MACROS[m[1] or m[2]], text), concrete(text)):
        with suppress(ValueError):
            return pp.parse(filled)
    return None


@lru_cache(maxsize=4096)
def canonical(text: str) -> str:
    """Return one spelling for all that mean the same; the text itself where it is not PromQL."""
    tree = _tree(text)
    return " ".join(text.split()) if tree is None else _spelled(tree)


def _spelled(node: Any) -> str:  # noqa: PLR0911 - one per kind of node
    """Return an expression without anything that only looks different."""
    match node:
        case pp.ParenExpr():
            return _spelled(node.expr)
        case pp.UnaryExpr():
            return f"-({_spelled(node.expr)})"
        case pp.VectorSelector() | pp.MatrixSelector() | pp.SubqueryExpr():
            return _read(node)
        case pp.Call():
            return f"{node.func.name}({', '.join(map(_spelled, node.args))})"
        case pp.AggregateExpr():
            return _aggregated(node)
        case pp.BinaryExpr():
            return f"({_spelled(node.lhs)} {node.op}{_joined(node)} {_spelled(node.rhs)})"
        case pp.NumberLiteral():
            return f"{float(node.val):.12g}"
        case _:
            return f'"{node.val}"' if hasattr(node, "val") else str(node)


def _read(node: Any) -> str:
    """Return a selector, one with a range, or a subquery: matchers in alphabetical order, durations in seconds."""
    if isinstance(node, pp.MatrixSelector):
        return f"{_spelled(node.vector_selector)}[{_seconds(node.range)}]"
    if isinstance(node, pp.SubqueryExpr):
        return f"({_spelled(node.expr)})[{_seconds(node.range)}:{_seconds(node.step)}]{_shift(node)}"
    matchers = sorted(f'{m.name}{_SIGNS[str(m.op).rpartition(".")[2]]}"{m.value}"' for m in node.matchers.matchers)
    return f"{node.name or ''}{{{', '.join(matchers)}}}{_shift(node)}"


def _aggregated(node: Any) -> str:
    how = ""
    if node.modifier:
        word = "by" if str(node.modifier.type).endswith("By") else "without"
        how = f" {word} ({', '.join(sorted(node.modifier.labels))}) "
    parameter = f"{_spelled(node.param)}, " if node.param else ""
    return f"{node.op}{how}({parameter}{_spelled(node.expr)})"


def _seconds(length: Any) -> str:
    return f"{length.total_seconds():g}s" if length else ""


def _shift(node: Any) -> str:
    offset = f" offset {_seconds(node.offset)}" if node.offset else ""
    at = str(node.at) if getattr(node, "at", None) else ""
    return f"{offset} {at}" if at else offset


def _joined(node: Any) -> str:
    modifier = node.modifier
    if not modifier:
        return ""
    parts = [" bool"] if modifier.return_bool else []
    if modifier.matching:
        word = "on" if str(modifier.matching.type).endswith("Include") else "ignoring"
        parts.append(f" {word} ({','.join(sorted(modifier.matching.labels))})")
    if modifier.group_labels is not None:
        parts.append(f" {modifier.card} ({','.join(sorted(modifier.group_labels))})")
    return "".join(parts)


def numbers(text: str) -> tuple[str, tuple[str, ...]]:
    """Return the canonical text with a sign for each number, and the numbers."""
    found: list[str] = []

    def put(match: re.Match[str]) -> str:
        if match[0].startswith('"'):
            return match[0]
        found.append(match[0])
        return "#"

    return _PARTS.sub(put, canonical(text).replace("'", '"')), tuple(found)


def result_labels(text: str) -> frozenset[str] | None:
    """Return the labels that the result can have; None where they are those of the raw series, or nobody knows."""
    tree = _tree(text)
    return None if tree is None else labels(tree)


def difference(old: str, new: str) -> str:
    """Say which parts of an expression are gone, and which are new, in the order of the text."""
    one, other = (_TOKENS.findall(canonical(text)) for text in (old, new))
    gone, come = [], []
    for tag, a, b, c, d in SequenceMatcher(a=one, b=other, autojunk=False).get_opcodes():
        if tag != "equal":
            gone.append("".join(one[a:b]).strip(" ,"))
            come.append("".join(other[c:d]).strip(" ,"))
    return "; ".join(f"{word} {_short(parts)}" for word, parts in (("without", gone), ("with", come)) if any(parts))


def _short(parts: list[str]) -> str:
    text = " … ".join(part for part in dict.fromkeys(parts) if part)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
