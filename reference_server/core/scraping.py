"""What Prometheus gets: a target, and one scrape of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reference_server.core.families import Key

#: Prometheus' default.
TIMEOUT_SECONDS = 10.0

#: Time of a scrape: a fixed part, and one for each series.
BASE_SECONDS, SERIES_SECONDS = 0.004, 0.000_008


#: Job and instance of an exporter's target, a metric, and its value; None when the exporter had no answer.
Probe = tuple[tuple[str, str], str, float | None]


@dataclass(frozen=True, slots=True)
class Target:
    """One address that Prometheus scrapes, with the labels that its configuration attaches.

    Attributes:
        job, instance: As on `up`.
        labels: deployment and role.
        processes: Who answers there, in turn; one except behind a load balancer.

    """

    job: str
    instance: str
    labels: Mapping[str, str]
    processes: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Scrape:
    """What one scrape gave. `keys` is the same object as before while no series was born; both are empty when it failed.

    Attributes:
        ok: The value of `up`.
        duration_seconds: Time that it took.
        keys, values: Series and their values.
        text: Writes the page; nothing is written unless it is called.

    """

    ok: bool
    duration_seconds: float
    keys: tuple[Key, ...] = ()
    values: list[float] = field(default_factory=list)
    text: Callable[[], bytes] = bytes
