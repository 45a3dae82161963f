"""A scenario as Prometheus would see it: one round of scrapes after the other, in virtual time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from generator.catalogue import Metric
from reference_server.core.rates import Service
from reference_server.core.scenario import START, Played, Scenario
from reference_server.core.scraping import Scrape, Target

#: Prometheus' interval in this bundle.
INTERVAL_SECONDS = 15.0

#: Between two scrapes of what was before a scenario: within Prometheus's lookback of five minutes.
PAST_SECONDS = 240.0


@dataclass(frozen=True, slots=True)
class Round:
    """All scrapes of one deployment at one time; none while Prometheus is down or discovery finds nothing.

    Attributes:
        at: Seconds since 1970.
        deployment: Who was scraped.
        scrapes: Targets with what they gave.
        running: Prometheus is up; rules are evaluated.

    """

    at: float
    deployment: Played
    scrapes: tuple[tuple[Target, Scrape], ...]
    running: bool


def play(
    scenario: Scenario,
    *,
    seed: int = 1,
    start: float = START,
    interval: float = INTERVAL_SECONDS,
    metrics: Iterable[Metric] | None = None,
) -> Iterator[Round]:
    """Yield the rounds of every deployment, in order of time: those of the past, then from the start to the end."""
    deployments = scenario.deployments(seed=seed, start=start, metrics=metrics)
    for offset in (*before(scenario.past), *(n * interval for n in range(int(scenario.duration / interval) + 1))):
        at = start + offset
        for deployment in deployments:
            if isinstance(deployment, Service):
                deployment.slice_seconds = PAST_SECONDS if offset < 0 else interval
            deployment.advance(at)
            running = deployment.prometheus_runs
            found = deployment.targets() if running else []
            yield Round(at, deployment, tuple((t, deployment.scrape(t)) for t in found), running)


def before(past: float) -> tuple[float, ...]:
    """Return when the past is scraped, in seconds before the start, which are negative."""
    return tuple(-n * PAST_SECONDS for n in range(int(past / PAST_SECONDS), 0, -1))
