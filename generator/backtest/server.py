"""Range queries over a long time: in slices that a server takes, split where it does not, counted, and kept for a later run."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from generator.backtest.journal import Journal
from generator.backtest.rules import Labels
from generator.backtest.runs import Grid, Run, gathered
from generator.config.timing import LOOK_BACK
from generator.validate.probe import GoneError, ProbeError, RefusedError, SilentError
from generator.validate.prometheus import Prometheus

#: Prometheus refuses a range query of more than 11,000 points of one series.
MOST_POINTS = 10_000

#: What an answer costs is bounded by the time that one query covers: one that is too dear is split anyway.
SLICE_SECONDS = 3 * 86_400.0

#: What Prometheus and those who speak its API say of a query that is too large for them.
TOO_LARGE = re.compile(
    r"too many samples|exceeded maximum resolution|maximum.{0,40}(samples|points|series)|max-?samples|memory|too (large|long)",
    re.IGNORECASE,
)

#: So many rounds at which a rule ends in an error, and it is taken for one that cannot work.
MOST_FAILED = 64

#: Label sets of one alert above which nothing can be told: each is an alert of its own.
MOST_LABELSETS = 20_000


class BudgetError(Exception):
    """The run has read as many samples as it may."""


class BacktestError(Exception):
    """One alert cannot be tried. The text says why."""


class History:
    """A server's past.

    Attributes:
        queries: How many were sent.
        samples: How many samples the server says that it read for them.
        victoria: The server is VictoriaMetrics.

    """

    def __init__(self, prometheus: Prometheus, answers: Journal, budget: float = float("inf")) -> None:
        """Take a server, what is known of it, and how many samples it may read."""
        self.prometheus, self._kept, self._budget = prometheus, answers, budget
        self._lock = threading.Lock()
        self.queries, self.samples, self.known = 0, 0, 0
        self.victoria = False
        self._more: Mapping[str, str] = {}

    def recognise(self) -> None:
        """Find out whether this is VictoriaMetrics, which then is asked for these very times and as far back as Prometheus looks.

        Raises:
            ProbeError: The server does not answer.

        """
        try:
            self.prometheus.query("now()")  # a function of MetricsQL
        except RefusedError:
            return
        self.victoria, self._more = True, {"nocache": "1", "max_lookback": LOOK_BACK}

    def truth(
        self, expr: str, grid: Grid, span: Run, *, step: int = 1, back: float = 0.0
    ) -> tuple[dict[Labels, list[Run]], list[int]]:
        """Return the rounds at which an expression has a result, by labels without the name, and those at which it fails.

        Args:
            expr: PromQL.
            grid: The rounds.
            span: First and last round.
            step: Only every so manyth of them from the first on; a stretch then is of rounds that far apart.
            back: How far the expression looks back, in seconds: what is asked at once is longer than that.

        Raises:
            BacktestError: It fails too often, or has too many label sets.
            BudgetError: The budget is gone.
            ProbeError: The server does not answer.

        """
        found: dict[Labels, list[Run]] = {}
        failed: list[int] = []
        for first, last in slices(grid, span, step, max(SLICE_SECONDS, 2 * back)):
            answer = self._slice(expr, grid, (first, last), step)
            failed += answer["failed"]
            if len(failed) > MOST_FAILED:
                raise BacktestError(f"it ends in an error at {len(failed)} of its rounds and more: {answer['error']}")
            for pairs, runs in answer["found"]:
                there = found.setdefault(tuple((a, b) for a, b in pairs), [])
                for a, b in runs:
                    if there and a - there[-1][1] <= step:
                        there[-1] = (there[-1][0], b)
                    else:
                        there.append((a, b))
            if len(found) > MOST_LABELSETS:
                raise BacktestError(f"it has more than {MOST_LABELSETS} label sets")
        return found, failed

    def _slice(self, expr: str, grid: Grid, span: Run, step: int) -> Any:
        """Return the answer for a slice as a value of JSON, from the file of answers where it is there."""
        question = (expr, grid.interval, grid.phase, span, step)
        answer = self._kept.get(*question)
        if answer is None:
            answer = self._asked(expr, grid, span, step)
            self._kept.put(answer, *question)
        else:
            with self._lock:
                self.known += 1
        return answer

    def _asked(self, expr: str, grid: Grid, span: Run, step: int) -> dict[str, Any]:
        first, last = span
        try:
            series = self.matrix(expr, grid.at(first), grid.at(last), step * grid.interval)
        except GoneError:
            raise
        except RefusedError as error:
            if last - first >= step:
                return self._halves(expr, grid, span, step)
            if TOO_LARGE.search(error.what):
                raise BacktestError(f"one evaluation is too large for the server: {error.what}") from error
            return {"found": [], "failed": [first], "error": error.what}
        except SilentError:
            if last - first >= step:
                return self._halves(expr, grid, span, step)
            raise
        found: dict[Labels, list[int]] = {}
        twice: set[int] = set()
        for labels, times in series:
            numbers = [grid.first(at - grid.interval / 2) for at in times]
            if labels in found:
                # Two results that differ in their names alone: a rule of Prometheus ends in an error there.
                twice |= set(found[labels]).intersection(numbers)
                numbers = sorted({*found[labels], *numbers})
            found[labels] = numbers
        points = [
            [[list(p) for p in labels], [list(r) for r in gathered((n for n in numbers if n not in twice), step)]]
            for labels, numbers in found.items()
        ]
        return {"found": points, "failed": sorted(twice), "error": "two of its results have the same labels"}

    def _halves(self, expr: str, grid: Grid, span: Run, step: int) -> dict[str, Any]:
        points = (span[1] - span[0]) // step + 1
        middle = span[0] + points // 2 * step
        parts = [self._slice(expr, grid, half, step) for half in ((span[0], middle - step), (middle, span[1]))]
        failed = [n for part in parts for n in part["failed"]]
        error = next((part["error"] for part in parts if part.get("error")), "")
        if len(failed) > MOST_FAILED:
            raise BacktestError(f"it ends in an error at {len(failed)} rounds of {points}: {error}")
        return {"found": [one for part in parts for one in part["found"]], "failed": failed, "error": error}

    def matrix(self, expr: str, start: float, end: float, step: float) -> list[tuple[Labels, list[float]]]:
        """Return when each series of a range query has a value: labels without the name, and unix seconds.

        Raises:
            BudgetError: The budget is gone.
            ProbeError: It fails.

        """
        return [(labels, [float(v[0]) for v in values]) for labels, values in self._range(expr, start, end, step)]

    def values(self, expr: str, start: float, end: float, step: float) -> dict[float, float]:
        """Return the values of the only series of a range query, by unix seconds; none where it has no series.

        Raises:
            BudgetError: The budget is gone.
            ProbeError: It fails, or has several series.

        """
        question = ("values", expr, start, end, step)
        known = self._kept.get(*question)
        if known is None:
            found = self._range(expr, start, end, step)
            if len(found) > 1:
                raise self.prometheus.probe.odd("/api/v1/query_range", f"{expr} has several series")
            known = [[float(v[0]), float(v[1])] for _, values in found for v in values]
            self._kept.put(known, *question)
        return dict(known)

    def ever(self, selector: str, start: float, end: float) -> bool:
        """Return whether a selector may have had a series in a time; yes where the server does not tell.

        Raises:
            GoneError: The server does not answer any more.

        """
        question = ("ever", selector, start, end)
        known = self._kept.get(*question)
        if known is None:
            with self._lock:
                self.queries += 1
            try:
                known = bool(self.prometheus.label_values("__name__", [selector], start, end))
            except GoneError:
                raise
            except ProbeError:
                known = True
            self._kept.put(known, *question)
        return bool(known)

    def _range(self, expr: str, start: float, end: float, step: float) -> list[tuple[Labels, list[Any]]]:
        with self._lock:
            if self.samples > self._budget:
                raise BudgetError
            self.queries += 1
        form = {"query": expr, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:.3f}", "stats": "true"}
        form |= self._more
        answer = self.prometheus.data("query_range", form)
        read = answer.value.get("stats") if isinstance(answer.value, dict) else None
        samples = read.get("samples") if isinstance(read, dict) else None
        total = samples.get("totalQueryableSamples") if isinstance(samples, dict) else None
        if isinstance(total, (int, float)):
            with self._lock:
                self.samples += int(total)
        # Looked at as a whole and not value by value: there are millions.
        try:
            return [(_labels(one["metric"]), _points(one)) for one in answer.get("result").value or ()]
        except (AttributeError, KeyError, TypeError, ValueError, IndexError):
            raise self.prometheus.probe.odd("/api/v1/query_range", "the result is no list of series") from None


def slices(grid: Grid, span: Run, step: int, seconds: float) -> Iterator[Run]:
    """Yield spans of rounds that one query covers, each beginning at a whole number of steps after the first."""
    each = max(1, min(MOST_POINTS, int(seconds / (grid.interval * step))))
    for first in range(span[0], span[1] + 1, each * step):
        points = min(each, (span[1] - first) // step + 1)
        yield first, first + (points - 1) * step


def _points(series: Mapping[str, Any]) -> list[Any]:
    """Return the points of a series: of numbers, of native histograms, or of both where it went over to them."""
    values, histograms = series.get("values") or [], series.get("histograms") or []
    return [*values, *histograms] if values and histograms else values or histograms


def _labels(metric: Mapping[str, str]) -> Labels:
    return tuple(sorted((str(k), str(v)) for k, v in metric.items() if k != "__name__"))
