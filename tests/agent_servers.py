"""One real Agent Server of each release, started and driven once for all tests that look at its page."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from testbed.agent_server import AgentServer, drive, install
from testbed.agent_server.environments import Release
from testbed.agent_server.traffic import Driven
from testbed.servers import missing


class Shown(NamedTuple):
    """The version that a server says it is, what it was sent with the page after that, and its page as JSON."""

    version: str
    driven: Driven
    table: str


@cache
def shown(release: Release) -> Shown:
    """What a release's server shows after all the traffic that `drive` makes; ends the test where none can be had."""
    found = install(release)
    if not found.path:
        missing(found.reason)
    with AgentServer(release) as server:
        version = server.info()["version"]
        done = drive(server.url)
        return Shown(version, done, server.metrics("json"))
