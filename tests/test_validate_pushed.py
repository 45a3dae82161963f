"""Systems whose series another writes to the Prometheus: judged by `up`, beside those that it scrapes itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from generator.bundle import Kind, build
from generator.config.site import Site
from generator.validate.context import Context
from generator.validate.evidence import Evidence, Processes
from generator.validate.prometheus import ActiveTarget, Prometheus
from generator.validate.targets import targets

#: All that is asked of a bundle here.
DISCOVERY: tuple[Kind, ...] = ("discovery",)

#: The unix time of it all.
NOW = 1_800_000_000.0


@dataclass
class Server:
    """A Prometheus that lists targets, and has no series to ask for."""

    listed: Sequence[ActiveTarget]
    probe: Any = field(default_factory=lambda: SimpleNamespace(name="Prometheus"))

    def targets(self) -> list[ActiveTarget]:
        return list(self.listed)

    def query(self, _: str) -> list[object]:
        return []


def active(job: str, **labels: str) -> ActiveTarget:
    return ActiveTarget(labels | {"job": job}, "http://127.0.0.1:1/metrics", job, "up", "", NOW - 1)


def judged(site: Site, listed: Sequence[ActiveTarget], **processes: Processes) -> dict[str, tuple[str, str]]:
    """Return verdict and reason of each item of the targets; a system that is not named has no series."""
    nothing = Processes({}, {})
    every = {name: processes.get(name, nothing) for name, s in site.config.systems.items() if s.enabled}
    server = cast("Prometheus", Server(listed))
    context = Context(
        build(site, kinds=DISCOVERY),
        {},
        server,
        server,
        None,
        None,
        Evidence(site, every, {}, {}),
        NOW,
        NOW - 1000,
    )
    return {v.item: (str(v.state), v.why) for v in targets(context)}


def test_what_another_writes_is_judged_by_up_beside_what_is_scraped(site: Site) -> None:
    """One system is pushed, with a worker that is down; one is scraped; two are not there at all."""
    gateway = active(
        "agentgateway-kubernetes", system="agentgateway", deployment="edge", namespace="a", instance="edge-1"
    )
    found = judged(
        site,
        [active("prometheus"), gateway],
        agent_server=Processes({"api": 2, "queue": 3}, {"api": 2, "queue": 2}),
        agentgateway=Processes({"": 1}, {"": 1}),
    )

    assert found["/api/v1/targets"] == (
        "empty",
        "Prometheus scrapes no agent_server, and has their series from elsewhere; judged by the series up",
    )
    assert found["agent_server role api"] == ("ok", "2 targets")
    assert found["agent_server role queue"] == ("wrong", "1 of 3 targets are down")
    assert found["agentgateway http://127.0.0.1:1/metrics"][0] == "ok"
    assert found["langsight"][1] == "the system is enabled, and no target of it is found"


def test_a_prometheus_that_scrapes_all_says_nothing_of_it(site: Site) -> None:
    gateway = active(
        "agentgateway-kubernetes", system="agentgateway", deployment="edge", namespace="a", instance="edge-1"
    )
    found = judged(site, [gateway], agentgateway=Processes({"": 1}, {"": 1}))

    assert "/api/v1/targets" not in found
    assert found["agentgateway http://127.0.0.1:1/metrics"][0] == "ok"
