"""A backtest as a whole: what every alert did."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from generator.backtest.course import coarse, course
from generator.backtest.prepared import Options, Prepared, Ready, prepare
from generator.backtest.rules import Rules
from generator.backtest.server import BacktestError, BudgetError, History
from generator.backtest.trial import Interval, Trial
from generator.validate.pool import spread
from generator.validate.probe import GoneError, ProbeError

#: Alerts that are tried at once: enough to keep a server busy while answers travel, few enough to be no load for it.
WORKERS = 4


class Backtest:
    """Rules over the past of one server."""

    def __init__(self, history: History, rules: Rules, options: Options) -> None:
        """Take what is tried: the alerts of `rules`, and all recording rules that they may read."""
        self._history, self._rules, self._options = history, rules, options

    def prepare(self, report: Callable[[str], None]) -> Prepared:
        """Ask which series there were and when.

        Returns:
            The alerts to ask for with their cost, those of which all is known already, and how Prometheus scraped.

        Raises:
            BudgetError: The budget is gone.
            ProbeError: The server does not answer.

        """
        return prepare(self._history, self._rules, self._options, report)

    def run(self, prepared: Prepared, report: Callable[[str], None]) -> tuple[list[Trial], str]:
        """Return what every alert did, in the order of the files, and why some are not among them; empty when all are.

        Raises:
            ProbeError: The server does not answer at all any more.

        """
        lock, done = threading.Lock(), [0]
        over: list[str] = []

        def one(ready: Ready) -> Trial | None:
            if over:
                return None
            try:
                found = self._tried(ready, prepared)
            except BudgetError:
                over.append("the budget of samples is gone; raise --budget, and the run goes on where it was")
                return None
            with lock:
                done[0] += 1
                report(
                    f"{done[0]} of {len(prepared.ready)} alerts, {self._history.queries:,} queries, "
                    f"{self._history.samples:,} samples"
                )
            return found

        found = [t for t in spread(one, prepared.ready, WORKERS) if t is not None]
        place = {alert: n for n, alert in enumerate(self._rules.alerts)}
        return sorted([*found, *prepared.unasked], key=lambda t: place[t.alert]), "; ".join(dict.fromkeys(over))

    def _tried(self, ready: Ready, prepared: Prepared) -> Trial:
        options, alert = self._options, ready.alert
        grid = options.grid(alert)
        lead = grid.rounds(alert.hold + alert.keep)
        first, last = grid.first(options.start), grid.last(options.end)
        span = (first - lead, last)
        step = coarse(alert, grid, full=options.full)
        known = replace(ready.nothing, full=step == 1, look=ready.look)
        try:
            made = course(
                self._history, alert, ready.expr, grid, span, sign=ready.sign, gaps=prepared.scrapes.gaps(grid, span),
                back=ready.back, full=options.full,
            )  # fmt: skip
        except GoneError:
            raise
        except (BacktestError, ProbeError) as error:
            return replace(known, state="failed", why=str(error))
        intervals = [
            Interval(
                labels, e.firing, grid.at(max(e.start, first)), grid.at(last + 1 if e.end is None else e.end),
                e.start < first, e.end is None,
            )
            for labels, found in made.episodes.items()
            for e in found
            if e.end is None or e.end > first
        ]  # fmt: skip
        if not intervals:
            return replace(known, failed=len(made.failed))
        intervals.sort(key=lambda i: (i.start, not i.firing, i.labels))
        state = "fired" if any(i.firing for i in intervals) else "pending"
        return replace(known, state=state, why="", intervals=tuple(intervals), failed=len(made.failed))
