"""The engines of the matrix: Prometheus from old to new, and VictoriaMetrics with vmalert, where operators grow into."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from testbed.replay import Restore, Server, restored
from testbed.servers import AsVmalert, Prometheus, Victoria, find, missing
from testbed.servers.debian import Age, Program, version

#: vmalert asks for the state of alerts within this many seconds before its start: -remoteRead.lookback
REMEMBERED = 3600.0


@dataclass(frozen=True, slots=True)
class Engine:
    """One server of one age."""

    program: Program
    age: Age

    def __str__(self) -> str:
        """Name without a version, which is known only when the server is there."""
        return f"{self.program}-{self.age}"

    @property
    def is_prometheus(self) -> bool:
        """It is the real thing."""
        return self.program == "prometheus"

    @property
    def title(self) -> str:
        """Name and version, such as `Prometheus 2.42`."""
        name = "Prometheus" if self.is_prometheus else "VictoriaMetrics"
        return f"{name} {version(binary(self.program, self.age))}"

    @property
    def path(self) -> Path:
        """Its program, or the end of the test."""
        return binary(self.program, self.age)


@dataclass(frozen=True, slots=True)
class Stage:
    """A running server that takes any past.

    Attributes:
        queried: Answers as Grafana gets them.
        evaluated: Answers as rules get them.
        restore: What becomes of an alert's state in a restart of what evaluates rules.
        major: How scraped histograms spell `le`: as this major version of Prometheus. VictoriaMetrics keeps it, as 2 does.

    """

    queried: Prometheus | Victoria
    evaluated: Server
    restore: Restore
    major: int


#: Debian 12's VictoriaMetrics, 1.79, is left out: it refuses rules with `keep_firing_for`.
VICTORIA = (Engine("victoria-metrics", "middle"), Engine("victoria-metrics", "newest"))
PROMETHEUS = (Engine("prometheus", "oldest"), Engine("prometheus", "middle"), Engine("prometheus", "newest"))
ENGINES = (*PROMETHEUS, *VICTORIA)

#: What the others are compared with.
NEWEST = PROMETHEUS[-1]


def binary(program: Program, age: Age) -> Path:
    """Return the path of a program, or end the test."""
    found = find(program, age)
    return found.path or missing(found.reason)


@contextmanager
def stage(engine: Engine) -> Iterator[Stage]:
    """Give a running server of that engine."""
    if engine.is_prometheus:
        with Prometheus(engine.path, history=True) as server:
            major = int(version(engine.path).partition(".")[0])
            yield Stage(server, server, restored, major)
    else:
        with Victoria(engine.path) as victoria:
            yield Stage(victoria, AsVmalert(victoria), remembered, 2)


def remembered(since: float, down: float, up: float, hold: float) -> float | None:
    """Return since when an alert counts as active after a restart of vmalert: as before, if it has a `for` at all.

    The time without vmalert counts, so an alert may fire at once.

    Source: https://github.com/VictoriaMetrics/VictoriaMetrics/blob/master/app/vmalert/rule/alerting.go (restore)
    """
    return since if hold > 0 and up - down < REMEMBERED else None
