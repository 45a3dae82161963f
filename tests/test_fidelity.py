"""Every fault fires what it must, in time; every benign situation pages nobody: all scenarios through all rules."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from reference_server.core.scenario import Expectation
from reference_server.scenarios import library as scenarios
from testbed.fidelity import Verdict, about, judge, newest, played, run, spread
from testbed.fidelity.installation import rules
from testbed.replay import Firing, Replay, Server

from .conftest import ROOT

#: Scenarios by the first letter of their ids: faults system by system, benign cases, busy, calm and documented.
SHIPPED = {"F": 33, "L": 12, "G": 12, "S": 12, "B": 25, "b": 1, "c": 1, "d": 1}

#: Hours more for faults of which one would expect that an alert takes them for what is usual by then: those whose alerts
#: compare with a past that has the fault in it, or ask for growth.
LONG = {"F27": 3.0, "G05": 6.0, "G08": 6.0, "L05": 6.0, "S02": 6.0, "S03": 6.0}


#: Versions that run somewhere and are not the newest: each with another page.
OLDER = (
    ("agent_server", "0.9.1"), ("agent_server", "0.12.12"), ("agent_server", "0.16.0"),
    ("agentgateway", "0.12.0"), ("agentgateway", "1.0.0"), ("agentgateway", "1.2.1"),
)  # fmt: skip


@pytest.fixture
def server() -> Iterator[Server]:
    """The newest Prometheus, taking any past."""
    with newest() as (running, _):
        yield running


def verdicts(server: Server, *ids: str, thresholds: dict[str, float]) -> dict[str, Verdict]:
    wanted = [s for s in scenarios.shipped() if s.id in ids]
    return {v.scenario: v for v, _ in run(wanted, server, thresholds=thresholds)}


@pytest.mark.real
def test_all_faults_are_caught_and_no_page_is_false() -> None:
    """The whole matrix: nothing missed, nothing false, and no trouble outlasts the alerts on it."""
    found = {v.scenario: v for v, _ in spread(scenarios.shipped())}

    rows = re.findall(
        r"^\| (\w+) \| .*? \| (.*?) \|", (ROOT / "docs" / "fidelity.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    documented = {n: set(re.findall(r"\w+(?= \()", text)) for n, text in rows if n in found}
    assert documented == {n: set(v.caught) for n, v in found.items()}
    assert {n: (v.missed, v.false) for n, v in found.items() if v.missed or v.false} == {}
    assert {n: v.lapsed for n, v in found.items() if v.lapsed} == {}
    assert Counter(n[0] for n in found) == SHIPPED


@pytest.mark.real
@pytest.mark.matrix
def test_no_trouble_that_lasts_for_hours_outlasts_its_alerts() -> None:
    """What comes to be usual is told of all the same."""
    found = {v.scenario: v for v, _ in spread(map(scenarios.find, LONG), hours=LONG)}

    assert {n: (v.missed, v.false, v.lapsed) for n, v in found.items() if v.missed or v.false or v.lapsed} == {}
    assert {n for n in LONG if min(found[n].told) > LONG[n] * 3600} == LONG.keys()


@pytest.mark.matrix
@pytest.mark.parametrize(("system", "version"), OLDER)
def test_older_versions_are_told_of_as_the_newest_is(system: str, version: str) -> None:
    """Every scenario of the system, with processes and an installation of that version: what its page lacks is left out by name."""
    wanted = list(scenarios.shipped(system))
    found = {v.scenario: v for v, _ in spread(wanted, fleet=((system, version),))}

    assert len(found) == len(wanted)
    assert {n: (v.missed, v.false) for n, v in found.items() if v.missed or v.false} == {}
    assert {n: v.lapsed for n, v in found.items() if v.lapsed} == {}
    assert sum(bool(v.caught) for v in found.values()) > len(wanted) // 4


@pytest.mark.real
def test_a_rule_that_is_too_dull_misses_its_fault(server: Server) -> None:
    """The matrix can fail: a limit beyond reach is told as a miss."""
    found = verdicts(server, "F10", thresholds={"pg_pool_errors": 1_000_000})

    assert found["F10"].missed == ("AgentServerPgPoolErrors",)


@pytest.mark.real
def test_a_rule_that_is_too_keen_is_false_on_an_ordinary_day(server: Server) -> None:
    """The matrix can fail the other way too."""
    found = verdicts(server, "calm", thresholds={"pg_pool_used": 0.0})

    assert found["calm"].false == ("AgentServerPgPoolNearlyFull",)


@pytest.mark.real
@pytest.mark.parametrize("scenario", ["F33", "G09"])
def test_series_that_no_rule_reads_change_no_result(server: Server, scenario: str) -> None:
    """Plays leave them out; every expression is true at the same times with them."""
    every, alerts = rules((), ())
    plan = scenarios.find(scenario)
    own = about(plan, alerts)
    replay, found = Replay(server, every), []
    for unread in (True, False):
        replay.run(played(plan, own), plan.duration, own, unread=unread)
        found.append({n: {labels: set(at) for labels, at in got.items()} for n, got in replay.results.items()})
        replay.results.clear()

    assert found[0] == found[1]
    assert found[1].keys() == own
    assert {e.alert for e in plan.fire} <= {name for name, got in found[1].items() if got}


@pytest.mark.parametrize(
    ("first", "second", "covered", "lapsed"),
    [
        ([Firing(1500, None)], [], (5700.0,), ()),
        ([Firing(1500, 3000)], [Firing(2000, None)], (5700.0,), ()),
        ([Firing(1500, 3000)], [Firing(3030, None)], (5700.0,), ()),
        ([Firing(1500, 3000)], [Firing(3300, None)], (5400.0,), ((3000, 3300),)),
        ([Firing(1500, 3000), Firing(5000, 5400)], [], (1900.0,), ((3000, 5000), (5400, 7200))),
        ([Firing(1500, 7180)], [], (5700.0,), ()),
        ([Firing(600, 900)], [], (), ()),
    ],
    ids=["to the end", "by turns", "a round apart", "with a break", "twice", "a round before the end", "before it"],
)
def test_a_trouble_that_goes_on_without_an_alert_is_a_lapse(
    first: list[Firing], second: list[Firing], covered: tuple[float, ...], lapsed: tuple[tuple[float, float], ...]
) -> None:
    """From the first alert to the end of the trouble one of its alerts fires; whether there is one at all is another figure."""
    alerts = tuple(Expectation(name, within=900, since=1200, until=7200) for name in ("First", "Second"))
    scenario = replace(next(iter(scenarios.shipped())), duration=9000, fire=alerts)

    verdict = judge(scenario, {"First": first, "Second": second}, {"First": "critical", "Second": "warning"})

    assert (verdict.told, verdict.lapsed) == (covered, lapsed)


def test_a_trouble_that_is_over_owes_nothing() -> None:
    """An alert on what lasted for two minutes fires when it does."""
    alerts = (Expectation("First", within=900, since=1200, until=1320),)
    scenario = replace(next(iter(scenarios.shipped())), duration=9000, fire=alerts)

    verdict = judge(scenario, {"First": [Firing(1500, 1800)]}, {"First": "warning"})

    assert (verdict.caught, verdict.told, verdict.lapsed) == (("First",), (), ())
