"""Service level objectives: the windows, and how good and bad events become a burn rate.

Source of windows and factors: Google SRE workbook, chapter 5, "multiwindow, multi-burn-rate alerts".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: Windows that are added up at every round, and those that move so slowly that fewer rounds will do.
SHORT_WINDOWS = ("30m", "1h", "2h", "6h")
LONG_WINDOWS = ("1d", "3d")

#: How often the long windows are added up: well below the five minutes after which Prometheus takes a sample for gone.
SLOW_INTERVAL = "2m"

#: Likewise for the period of an objective: a month of samples costs most, and only boards read it.
PERIOD_INTERVAL = "4m"


@dataclass(frozen=True, slots=True)
class Burn:
    """One pair of windows: it fires when the budget burns `factor` times too fast over both.

    Attributes:
        long, short: The windows; the short one makes the alert end soon after the trouble does.
        factor: Burn rate; 1 uses up the budget exactly in the period.
        hold: How long it must be true.
        severity: What it does.
        floor: What the objective's floor of events is multiplied by: a longer window holds more of them.

    """

    long: str
    short: str
    factor: float
    hold: str
    severity: Literal["critical", "warning", "info"]
    floor: int


BURNS: tuple[Burn, ...] = (
    Burn("1h", "5m", 14.4, "2m", "critical", 1),
    Burn("6h", "30m", 6, "5m", "critical", 2),
    Burn("1d", "2h", 3, "15m", "warning", 1),
    Burn("3d", "6h", 1, "1h", "warning", 1),
)
