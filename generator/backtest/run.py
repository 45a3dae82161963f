"""A backtest as a whole: what there is, what it will cost, and what every alert did."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import promql_parser as pp

from generator.backtest import needs
from generator.backtest.inline import Inliner, lookback
from generator.backtest.plan import Cost, cheapest, cost
from generator.backtest.presence import Presence, Scrapes
from generator.backtest.rules import Alert, Labels, Record, Rules
from generator.backtest.runs import Grid
from generator.backtest.server import BacktestError, BudgetError, History
from generator.backtest.trial import coarse, course
from generator.errors import QueryError
from generator.units import period
from generator.validate.pool import spread
from generator.validate.probe import GoneError, ProbeError

#: Alerts that are tried at once: enough to keep a server busy while answers travel, few enough to be no load for it.
WORKERS = 4

#: Buckets of a histogram, about: only one of them is counted.
BUCKETS = 12

#: Seconds between two samples up to which a series is there all the time: Prometheus takes each for five minutes.
OFTEN = 150.0


@dataclass(frozen=True, slots=True)
class Options:
    """What a backtest is asked for.

    Attributes:
        start, end: The time, in unix seconds.
        targets: Labels by which targets are told apart; matchers on others choose events.
        scrape: Seconds between two scrapes where the history does not tell.
        full: Find also what is pending for less than its `for`.
        inline: Read no recorded series: replace all of them.
        phases: Seconds after whole multiples of their interval at which groups are evaluated, by name; others halfway.
        born: Of series that exist only after an event: what they are, by name.

    """

    start: float
    end: float
    targets: frozenset[str] = frozenset()
    scrape: float = 30.0
    full: bool = False
    inline: bool = False
    phases: Mapping[str, float] = field(default_factory=dict)
    born: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Interval:
    """One alert of one label set, pending or firing.

    Attributes:
        labels: All its labels, those of the rule included.
        firing: It fires; else it is pending.
        start, end: Unix seconds, within the time that was asked for.
        before, after: It began before that time; it goes on after it.

    """

    labels: Labels
    firing: bool
    start: float
    end: float
    before: bool
    after: bool

    @property
    def seconds(self) -> float:
        """How long it lasts, as far as it lies in the time."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Trial:
    """One alert and what it did.

    Attributes:
        state: `fired`, `pending` (never longer than its `for`), `quiet`, `unseen` (its series come with an event that never
            was, or are not there at all), `no data`, or `failed`.
        why: What is missing, or what failed.
        intervals: In order of time.
        covered: Share of the time for which there is what it reads.
        inlined: Recorded series that the history lacks, and that were replaced.
        failed: Evaluations that ended in an error.
        full: Everything that was pending was looked for.

    """

    alert: Alert
    state: str
    why: str = ""
    intervals: tuple[Interval, ...] = ()
    covered: float = 0.0
    inlined: tuple[str, ...] = ()
    failed: int = 0
    full: bool = True


