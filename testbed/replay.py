"""Rule files replayed over histories, on a real server: which alert fires when, and until when.

The server answers every expression (`query_range`); what is written here is only the order of its rule manager and the
few lines that turn a true expression into a firing alert. A recorded series is written back, and ends with a staleness
marker. Each rule group is evaluated some seconds off the scrapes and off each other, as real ones are: ranges are closed
in Prometheus 2 and left-open in 3, so the two would differ where a sample lies exactly on a boundary.

Knows nothing of metrics, alerts or files of ours.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

from testbed.rule_files import Rule, lookback, needed, reads
from testbed.servers import STALE, Series, Value
from testbed.servers.remote_write import History

#: Start of the first history; each one has a slot of its own, later than all before it.
FIRST = 1_300_003_200

#: Seconds from a scrape to the evaluation of the first group; each later group is a second later.
SKEW = 5

#: Prometheus refuses a range query of more than 11,000 steps.
STEPS = 10_000

#: Restored after a restart are alerts that hold at least this long. Source: --rules.alert.for-grace-period
GRACE = 600.0

Range = tuple[float, float]

#: Since when an alert counts as active after a restart, given since when it did, the last evaluation before, the first one
#: after, and its `for`; all in seconds. None when it begins anew.
Restore = Callable[[float, float, float, float], float | None]
Labels = tuple[tuple[str, str], ...]


class Server(Protocol):
    """What takes histories and evaluates an expression at regular times: a `Prometheus`, or VictoriaMetrics `AsVmalert`."""

    def push(self, series: Iterable[History], times: Sequence[float]) -> None:
        """Write histories: one value of each series for each time, in unix seconds."""

    def query_range(self, expr: str, start: float, end: float, step: float) -> list[Series]:
        """Result at every `step` seconds from `start` to `end`, both included."""


@dataclass(frozen=True, slots=True)
class Firing:
    """One alert that fired: seconds since the start of the history; `until` is None while it still fires at the end."""

    start: float
    until: float | None
    labels: Labels = field(default=(), compare=False)


def restored(since: float, down: float, up: float, hold: float) -> float | None:
    """Return since when an alert counts as active after a restart of Prometheus, which forgets those of short hold.

    The time without Prometheus is not counted.
    """
    if hold < GRACE:
        return None
    left = hold - (down - since)
    if left <= 0:
        return since
    return up + GRACE - hold if left < GRACE else since + up - down


def firing(
    active: Collection[float],
    ticks: Sequence[float],
    hold: float,
    keep: float = 0,
    back: Collection[float] = (),
    restore: Restore = restored,
) -> list[tuple[float, float | None]]:
    """Return when an alert of one labelset fires, given the ticks at which its expression is true.

    An alert fires once its expression has been true for `hold`, and goes on for `keep` after it no longer is.

    Args:
        back: Ticks that are the first after a restart of what evaluates. It forgets pending and firing alerts, and
            restores some.
        restore: Which, and since when they are active.

    Source: https://github.com/prometheus/prometheus/blob/main/rules/alerting.go, group.go (RestoreForState)
    """
    out: list[tuple[float, float | None]] = []
    since = gone = begun = None
    fires, last = False, 0.0
    for tick in ticks:
        if tick in back and since is not None:
            since = restore(since, last, tick, hold) if tick in active else None
            fires, gone = False, None
        if tick in active:
            since = tick if since is None else since
            gone, fires = None, fires or tick - since >= hold
        else:
            gone = tick if gone is None else gone
            if not (fires and tick - gone < keep):
                since, gone, fires = None, None, False
        if fires and begun is None:
            begun = tick
        elif not fires and begun is not None:
            out.append((begun, tick))
            begun = None
        last = tick
    return [*out, (begun, None)] if begun is not None else out


class Replay:
    """Rules on one server that takes any past; each history has times of its own, so none sees another.

    Attributes:
        start: Unix time at which the last history began.
        results: What the expression of each alert gave in the last history: value by labels and by seconds since its start.

    """

    def __init__(
        self,
        server: Server,
        rules: Sequence[Rule],
        restore: Restore = restored,
        skew: Callable[[Rule], float] = lambda rule: SKEW + rule.group,
        first: float = FIRST,
    ) -> None:
        """Take rules in the order of evaluation.

        Args:
            server: Is empty, or has nothing after `first`.
            rules: What is evaluated.
            restore: What Prometheus makes of alerts after a restart.
            skew: How long after a scrape each rule is evaluated, in seconds.
            first: Unix time from which on samples may stand. A history begins later, by what its rules look back.

        """
        self._server, self._rules, self._restore, self._next = server, rules, restore, float(first)
        self._skew = skew
        self.start = 0.0
        self.results: dict[str, dict[Labels, dict[float, float]]] = {}

    def run(
        self,
        history: Callable[[float, Sequence[float]], Iterable[History]],
        duration: float,
        alerts: Collection[str],
        *,
        scrape: float = 30.0,
        outages: Collection[Range] = (),
        past: Sequence[float] = (),
        recorded: bool = False,
        unread: bool = True,
    ) -> dict[str, list[Firing]]:
        """Return what fired, by alert, in order of time. Every one of `alerts` has an entry.

        Args:
            history: Makes the samples, given the unix time of its start and the seconds since then of each scrape.
            duration: Seconds.
            scrape: Seconds between two scrapes.
            past: When there are samples before the start, in seconds after it, which are negative; nothing is evaluated then.
            outages: When Prometheus was down: nothing is scraped or evaluated from the first up to the second time.
            recorded: Evaluate every recording rule, also those that none of `alerts` reads.
            unread: The server gets the whole history; without, what the evaluated rules read of it, which costs a tenth.

        Raises:
            ServerError: A rule ends in an error, such as a join of many to many.
            ValueError: Two results of an alert have the same labels.

        """
        read = needed(self._rules, alerts)
        rules = [r for r in self._rules if r in read or not r.alert] if recorded else read
        ago = max(lookback(rules), *(-p for p in past[:1]), 0)
        self.start = start = -(-(self._next + ago + 3600) // 3600) * 3600
        self._next = start + duration
        offsets = [*past, *(n * scrape for n in range(int(duration // scrape) + 1))]
        missed = [n for n, offset in enumerate(offsets) if within(offset, outages)]
        wanted = (lambda _: True) if unread else reads(rules)
        self._server.push(
            ((labels, without(values, missed)) for labels, values in history(start, offsets) if wanted(labels)),
            [start + offset for offset in offsets],
        )
        out: dict[str, list[Firing]] = {}
        for rule in rules:
            skew = self._skew(rule)
            ticks = [n * rule.interval + skew for n in range(int((duration - skew) // rule.interval) + 1)]
            evaluated = [tick for tick in ticks if not within(tick, outages)]
            back = {b for a, b in pairwise(evaluated) if b - a > rule.interval}
            if rule.alert:
                out[rule.name] = self._alert(rule, start, evaluated, back)
            else:
                self._record(rule, start, evaluated, back)
        return out

    def _ask(self, rule: Rule, start: float, ticks: Sequence[float]) -> dict[Labels, dict[float, float]]:
        """Return values by labels (those of the rule included) and by seconds since `start`."""
        out: dict[Labels, dict[float, float]] = {}
        wanted, length = set(ticks), STEPS * rule.interval
        first, end = ticks[0], ticks[-1]
        while first <= end:
            last = min(end, first + length - rule.interval)
            seen: set[Labels] = set()
            for series in self._server.query_range(rule.expr, start + first, start + last, rule.interval):
                labels = {k: v for k, v in {**series.labels, **rule.labels}.items() if k != "__name__"}
                key = tuple(sorted(labels.items()))
                if key in seen:
                    raise ValueError(f"{rule.name}: two results have the same labels {dict(key)}")
                seen.add(key)
                out.setdefault(key, {}).update(
                    {at - start: value for at, value in series.values.items() if at - start in wanted}
                )
            first = last + rule.interval
        return out

    def _record(self, rule: Rule, start: float, ticks: Sequence[float], back: Collection[float]) -> None:
        written: list[History] = []
        for labels, got in self._ask(rule, start, ticks).items():
            values: list[Value] = [got.get(tick) for tick in ticks]
            for n in range(1, len(values)):
                if values[n] is None and values[n - 1] not in (None, STALE) and ticks[n] not in back:
                    values[n] = STALE
            written.append(({**dict(labels), "__name__": rule.name}, values))
        if written:
            self._server.push(written, [start + tick for tick in ticks])

    def _alert(self, rule: Rule, start: float, ticks: Sequence[float], back: Collection[float]) -> list[Firing]:
        self.results[rule.name] = self._ask(rule, start, ticks)
        found = (
            Firing(a, b, labels)
            for labels, got in self.results[rule.name].items()
            for a, b in firing(got, ticks, rule.hold, rule.keep, back, self._restore)
        )
        return sorted(found, key=lambda one: (one.start, math.inf if one.until is None else one.until))


def within(offset: float, ranges: Collection[Range]) -> bool:
    """Say whether a time is in one of the ranges, their ends not included."""
    return any(a <= offset < b for a, b in ranges)


def without(values: Sequence[Value], missed: Sequence[int]) -> Sequence[Value]:
    """Return values without those at the numbered places."""
    if not missed:
        return values
    out = list(values)
    for n in missed:
        out[n] = None
    return out
