"""One spelling for expressions that mean the same, whatever their spaces, parentheses, durations and the order of their matchers."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from functools import lru_cache
from typing import Any

import promql_parser as pp

from generator.lint.expression import MACROS, concrete

#: Grafana's own durations, which no parser knows.
_MACRO = re.compile(r"\$(?:\{(" + "|".join(MACROS) + r")\}|(" + "|".join(MACROS) + r")\b)")

#: How PromQL writes what the parser calls the operators of matchers.
_SIGNS = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}


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
            return repr(float(node.val)).removesuffix(".0")
        case _:
            return json.dumps(node.val) if hasattr(node, "val") else str(node)


def _read(node: Any) -> str:
    """Return a selector, one with a range, or a subquery: matchers in alphabetical order, durations in seconds."""
    if isinstance(node, pp.MatrixSelector):
        return f"{_spelled(node.vector_selector)}[{_seconds(node.range)}]"
    if isinstance(node, pp.SubqueryExpr):
        return f"({_spelled(node.expr)})[{_seconds(node.range)}:{_seconds(node.step)}]{_shift(node)}"
    matchers = sorted(
        f"{m.name}{_SIGNS[str(m.op).rpartition('.')[2]]}{json.dumps(m.value)}" for m in node.matchers.matchers
    )
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