@dataclass(frozen=True, slots=True)
class Ready:
    """One alert that can be asked for.

    Attributes:
        expr: Its expression as the server can answer it.
        first: A much cheaper part without which it has no result; empty where there is none.
        back: How far it looks back, in seconds.
        inlined: Recorded series that were replaced.
        cost: What it costs, if that part always has a result.

    """

    alert: Alert
    expr: str
    first: str
    back: float
    inlined: tuple[str, ...]
    cost: Cost


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is known before the alerts are tried: those that can be, those of which nothing can be told, and the cost."""

    ready: tuple[Ready, ...]
    told: tuple[Trial, ...]
    covered: Mapping[Alert, float]
    scrapes: Scrapes

    @property
    def cost(self) -> Cost:
        """What all of them cost."""
        return sum((one.cost for one in self.ready), Cost(0, 0))


class Backtest:
    """Rules over the past of one server."""

    def __init__(self, history: History, rules: Rules, options: Options) -> None:
        """Take what is tried: the alerts of `rules`, and all recording rules that they may read."""
        self._history, self._rules, self._options = history, rules, options
        self._records: dict[str, list[Record]] = {}
        for record in rules.records:
            self._records.setdefault(record.name, []).append(record)

    def prepare(self, told: Callable[[str], None]) -> Prepared:
        """Ask what is there.

        Raises:
            BudgetError: The budget is gone.
            ProbeError: The server does not answer.

        """
        options = self._options
        whole: dict[Alert, tuple[str, needs.Need]] = {}
        lost: list[Trial] = []
        for alert in self._rules.alerts:
            try:
                text = self._written(alert, _always)[0]
                whole[alert] = text, needs.needed(pp.parse(text), options.targets)
            except (QueryError, ValueError) as error:
                lost.append(Trial(alert, "failed", f"what it reads of recorded series cannot be inlined: {error}"))
        told("what was scraped, and when")
        scrapes = Scrapes(self._history, options.start, options.end)
        back = max((lookback(pp.parse(text)) for text, _ in whole.values()), default=0.0)
        presence = Presence(self._history, options.start - min(back, options.end - options.start), options.end)
        recorded = {s: n for alert in whole for s, n in self._recorded(alert)}
        every = {s: self._every(s) for s in recorded}
        # What is recorded less often than a sample counts is asked for over two rounds.
        looked = {s: f"last_over_time({s}[{period(2 * e)}])" if e > OFTEN else s for s, e in every.items()}
        wanted = {n.selector for _, need in whole.values() for n in need.selectors()}
        wanted |= {*looked.values(), *(n.selector for need in recorded.values() for n in need.selectors())}
        presence.look(wanted, lambda done, of: told(f"which series there are: {done} of {of} looked for"))
        there = presence.there()
        lacking = {
            selector
            for selector, need in recorded.items()
            if options.inline or _lacks(need, looked[selector], presence, every[selector])
        }
        ready: list[Ready] = []
        covered: dict[Alert, float] = {}
        moments = [m for m in presence.moments if presence.at(m) >= options.start]
        for alert, (_, need) in whole.items():
            covered[alert] = sum(need.met(there, m) for m in moments) / len(moments)
            if not covered[alert]:
                lost.append(self._unseen(alert, need, presence))
                continue
            expr, used = self._written(alert, lambda name, asked: _text(name, asked) in lacking)
            tree = pp.parse(expr)

            def spent(part: Any, alert: Alert = alert) -> Cost:
                grid = self._grid(alert)
                return cost(
                    part, grid, coarse(alert, grid, full=options.full), (options.start, options.end),
                    scrapes.interval or options.scrape, lambda node: presence_of(presence, node, options.targets),
                )  # fmt: skip

            first = cheapest(tree, lambda part: spent(part).samples)
            ready.append(Ready(alert, expr, first, lookback(tree), tuple(sorted(used)), spent(tree)))
        return Prepared(tuple(ready), tuple(lost), covered, scrapes)

    def run(self, prepared: Prepared, told: Callable[[str], None]) -> tuple[list[Trial], str]:
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
                told(
                    f"{done[0]} of {len(prepared.ready)} alerts, {self._history.queries:,} queries, "
                    f"{self._history.samples:,} samples"
                )
            return found

        found = [t for t in spread(one, prepared.ready, WORKERS) if t is not None]
        place = {alert: n for n, alert in enumerate(self._rules.alerts)}
        return sorted([*found, *prepared.told], key=lambda t: place[t.alert]), "; ".join(dict.fromkeys(over))

    def _tried(self, ready: Ready, prepared: Prepared) -> Trial:
        options, alert = self._options, ready.alert
        grid = self._grid(alert)
        lead = grid.rounds(alert.hold + alert.keep)
        first, last = grid.first(options.start), grid.last(options.end)
        span = (first - lead, last)
        covered = prepared.covered[alert]
        try:
            made = course(
                self._history, alert, ready.expr, grid, span, first=ready.first, gaps=prepared.scrapes.gaps(grid, span),
                back=ready.back, full=options.full,
            )  # fmt: skip
        except GoneError:
            raise
        except (BacktestError, ProbeError) as error:
            return Trial(alert, "failed", str(error), covered=covered, inlined=ready.inlined)
        intervals = [
            Interval(
                labels, e.firing, grid.at(max(e.start, first)), grid.at(last + 1 if e.end is None else e.end),
                e.start < first, e.end is None,
            )
            for labels, found in made.episodes.items()
            for e in found
            if e.end is None or e.end > first
        ]  # fmt: skip
        intervals.sort(key=lambda i: (i.start, not i.firing, i.labels))
        fired = any(i.firing for i in intervals)
        state = "fired" if fired else "pending" if intervals else "quiet"
        return Trial(
            alert, state, "", tuple(intervals), covered, ready.inlined, len(made.failed),
            coarse(alert, grid, full=options.full) == 1,
        )  # fmt: skip

    def _grid(self, alert: Alert) -> Grid:
        # Halfway between whole multiples: a subquery, whose steps are whole multiples, then has as many of them in every version.
        phase = self._options.phases.get(alert.group, alert.interval / 2)
        return Grid(alert.interval, round(math.fmod(phase, alert.interval), 3))

    def _written(self, alert: Alert, lacking: Callable[[str, Any], bool]) -> tuple[str, set[str]]:
        inliner = Inliner(self._records, lacking, alert.interval)
        return inliner.text(pp.parse(alert.expr)), inliner.used

    def _every(self, selector: str) -> float:
        """Return how often a recorded series is written, in seconds."""
        return max(r.interval for r in self._records[selector.partition("{")[0]])

    def _recorded(self, alert: Alert) -> list[tuple[str, needs.Need]]:
        """Return the recorded series that an alert reads, directly or not, each with what it is recorded from."""
        found: dict[str, needs.Need] = {}

        def note(name: str, asked: Any) -> bool:
            text = _text(name, asked)
            if text not in found:
                found[text] = needs.ALWAYS
                inner = Inliner(self._records, _always, alert.interval)
                found[text] = needs.needed(pp.parse(inner.text(pp.parse(text))), self._options.targets)
            return True

        self._written(alert, note)
        return list(found.items())

    def _unseen(self, alert: Alert, need: needs.Need, presence: Presence) -> Trial:
        missing = sorted({n.name for n in need.selectors() if not presence.there()[n.selector]})
        names = ", ".join(missing) or "all that it reads at once"
        born = [self._options.born[n] for n in missing if n in self._options.born]
        if missing and len(born) == len(missing):
            return Trial(alert, "unseen", f"{names}: {'; '.join(dict.fromkeys(born))}")
        return Trial(alert, "no data", f"never there in this time: {names}")


def presence_of(presence: Presence, node: Any, targets: frozenset[str]) -> float:
    """Return how many series a selector reads, at most."""
    need = needs.needed(node, targets)
    found = presence.series(need.selector) if need.selector in presence.there() else 0.0
    return found * BUCKETS if 'le="+Inf"' in need.selector else found


def _lacks(need: needs.Need, selector: str, presence: Presence, interval: float) -> bool:
    """Say whether a recorded series is not there although what it is recorded from has been for two rounds."""
    there, back = presence.there(), math.ceil(2 * interval / presence.seconds)
    met = {m for m in presence.moments if need.met(there, m)}
    return bool(met) and (not there[selector] or any(m - back in met and m not in there[selector] for m in met))


def _always(_name: str, _asked: object) -> bool:
    return True


def _text(name: str, asked: Sequence[tuple[str, str, str]]) -> str:
    listed = ", ".join(f"{a}{op}{needs.quoted(b)}" for a, op, b in asked)
    return f"{name}{{{listed}}}" if listed else name
