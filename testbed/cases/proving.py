"""Every case beside every rule: those that are off by default are switched on, and what fires is held against the case."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from generator import config
from generator.bundle import build
from generator.catalogue import load as load_catalogue
from generator.config.completion import complete
from generator.config.site import Site
from generator.outputs import FORMATS
from generator.rules.rule import INSTALLATION_WIDE
from testbed.cases.case import Case, CaseError
from testbed.cases.reading import load as load_cases
from testbed.replay import Firing
from testbed.rule_files import Rule, groups, load
from testbed.servers.cache import REPOSITORY

#: Alerts that are off by default, and whose cases are here.
PROVED = (
    "AgentServerHealthCheckFailing", "AgentServerHttp5xxRatio", "AgentServerQueueStalledConfirmed", "LangSmithHttpErrors",
    "LangSightHealthCheckFailing", "LangSightHealthMetricMissing", "LangSightNotReady", "LangSmithSmithDBFlushFailures",
    "LangSmithSmithDBObjectStoreErrors", "LangSmithSmithDBCompactionFailures", "LangSmithSmithDBFanoutLimit",
    "AgentgatewayBudgetSpent", "AgentgatewayAttributionValues",
    "LangSmithSandboxLeaseStale", "LangSmithSandboxLeaseLost", "LangSmithSandboxCpuCommitted", "LangSmithSandboxMemoryCommitted",
)  # fmt: skip


#: What the names of those begin with that come with a part, or with labels of the operator's own, and need no more.
PARTS = ("LangSmithSmithDB", "LangSmithSandbox", "AgentgatewayBudget", "AgentgatewayAttribution")


@cache
def rules() -> Sequence[Rule]:
    """Recording rules first, then alerts: the order in which they see each other's results."""
    paths = sorted((REPOSITORY / "alerts").glob("*.rules.yaml"), key=lambda p: ".records." not in p.name)
    return [*load(path.read_text(encoding="utf-8") for path in paths), *off()]


def off() -> list[Rule]:
    """Return the alerts that are off by default and have cases nevertheless, as the generator makes them where they are on.

    What they read that is recorded there alone comes first.
    """
    return [rule for rule in load(_texts_with_off()) if _off(rule.name)]


def _off(name: str) -> bool:
    return name in PROVED or name.startswith(INSTALLATION_WIDE)


def off_groups() -> list[dict[str, Any]]:
    """Return the same alerts as the groups of a rule file; the names of the groups are no other file's."""
    found = [
        {**g, "name": f"{g['name']}_off", "rules": [r for r in g["rules"] if _off(r.get("alert") or r["record"])]}
        for g in groups(_texts_with_off())
    ]
    return [group for group in found if group["rules"]]


@cache
def _texts_with_off() -> tuple[str, ...]:
    catalogue = load_catalogue()
    off = tuple(name for name in PROVED if not name.startswith(PARTS))
    site = complete(Site(catalogue, replace(config.read(catalogue), enabled=off)))
    return tuple(
        text for path, text in FORMATS["files"].render(build(site)).items() if path.name.endswith(".rules.yaml")
    )


def alerts() -> list[str]:
    return [rule.name for rule in rules() if rule.alert]


def every_case() -> tuple[list[Case], str]:
    """All cases, or none and what is wrong with the files; a test of its own shows that."""
    try:
        return load_cases(load_catalogue(), alerts()), ""
    except CaseError as error:
        return [], str(error)


CASES, BROKEN = every_case()


def deviations(case: Case, got: dict[str, list[Firing]]) -> str:
    """Return what differs from what the case expects, one difference a line; empty when nothing does."""
    out = []
    for alert in case.quiet:
        out += [f"{alert} fires {shown(one)}" for one in got[alert]]
    for alert, (after, before) in case.fires.items():
        if not got[alert]:
            out.append(f"{alert} does not fire")
        for one in got[alert]:
            first, last = case.clears.get(alert, (0.0, math.inf))
            ends = one.until if one.until is not None else math.inf
            if not after <= one.start <= before:
                out.append(f"{alert} fires {shown(one)}, not within {after / 60:g}m..{before / 60:g}m")
            elif alert in case.clears and not first <= ends <= last:
                when = f"end within {first / 60:g}m..{last / 60:g}m" if first < math.inf else "go on to the end"
                out.append(f"{alert} fires {shown(one)}, and should {when}")
            elif not case.where.items() <= dict(one.labels).items():
                out.append(f"{alert} fires {shown(one)} elsewhere than on {dict(case.where)}")
    return "\n".join(out)


def shown(one: Firing) -> str:
    until = "the end" if one.until is None else f"{one.until / 60:.1f}m"
    return f"from {one.start / 60:.1f}m until {until} as {dict(one.labels)}"
