"""Every alert on the oldest and the newest Prometheus: it fires when it must, and hard histories leave it silent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from generator.config.site import Site
from generator.systems import registry
from generator.units import seconds
from testbed.cases.case import Case
from testbed.cases.proving import BROKEN, CASES, alerts, deviations, rules
from testbed.cases.reading import FOLDER
from testbed.neighbours import beside
from testbed.replay import Replay
from testbed.servers import Prometheus, find, missing
from testbed.servers.remote_write import History

from .conftest import ROOT

#: What a version of Prometheus does differently is found here, not at night.
TESTED = ("oldest", "newest")


def parameters() -> Iterator[object]:
    for case in CASES:
        name = f"{Path(case.path).stem}: {case.name}"
        wrong = [pytest.mark.xfail(strict=True, reason=case.known_wrong, raises=AssertionError)]
        yield pytest.param(case, id=re.sub(r"[^\w.:]+", "-", name), marks=wrong if case.known_wrong else ())


@pytest.fixture(scope="module", params=TESTED)
def replay(request: pytest.FixtureRequest) -> Iterator[tuple[Replay, int, bool]]:
    """One server for all cases of a version, its major version, and whether nobody else's series are there."""
    found = find("prometheus", request.param)
    if not found.path:
        missing(found.reason)
    assert found.path
    with Prometheus(found.path, history=True) as server:
        version = server.get("/api/v1/status/buildinfo")["version"]
        yield Replay(server, rules()), int(version.partition(".")[0]), request.param == "oldest"


@pytest.mark.real
@pytest.mark.parametrize("case", list(parameters()))
def test_alerts_fire_when_they_must_and_not_otherwise(case: Case, replay: tuple[Replay, int, bool]) -> None:
    """One history: which alerts fire, from when, until when. On the newest Prometheus others are there too, on the oldest none."""
    runner, major, alone = replay

    def history(start: float, offsets: Sequence[float]) -> Iterator[History]:
        own = case.history(start, offsets, major)
        return own if alone else beside(own, start, offsets, case.alerts)

    got = runner.run(
        history,
        case.duration,
        case.alerts,
        scrape=case.scrape,
        outages=case.outages,
        unread=False,
    )

    assert deviations(case, got) == "", f"{case.path}:{case.line}: {case.name}"


def test_the_case_files_are_sound() -> None:
    """Every alert, series, label, edge and value that a case names exists."""
    assert BROKEN == ""


def test_there_is_one_case_file_per_topic(site: Site) -> None:
    """A topic's cases are found by its name."""
    stems = {topic.stem for topic in registry.topics(site)}

    assert {path.stem for path in FOLDER.glob("*.yaml")} == stems


def matrix() -> str:
    """How many cases fire each alert and how many leave it quiet, with an x where the rule is known to fail."""
    lines = [f"{'alert':44} fires quiet known wrong"]
    for alert in alerts():
        fires = [c for c in CASES if alert in c.fires]
        quiet = [c for c in CASES if alert in c.quiet]
        wrong = sum(bool(c.known_wrong) for c in (*fires, *quiet))
        lines.append(f"{alert:44} {len(fires) or '-':5} {len(quiet) or '-':5} {wrong or '':11}".rstrip())
    return "\n".join(lines)


def test_every_alert_has_a_firing_and_a_quiet_case() -> None:
    """An alert that no history fires may never fire; one that no history keeps quiet may always do."""
    print(matrix())
    never_quiet = {"ObservabilityWatchdog"}

    lacks = [a for a in alerts() if not any(a in c.fires for c in CASES)]
    lacks += [a for a in alerts() if a not in never_quiet and not any(a in c.quiet for c in CASES)]

    assert lacks == [], f"\n{matrix()}"


def groups() -> list[dict[str, Any]]:
    texts = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "alerts").glob("*.rules.yaml"))]
    return [group for text in texts for group in yaml.safe_load(text)["groups"]]


def test_a_floor_that_counts_evaluations_knows_how_far_they_are_apart() -> None:
    """`30 * sum_over_time(rate)` is a number of events only where the group that records the rate says 30 s."""
    counted = {
        name
        for rule in rules()
        for factor, name in re.findall(r"\((\d+) \* sum by [^(]*\([^)]*\) \(sum_over_time\(([\w:]+)", rule.expr)
        if factor
    }

    assert counted
    assert [
        g["name"] for g in groups() if "interval" not in g and counted & {r.get("record") for r in g["rules"]}
    ] == []


def test_recorded_series_do_not_go_stale_between_two_evaluations() -> None:
    """Prometheus takes a sample of five minutes ago for gone: what is recorded more seldom is read over a range alone."""
    seldom = [r["record"] for g in groups() if seconds(g.get("interval", "30s")) >= 300 for r in g["rules"]]

    read = [m for rule in rules() for name in seldom for m in re.findall(rf"{name}(?:\{{[^}}]*\}})?(.)", rule.expr)]
    assert read
    assert set(read) == {"["}
    assert not [path.name for path in (ROOT / "dashboards").glob("*.json") if set(seldom) & set(_names(path))]


def _names(path: Path) -> list[str]:
    return re.findall(r"[\w:]+:[\w:]+", path.read_text(encoding="utf-8"))
