"""Every alert on the oldest and the newest Prometheus: it fires when it must, and hard histories leave it silent."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from generator import alerts as topics
from generator import config
from generator.bundle import build
from generator.catalogue import load as load_catalogue
from generator.render import FORMATS
from generator.site import Site, complete
from generator.units import seconds
from tests.replay import Firing, Replay, Rule, load
from tests.rules.cases import FOLDER, Case, CaseError
from tests.rules.cases import load as load_cases
from tests.servers import Prometheus, find, missing
from tests.servers.remote_write import History
from tests.strangers import beside

from .conftest import ROOT

#: What a version of Prometheus does differently is found here, not at night.
TESTED = ("oldest", "newest")


#: Alerts that are off by default, and whose cases are here.
PROVED = (
    "LangSightHealthCheckFailing", "LangSightHealthMetricMissing", "LangSightNotReady", "LangSmithSmithDBFlushFailures",
    "LangSmithSmithDBObjectStoreErrors", "LangSmithSmithDBCompactionFailures", "LangSmithSmithDBFanoutLimit",
    "LangSmithSandboxLeaseStale", "LangSmithSandboxLeaseLost", "LangSmithSandboxCpuCommitted", "LangSmithSandboxMemoryCommitted",
)  # fmt: skip

#: What the names of those begin with that come with a part, and need no more than its roles.
PARTS = ("LangSmithSmithDB", "LangSmithSandbox")


@cache
def rules() -> Sequence[Rule]:
    """Recording rules first, then alerts: the order in which they see each other's results."""
    paths = sorted((ROOT / "alerts").glob("*.rules.yaml"), key=lambda p: ".records." not in p.name)
    return [*load(path.read_text(encoding="utf-8") for path in paths), *off()]


def off() -> list[Rule]:
    """Alerts that are off by default and have cases nevertheless, as the generator makes them where they are on."""
    catalogue = load_catalogue()
    off = tuple(name for name in PROVED if not name.startswith(PARTS))
    site = complete(Site(catalogue, replace(config.read(catalogue), enabled=off)))
    made = load(text for path, text in FORMATS["files"](build(site)).items() if path.name.endswith(".rules.yaml"))
    return [rule for rule in made if rule.name in PROVED]


def alerts() -> list[str]:
    return [rule.name for rule in rules() if rule.alert]


def every_case() -> tuple[list[Case], str]:
    """All cases, or none and what is wrong with the files; a test of its own shows that."""
    try:
        return load_cases(load_catalogue(), alerts()), ""
    except CaseError as error:
        return [], str(error)


CASES, BROKEN = every_case()


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


def told(case: Case, got: dict[str, list[Firing]]) -> str:
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
    )

    assert told(case, got) == "", f"{case.path}:{case.line}: {case.name}"


def test_the_case_files_are_sound() -> None:
    """Every alert, series, label, edge and value that a case names exists."""
    assert BROKEN == ""


def test_there_is_one_case_file_per_topic() -> None:
    """A topic's cases are found by its name."""
    stems = {topic.__name__.rpartition(".")[2] for topic in topics.TOPICS}

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
