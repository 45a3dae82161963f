"""A simulated system that plays shipped scenarios live: what the command and the tests start."""

from __future__ import annotations

import time
from collections.abc import Callable

from reference_server.agent_server.control import Control, shared
from reference_server.agent_server.hosting import Hosting
from reference_server.agent_server.settings import Settings
from reference_server.core.rates.hosting import ServiceHosting
from reference_server.core.rates.model import Model
from reference_server.core.rates.settings import ServiceSettings
from reference_server.core.serve import Running, bind
from reference_server.scenarios import library
from reference_server.scenarios.systems import model


def agent_server(own: Settings, *, wall: Callable[[], float] = time.monotonic) -> Hosting:
    """Return the deployment of the Agent Server that the settings describe.

    Raises:
        ScenarioError: There is no such scenario, or it is another system's.

    """
    return Hosting(own, library, wall=wall)


def service(
    own: ServiceSettings, by: Model | None = None, *, wall: Callable[[], float] = time.monotonic
) -> ServiceHosting:
    """Return the deployment of another system that the settings describe; `by` is its model where it is no shipped one.

    Raises:
        ScenarioError: There is no such scenario, or it is another system's.

    """
    return ServiceHosting(own, by or model(own.system), library, wall=wall)


def start(own: Settings, host: str = "127.0.0.1", port: int = 0) -> Running:
    """Start a first process in a thread and return its handle, which has `url` and `close()`."""
    return Running(Control(agent_server(own), own, shared(own)), bind(host, port), grace_seconds=1, hosts=own.hosts)
