"""How often and how long: draws from rates that models share."""

from __future__ import annotations

import math
from random import Random
from statistics import NormalDist

from reference_server.agenda import lognormal, poisson
from reference_server.services.model import Process

#: Up to so many observations are drawn one by one; more are dealt out over as many points of the distribution.
POINTS = 16

_PLACES = tuple(NormalDist().inv_cdf((n + 0.5) / POINTS) for n in range(POINTS))


def times(process: Process, rate: float, seconds: float, share: float = 1.0) -> int:
    """Draw how often something happens in a slice that happens `rate` times a second in the deployment."""
    return poisson(process.chance, rate * seconds * share)


def part(chance: Random, count: int, ratio: float) -> int:
    """Draw how many of `count` are of a kind that has the share `ratio`; never more than there are."""
    return min(count, poisson(chance, count * ratio)) if ratio < 1 else count


def observe(process: Process, name: str, count: int, median: float, spread: float = 0.5, /, **labels: str) -> None:
    """Record `count` observations that are spread around `median`; `spread` is the deviation of their logarithm."""
    if count <= POINTS:
        for _ in range(count):
            process.instruments.observe(name, lognormal(process.chance, median, spread), **labels)
        return
    each, left = divmod(count, POINTS)
    for number, place in enumerate(_PLACES):
        process.instruments.observe(name, median * math.exp(place * spread), each + (number < left), **labels)
