"""One real Agent Server of each release, started and driven once for all tests that look at its page."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from contextlib import ExitStack, redirect_stdout
from dataclasses import replace
from functools import cache
from typing import NamedTuple

from generator import config
from generator.backtest.asking import Asked, backtest
from generator.backtest.journal import Journal
from generator.backtest.trial import Trial
from generator.bundle import build
from generator.catalogue import load
from generator.cli.main import main
from generator.config.site import Site
from generator.validate.access import Access
from generator.validate.probe import Probe
from generator.validate.prometheus import Prometheus as Client
from testbed import backtested
from testbed.agent_server import AgentServer, drive, install
from testbed.agent_server.environments import Release, pinned
from testbed.agent_server.traffic import Driven
from testbed.backtested import Written
from testbed.servers import missing, wait_until
from testbed.stack.monitoring import Monitoring, binaries

#: Seconds of the rules in one of the server's: five minutes of a rate are ten seconds, and a round is one.
SCALE = 30.0


class Looked(NamedTuple):
    """What is told of a running server and of the Prometheus that scrapes it under our rules.

    Attributes:
        page, prometheus: What doctor says of either, as JSON.
        start: Since when there are rounds of rules, in unix seconds.
        written: The ALERTS that Prometheus wrote.
        trials: What a backtest says of the same time.

    """

    page: str
    prometheus: str
    start: float
    written: Written
    trials: Sequence[Trial]

    @property
    def outages(self) -> Sequence[tuple[float, float]]:
        """Return when no rules were evaluated: never."""
        return ()


class Shown(NamedTuple):
    """The version that a server says it is, what it was sent with the page after that, its page as JSON, and what was told of it."""

    version: str
    driven: Driven
    table: str
    looked: Looked | None = None


@cache
def shown(release: Release, *, looked: bool = False) -> Shown:
    """What a release's server shows after all the traffic that `drive` makes; ends the test where none can be had.

    Args:
        release: The release.
        looked: Let a Prometheus scrape it meanwhile, and the commands look at both.

    """
    found, programs = install(release), binaries() if looked else None
    if not found.path:
        missing(found.reason)
    if isinstance(programs, str):
        missing(programs)
    with ExitStack() as stack:
        server = stack.enter_context(AgentServer(release))
        version = server.info()["version"]
        if programs is None:
            return Shown(version, drive(server.url), server.metrics("json"))
        monitoring = stack.enter_context(Monitoring(programs, _bundle(release, server), scale=SCALE, webhook="http://127.0.0.1:9/"))  # fmt: skip
        wait_until(lambda: monitoring.prometheus.query("ALERTS"), what="a round of rules", limit_seconds=60)
        start = time.time()
        done = drive(server.url)
        return Shown(version, done, server.metrics("json"), _looked(server, monitoring, start))


def _bundle(release: Release, server: AgentServer) -> dict[str, object]:
    group = {"deployment": "real", "role": "combined", "targets": [server.url.removeprefix("http://")]}
    own = {"versions": pinned(release, "langgraph-api"), "runtimes": ["inmem"], "roles": ["combined"], "scrape": {"static": [group]}}  # fmt: skip
    return {
        "systems": {**{n: {"enabled": False} for n in ("agentgateway", "langsight", "langsmith")}, "agent_server": own}
    }


def _looked(server: AgentServer, monitoring: Monitoring, start: float) -> Looked:
    driven, prometheus = time.time(), monitoring.prometheus
    # Two rounds after the last thing that happened.
    wait_until(
        lambda: (got := prometheus.query("min(timestamp(ALERTS))")) and got[0].value > driven + 2,
        what="rules that have seen all of it", limit_seconds=60,
    )  # fmt: skip
    end = time.time()
    catalogue = load()
    made = replace(build(Site(catalogue, config.read(catalogue, monitoring.config))), time_scale=SCALE)
    probe = Probe("Prometheus", prometheus.url, Access(), timeout=60)
    try:
        report = backtest(made, Client(probe), Asked(start, end, full=True), Journal(None, {}), _nobody, _nobody)
    finally:
        probe.close()
    return Looked(
        _told("doctor", f"{server.url}/metrics"),
        _told("doctor", "--prometheus", prometheus.url, "--config", str(monitoring.config)),
        start, backtested.alerts(prometheus, start, end), report.trials,
    )  # fmt: skip


def _told(*command: str) -> str:
    out = io.StringIO()
    with redirect_stdout(out):
        main([*command, "--format", "json"])
    return out.getvalue()


def _nobody(_line: str) -> None:
    """Be told, and tell nobody."""
