"""Every fault fires what it must, in time; every benign situation pages nobody: all scenarios through all rules."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import pytest

from reference_server import scenarios
from tests.fidelity import Verdict, newest, run, spread
from tests.replay import Server

from .conftest import ROOT

#: Scenarios by the first letter of their ids: faults system by system, benign cases, busy, calm and documented.
SHIPPED = {"F": 30, "L": 7, "G": 10, "S": 7, "B": 24, "b": 1, "c": 1, "d": 1}


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
    """The whole matrix: nothing missed, nothing false."""
    found = {v.scenario: v for v, _ in spread(scenarios.shipped())}

    rows = re.findall(
        r"^\| (\w+) \| .*? \| (.*?) \|", (ROOT / "docs" / "fidelity.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    documented = {n: set(re.findall(r"\w+(?= \()", text)) for n, text in rows if n in found}
    assert documented == {n: set(v.caught) for n, v in found.items()}
    assert {n: (v.missed, v.false) for n, v in found.items() if v.missed or v.false} == {}
    assert Counter(n[0] for n in found) == SHIPPED


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
