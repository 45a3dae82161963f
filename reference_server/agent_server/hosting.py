"""One simulated deployment and the processes of it that are really there: who plays which part, and when one leaves.

Processes of the scenario that nobody plays are there too (an API process alone has a queue process that executes its runs),
until the first real one of their role joins: then they go, so that the real pages add up.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from generator.errors import Problem
from reference_server.agent_server import AGENT_SERVER, versions
from reference_server.agent_server.node import Node
from reference_server.agent_server.processes import Process
from reference_server.agent_server.records import Records
from reference_server.agent_server.scenario import DeploymentPlan
from reference_server.agent_server.settings import Settings
from reference_server.agent_server.simulation import Deployment
from reference_server.agent_server.workload import Topology, Workload
from reference_server.core.clock import Clock
from reference_server.core.scenario import Library, Scenario, ScenarioError
from reference_server.core.settings import SettingsError

#: The word for a deployment without simulated users: only requests that arrive over HTTP.
IDLE = "idle"

#: The scenario that is played when none is named.
DEFAULT = "calm"

#: Grace of the in-memory runtime, whatever it is told. Source: metrics.yaml, configuration.
INMEM_GRACE_SECONDS = 5.0

#: A process that left stays away for so long: longer than anybody watches.
FOR_GOOD_SECONDS = 1e9

#: Fields of a topology that settings have, under their names there.
FIELDS = {
    "runtime": "runtime",
    "slots": "slots",
    "stats_interval": "stats_interval_seconds",
    "era": "era",
    "expose_internal": "expose_internal",
    "tier": "max_tier",
    "prefix": "metric_prefix",
    "deployment_type": "deployment_type",
    "project_id": "project_id",
    "revision_id": "revision_id",
    "job_timeout": "timeout_seconds",
    "max_retries": "max_retries",
    "grace": "grace_seconds",
    "buffer_events": "buffer_events",
    "async_publish_queue": "async_publish_queue",
}


def scenario(settings: Settings, library: Library) -> Scenario:
    """Return the scenario that the settings name, or the default one.

    `IDLE` names one that no file has: nobody uses the deployment.

    Raises:
        ScenarioError: There is none of that name, its file is wrong, or it is another system's.

    """
    if settings.scenario == IDLE:
        nobody = Workload(http_rps=0, probe_rps=0, runs_per_minute=0)
        part = DeploymentPlan("demo", Topology(), nobody, ())
        return Scenario(IDLE, "nobody uses the deployment", "", FOR_GOOD_SECONDS, (part,), system=AGENT_SERVER)
    return _own(library.find(settings.scenario or DEFAULT), settings.scenario)


def named(word: str, library: Library) -> Scenario:
    """Return a shipped scenario of the Agent Server.

    Raises:
        ScenarioError: There is none of that name, or it is another system's.

    """
    return _own(library.named(word), word)


def _own(found: Scenario, word: str) -> Scenario:
    if found.system != AGENT_SERVER:
        fix = f"start the reference server with --system {found.system}"
        raise ScenarioError([Problem(word, 1, f"this scenario is about {found.system}", fix)])
    return found


def plan(scenario: Scenario) -> DeploymentPlan:
    """Return the first deployment of a scenario of the Agent Server."""
    first = scenario.plans[0]
    assert isinstance(first, DeploymentPlan)  # noqa: S101 - `_own` takes no other
    return first


def topology(base: Topology, settings: Settings) -> Topology:
    """What a process is started with: what its settings say, else what the scenario changes, else the real defaults."""
    default, chosen = Topology(), {}
    for field, name in FIELDS.items():
        if name in settings.given or getattr(base, field) == getattr(default, field):
            chosen[field] = getattr(settings, name)
    if settings.role == "api":
        chosen["slots"] = base.slots
    chosen["version"] = settings.version or versions.USUAL[chosen.get("era", base.era)]
    made = replace(base, **chosen, startup=0.0, age=0.0)
    return replace(made, grace=INMEM_GRACE_SECONDS) if made.runtime == "inmem" else made


def roles(base: Topology, role: str) -> Topology:
    """Who is there when a process of `role` is the first one: it alone, and the scenario's processes of the other role."""
    match role:
        case "api":
            return replace(base, api=1, combined=0, queue=max(1, base.queue))
        case "queue":
            return replace(base, queue=1, combined=0, api=max(1, base.api))
    return replace(base, combined=1, api=0, queue=0)


