"""Values of a series in promtool's notation: `1+2x10`, `5x3`, `_x5`, `stale`.

What `a+bxn` expands to is added up step by step, as promtool does, so a run is written so only where that gives
the very values.

Source: https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/#series
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal

from testbed.servers import Value

#: Fewest values that are written as one run.
_RUN = 3


def written(values: Sequence[Value]) -> str:
    """Return the values, one per interval from the start, in promtool's notation."""
    out: list[str] = []
    place = 0
    while place < len(values):
        text, length = _next(values, place)
        out.append(text)
        place += length
    return " ".join(out)


def _next(values: Sequence[Value], place: int) -> tuple[str, int]:
    """Return how the values from a place on are written, and how many of them that are."""
    first = values[place]
    length = 1
    if first is None:
        while place + length < len(values) and values[place + length] is None:
            length += 1
        return (f"_x{length}" if length > 1 else "_"), length
    if not isinstance(first, float):
        return "stale", 1
    step = _step(values, place)
    at = first
    while place + length < len(values) and _same(values[place + length], at + step):
        at += step
        length += 1
    if length < _RUN:
        return number(first), 1
    slope = "" if step == 0 else f"{'+' if step > 0 else '-'}{number(abs(step))}"
    return f"{number(first)}{slope}x{length - 1}", length


def _step(values: Sequence[Value], place: int) -> float:
    """Return the difference to the next value; 0 where there is none or it is no number."""
    first, second = values[place], values[place + 1] if place + 1 < len(values) else None
    if not isinstance(first, float) or not isinstance(second, float):
        return 0.0
    step = second - first
    return step if math.isfinite(step) else 0.0


def _same(value: Value, wanted: float) -> bool:
    return isinstance(value, float) and (value == wanted or (math.isnan(value) and math.isnan(wanted)))


def number(value: float) -> str:
    """Return a number without an exponent, exact to the last bit."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Inf" if value > 0 else "-Inf"
    text = f"{Decimal(repr(value)):f}"
    return text.removesuffix(".0")
