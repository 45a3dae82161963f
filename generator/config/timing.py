"""Time: every duration of rules and boards, from the few that an installation gives. Nothing else writes one that depends on them.

| duration | follows from |
| --- | --- |
| range window of a rule | what its author wrote, but never less than four scrapes |
| `for`, `keep_firing_for` | what its author wrote, in whole rounds of evaluation |
| step of a subquery | a round of evaluation or a scrape, whichever is longer: between two scrapes nothing changes |
| least interval of a panel | a scrape |
| how often events are summed up for long windows | the period of the objectives |
| windows and factors of burn rates | the share of the budget that may be gone, the period of the objectives |

Source of the burn rates: Google SRE workbook, chapter 5, "multiwindow, multi-burn-rate alerts".
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from generator.units import period, seconds

#: How long Prometheus reads a sample as the present value: its `--query.lookback-delta`, unless it was changed.
LOOK_BACK = "5m"

#: How often the servers refresh gauges that they read from databases.
SAMPLING = "1m"

#: Scrapes that a range holds at least, so that one that fails does no harm.
SCRAPES = 4

#: The longest interval of scrapes and of evaluation. Two of them are below the look-back, so one that fails or comes late
#: takes no series away.
LONGEST_INTERVAL = "2m"

#: The shortest one: what is below, no server of this kind is meant for.
SHORTEST_INTERVAL = "1s"

#: The longest `evaluation.window`: it is the short window of the fastest burn rate, whose long one is an hour.
LONGEST_WINDOW = "15m"

#: Least period of objectives, and how long anything is kept at most.
SHORTEST_PERIOD, LONGEST_RETENTION = "1d", "3650d"

#: How long an event counts as present: an alert for what goes on asks for one within it, and is held for longer.
RECENT = "4m"

#: The highest share of bad events that an alert may ask for. Above 1 there is none; just below, one success would end it.
HIGHEST_SHARE = 0.9


_SCRAPE, _TIMEOUT = ("scrape", "interval"), ("scrape", "timeout")
_EVALUATION, _WINDOW, _RETENTION = ("evaluation", "interval"), ("evaluation", "window"), ("evaluation", "retention")
_PERIOD = ("slo_period",)


class Wrong(NamedTuple):
    """One duration that cannot work: the keys of bundle.yaml that it is about, what is wrong, and a way out."""

    places: tuple[tuple[str, ...], ...]
    what: str
    fix: str


@dataclass(frozen=True, slots=True)
class Burn:
    """One pair of windows: it fires when the budget burns `factor` times too fast over both.

    Attributes:
        long, short: The windows; the short one makes the alert end soon after the trouble does.
        factor: Burn rate; 1 uses up the budget exactly in the period.
        hold: How long it must be true.
        severity: What it does.
        floor: What the objective's floor of events is multiplied by: a longer window holds more of them.
        missing: Why the period leaves no room for it; empty when it does.

    """

    long: str
    short: str
    factor: float
    hold: str
    severity: Literal["critical", "warning", "info"]
    floor: int
    missing: str = ""


#: Long window, short window ("" is the one of the configuration), share of the budget that is gone by then, hold,
#: severity, floor.
_BURNS: tuple[tuple[str, str, float, str, Literal["critical", "warning"], int], ...] = (
    ("1h", "", 0.02, "2m", "critical", 1),
    ("6h", "30m", 0.05, "5m", "critical", 2),
    ("1d", "2h", 0.1, "15m", "warning", 1),
    ("3d", "6h", 0.1, "1h", "warning", 1),
)


@dataclass(frozen=True, slots=True)
class Timing:
    """What an installation says about time, and what follows from it. Durations are texts as Prometheus writes them.

    Attributes:
        scrape, timeout: Interval and time-out of scrapes.
        evaluation: Interval of rule evaluation.
        window: Range window of rules that name none.
        retention: How long Prometheus keeps samples.
        period: Period of the objectives.

    """

    scrape: str = "30s"
    timeout: str = "10s"
    evaluation: str = "30s"
    window: str = "5m"
    retention: str = "30d"  # what budgets of the default period need; twice as long as Prometheus' own default
    period: str = "30d"

    @property
    def shortest(self) -> str:
        """The shortest range window that holds enough scrapes."""
        least = SCRAPES * seconds(self.scrape)
        return period(math.ceil(least / 60) * 60 if least > 60 else least)  # noqa: PLR2004 - seconds of a minute

    def over(self, window: str = "") -> str:
        """Return a range window, or the configuration's own, as it is here: at least four scrapes long."""
        return max(window or self.window, self.shortest, key=seconds)

    def hold(self, duration: str) -> str:
        """Return how long something must be true, in whole rounds of evaluation."""
        rounds = math.ceil(round(seconds(duration) / seconds(self.evaluation), 6))
        return period(rounds * seconds(self.evaluation)) if rounds else duration

    @property
    def outlasting(self) -> str:
        """How long what goes on must be true: a minute longer than one event, or one burst of them, counts as present."""
        return period(seconds(self.over(RECENT)) + 60)

    @property
    def step(self) -> str:
        """Step of subqueries."""
        return max(self.evaluation, self.scrape, key=seconds)

    def steps(self, window: str, *, every: str = "") -> str:
        """Return the range of a subquery with its step, `15m:30s`: four steps at least. `every` is a longer step."""
        step = max(self.over(every) if every else self.step, self.step, key=seconds)
        return f"{max(window, period(SCRAPES * seconds(step)), key=seconds)}:{step}"

    def rounds(self, duration: str) -> str:
        """Return the longest interval of a rule group that is whole rounds and at most `duration`, or one round."""
        return period(max(1, seconds(duration) // seconds(self.evaluation)) * seconds(self.evaluation))

    def window_words(self, window: str = "") -> str:
        """Return a range window as a sentence says it: `10 minutes`, `an hour`."""
        return words(self.over(window))

    def hold_words(self, duration: str) -> str:
        """Return how long something must be true as a sentence says it: `10 minutes`, `an hour`."""
        return words(self.hold(duration))

    def burns(self, budget: float) -> tuple[Burn, ...]:
        """Return the pairs of windows for an objective with this budget, the fastest first; impossible ones say why.

        A factor is the share of the budget times the period over the long window: 14.4 for 2 % of 30 days in an hour. A
        ticket is never written below 1, the pace at which the budget lasts for the period; a page below it would
        wake people for what the objective allows. Where the budget is so large that no share of bad events could be above
        the factor, a lower factor is taken.
        """
        return tuple(self._burn(*one, budget) for one in _BURNS)

    def _burn(
        self,
        long: str,
        short: str,
        share: float,
        hold: str,
        severity: Literal["critical", "warning"],
        floor: int,
        budget: float,
    ) -> Burn:
        burn = share * seconds(self.period) / seconds(long)
        missing = ""
        if seconds(long) >= seconds(self.period):
            missing = f"its window of {long} is as long as the period of the objective (slo_period: {self.period})"
        elif severity == "critical" and burn < 1:
            missing = f"{share:.0%} of the budget of {self.period} in {long} is what the objective allows (slo_period: {self.period})"
        factor = float(f"{min(max(burn, 1), HIGHEST_SHARE / budget):.3g}")
        return Burn(long, short or self.window, factor, self.hold(hold), severity, floor, missing)

    @property
    def tally(self) -> str:
        """How often events are summed up for windows of a day and more: a month of them is 4,320 sums, a day at least 48."""
        wanted = min(max(seconds(self.period) / 4320, 300), 1800)
        return self.rounds(period(wanted // 60 * 60))

    @property
    def burn_windows(self) -> tuple[str, ...]:
        """Every window over which burn rates are taken, the configuration's own among them, the shortest first."""
        found = {self.window} | {w for burn in self.burns(1) if not burn.missing for w in (burn.short, burn.long)}
        return tuple(sorted(found, key=seconds))

    def wrong(self) -> Iterator[Wrong]:
        """Yield what cannot work."""
        for key, given, why in (
            (_SCRAPE, self.scrape, "one scrape that fails takes a series away"),
            (_EVALUATION, self.evaluation, "one round that is late takes recorded series away"),
        ):
            name = ".".join(key)
            if seconds(given) > seconds(LONGEST_INTERVAL):
                what = f"{name} is {given}: {why}, for Prometheus reads a sample for {LOOK_BACK} only"
                yield Wrong((key,), what, f"use at most {LONGEST_INTERVAL}")
            elif seconds(given) < seconds(SHORTEST_INTERVAL):
                yield Wrong((key,), f"{name} is {given}", f"use at least {SHORTEST_INTERVAL}")
        if not seconds(self.timeout):
            yield Wrong((_TIMEOUT,), f"scrape timeout is {self.timeout}", f"use at most {self.scrape}")
        elif seconds(self.timeout) > seconds(self.scrape):
            what = f"scrape timeout {self.timeout} is longer than the interval {self.scrape}"
            yield Wrong((_TIMEOUT,), what, f"use at most {self.scrape}")
        yield from self._wrong_windows()

    def _wrong_windows(self) -> Iterator[Wrong]:
        if seconds(self.window) > seconds(LONGEST_WINDOW):
            what = f"window {self.window} is no short window beside {_BURNS[0][0]}, over which the fastest burn rate is taken"
            yield Wrong((_WINDOW, _SCRAPE), what, f"use at most {LONGEST_WINDOW}")
        elif seconds(self.window) < seconds(self.shortest) and seconds(self.scrape) <= seconds(LONGEST_INTERVAL):
            what = f"window {self.window} is shorter than four scrape intervals of {self.scrape}"
            yield Wrong((_WINDOW,), what, f"use at least {self.shortest}")
        if seconds(self.retention) > seconds(LONGEST_RETENTION):
            yield Wrong((_RETENTION,), f"retention is {self.retention}", f"use at most {LONGEST_RETENTION}")
        if seconds(self.period) < seconds(SHORTEST_PERIOD):
            yield Wrong(
                (_PERIOD,), f"slo_period {self.period} is too short for a budget", f"use at least {SHORTEST_PERIOD}"
            )
        if seconds(self.period) > seconds(self.retention):
            what = f"slo_period {self.period} is longer than the {self.retention} for which Prometheus keeps samples"
            fix = f"use at most {self.retention}, or set evaluation.retention to its --storage.tsdb.retention.time"
            yield Wrong((_PERIOD, _RETENTION), what, fix)


_WORDS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def words(duration: str) -> str:
    """Return a duration as a sentence says it: `10 minutes`, `an hour`, `90 minutes`."""
    length = seconds(duration)
    if length < 1:
        return f"{length * 1000:g} milliseconds"
    size, name = next((size, name) for size, name in _WORDS if length % size == 0 or size == 1)
    number = length / size
    return f"{'an' if name == 'hour' else 'a'} {name}" if number == 1 else f"{number:g} {name}s"
