"""The pages that a fleet is made of: one server of each role, simulated for an hour, cut into templates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reference_server.agent_server.hosting import topology
from reference_server.agent_server.settings import Settings
from reference_server.agent_server.simulation import Deployment
from reference_server.agent_server.workload import Kind, Topology, Workload
from reference_server.fleet.fleet import Template, template

#: Virtual time that the models run: long enough for every common series to be born.
AGE_SECONDS = 3_600.0

#: What makes a page of some 300 series: a busy server that shows its internal metrics, with users of every kind.
KINDS = {
    "chat": Kind(weight=6, seconds=4, errors=0.02, interrupted=0.02, retriable=0.01),
    "wait": Kind(weight=2, seconds=6, route="wait", recursion=0.02, rolled_back=0.02),
    "session": Kind(weight=2, seconds=12, route="background", events=40, viewers=1, delta_reads=1),
}
USERS = Workload(http_rps=4, rejected_rps=0.05, scanner_rps=0.05, runs_per_minute=120, kinds=KINDS, cut_seconds=600)


def templates(settings: Settings) -> Mapping[str, Template]:
    """Make a template for each role. Costs about a second."""
    shown = (
        settings
        if "expose_internal" in settings.given
        else replace(settings, expose_internal=True, given=(*settings.given, "expose_internal"))
    )
    base = topology(replace(Topology(), buffer_events=1_000), shown)
    model = Deployment(USERS, topology=base, seed=settings.seed)
    model.advance(model.start + AGE_SECONDS)
    first = {role: next(p for p in model.processes if p.role == role) for role in ("api", "queue")}
    return {role: template(model.page(p).decode(), AGE_SECONDS) for role, p in first.items()}
