"""Series of other teams are strong enough: rules that no matcher restricts to our targets fire on them, and ours do not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from generator.lint.expression import parsed, selectors
from generator.rules.rule import RECORD_PREFIX
from testbed.cases.proving import rules
from testbed.neighbours import SYSTEMS, beside
from testbed.replay import Replay
from testbed.rule_files import Rule, needed
from testbed.servers import Prometheus, find, missing

#: What holds a selector to our targets, to our rule groups or to our Alertmanager.
MATCHERS = re.compile(r'\b(?:system|rule_group|group|job)=~?"[^"]*"(?:, )?')

#: Alerts that would not fire on others, and why.
EXCUSED = {
    "AgentServerMetricPrefixMismatch": "asks for the scope that only an Agent Server has",
    "LangSmithNginxTrafficZero": "compares with last week",
    "LangSightNotReady": "asks for a process that answers, and theirs do not",
}

#: Alerts that anybody's target would silence, where there is none of ours. Cases have them fire beside others.
MISSING = {f"{first}TargetsMissing" for first, _ in SYSTEMS.values()}

#: They must have these names for the test to mean something.
ANYBODYS = {"up", "process_start_time_seconds", "pg_up", "redis_up", "nginx_up", ""}

#: None of our systems is down beside them.
OURS = [first for first, _ in SYSTEMS.values()]

SECONDS = 3 * 3600


def unrestricted(rule: Rule) -> Rule:
    """The rule as someone writes it who has Prometheus for himself."""
    return replace(rule, expr=MATCHERS.sub("", rule.expr).replace(", }", "}"))


def read_by(made: Sequence[Rule], alert: str) -> set[str]:
    """Names of the series of others that an alert reads, directly or through records."""
    found = {s.name for rule in needed(made, [alert]) for s in selectors(parsed(rule.expr))}
    return {name for name in found if not name.startswith(RECORD_PREFIX)}


@pytest.fixture
def server() -> Iterator[Prometheus]:
    found = find("prometheus", "newest")
    if not found.path:
        missing(found.reason)
    assert found.path
    with Prometheus(found.path, history=True) as running:
        yield running


def fired(server: Prometheus, made: Sequence[Rule], alerts: Sequence[str]) -> set[str]:
    """Alerts that fire where there is nobody of ours."""
    results = Replay(server, made).run(lambda start, offsets: beside([], start, offsets, OURS), SECONDS, alerts)
    return {alert for alert, found in results.items() if found}


def candidates() -> list[str]:
    """Alerts that read nothing but what others have."""
    names = {labels["__name__"] for labels, _ in beside([], 0, [0], OURS)} | {""}
    return [r.name for r in rules() if r.alert and r.expr != "vector(1)" and read_by(rules(), r.name) <= names]


@pytest.mark.real
def test_a_rule_without_its_matchers_fires_on_others(server: Prometheus) -> None:
    """Anyone who takes the matcher of the system away is told by the cases."""
    wanted = candidates()
    assert set().union(*(read_by(rules(), alert) for alert in wanted)) >= ANYBODYS

    found = fired(server, [unrestricted(rule) for rule in rules()], wanted)

    assert set(wanted) - found == {*EXCUSED, *MISSING}


@pytest.mark.real
def test_our_rules_are_silent_where_there_are_only_others(server: Prometheus) -> None:
    """Only that we have no target is told."""
    assert fired(server, rules(), candidates()) == MISSING
