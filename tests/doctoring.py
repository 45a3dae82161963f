"""Pages of the reference servers, one for each way in which a process can be installed, with what is true of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

from generator.catalogue import load
from reference_server.agent_server import versions
from reference_server.agent_server.simulation import Deployment
from reference_server.agent_server.workload import Kind, Topology, Workload
from reference_server.core.rates.deployment import Service
from reference_server.scenarios.systems import SERVICES, model

CATALOGUE = load()
METRICS = CATALOGUE.systems["agent_server"].metrics

#: How much goes on: a process that has just started, nothing, the ordinary runs of one kind, and all that can happen.
TRAFFIC: Mapping[str, Workload] = {
    "young": Workload(http_rps=0, probe_rps=0, runs_per_minute=0),
    "idle": Workload(http_rps=0, probe_rps=0, runs_per_minute=0),
    "chat": Workload(runs_per_minute=30, kinds={"chat": Kind(seconds=2)}),
    "everything": Workload(
        runs_per_minute=60,
        cut_seconds=5,
        sleeps_per_hour=600,
        sleep_seconds=20,
        kinds={
            "all": Kind(
                seconds=3, errors=0.1, recursion=0.1, retriable=0.2, hangs=0.02, interrupted=0.1, rolled_back=0.1,
                events=60, viewers=2, sleepers=1, delta_reads=2,
            ),
        },
    ),
}  # fmt: skip

#: One version of each stretch without a change that the reference server plays, and some more.
VERSIONS = ("0.8.6", "0.10.3", "0.12.12", "0.14.0", "0.16.7")

#: The newest version of each era, and an old one of the new era.
FEW = ("0.10.3", "0.12.12", "0.16.7")

Truth = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Played:
    """One page: the system, what is true of the process, how much goes on, the text."""

    system: str
    truth: Truth
    traffic: str
    text: str

    @cached_property
    def series(self) -> frozenset[str]:
        """Names of its series, under the system's own prefix."""
        given, own = dict(self.truth)["prefix"], CATALOGUE.systems[self.system].prefix
        found = set(re.findall(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)", self.text, re.MULTILINE))
        return frozenset(own + n.removeprefix(given) if given and n.startswith(given) else n for n in found)


def agent_servers(versions_: Sequence[str] = VERSIONS, traffics: Sequence[str] = tuple(TRAFFIC)) -> Iterator[Played]:
    """Yield a page for every role, runtime, version, exposure, tier and switch, under two prefixes, at every traffic."""
    kinds = [("combined", "postgres"), ("api", "postgres"), ("queue", "postgres"), ("combined", "inmem")]
    for number, (version, (role, runtime), traffic, asynchronous) in enumerate(
        product(versions_, kinds, traffics, (False, True))
    ):
        new = versions.era(version) == "new"
        shown = [("ui", 2), *(("internal", tier) for tier in (1, 2, 3, 4))] if new else [("", 2)]
        for exposure, tier in shown:
            prefix = "acme_" if new and (number + tier) % 2 else "lg_api_"
            truth = {
                "era": versions.era(version), "role": role, "runtime": runtime, "exposure": exposure,
                "tier": str(tier) if exposure == "internal" else "", "switch async_publish_queue": "on" if asynchronous else "off",
                "prefix": prefix, "version": version,
            }  # fmt: skip
            text = _agent_server(truth, traffic, tier, asynchronous=asynchronous)
            yield Played("agent_server", tuple(truth.items()), traffic, text)


def _agent_server(truth: Mapping[str, str], traffic: str, tier: int, *, asynchronous: bool) -> str:
    role, split = truth["role"], truth["role"] != "combined"
    topology = Topology(
        runtime=truth["runtime"], api=int(split), queue=int(split), combined=int(not split), version=truth["version"],
        era=truth["era"], tier=tier, expose_internal=truth["exposure"] == "internal", prefix=truth["prefix"],
        async_publish_queue=asynchronous, age=0.0, deployment_type="prod", job_timeout=20, buffer_events=20,
    )  # fmt: skip
    deployment = Deployment(TRAFFIC[traffic], topology=topology, seed=1, metrics=METRICS)
    deployment.advance(deployment.start + (10 if traffic == "young" else 300))
    if traffic == "everything":
        for faults in (
            {"postgres": "down"},
            {"pubsub": "down", "redis": "down"},
            {"fetch_failures": 0.5, "status_write_failures": 0.5, "pruned_seeds": 0.5},
        ):
            deployment.apply({"faults": faults})
            deployment.advance(deployment.now + 120)
    process = next(p for p in deployment.processes if p.role == role)
    return deployment.page(process).decode()


def services() -> Iterator[Played]:
    """Yield pages of the other systems: every role, era, version and switch, at their start and after some minutes."""
    for name in SERVICES:
        made, system = model(name), CATALOGUE.systems[name]
        for workload, truth in _ways(name):
            for role in made.roles:
                for traffic, seconds in (("idle", 0.0), ("everything", 600.0)):
                    service = Service(made, topology={role: 1}, workload=workload, seed=1)
                    service.advance(service.start + seconds)
                    known = {**({"role": role} if system.roles else {}), **truth, "prefix": made.prefix}
                    yield Played(name, tuple(known.items()), traffic, made.page(service.processes[0]).decode())


def _ways(name: str) -> Iterator[tuple[object, dict[str, str]]]:
    """Yield the workloads under which pages of a system differ, each with what is true there."""
    plain = model(name).workload()
    if name != "agentgateway":
        yield plain, {}
        return
    lively = replace(
        plain,
        shed_requests=0.5,
        shed_connections=0.5,
        xds_errors=0.1,
        guardrail_open=0.02,
        mcp_errors={"web": 0.1},
        answers={"tcp-session": 0.5},
    )
    for version in ("0.10.1", "0.10.3", "0.10.5", "0.11.0", "0.12.0", "1.1.0", "1.2.1", "1.3.0", "1.4.1", "1.5.0"):
        yield replace(lively, version=version), {"era": "code", "version": version}
    yield replace(lively, era="documented"), {"era": "documented", "version": ""}
