"""Real Agent Servers of three versions in one deployment, with ordinary traffic, under our rules for that range: nothing fires.

AGENTOBS_FLEET_MINUTES says how long that takes, ten at life's own pace. With fewer, the bundle is as much faster, so that the
rules see ten minutes of their own all the same.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from testbed.agent_server import AgentServer, install, ordinary
from testbed.agent_server.client import Request
from testbed.agent_server.environments import Release, pinned
from testbed.servers import Prometheus, Webhook, missing, wait_until
from testbed.stack.monitoring import Monitoring, binaries

#: The oldest that an operator may still have, one without scope labels, and today's.
FLEET: tuple[Release, ...] = ("0.9.1", "0.12.12", "new")

#: How long the rules look on, in minutes of their own.
WATCHED = 10.0

#: Real minutes.
MINUTES = float(os.environ.get("AGENTOBS_FLEET_MINUTES", "2"))

#: Over the settings of the tests, as an operator has them: a buffer that no run overflows, runs that may take an hour.
SETTINGS = {"LSD_PROTOCOL_V2_BUFFER_SIZE": "10000", "BG_JOB_TIMEOUT_SECS": "3600"}

WATCHDOG = "ObservabilityWatchdog"


@contextmanager
def busy() -> Iterator[tuple[list[AgentServer], list[Future[Counter[Request]]]]]:
    """Start the servers of the fleet, each with someone who uses it; the end ends both."""
    ended = threading.Event()
    with ExitStack() as stack, ThreadPoolExecutor(len(FLEET)) as pool:
        servers = [stack.enter_context(AgentServer(release, SETTINGS)) for release in FLEET]
        users = [pool.submit(ordinary, server.url, ended) for server in servers]
        try:
            yield servers, users
        finally:
            ended.set()


def bundle(servers: list[AgentServer]) -> Mapping[str, Any]:
    """Return bundle.yaml for the servers: one deployment, in the range of their versions."""
    versions = [pinned(release, "langgraph-api") for release in FLEET]
    group = {"deployment": "fleet", "role": "combined", "targets": [s.url.removeprefix("http://") for s in servers]}
    own = {
        "versions": f"{versions[0]} - {versions[-1]}",
        "runtimes": ["inmem"],
        "roles": ["combined"],
        "scrape": {"static": [group]},
    }
    off = {name: {"enabled": False} for name in ("agentgateway", "langsight", "langsmith")}
    return {"systems": {**off, "agent_server": own}}


def names(prometheus: Prometheus, state: str) -> set[str]:
    """Names of the alerts that were ever in a state."""
    found = prometheus.query(f'count by (alertname) (last_over_time(ALERTS{{alertstate="{state}"}}[1h]))')
    return {sample.labels["alertname"] for sample in found}


def watched(prometheus: Prometheus) -> float:
    """Seconds from the first evaluation of the watchdog to the last one."""
    found = prometheus.query(
        f'timestamp(ALERTS{{alertname="{WATCHDOG}"}}) - on (alertname) ALERTS_FOR_STATE{{alertname="{WATCHDOG}"}}'
    )
    return found[0].value if found else 0.0


@pytest.mark.real
@pytest.mark.matrix
def test_nothing_fires_in_a_mixed_fleet_with_ordinary_traffic() -> None:
    """But the watchdog; and nothing has begun to wait that would fire later."""
    programs = binaries()
    if isinstance(programs, str):
        missing(programs)
    for release in FLEET:
        found = install(release)
        if not found.path:
            missing(found.reason)
    scale = WATCHED / MINUTES
    with ExitStack() as stack:
        servers, users = stack.enter_context(busy())
        monitoring = stack.enter_context(
            Monitoring(programs, bundle(servers), scale=scale, webhook=stack.enter_context(Webhook()).url)
        )
        prometheus = monitoring.prometheus

        def over() -> bool:
            return any(user.done() for user in users) or watched(prometheus) * scale >= 60 * WATCHED

        wait_until(over, what=f"{WATCHED:g} minutes to pass", limit_seconds=60 * MINUTES + 300)
        assert [user.exception() for user in users if user.done()] == []
        rules = [rule for group in prometheus.groups() for rule in group.rules]
        asked = prometheus.query("sum by (instance) (increase(lg_api_http_requests_total[1h]))")
        late = monitoring.late()
        fired, pending = names(prometheus, "firing"), names(prometheus, "pending")

    assert [(rule.name, rule.error) for rule in rules if rule.health != "ok"] == []
    assert len([sample for sample in asked if sample.value > 60]) == len(FLEET)
    assert late == 0
    assert fired == {WATCHDOG}
    assert pending == set()
