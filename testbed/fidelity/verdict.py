"""What a scenario showed, held against what it expects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from reference_server.core.scenario import SEVERITIES, Scenario
from testbed.replay import Firing

#: One alert may end so many seconds before the next one begins: rounds of two groups are not at one moment.
ROUND = 60.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one scenario showed.

    Attributes:
        scenario: Its id.
        title: What happens in it.
        fired: Alert to (first second at which it fired, severity).
        caught: Alerts that had to fire and did in time.
        missed: Alerts that had to fire and did not, or too late.
        false: Alerts that fired and had to be silent.
        told: For how many seconds of each trouble at least one of its alerts had fired by its end, without a break.
        lapsed: Seconds from and to which no alert told of a trouble that went on, after one had.

    """

    scenario: str
    title: str
    fired: dict[str, float]
    caught: tuple[str, ...]
    missed: tuple[str, ...]
    false: tuple[str, ...]
    told: tuple[float, ...] = ()
    lapsed: tuple[tuple[float, float], ...] = ()


def judge(scenario: Scenario, results: dict[str, list[Firing]], severities: Mapping[str, str]) -> Verdict:
    """Hold what fired against what the scenario expects."""
    fired = {name: min(f.start for f in found) for name, found in results.items() if found}
    expected = {e.alert: e for e in scenario.fire}
    caught = [n for n, e in expected.items() if n in fired and _first(results[n], e.since) <= e.since + e.within]
    silent = {s for s in scenario.silent if s in SEVERITIES}
    named = {s for s in scenario.silent if s not in SEVERITIES}
    tolerated = {*expected, *scenario.allow}
    false = [n for n in fired if n not in tolerated and (n in named or severities[n] in silent)]
    troubles = [_lasting(scenario, results, *trouble) for trouble in _troubles(scenario)]
    return Verdict(
        scenario.id, scenario.title, fired, tuple(caught), tuple(n for n in expected if n not in caught), tuple(false),
        tuple(told for told, _ in troubles if told), tuple(gap for _, gaps in troubles for gap in gaps),
    )  # fmt: skip


def _troubles(scenario: Scenario) -> Iterator[tuple[list[str], float, float, str]]:
    """Yield what goes wrong in a scenario: the alerts that must tell of it, from when and until when it lasts, and where."""
    found: dict[tuple[float, float, str], list[str]] = {}
    for e in scenario.fire:
        found.setdefault((e.since, e.until, e.deployment), []).append(e.alert)
    return ((names, *key) for key, names in found.items())


def _lasting(
    scenario: Scenario,
    results: Mapping[str, Sequence[Firing]],
    names: list[str],
    since: float,
    until: float,
    where: str,
) -> tuple[float, list[tuple[float, float]]]:
    """Return how long a trouble was told of, and the gaps in that: from its first alert on, and of all of them together."""
    spans = sorted(
        (f.start, scenario.duration if f.until is None else f.until)
        for name in names
        for f in results[name]
        if (f.until is None or f.until > since) and (not where or dict(f.labels).get("deployment") == where)
    )
    gaps, covered = [], until
    if spans and spans[0][0] < until:
        first = covered = spans[0][0]
        for begin, end in [*spans, (until, until)]:
            if min(begin, until) - covered > ROUND:
                gaps.append((covered, min(begin, until)))
            covered = max(covered, end)
        return until - first - sum(b - a for a, b in gaps), gaps
    return 0.0, gaps


def _first(found: Sequence[Firing], since: float) -> float:
    """Second of the first firing that lasts beyond `since`."""
    return min((f.start for f in found if f.until is None or f.until > since), default=float("inf"))
