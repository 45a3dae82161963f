"""One simulated deployment behind a port, and the scenario that it plays."""

from __future__ import annotations

import time
from collections.abc import Callable

from generator.errors import Problem
from reference_server import scenarios, systems
from reference_server.pace import Pace
from reference_server.scenarios import Scenario, ScenarioError
from reference_server.services.deployment import Service
from reference_server.services.model import Process
from reference_server.services.settings import Settings


class Hosting:
    """A deployment that follows the wall. `scenario` is None on an ordinary day."""

    def __init__(self, settings: Settings, *, wall: Callable[[], float] = time.monotonic) -> None:
        """Start playing.

        Raises:
            ScenarioError: There is no such scenario, or it is another system's.

        """
        self.settings = settings
        self.scenario = self.find(settings.scenario) if settings.scenario else None
        self.pace = Pace(time.time(), settings.time_scale, wall)
        self.service = self._deploy(self.pace.now())
        self.pace.follow(self.service)

    def find(self, word: str) -> Scenario:
        """Return the scenario of that name.

        Raises:
            ScenarioError: There is none, or it is another system's.

        """
        found = scenarios.find(word)
        if found.system != self.settings.system:
            fix = f"use one of the scenarios of {self.settings.system}"
            raise ScenarioError([Problem(word, 1, f"this scenario is about {found.system}", fix)])
        return found

    def switch(self, other: Scenario | None) -> None:
        """Play another scenario from its beginning, or an ordinary day: all processes start anew."""
        self.scenario = other
        self.service = self._deploy(self.pace.now())
        self.pace.follow(self.service)

    def _deploy(self, start: float) -> Service:
        """Make the deployment; a live one has no past."""
        if self.scenario is None:
            return Service(systems.model(self.settings.system), seed=self.settings.seed, start=start)
        (made,) = self.scenario.deployments(seed=self.settings.seed, start=start, live=True)
        assert isinstance(made, Service)  # noqa: S101 - `find` takes no other
        return made

    def process(self, name: str = "") -> Process | None:
        """Return the process of that name; without one, the first of the role that the settings name."""
        role = self.settings.role
        for process in self.service.processes:
            if (process.name == name) if name else (process.role == role or not role):
                return process
        return None
