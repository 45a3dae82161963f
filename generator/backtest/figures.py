"""Figures about what alerts did: how often, how long, with which labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from generator.backtest.trial import Interval, Trial

DAY, WEEK = 86_400.0, 604_800.0

#: Label values that are told of one alert.
TOLD = 5


@dataclass(frozen=True, slots=True)
class Figures:
    """What one alert did, in numbers.

    Attributes:
        fired: How often it fired, label set by label set.
        weekly: The same per week.
        seconds: For how long, over all label sets.
        median, longest: Of one firing, in seconds; 0 without any.
        pending: How often it was pending and did not fire; None where that was not looked for.
        labelsets: How many label sets fired.
        telling: Values of the labels that differ, most often first: name, value, how often.

    """

    fired: int
    weekly: float
    seconds: float
    median: float
    longest: float
    pending: int | None
    labelsets: int
    telling: tuple[tuple[str, str, int], ...]


def lasting(seconds: float) -> str:
    """Return a length of time in its two largest units: `2d 3h`, `14m`, `30s`."""
    left, out = round(seconds), []
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            out.append(f"{count}{unit}")
    return " ".join(out[:2]) or "0s"


def firings(trial: Trial) -> list[Interval]:
    """Return when it fired."""
    return [i for i in trial.intervals if i.firing]


def figures(trial: Trial, span: float) -> Figures:
    """Return the figures of one alert over a time of so many seconds."""
    found = firings(trial)
    lasted = [i.seconds for i in found]
    begun = {(i.labels, i.start) for i in found}
    alone = sum(not i.firing and not i.after and (i.labels, i.end) not in begun for i in trial.intervals)
    return Figures(
        len(found), len(found) / (span / WEEK), sum(lasted), median(lasted) if lasted else 0.0, max(lasted, default=0.0),
        alone if trial.full else None, len({i.labels for i in found}), _telling(trial, found),
    )  # fmt: skip


def _telling(trial: Trial, found: Sequence[Interval]) -> tuple[tuple[str, str, int], ...]:
    counted = Counter((k, v) for i in found for k, v in i.labels if k not in trial.alert.labels)
    return tuple(
        (name, value, times) for (name, value), times in sorted(counted.items(), key=lambda c: (-c[1], c[0]))[:TOLD]
    )
