"""Times at which a rule is evaluated, as numbers of rounds, and stretches of rounds at which something is true."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

#: First and last round of a stretch, both included.
Run = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Grid:
    """When a group is evaluated: every `interval` seconds, `phase` seconds after the multiples of it since 1970."""

    interval: float
    phase: float

    def at(self, number: int) -> float:
        """Return the unix time of a round, to the millisecond."""
        return round(self.phase + number * self.interval, 3)

    def first(self, time: float) -> int:
        """Return the first round at a unix time or after it."""
        return math.ceil(round((time - self.phase) / self.interval, 6))

    def last(self, time: float) -> int:
        """Return the last round at a unix time or before it."""
        return math.floor(round((time - self.phase) / self.interval, 6))

    def rounds(self, seconds: float) -> int:
        """Return how many rounds are at least so long."""
        return math.ceil(round(seconds / self.interval, 6))


def gathered(numbers: Iterable[int], step: int = 1) -> list[Run]:
    """Return ascending rounds as stretches; those that are `step` apart belong together."""
    out: list[Run] = []
    for number in numbers:
        if out and number - out[-1][1] <= step:
            out[-1] = (out[-1][0], number)
        else:
            out.append((number, number))
    return out


def joined(runs: Iterable[Run], apart: int = 1) -> list[Run]:
    """Return stretches in order, those that overlap or are at most `apart` rounds from one another as one."""
    out: list[Run] = []
    for first, last in sorted(runs):
        if out and first - out[-1][1] <= apart:
            out[-1] = (out[-1][0], max(last, out[-1][1]))
        else:
            out.append((first, last))
    return out


def within(runs: Iterable[Run], span: Run) -> list[Run]:
    """Return the parts of stretches that lie in a span."""
    return [(max(a, span[0]), min(b, span[1])) for a, b in runs if b >= span[0] and a <= span[1]]


def without(runs: Iterable[Run], taken: Sequence[Run]) -> list[Run]:
    """Return the parts of stretches that lie in none of those `taken`, which are in order."""
    out = []
    for first, last in runs:
        here = first
        for a, b in taken:
            if b < here or a > last:
                continue
            if a > here:
                out.append((here, a - 1))
            here = b + 1
        if here <= last:
            out.append((here, last))
    return out
