"""Which series an expression of PromQL asks for, for formats that depend on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import promql_parser as pp


def selectors(expr: str) -> list[Sequence[tuple[str, str, str]]]:
    """Return the matchers of each selector as label, operator (`Equal`, `NotEqual`, `Re`, `NotRe`) and value.

    The name of the series is the matcher of `__name__`; what is held to no name has none.
    """
    found: list[Any] = []

    def visit(part: Any) -> bool:
        if isinstance(part, pp.VectorSelector):
            found.append(part)
        return True

    pp.walk(pp.parse(expr), visit)
    return [
        [
            *([("__name__", "Equal", one.name)] if one.name else []),
            *((m.name, str(m.op).rpartition(".")[2], m.value) for m in one.matchers.matchers),
        ]
        for one in found
    ]
