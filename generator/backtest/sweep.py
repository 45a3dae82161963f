"""One threshold at several values: what each would have meant, and which to take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from generator.backtest.figures import WEEK, firings
from generator.backtest.incidents import Incident, outcomes
from generator.backtest.trial import Trial
from generator.units import number

#: Most notifications a week that one alert may mean: what pages more often is no emergency any more, and gets ignored.
#: Source: two incidents per on-call shift of 12 hours at most, over all alerts of a team:
#: https://sre.google/sre-book/being-on-call/ ; one alert of a hundred may take a small part of that.
MOST_A_WEEK = 1.0


@dataclass(frozen=True, slots=True)
class Step:
    """What one value would have meant.

    Attributes:
        value: The threshold.
        alerts: Alerts that depend on it, each with how often it would have fired.
        seconds: For how long something would have fired, over all label sets.
        incidents: How many incidents would have been caught, late and missed; empty without any.
        known: Every alert could be tried and had data.

    """

    value: float
    alerts: Mapping[str, int]
    seconds: float
    incidents: Mapping[str, int]
    known: bool

    @property
    def count(self) -> int:
        """How often it would have fired."""
        return sum(self.alerts.values())


@dataclass(frozen=True, slots=True)
class Sweep:
    """A threshold at several values, in ascending order, and the advice.

    Attributes:
        advised: The value to take; None when nothing can be advised.
        why: The reason.

    """

    threshold: str
    unit: str
    present: float
    span: float
    steps: tuple[Step, ...]
    advised: float | None
    why: str

    @property
    def line(self) -> str:
        """The line for bundle.yaml; empty without advice."""
        return "" if self.advised is None else f"thresholds: {{{self.threshold}: {number(self.advised)}}}"


def step(value: float, trials: Sequence[Trial], incidents: Sequence[Incident]) -> Step:
    """Return what one value would have meant."""
    fired = {t.alert.name: len(firings(t)) for t in trials}
    lasted = sum(i.seconds for t in trials for i in firings(t))
    states = [o.state for o in outcomes(incidents, trials)]
    counted = {state: states.count(state) for state in ("caught", "late", "missed")} if incidents else {}
    known = bool(trials) and all(t.state not in ("no data", "unseen", "failed") for t in trials)
    return Step(value, fired, lasted, counted, known)


def sweep(threshold: str, unit: str, present: float, span: float, steps: Sequence[Step]) -> Sweep:
    """Put the values together and advise one.

    With incidents: of the values that tell of most of them, the one that fires least often. Without: the most sensitive
    value that fires at most once a week; that tells noise alone, and says so.

    Returns:
        The values in order, which of them is advised, and why; no value where none is better than the present one.

    """
    ordered = tuple(sorted(steps, key=lambda s: s.value))
    advised, why = _advice(ordered, present, span)
    return Sweep(threshold, unit, present, span, ordered, advised, why)


def _advice(steps: Sequence[Step], present: float, span: float) -> tuple[float | None, str]:
    usable = [s for s in steps if s.known]
    if not usable:
        return None, "the history has no data for its alerts, so nothing can be said"

    def near(step: Step) -> float:
        return abs(step.value - present)

    weeks = span / WEEK
    if usable[0].incidents:
        total = sum(usable[0].incidents.values())
        most = max(total - s.incidents["missed"] for s in usable)
        if not most:
            return None, f"no value tells of any of the {total} incidents: another alert has to"
        best = min(
            (s for s in usable if total - s.incidents["missed"] == most),
            key=lambda s: (s.incidents["late"], s.count, near(s)),
        )
        return best.value, f"it tells of {most} of {total} incidents, as many as any, and fires {best.count} times"
    quiet = [s for s in usable if s.count <= MOST_A_WEEK * max(weeks, 1.0)]
    if not quiet:
        least = min(usable, key=lambda s: (s.count, near(s)))
        return None, (
            f"every value fires more than once a week; the least, {number(least.value)}, {least.count / weeks:.1f} times. "
            "Try others, or see what is wrong"
        )
    best = max(quiet, key=lambda s: (s.count, s.seconds, -near(s)))
    if all(s.count == 0 for s in quiet):
        best = min(quiet, key=near)
        return (
            best.value,
            "it would not have fired at all, and is nearest to the present value; noise is all that this tells",
        )
    return (
        best.value,
        f"the most sensitive that fires at most once a week ({best.count / weeks:.2f}); noise is all that this tells",
    )
