"""What is said of one alert over a time: its intervals, its state, and how it was looked for."""

from __future__ import annotations

from dataclasses import dataclass

from generator.backtest.rules import Alert, Labels


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
        look: Seconds between two questions of the first look; 0 where nothing had to be asked.

    """

    alert: Alert
    state: str
    why: str = ""
    intervals: tuple[Interval, ...] = ()
    covered: float = 0.0
    inlined: tuple[str, ...] = ()
    failed: int = 0
    full: bool = True
    look: float = 0.0
