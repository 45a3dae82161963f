"""What was there and when: at which moments of a time series existed, how many, and when Prometheus itself was away."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from generator.backtest.runs import Grid, Run, gathered, within
from generator.backtest.server import MOST_POINTS, History
from generator.config.timing import LOOK_BACK
from generator.units import period, seconds
from generator.validate.pool import spread

#: Moments of a time, about.
MOMENTS = 180

#: The least seconds between two moments.
LEAST_SECONDS = 60

#: Length of the windows in which scrapes are counted.
WINDOW = 300

#: What only a running Prometheus writes: scrapes, and alerts that are pending or fire. Where discovery finds nothing, these go on.
SIGNS = "timestamp(up) or timestamp(ALERTS)"

#: How long before a time it is looked whether Prometheus was there: the longest `for`; and a time before any, in seconds.
EARLIER, EVER = 3600, 10**9

#: What is asked of a target that has to answer.
UP = " == 1"

#: By how much a scrape may come late, as a share of its interval, and in seconds.
LATE, LATE_SECONDS = 0.1, 1.0


class Presence:
    """When selectors had series.

    Attributes:
        moments: Numbers of the moments that are looked at.
        seconds: Between two of them.

    """

    def __init__(self, history: History, start: float, end: float) -> None:
        """Take the time, in unix seconds."""
        self._history = history
        self.seconds = max(LEAST_SECONDS, math.ceil((end - start) / MOMENTS / 60) * 60)
        self._start = start
        self.moments = range(math.ceil((end - start) / self.seconds) + 1)
        self._there: dict[str, frozenset[int]] = {}
        self._series: dict[str, float] = {}

    def look(self, selectors: Iterable[str], report: Callable[[int, int], None]) -> None:
        """Ask for selectors that were not asked for yet.

        Raises:
            BudgetError: The budget is gone.
            ProbeError: The server does not answer.

        """
        todo = sorted({s for s in selectors if s not in self._there})
        for number, (selector, found) in enumerate(zip(todo, spread(self._asked, todo), strict=True), 1):
            self._there[selector] = frozenset(found)
            self._series[selector] = max(found.values(), default=0.0)
            report(number, len(todo))

    def ever(
        self, selectors: Iterable[str], back: float, report: Callable[[int, int], None]
    ) -> dict[str, frozenset[int]]:
        """Return for each selector moment 0 if it may have had a series at any time, from `back` seconds before; none if it had not.

        The index of the server is asked, which has whole blocks of time: what it lacks was not there.

        Raises:
            ProbeError: The server does not answer any more.

        """
        todo = sorted(set(selectors))
        since, until = self._start - back - seconds(LOOK_BACK), self.at(self.moments[-1])
        found: dict[str, frozenset[int]] = {}
        for number, (selector, there) in enumerate(
            zip(todo, spread(lambda one: self._history.ever(one, since, until), todo), strict=True), 1
        ):
            found[selector] = frozenset([0] if there else ())
            report(number, len(todo))
        return found

    def at(self, moment: int) -> float:
        """Return the unix time of a moment."""
        return self._start + moment * self.seconds

    def there(self) -> dict[str, frozenset[int]]:
        """Return the moments at which each selector had series."""
        return self._there

    def series(self, selector: str) -> float:
        """Return the most series that a selector had at once."""
        return self._series[selector]

    def _asked(self, selector: str) -> dict[int, float]:
        end = self.at(self.moments[-1])
        found = self._history.values(f"count({selector})", self._start, end, self.seconds)
        named = selector.removesuffix(UP)
        if not found and not selector.endswith(")") and self._history.ever(named, self._start, end):
            # It may have been there between two moments only.
            over, judged = ("present", "") if named == selector else ("max", UP)
            window = f"{over}_over_time({named}[{period(self.seconds)}]){judged}"
            found = self._history.values(f"count({window})", self._start, end, self.seconds)
        return {round((at - self._start) / self.seconds): value for at, value in found.items()}


class Scrapes:
    """How Prometheus scraped, read off `up`, which every target has.

    Attributes:
        interval: Seconds between two scrapes of the target that is scraped most often; 0 where nothing was.
        away: When nothing was scraped, from the last scrape before to the first one after, in unix seconds; also before the first one.

    """

    def __init__(self, history: History, start: float, end: float) -> None:
        """Ask for the time.

        Raises:
            BudgetError: The budget is gone.
            ProbeError: The server does not answer.

        """
        counts: dict[float, float] = {}
        first = math.floor((start - EARLIER) / WINDOW) * WINDOW
        for begin in range(first, math.ceil(end), WINDOW * MOST_POINTS):
            last = min(begin + WINDOW * (MOST_POINTS - 1), math.ceil(end / WINDOW) * WINDOW)
            counts |= history.values(f"max(count_over_time(up[{WINDOW}s]))", begin, last, WINDOW)
        usual = Counter(counts.values()).most_common(1)
        self.interval = WINDOW / usual[0][0] if usual else 0.0
        self.away: list[tuple[float, float]] = []
        if not self.interval:
            return
        known = sorted(counts)
        if known[0] > first:
            # Before its first scrape there was no Prometheus, or its samples of that time are gone.
            born = history.values(f"min({SIGNS})", known[0] - WINDOW, min(known[0], end), 1.0)
            self.away.append((first - EVER, min(born.values(), default=known[0])))
        windows = range(first, math.ceil(end) + 1, WINDOW)
        seldom = [n for n, at in enumerate(windows) if counts.get(at, 0.0) < usual[0][0] - 1]
        for a, b in gathered([n for n in seldom if windows[n] >= known[0]], 2):
            since = max(windows[a] - 2 * WINDOW, known[0] - WINDOW)
            self.away += self._gaps(history, since, min(windows[b] + WINDOW, end))

    def _gaps(self, history: History, start: float, end: float) -> list[tuple[float, float]]:
        """Return the gaps between scrapes in a time in which there are some."""
        step = max(1.0, min(self.interval / 4, 15.0))
        newest: list[float] = []
        seen: dict[float, float] = {}
        begin = start
        while begin < end:
            last = min(end, begin + step * (MOST_POINTS - 1))
            found = history.values(f"max({SIGNS})", begin, last, step)
            newest += [found[at] for at in sorted(found)]
            seen |= found
            begin = last + step
        times = sorted(set(newest))
        most = self.interval * (1 + LATE) + LATE_SECONDS + step
        # Targets that went leave markers, and `up` ends at once; only who is away himself leaves a newest sample that ages.
        aged = {value for at, value in seen.items() if at - value > self.interval * (1 + LATE) + LATE_SECONDS}
        # What never came back may be targets that are gone while the server is there: it answers.
        return [(a, b) for a, b in pairwise(times) if b - a > most and a in aged]

    def gaps(self, grid: Grid, span: Run) -> list[Run]:
        """Return the rounds at which nothing was evaluated: those that come later after a scrape than the next one should."""
        late = self.interval * (1 + LATE) + LATE_SECONDS
        found: Sequence[Run] = [(grid.first(a + late), grid.last(b - 0.001)) for a, b in self.away]
        return within([(a, b) for a, b in found if a <= b], span)
