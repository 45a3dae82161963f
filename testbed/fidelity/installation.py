"""The installation through whose rules scenarios are played, and the versions that it has in the field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache

from generator import config
from generator.bundle import build
from generator.catalogue import Catalogue, Versions, load
from generator.config.completion import complete
from generator.config.settings import OBSERVABILITY
from generator.config.site import Site
from generator.config.versions import in_the_field
from generator.outputs import FORMATS
from reference_server.agent_server import versions
from reference_server.agent_server.scenario import DeploymentPlan
from reference_server.agent_server.workload import Topology
from reference_server.core.rates.scenario import ServicePlan
from reference_server.core.scenario import Plan, Scenario
from testbed.rule_files import Rule
from testbed.rule_files import load as load_rules

#: Off by default, because they need an exporter, a label or a count that nobody has seen; the histories here have them.
WITH_EXPORTERS = (
    "AgentServerHealthCheckFailing", "AgentServerQueueStalledConfirmed", "LangSmithHttpErrors", "LangSightNotReady",
    "LangSightHealthCheckFailing", "LangSightHealthMetricMissing",
)  # fmt: skip


#: Deployments of scenarios that may have no process.
IDLE = ("nightly",)


#: Versions of systems that are not the usual ones, as `versions:` in bundle.yaml has them.
Fleet = tuple[tuple[str, str], ...]

#: Alerts that no version before can fire: its variable renames nothing, and its library knows no overflow.
FIRST = {"AgentServerMetricPrefixMismatch": "0.11.0", "AgentServerCardinalityOverflow": "0.11.0"}


def site(catalogue: Catalogue, fleet: Fleet = ()) -> Site:
    """Return the default installation with every system, and with the exporters that some alerts want.

    Raises:
        ValueError: The fleet has what is no version.

    """
    defaults = config.read(catalogue)
    systems = {name: replace(s, enabled=True, scale_to_zero=IDLE) for name, s in defaults.systems.items()}
    for name, text in fleet:
        if (known := in_the_field(catalogue.systems[name], text)) is None:
            raise ValueError(f"{text!r} is no version of {name}")
        systems[name] = replace(systems[name], eras=known[0], versions=known[1])
    return complete(Site(catalogue, replace(defaults, systems=systems, enabled=WITH_EXPORTERS)))


def of_version(scenario: Scenario, fleet: Fleet) -> Scenario:
    """Return the scenario with the processes of a fleet's versions, but for those of which it says the version itself."""
    version = dict(fleet).get(scenario.system, "")
    if not version:
        return scenario
    return replace(scenario, plans=tuple(_of_version(plan, version) for plan in scenario.plans))


def _of_version(plan: Plan, version: str) -> Plan:
    if isinstance(plan, DeploymentPlan):
        if plan.topology.version != Topology().version:
            return plan
        return replace(plan, topology=replace(plan.topology, version=version, era=versions.era(version)))
    assert isinstance(plan, ServicePlan)
    work = plan.workload
    return replace(plan, workload=replace(work, version=version)) if work.version == type(work)().version else plan


def within_reach(scenario: Scenario, fleet: Fleet, alerts: Iterable[str]) -> Scenario:
    """Return the scenario without the alerts that these versions cannot fire; what an installation leaves out is one."""
    known, version = set(alerts), dict(fleet).get(scenario.system, "")
    late = {name for name, first in FIRST.items() if version and not Versions(version, version).has(first)}
    return replace(scenario, fire=tuple(e for e in scenario.fire if e.alert in known - late))


def about(scenario: Scenario, alerts: Mapping[str, tuple[str, str]]) -> set[str]:
    """Return the alerts that may be about a scenario, given each one's severity and system."""
    return {
        name
        for name, (_, system) in alerts.items()
        if system in ("", scenario.system) and not name.startswith(OBSERVABILITY)
    }


@cache
def catalogue() -> Catalogue:
    return load()


@cache
def rules(thresholds: tuple[tuple[str, float], ...], fleet: Fleet) -> tuple[list[Rule], dict[str, tuple[str, str]]]:
    """Return all rules, and each alert's severity and system."""
    texts, alerts = _made(thresholds, fleet)
    return load_rules(texts.values()), alerts


def rule_texts() -> tuple[Mapping[str, str], Mapping[str, tuple[str, str]]]:
    """Return the rule files of the installation by stem, and each alert's severity and system."""
    return _made((), ())


@cache
def _made(
    thresholds: tuple[tuple[str, float], ...], fleet: Fleet
) -> tuple[Mapping[str, str], dict[str, tuple[str, str]]]:
    here = site(catalogue(), fleet)
    bundle = build(replace(here, config=replace(here.config, thresholds=dict(thresholds))))
    end = ".rules.yaml"
    texts = {p.name.removesuffix(end): t for p, t in FORMATS["files"].render(bundle).items() if p.name.endswith(end)}
    alerts = {
        a.name: (str(a.severity), bundle.site.system_of(name))
        for name, gs in bundle.rules.items()
        for g in gs
        for a in g.alerts
    }
    return texts, alerts
