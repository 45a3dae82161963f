"""What has to be there for an expression to have a result at all, whatever the values: the data without which nothing is told."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import promql_parser as pp

from generator.backtest.inline import matchers

#: They have a result where their argument has none.
_ALWAYS = frozenset({"absent", "absent_over_time", "vector", "time", "scalar"})


@dataclass(frozen=True, slots=True)
class Need:
    """A selector that has to have series, or several needs: `all` of them, or `any`; neither for what is always there."""

    kind: str
    selector: str = ""
    name: str = ""
    parts: tuple[Need, ...] = ()

    def selectors(self) -> Iterator[Need]:
        """Yield every selector."""
        if self.kind == "selector":
            yield self
        for part in self.parts:
            yield from part.selectors()

    def met(self, there: Mapping[str, Collection[int]], at: int) -> bool:
        """Say whether it is met at a moment, given the moments at which each selector has series."""
        if self.kind == "selector":
            return at in there[self.selector]
        if self.kind == "any":
            return any(part.met(there, at) for part in self.parts)
        return all(part.met(there, at) for part in self.parts)


ALWAYS = Need("all")


def needed(node: Any, targets: Collection[str] | None) -> Need:  # noqa: PLR0911 - one per kind of node
    """Return what an expression needs.

    Only matchers on labels in `targets` count: an event that never happened is no lack of data. Without targets all of them
    do: it is then what has to be there for a result.
    """
    match node:
        case pp.VectorSelector():
            return _selected(node, targets)
        case pp.MatrixSelector():
            return needed(node.vector_selector, targets)
        case pp.ParenExpr() | pp.UnaryExpr() | pp.SubqueryExpr() | pp.AggregateExpr():
            return needed(node.expr, targets)
        case pp.Call():
            if node.func.name in _ALWAYS:
                return ALWAYS
            return _both("all", [needed(a, targets) for a in node.args])
        case pp.BinaryExpr():
            left, right = needed(node.lhs, targets), needed(node.rhs, targets)
            match str(node.op):
                case "or":
                    return _both("any", [left, right])
                case "unless":
                    return left
            return _both("all", [left, right])
    return ALWAYS


def _selected(node: Any, targets: Collection[str] | None) -> Need:
    own = matchers(node)
    matching = [(a, op, b) for a, op, b in own if targets is None or a in targets or a in ("__name__", "le")]
    if targets is not None and (node.name or "").endswith("_bucket") and not any(a == "le" for a, _, _ in own):
        matching.append(("le", "=", "+Inf"))  # every histogram has this one, and a dozen others that tell no more
    listed = ", ".join(f"{a}{op}{quoted(b)}" for a, op, b in matching)
    if targets is not None and not node.name:
        # Counting all that a target has would cost more than all else: whether there are targets is as good.
        listed = ", ".join(f"{a}{op}{quoted(b)}" for a, op, b in matching if a != "__name__")
        return Need("selector", f"up{{{listed}}} == 1" if listed else "up == 1", "up")
    text = f"{node.name or ''}{{{listed}}}" if listed else node.name or ""
    return Need("selector", text, node.name or text) if text else ALWAYS


def _both(kind: str, parts: list[Need]) -> Need:
    if kind == "any" and ALWAYS in parts:
        return ALWAYS
    conditions = tuple(dict.fromkeys(p for p in parts if p != ALWAYS))
    return conditions[0] if len(conditions) == 1 else Need(kind, parts=conditions) if conditions else ALWAYS


def quoted(text: str) -> str:
    """Return a string of PromQL."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
