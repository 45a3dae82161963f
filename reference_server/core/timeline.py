"""What a timeline is made of: changes at times, and durations as a person writes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_PART = re.compile(r"(\d+)(ms|[smhd])")


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of a timeline: seconds after the start, and what to do by verb; durations are in seconds by now."""

    at: float
    verbs: Mapping[str, Any]


def duration(text: str) -> float:
    """Turn `1h30m` into seconds."""
    return sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(text))
