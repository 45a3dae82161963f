"""What Prometheus makes of a condition that holds at some rounds: pending, firing, kept firing, forgotten in a restart.

Source: https://github.com/prometheus/prometheus/blob/main/rules/alerting.go (Eval), rules/group.go (run, RestoreForState)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from generator.backtest.runs import Grid, Run, joined, within

#: Restored after a restart are alerts that hold at least so long, and no sooner than so long after it fire those that were
#: nearly there. Source: --rules.alert.for-grace-period
GRACE_SECONDS = 600.0

#: After a longer outage nothing is restored. Source: --rules.alert.for-outage-tolerance
TOLERANCE_SECONDS = 3600.0

#: Rounds after a restart until the state is restored.
RESTORED_AFTER = 1

#: Before every round.
_EVER = -(10**12)


@dataclass(frozen=True, slots=True)
class Episode:
    """One alert of one label set, pending or firing: from its first round until before `end`; None while it goes on."""

    firing: bool
    start: int
    end: int | None


@dataclass(frozen=True, slots=True)
class _Active:
    """An alert at the last round before an outage: since when it counts, and that round."""

    since: float
    down: int


def episodes(
    true: Sequence[Run], grid: Grid, hold: float, keep: float, last: int, gaps: Sequence[Run] = ()
) -> list[Episode]:
    """Return what an alert of one label set does, in order of time.

    Args:
        true: Rounds at which its expression has a result with these labels.
        grid: When it is evaluated.
        hold: `for`, in seconds.
        keep: `keep_firing_for`, in seconds.
        last: The last round.
        gaps: Rounds at which nothing was evaluated, each stretch followed by a restart.

    """
    out: list[Episode] = []
    before: _Active | None = None
    runs, begin = joined(true), _EVER
    for down, up in (*joined(gaps), (last + 1, last + 1)):
        end = min(down - 1, last)
        found, before = _between(within(runs, (begin, end)), grid, (hold, keep), (begin, end), before)
        out += [replace(e, end=end + 1) if e.end is None and end < last else e for e in found]
        begin = up + 1
    return [e for e in out if e.end is None or e.end > e.start]


def _between(
    runs: Sequence[Run], grid: Grid, times: tuple[float, float], span: Run, before: _Active | None
) -> tuple[list[Episode], _Active | None]:
    """Return the episodes between two restarts, and what is active at the last round; what goes on then has no end."""
    out: list[Episode] = []
    hold, keep_firing = times[0] / grid.interval, grid.rounds(times[1])
    since, fires, gone = 0.0, None, _EVER
    for a, b in runs:
        if fires is not None and a <= gone + keep_firing:
            gone = b + 1
            continue
        if fires is not None:
            out.append(Episode(True, fires, gone + keep_firing))
            fires = None
        restored = _restored(before, (a, b), span[0], grid, times[0])
        since = float(a) if restored is None else restored
        start = math.ceil(round(since + hold, 6))
        if restored is not None:
            start = max(start, span[0] + RESTORED_AFTER + 1)
        out.append(Episode(False, a, min(start, b + 1) if b < span[1] or start <= b else None))
        if start <= b:
            fires = start
        gone = b + 1
    if fires is not None:
        out.append(Episode(True, fires, gone + keep_firing if gone + keep_firing <= span[1] else None))
    goes_on = bool(runs) and gone + (keep_firing if fires is not None else 0) > span[1]
    return out, _Active(since, span[1]) if goes_on else None


def _restored(before: _Active | None, run: Run, up: int, grid: Grid, hold: float) -> float | None:
    """Return the round since which an alert counts that was active before a restart; None where it begins anew.

    The state is restored at the second round after a restart, to what is active then.
    """
    back = up + RESTORED_AFTER
    if before is None or hold < GRACE_SECONDS or not run[0] <= back <= run[1]:
        return None
    if (back - before.down) * grid.interval > TOLERANCE_SECONDS:
        return None
    left = hold - (before.down - before.since) * grid.interval
    if left <= 0:
        return before.since
    if left < GRACE_SECONDS:
        return back + (GRACE_SECONDS - hold) / grid.interval
    return before.since + back - before.down
