"""A case: one history of targets, and which alerts it must fire and must not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from testbed.cases.samples import Target, samples
from testbed.replay import Range
from testbed.servers.remote_write import History


@dataclass(frozen=True, slots=True)
class Case:
    """One history, and which alerts it must fire and must not. Times are seconds since its start."""

    path: str
    line: int
    name: str
    duration: float
    scrape: float
    targets: tuple[Target, ...]
    fires: Mapping[str, Range]
    clears: Mapping[str, Range]
    quiet: tuple[str, ...]
    where: Mapping[str, str]
    outages: tuple[Range, ...]
    copies: Mapping[str, Sequence[str]] = field(default_factory=dict)
    known_wrong: str = ""

    @property
    def alerts(self) -> tuple[str, ...]:
        """Every alert that the case says something about."""
        return (*self.fires, *self.quiet)

    def history(self, start: float, offsets: Sequence[float], major: int) -> Iterator[History]:
        """Yield every series as the given major version of Prometheus stores it."""
        for target in self.targets:
            for labels, made in samples(target, start, offsets, target.le or major):
                for copy in _copies(self.copies):
                    yield {**labels, **copy}, made


def _copies(copies: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    return [{label: value} for label, given in copies.items() for value in given] or [{}]


class CaseError(Exception):
    """A case file is wrong; the text has every problem, one a line."""
