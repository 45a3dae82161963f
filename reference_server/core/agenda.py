"""Virtual time: what happens when. Knows nothing of what happens."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from random import Random
from typing import Any

#: Above this mean the normal distribution stands in for Poisson's.
_MANY = 30.0


class Agenda:
    """Calls to be made at points of virtual time, in seconds; those of one time in the order in which they were entered."""

    def __init__(self, start: float) -> None:
        self.now = start
        self._calls: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._number = 0

    def at(self, time: float, call: Callable[..., None], *arguments: Any) -> None:
        """Enter a call; a time that has passed means now."""
        self._number += 1
        heapq.heappush(self._calls, (max(time, self.now), self._number, call, arguments))

    def after(self, seconds: float, call: Callable[..., None], *arguments: Any) -> None:
        """Enter a call that is `seconds` away."""
        self.at(self.now + seconds, call, *arguments)

    def run(self, until: float) -> None:
        """Make every call up to and including `until`; the time is then `until`. Time never goes back."""
        calls = self._calls
        while calls and calls[0][0] <= until:
            self.now, _, call, arguments = heapq.heappop(calls)
            call(*arguments)
        self.now = max(self.now, until)


def poisson(chance: Random, mean: float) -> int:
    """Draw how often something happens that happens `mean` times on average."""
    if mean <= 0:
        return 0
    if mean > _MANY:
        return max(0, round(chance.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), chance.random(), 0
    while product > limit:
        product *= chance.random()
        count += 1
    return count


def lognormal(chance: Random, median: float, spread: float) -> float:
    """Draw a time: half of them are below `median`, one in forty above `median * exp(2 * spread)`."""
    return median * math.exp(chance.gauss(0.0, spread)) if spread else median
