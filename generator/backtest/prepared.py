"""What is known before any alert is tried: which recorded series the history has, what can be there at all, what it will cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import promql_parser as pp

from generator.backtest import needs
from generator.backtest.course import coarse
from generator.backtest.inline import Inliner, lookback
from generator.backtest.plan import Cost, Sign, cost, sign
from generator.backtest.presence import Presence, Scrapes
from generator.backtest.rules import Alert, Record, Rules
from generator.backtest.runs import Grid
from generator.backtest.server import History
from generator.backtest.trial import Trial
from generator.errors import QueryError
from generator.units import period

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

    def grid(self, alert: Alert) -> Grid:
        """Return when an alert is evaluated."""
        # Halfway between whole multiples: a subquery, whose steps are whole multiples, then has as many of them in every version.
        phase = self.phases.get(alert.group, alert.interval / 2)
        return Grid(alert.interval, round(math.fmod(phase, alert.interval), 3))


@dataclass(frozen=True, slots=True)
class Ready:
    """One alert that can be asked for.

    Attributes:
        expr: Its expression as the server can answer it.
        sign: What is asked first because it is much cheaper; none where nothing is.
        back: How far it looks back, in seconds.
        inlined: Recorded series that were replaced.
        cost: What it costs, if that part always has a result.
        look: Seconds between two questions of the first look.
        nothing: What is said of it if it has no result at all.

    """

    alert: Alert
    expr: str
    sign: Sign | None
    back: float
    inlined: tuple[str, ...]
    cost: Cost
    look: float
    nothing: Trial


@dataclass(frozen=True, slots=True)
class Prepared:
    """The alerts that have to be asked for, those of which all is known, and how Prometheus scraped."""

    ready: tuple[Ready, ...]
    unasked: tuple[Trial, ...]
    scrapes: Scrapes

    @property
    def cost(self) -> Cost:
        """What all of them cost."""
        return sum((one.cost for one in self.ready), Cost(0, 0))


def prepare(history: History, rules: Rules, options: Options, report: Callable[[str], None]) -> Prepared:
    """Ask which series there were and when.

    Returns:
        The alerts to ask for with their cost, those of which all is known already, and how Prometheus scraped.

    Raises:
        BudgetError: The budget is gone.
        ProbeError: The server does not answer.

    """
    return _Preparation(history, rules, options).prepare(report)


class _Preparation:
    def __init__(self, history: History, rules: Rules, options: Options) -> None:
        self._history, self._rules, self._options = history, rules, options
        self._records: dict[str, list[Record]] = {}
        for record in rules.records:
            self._records.setdefault(record.name, []).append(record)

    def prepare(self, report: Callable[[str], None]) -> Prepared:
        options = self._options
        needed: dict[Alert, tuple[str, needs.Need]] = {}
        known: list[Trial] = []
        for alert in self._rules.alerts:
            try:
                text = self._written(alert, _always)[0]
                needed[alert] = text, needs.needed(pp.parse(text), options.targets)
            except (QueryError, ValueError) as error:
                known.append(Trial(alert, "failed", f"what it reads of recorded series cannot be inlined: {error}"))
        report("what was scraped, and when")
        scrapes = Scrapes(self._history, options.start, options.end)
        back = max((lookback(pp.parse(text)) for text, _ in needed.values()), default=0.0)
        presence = Presence(self._history, options.start - min(back, options.end - options.start), options.end)
        recorded = {s: n for alert in needed for s, n in self._recorded(alert)}
        every = {s: self._every(s) for s in recorded}
        # What is recorded less often than a sample counts is asked for over two rounds.
        looked = {s: f"last_over_time({s}[{period(2 * e)}])" if e > OFTEN else s for s, e in every.items()}
        wanted = {n.selector for _, need in needed.values() for n in need.selectors()}
        wanted |= {*looked.values(), *(n.selector for need in recorded.values() for n in need.selectors())}
        presence.look(wanted, lambda done, of: report(f"which series there are: {done} of {of} looked for"))
        lacking = {
            selector
            for selector, need in recorded.items()
            if options.inline or _lacks(need, looked[selector], presence, every[selector])
        }
        written = [(alert, need, *self._written(alert, lambda n, a: _text(n, a) in lacking)) for alert, (_, need) in needed.items()]  # fmt: skip
        exact = {alert: needs.needed(pp.parse(expr), None) for alert, _, expr, _ in written}
        ever = presence.ever(
            {n.selector for need in exact.values() for n in need.selectors()}, back,
            lambda done, of: report(f"which of them ever were: {done} of {of} looked for"),
        )  # fmt: skip
        ready: list[Ready] = []
        for alert, need, expr, used in written:
            nothing = replace(self._nothing(alert, need, presence), inlined=tuple(sorted(used)))
            # Without a series of what it needs it has no result, at no time.
            if exact[alert].met(ever, 0):
                ready.append(self._ready(nothing, expr, presence, scrapes.interval or options.scrape))
            else:
                known.append(nothing)
        return Prepared(tuple(ready), tuple(known), scrapes)

    def _ready(self, nothing: Trial, expr: str, presence: Presence, scrape: float) -> Ready:
        options, alert, tree = self._options, nothing.alert, pp.parse(expr)
        grid = options.grid(alert)
        step = coarse(alert, grid, full=options.full)

        def spent(part: Any, step: int = step) -> Cost:
            span = (options.start, options.end)
            return cost(part, grid, step, span, scrape, lambda node: presence_of(presence, node, options.targets))

        first = sign(tree, step, alert.interval, lambda part, step: spent(part, step).work, wide=not self._history.victoria)  # fmt: skip
        look = (first.step if first else step) * alert.interval
        return Ready(alert, expr, first, lookback(tree), nothing.inlined, spent(tree), look, nothing)

    def _written(self, alert: Alert, lacking: Callable[[str, Any], bool]) -> tuple[str, set[str]]:
        inliner = Inliner(self._records, lacking, alert.interval)
        return inliner.text(pp.parse(alert.expr)), inliner.used

    def _every(self, selector: str) -> float:
        """Return how often a recorded series is written, in seconds."""
        return max(r.interval for r in self._records[selector.partition("{")[0]])

    def _recorded(self, alert: Alert) -> Iterator[tuple[str, needs.Need]]:
        """Yield the recorded series that an alert reads, directly or not, each with what it is recorded from."""
        found: dict[str, needs.Need] = {}

        def note(name: str, asked: Any) -> bool:
            text = _text(name, asked)
            if text not in found:
                found[text] = needs.ALWAYS
                inner = Inliner(self._records, _always, alert.interval)
                found[text] = needs.needed(pp.parse(inner.text(pp.parse(text))), self._options.targets)
            return True

        self._written(alert, note)
        yield from found.items()

    def _nothing(self, alert: Alert, need: needs.Need, presence: Presence) -> Trial:
        """Return what is said of an alert that has no result at all."""
        there = presence.there()
        moments = [m for m in presence.moments if presence.at(m) >= self._options.start]
        covered = sum(need.met(there, m) for m in moments) / len(moments)
        if covered:
            return Trial(alert, "quiet", covered=covered)
        missing = sorted({n.name for n in need.selectors() if not there[n.selector]})
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
