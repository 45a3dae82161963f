"""How often and how long: draws from rates that models share."""

from __future__ import annotations

import math
from functools import lru_cache
from random import Random
from statistics import NormalDist

from reference_server.core.agenda import poisson
from reference_server.core.rates.model import ServiceProcess

#: Up to so many observations are drawn one by one; more are dealt out over as many points of the distribution.
POINTS = 16

_PLACES = tuple(NormalDist().inv_cdf((n + 0.5) / POINTS) for n in range(POINTS))


def times(process: ServiceProcess, rate: float, seconds: float, share: float = 1.0) -> int:
    """Draw how often something happens in a slice that happens `rate` times a second in the deployment."""
    return poisson(process.chance, rate * seconds * share)


def part(chance: Random, count: int, ratio: float) -> int:
    """Draw how many of `count` are of a kind that has the share `ratio`; never more than there are."""
    return min(count, poisson(chance, count * ratio)) if ratio < 1 else count


def observe(
    process: ServiceProcess, name: str, count: int, median: float, spread: float = 0.5, /, **labels: str
) -> None:
    """Record `count` observations that are spread around `median`; `spread` is the deviation of their logarithm."""
    if count <= 0:
        return
    if count <= POINTS:
        process.instruments.observe_each(name, _drawn(process.chance, count, median, spread), labels)
        return
    each, left = divmod(count, POINTS)
    found = [(value, each + (number < left)) for number, value in enumerate(_points(median, spread))]
    process.instruments.observe_all(name, found, labels)


def _drawn(chance: Random, count: int, median: float, spread: float) -> list[float]:
    """Draw times, half of them below `median`, so many at once."""
    if not spread:
        return [median] * count
    gauss, exp = chance.gauss, math.exp
    return [median * exp(gauss(0.0, spread)) for _ in range(count)]


@lru_cache(maxsize=1024)
def _points(median: float, spread: float) -> tuple[float, ...]:
    return tuple(median * math.exp(place * spread) for place in _PLACES)
