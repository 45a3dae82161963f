"""What promtool would see of a case: its rules evaluated on a real Prometheus, at promtool's times.

promtool evaluates every group at one interval, at the very times of the samples, in the order of the files. Elsewhere our
proof evaluates groups some seconds apart, and some of them more seldom, as a server does: a case that depends on
that is told apart here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from testbed.cases.case import Case
from testbed.cases.proving import deviations
from testbed.promtool.template import expanded
from testbed.replay import Firing, Replay, Server
from testbed.rule_files import Rule

#: Seconds between two evaluations.
EVALUATION = 30.0

#: How `le` is written: as Prometheus 3 does.
MAJOR = 3

#: At how many times a quiet alert is looked at.
_LOOKS = 4


@dataclass(frozen=True, slots=True)
class Check:
    """Which alerts of one name fire at one time, in seconds since the start: labels and annotations of each."""

    time: float
    alert: str
    expected: tuple[tuple[Mapping[str, str], Mapping[str, str]], ...]


def impossible(case: Case) -> str:
    """Return why promtool's format cannot say a case; empty when it can."""
    if case.outages:
        return "Prometheus is down for a while: promtool evaluates at every interval"
    if case.known_wrong:
        return f"the rule is known to fail: {case.known_wrong}"
    if case.scrape > EVALUATION and case.scrape % EVALUATION:
        return f"samples every {case.scrape:g} s do not meet evaluations every {EVALUATION:g} s"
    return ""


class Outcomes:
    """Runs cases on one server of promtool's own version."""

    def __init__(self, server: Server, rules: Sequence[Rule], annotations: Mapping[str, Mapping[str, str]]) -> None:
        """Take the rules in the order of their files, and each alert's annotations."""
        at_once = [replace(rule, interval=EVALUATION) for rule in rules]
        self._replay = Replay(server, at_once, skew=lambda _: 0.0)
        self._annotations = annotations

    def of(self, case: Case) -> tuple[Check, ...] | str:
        """Return the checks of a case, or why it cannot be one of promtool's."""
        if why := impossible(case):
            return why
        got = self._replay.run(
            lambda start, offsets: case.history(start, offsets, MAJOR), case.duration, case.alerts, scrape=case.scrape
        )
        if deviations(case, got):
            return "what it expects depends on evaluations that promtool does not do: seconds after a scrape, or more seldom"
        return tuple(
            Check(time, alert, tuple(self._expected(alert, got[alert], time)))
            for alert in case.alerts
            for time in _times(case, alert, got[alert])
        )

    def _expected(
        self, alert: str, fired: Sequence[Firing], time: float
    ) -> list[tuple[dict[str, str], dict[str, str]]]:
        out = []
        for one in fired:
            if one.start <= time and (one.until is None or time < one.until):
                values = self._replay.results[alert][one.labels]
                value = values[max(at for at in values if at <= time)]
                labels = dict(one.labels)
                notes = {name: expanded(text, labels, value) for name, text in self._annotations[alert].items()}
                out.append((labels, notes))
        return sorted(out, key=lambda pair: sorted(pair[0].items()))


def _times(case: Case, alert: str, fired: Sequence[Firing]) -> list[float]:
    """Return when an alert is looked at: before it may fire, when it must, after it must no longer; a quiet one now and then."""
    last = _on_time(case.duration)
    if alert not in case.fires:
        return sorted({_on_time(case.duration * n / _LOOKS) for n in range(1, _LOOKS + 1)})
    earliest, latest = case.fires[alert]
    ends = min([one.until for one in fired if one.until is not None], default=case.duration + EVALUATION)
    times = {_on_time((latest + min(ends, case.duration)) / 2) if ends > latest else _on_time(fired[0].start)}
    if earliest > EVALUATION:
        times.add(_on_time(earliest - EVALUATION))
    gone = case.clears.get(alert, (math.inf, math.inf))[1]
    if gone + EVALUATION <= last:
        times.add(_on_time(gone + EVALUATION))
    return sorted(times)


def _on_time(seconds: float) -> float:
    """Return the evaluation at or before a time."""
    return seconds // EVALUATION * EVALUATION
