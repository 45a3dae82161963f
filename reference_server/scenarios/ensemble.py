"""A whole scenario, live: all of its deployments with every process, as Prometheus would find and scrape them.

One process of the reference server plays one process of a deployment (`hosting`). This plays them all, and gives each a
page at a path of its own, so that a Prometheus sees pods come and go: tiers that are scaled to nothing, targets that
cannot be reached, two deployments of which each lacks a tier.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from generator.catalogue import load
from reference_server.agent_server import hosting
from reference_server.agent_server.meta import CONTENT_TYPES
from reference_server.agent_server.settings import Settings
from reference_server.agent_server.simulation import Deployment
from reference_server.core.clock import Clock
from reference_server.core.scenario import Scenario
from reference_server.core.scraping import Scrape, Target
from reference_server.scenarios import library

#: A scrape that takes less is answered at once.
NOTICEABLE_SECONDS = 0.5


class Ensemble:
    """Plays a scenario at the time scale of the settings. What the deployments are like, the scenario alone says."""

    def __init__(self, settings: Settings, *, wall: Callable[[], float] = time.monotonic) -> None:
        self._seed = settings.seed
        self._metrics = load().systems["agent_server"].metrics
        self.clock = Clock(time.time(), settings.time_scale, wall)
        self.deployments: list[Deployment] = []
        self.switch(hosting.scenario(settings, library))

    @staticmethod
    def find(word: str) -> Scenario:
        """Return a shipped scenario of the Agent Server; a ScenarioError when there is none of that name."""
        return hosting.named(word, library)

    def switch(self, other: Scenario) -> None:
        """Play another scenario from its beginning: all processes start anew."""
        self.scenario = other
        made = other.deployments(seed=self._seed, start=self.clock.now(), metrics=self._metrics, wall=self.clock.unix)
        self.deployments = [one for one in made if isinstance(one, Deployment)]
        self.clock.follow(self)

    @property
    def now(self) -> float:
        """Virtual time."""
        return min(one.now for one in self.deployments)

    @property
    def elapsed_seconds(self) -> float:
        """Virtual seconds since the scenario began."""
        return self.now - self.deployments[0].start

    def advance(self, until: float) -> None:
        """Let time pass in all deployments."""
        for one in self.deployments:
            one.advance(until)

    def discovery(self, address: str) -> list[dict[str, Any]]:
        """Return what Prometheus finds now, for `http_sd_configs`; every target is `address`, with its own path and labels.

        Nothing while the scenario has Prometheus itself down, which is as near as a live one comes to that.
        """
        return [
            {
                "targets": [address],
                "labels": {"__metrics_path__": _path(one, target), "instance": target.instance, **target.labels},
            }
            for one in self.deployments
            if one.prometheus_runs
            for target in one.targets()
        ]

    async def scrape(self, deployment: str, instance: str) -> tuple[Scrape, str] | None:
        """Scrape a target, as long as that takes in the scenario; None when discovery no longer has it.

        Returns:
            What it gave, and the content type of its page.

        """
        self.clock.advance()
        one = next((d for d in self.deployments if d.name == deployment), None)
        target = next((t for t in one.targets() if t.instance == instance), None) if one else None
        if one is None or target is None:
            return None
        found = one.scrape(target)
        if found.duration_seconds > NOTICEABLE_SECONDS:
            await self.clock.sleep(found.duration_seconds)
        return found, CONTENT_TYPES[target.processes[0].settings.era if target.processes else "new"]


def _path(deployment: Deployment, target: Target) -> str:
    return f"/processes/{quote(deployment.name, safe='')}/{quote(target.instance, safe=':')}/metrics"
