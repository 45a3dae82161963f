"""What a gauge of a generic system stands at: a function of virtual time that stays within bounds by its unit.

Levels swing slowly, so that a board shows something and a limit is not crossed. Where another gauge is the capacity
of a level (`pool_max` of `pool_used`), the level is a share of it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from random import Random

from generator.catalogue import Kind, Metric

#: Words of a name that make it a capacity, a level of one, or what is left of one.
CAPACITY = frozenset({"max", "maximum", "limit", "capacity"})
LEFT = frozenset({"available", "free", "idle", "remaining"})
LEVEL = LEFT | {"active", "busy", "current", "in", "inuse", "open", "size", "usage", "use", "used"}

#: Names of gauges that say yes or no; a system at rest says yes.
_STATE = re.compile(r"(.*_)?(up|ready|healthy|health|alive|leader|success|connected)")

#: Lowest and highest share of a capacity, and of a ratio, that a level takes.
LOW, HIGH = 0.1, 0.6

#: Capacity by unit; of any other unit `_MANY`.
_CAPACITIES = {"bytes": 1e9, "mebibytes": 1024.0, "seconds": 60.0, "milliseconds": 60_000.0, "ratio": 1.0}
_MANY = 100.0

#: Highest level by unit where no capacity is known; of any other unit `_SEVERAL`.
_LEVELS = {"bytes": 5e8, "mebibytes": 512.0, "seconds": 2.0, "milliseconds": 2_000.0, "ratio": 1.0}
_SEVERAL = 20.0

#: Units whose values need not be whole.
_TIMES = frozenset({"seconds", "milliseconds"})
FRACTIONAL = frozenset({"ratio", "seconds", "milliseconds", "USD", "unixtime"})

#: Periods of the two waves that a level is made of, in virtual seconds.
_PERIODS = (1_800.0, 421.0)


@dataclass(frozen=True, slots=True)
class Gauge:
    """How one gauge moves.

    Attributes:
        highest: Its value when all is used.
        fixed: It does not move: a capacity.
        left: It is what is left of `highest`, not what is used.
        state: It says yes or no.
        wave: Whose movement it follows; levels of one capacity share it, so that used and free add up.
        integral: It is a whole number.

    """

    highest: float
    fixed: bool = False
    left: bool = False
    state: bool = False
    wave: str = ""
    integral: bool = True

    def at(self, time: float, place: str) -> float:
        """Return the value at a virtual time, in seconds; `place` tells apart what moves on its own."""
        if self.state:
            return 1.0
        if self.fixed:
            return self.highest
        used = self.highest * _share(time, f"{self.wave} {place}")
        used = float(round(used)) if self.integral else used
        return self.highest - used if self.left else used


def _share(time: float, place: str) -> float:
    """Return a share between `LOW` and `HIGH` that swings with the time."""
    chance = Random(place)  # noqa: S311 - the same movement each time
    slow, fast = (math.sin(2 * math.pi * (time / period + chance.random())) for period in _PERIODS)
    return LOW + (HIGH - LOW) * (0.5 + 0.4 * slow + 0.1 * fast)


def gauges(metrics: Iterable[Metric]) -> Mapping[str, Gauge]:
    """Return how the gauges among some metrics move, by name."""
    known = [m for m in metrics if m.kind is Kind.GAUGE]
    levels = {_subject(m) for m in known if not _words(m) & CAPACITY}
    # The longest wait of a queue is called `max` too, and is no capacity.
    capacities = {
        _subject(m): m for m in known if _words(m) & CAPACITY and (_subject(m) in levels or m.unit not in _TIMES)
    }
    return {m.name: _gauge(m, capacities.get(_subject(m))) for m in known}


def _gauge(metric: Metric, capacity: Metric | None) -> Gauge:
    integral = metric.unit not in FRACTIONAL
    if capacity and _words(metric) & CAPACITY:
        return Gauge(_capacity(metric), fixed=True, integral=integral)
    if capacity:
        left = bool(_words(metric) & LEFT)
        return Gauge(_capacity(capacity), left=left, wave=capacity.name, integral=integral)
    if metric.unit == "none" and _STATE.fullmatch(metric.name):
        return Gauge(1.0, state=True)
    return Gauge(_LEVELS.get(metric.unit, _SEVERAL), wave=metric.name, integral=integral)


def _capacity(metric: Metric) -> float:
    return _CAPACITIES.get(metric.unit, _MANY)


def _words(metric: Metric) -> frozenset[str]:
    return frozenset(metric.name.split("_"))


def _subject(metric: Metric) -> tuple[frozenset[str], str]:
    """Return what a capacity or a level is of, with its unit: the words of its name that do not say which of both it is."""
    return _words(metric) - CAPACITY - LEVEL, metric.unit
