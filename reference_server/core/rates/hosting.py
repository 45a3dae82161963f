"""One simulated deployment behind a port, and the scenario that it plays."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from generator.errors import Problem
from reference_server.core.clock import Clock
from reference_server.core.rates.deployment import Service
from reference_server.core.rates.model import Model, ServiceProcess
from reference_server.core.rates.scenario import ServicePlan
from reference_server.core.rates.settings import ServiceSettings
from reference_server.core.scenario import Library, Scenario, ScenarioError
from reference_server.core.sharing import Shared

#: The word for an ordinary day, without any fault.
ORDINARY = "calm"

#: Between two advances at least, in seconds of the wall: what happens is drawn by the slice, so that each costs the same.
APART_SECONDS = 0.1

#: How long a day lasts.
DAY_SECONDS = 86_400.0


def ordinary(model: Model) -> Scenario:
    """Return an ordinary day of a system: its model as it is, nothing happens, nothing may fire."""
    own = ServicePlan(model, dict(model.roles), model.workload(), (), 0.0)
    return Scenario(ORDINARY, "An ordinary day", "Nothing is wrong.", DAY_SECONDS, (own,), system=model.system)


class ServiceHosting:
    """A deployment that follows the wall."""

    def __init__(
        self,
        settings: ServiceSettings,
        model: Model,
        library: Library,
        *,
        wall: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start playing; scenarios come out of `library`.

        Raises:
            ScenarioError: There is no such scenario, or it is another system's.

        """
        self.settings = settings
        self._model = model
        self._library = library
        self.pages = Shared()
        self.environment: Mapping[str, str] = {}
        self.at_close: list[Callable[[], None]] = []
        self._at_start: list[Callable[[ServiceProcess], None]] = []
        self.scenario = self._found(settings.scenario or ORDINARY, library.find)
        self.clock = Clock(time.time(), settings.time_scale, wall, apart=APART_SECONDS)
        self.service = self._deploy(self.clock.now())
        self.clock.follow(self.service)

    @property
    def elapsed_seconds(self) -> float:
        """Virtual seconds since the scenario began."""
        return self.service.now - self.service.start

    def use(self, environment: Mapping[str, str]) -> None:
        """Take the variables of the system itself, for what is played now and later.

        Raises:
            SettingsError: The system cannot use some of them.

        """
        self.environment = environment
        self.service.workload = self._model.adapt(self.service.workload, environment)

    def find(self, word: str) -> Scenario:
        """Return the shipped scenario of that name; `calm` is this system's own.

        Raises:
            ScenarioError: There is none, or it is another system's.

        """
        return self._found(word, self._library.named)

    def _found(self, word: str, find: Callable[[str], Scenario]) -> Scenario:
        if word == ORDINARY:
            return ordinary(self._model)
        found = find(word)
        if found.system != self.settings.system:
            fix = f"use one of the scenarios of {self.settings.system}"
            raise ScenarioError([Problem(word, 1, f"this scenario is about {found.system}", fix)])
        return found

    def switch(self, other: Scenario) -> None:
        """Play another scenario from its beginning: all processes start anew."""
        self.scenario = other
        self.service = self._deploy(self.clock.now())
        self.clock.follow(self.service)

    def _deploy(self, start: float) -> Service:
        """Make the deployment; a live one has no past."""
        (made,) = self.scenario.deployments(seed=self.settings.seed, start=start, live=True, wall=self.clock.unix)
        assert isinstance(made, Service)  # noqa: S101 - `find` takes no other
        made.slice_seconds = max(made.slice_seconds, self.clock.slice_seconds)
        made.workload = self._model.adapt(made.workload, self.environment)
        made.at_start = self._started
        for process in made.processes:
            self._started(process)
        return made

    def _started(self, process: ServiceProcess) -> None:
        for tell in self._at_start:
            tell(process)

    def watch(self, tell: Callable[[ServiceProcess], None]) -> None:
        """Call `tell` for each process that runs, and for each one that starts from now on."""
        self._at_start.append(tell)
        for process in self.service.processes:
            tell(process)

    def close(self) -> None:
        """End what would not end by itself."""
        self.clock.close()
        for tell in self.at_close:
            tell()

    def process(self, name: str = "") -> ServiceProcess | None:
        """Return the process of that name; without one, the first of the role that the settings name, or those of it in turn."""
        if name:
            return next((p for p in self.service.processes if p.name == name), None)
        role = self.settings.role
        mine = tuple(p for p in self.service.processes if p.role == role or not role)
        return self.service.answering(mine) if mine and self.service.balanced else next(iter(mine), None)
