"""A scenario as Prometheus would see it: one round of scrapes after the other, in virtual time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from generator.catalogue import Metric
from reference_server.monitoring import Scrape, Target
from reference_server.scenarios import START, Scenario
from reference_server.simulation import Deployment

#: Prometheus' interval in this bundle.
INTERVAL_SECONDS = 15.0


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
    deployment: Deployment
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
    """Yield the rounds of every deployment, in order of time, from the start to the end of the scenario."""
    deployments = scenario.deployments(seed=seed, start=start, metrics=metrics)
    for number in range(int(scenario.duration / interval) + 1):
        at = start + number * interval
        for deployment in deployments:
            deployment.advance(at)
            running = deployment.prometheus_runs
            found = deployment.targets() if running else []
            yield Round(at, deployment, tuple((t, deployment.scrape(t)) for t in found), running)