class Hosting:
    """The deployment, and the nodes that play processes of it. The first node decides what the deployment is like."""

    def __init__(self, settings: Settings, library: Library, *, wall: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._library = library
        self.scenario = scenario(settings, library)
        self.records = Records()
        self._claims: dict[Node, Process] = {}
        self.clock = Clock(time.time(), settings.time_scale, wall)
        self.deployment = self._deploy(self.scenario, self.clock.now())
        self.clock.follow(self.deployment)
        self.nodes = [Node(self, settings.role, settings)]

    def _deploy(self, scenario: Scenario, start: float) -> Deployment:
        part, settings = plan(scenario), self._settings
        made = topology(part.topology, settings)
        if made.runtime == "inmem" and settings.role != "combined":
            raise SettingsError([f"--role is {settings.role!r}; wanted: combined, the only role of the runtime inmem"])
        return Deployment(
            part.workload,
            topology=roles(made, settings.role),
            seed=settings.seed,
            start=start,
            name=part.name,
            timeline=part.timeline,
            wall=self.clock.unix,
        )

    @property
    def elapsed_seconds(self) -> float:
        """Virtual seconds since the scenario began."""
        return self.deployment.now - self.deployment.start

    def find(self, word: str) -> Scenario:
        """Return a shipped scenario of the Agent Server; a ScenarioError when there is none of that name."""
        return named(word, self._library)

    def switch(self, other: Scenario) -> None:
        """Play another scenario from its beginning: all processes start anew.

        Raises:
            SettingsError: The scenario has no process such as ours; the old one goes on.

        """
        self.deployment = self._deploy(other, self.clock.now())
        self.scenario = other
        self._claims.clear()
        self.clock.follow(self.deployment)
        for role in ("combined", "api", "queue"):
            players = [node for node in self.nodes if node.role == role]
            for number, node in enumerate(players):
                if node is not self.nodes[0]:
                    self._enter(node, number + 1)

    def join(self, settings: Settings) -> Node:
        """Let a process join."""
        node = Node(self, settings.role, settings)
        self.nodes.append(node)
        self._enter(node, sum(n.role == settings.role for n in self.nodes))
        return node

    def _enter(self, node: Node, count: int) -> None:
        """Start the process of a node, the `count`th of its role; the simulated one in its place goes."""
        self.clock.advance()
        before = self.deployment.processes
        if count == 1:
            self.deployment.apply({"scale": {node.role: 0, "grace": 0.0}})
        self.deployment.apply({"scale": {node.role: count, "grace": 0.0}})
        new = [p for p in self.deployment.processes if p not in before]
        for process in new:
            process.settings = topology(plan(self.scenario).topology, node.settings)
            self._claims[node] = process
        self.clock.advance()

    def process(self, node: Node) -> Process:
        """Return the process that a node plays; where a rollout has replaced it, one that nobody else plays."""
        mine = self._claims.get(node)
        alive = self.deployment.processes
        if mine in alive and mine is not None:
            return mine
        taken = set(map(id, self._claims.values()))
        peers = [p for p in alive if p.role == node.role and id(p) not in taken and not p.leaving]
        if peers:
            self._claims[node] = peers[-1]
        elif mine is None:
            message = f"the deployment has no process of the role {node.role}"
            raise RuntimeError(message)
        return self._claims[node]

    async def drain(self, node: Node) -> None:
        """End a process as SIGTERM does, and wait until it has."""
        node.ending = True
        process = node.process
        self.clock.advance()
        grace = process.settings.grace
        self.deployment.apply({"restart": {"only": [process.name], "grace": grace, "down": FOR_GOOD_SECONDS}})
        limit = self.clock.now() + grace + 1
        await self.clock.until(lambda: True if self._gone(process) or self.clock.now() > limit else None)
        self._leave(node, process)

    @staticmethod
    def _gone(process: Process) -> bool:
        return not process.up and not process.accepting and not process.active

    def lose(self, node: Node) -> None:
        """End a process as a crash does."""
        process = node.process
        self.clock.advance()
        self.deployment.apply({"crash": {"only": [process.name], "down": FOR_GOOD_SECONDS}})
        self._leave(node, process)

    def _leave(self, node: Node, process: Process) -> None:
        process.leaving = True
        if node in self.nodes:
            self.nodes.remove(node)
