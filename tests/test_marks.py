"""Marks of what changed: what a real Prometheus gives of a history in which everything happens once, and nothing besides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from generator.boards.marks import marks
from generator.boards.variables import WIDE
from generator.config.site import Site
from generator.systems import SHIPPED
from testbed.servers import STALE, Prometheus, find, missing

#: Seconds between two scrapes, and two points of a board that shows six hours.
SCRAPE, STEP = 30, 60
MINUTE = 60
START = 1_700_000_000 // STEP * STEP
#: How long the history is.
LENGTH = 120 * MINUTE

#: What Grafana fills in: a step and a scrape, but four scrapes at least.
INTERVAL = "2m"


def shown(site: Site, system: str, *, fleet: bool = False) -> dict[str, dict[str, Any]]:
    made = marks(site, system, WIDE, fleet=fleet)
    return {one["name"]: one for one in made if isinstance(one, dict)}


@pytest.fixture(scope="module")
def server() -> Iterator[Prometheus]:
    found = find("prometheus", "oldest")
    if not found.path:
        missing(found.reason)
    assert found.path
    with Prometheus(found.path, history=True) as running:
        times = [START + SCRAPE * n for n in range(LENGTH // SCRAPE)]
        running.push(_history(times), times)
        yield running


def _history(times: list[int]) -> Iterator[tuple[dict[str, str], Any]]:
    """Yield four deployments: one restarts in place, one gets a version, one grows, and of one some scrapes fail."""
    yield from _process("restarts", times, starts={0: -999, 20: 1200})
    yield from _process("upgraded", times, instance="a", until=40, version="0.15.0")
    yield from _process("upgraded", times, instance="b", since=43, version="0.16.0", starts={0: 43 * MINUTE})
    yield from _process("grows", times, instance="a")
    yield from _process("grows", times, instance="b", since=60, starts={0: 60 * MINUTE})
    yield from _process("flaky", times, gaps=(80, 84))


def _process(
    deployment: str,
    times: list[int],
    *,
    instance: str = "a",
    since: int = 0,
    until: int = LENGTH,
    version: str = "0.16.0",
    starts: dict[int, int] | None = None,
    gaps: tuple[int, int] = (-1, -1),
) -> Iterator[tuple[dict[str, str], Any]]:
    """Yield `up`, the start time and the version of one process, from and until a minute, without scrapes that fail."""
    labels = {
        "deployment": deployment,
        "role": "api",
        "instance": instance,
        "system": "agent_server",
        "cluster": "c",
        "namespace": "n",
    }
    starts = starts or {0: -5000}
    up, clock, info = [], [], []
    for time in times:
        minute = (time - START) / MINUTE
        there, failed = since <= minute < until, gaps[0] <= minute < gaps[1]
        began = [second for at, second in starts.items() if at <= minute]
        after = STALE if minute >= until and minute < until + 1 else None
        up.append((0.0 if failed else 1.0) if there else after)
        clock.append(float(START + began[-1]) if there and not failed and began else STALE)
        info.append(1.0 if there and not failed else STALE)
    yield {"__name__": "up", **labels}, up
    yield {"__name__": "process_start_time_seconds", **labels}, clock
    yield {"__name__": "target_info", "api_version": version, **labels}, info


def asked(server: Prometheus, mark: dict[str, Any]) -> dict[str, set[int]]:
    """Return the minutes that are marked, by deployment, as Grafana takes them: a value above 0 is an event at its time."""
    expr = mark["expr"].replace("$__rate_interval", INTERVAL)
    for name in WIDE:
        expr = expr.replace(f'"${name}"', '".*"')
    assert "$" not in expr
    out: dict[str, set[int]] = {}
    for series in server.query_range(expr, START + 16 * MINUTE, START + LENGTH, STEP):
        for at, value in series.values.items():
            second = value / 1000 if mark.get("useValueForTime") else at
            if value > 0:
                out.setdefault(series.labels["deployment"], set()).add(round((second - START) / MINUTE))
    return out


@pytest.mark.real
def test_a_start_is_marked_at_its_own_time(server: Prometheus, site: Site) -> None:
    """In place and at a new address. A failed scrape marks what it brings back, which is outside of the board."""
    assert asked(server, shown(site, "agent_server")["Process start"]) == {
        "restarts": {20}, "upgraded": {43}, "grows": {60}, "flaky": {-83},
    }  # fmt: skip


@pytest.mark.real
def test_a_version_is_marked_once_it_is_there(server: Prometheus, site: Site) -> None:
    """Although nothing ran for three minutes in between; a scrape that fails makes no version new."""
    found = asked(server, shown(site, "agent_server")["New version"])

    assert found.keys() == {"upgraded"}
    assert min(found["upgraded"]) == 43
    assert max(found["upgraded"]) <= 46


@pytest.mark.real
def test_another_number_of_processes_is_marked(server: Prometheus, site: Site) -> None:
    """And not a scrape that fails."""
    found = asked(server, shown(site, "agent_server")["Scaling"])

    assert found.keys() <= {"grows", "upgraded"}
    assert min(found["grows"]) == 60
    assert max(found["grows"]) <= 62


@pytest.mark.parametrize("system", SHIPPED)
def test_every_system_marks_what_its_metrics_tell(site: Site, system: str) -> None:
    """agentgateway's page has no start time; of LangSight and LangSmith no version is told."""
    expected = {
        "agent_server": ["New version", "Process start", "Scaling"], "langsight": ["Process start", "Scaling"],
        "agentgateway": ["New version", "Scaling"], "langsmith": ["Scaling"],
    }  # fmt: skip

    found = [name for name in shown(site, system) if not name.startswith("Firing")]
    assert found == expected[system]


def test_marks_can_be_switched_off_and_are_off_where_something_always_changes(site: Site) -> None:
    for name, one in shown(site, "agent_server").items():
        assert (one["hide"], one["enable"]) == (False, True), name
    for name, one in shown(site, "agent_server", fleet=True).items():
        assert (one["hide"], one["enable"]) == (False, name.startswith("Firing")), name


def test_a_system_without_the_metric_has_no_mark_of_it(configured: Callable[[str], Site]) -> None:
    """Before 0.11 an Agent Server tells neither its version nor when it started."""
    found = shown(configured('systems: {agent_server: {versions: "0.10"}}\n'), "agent_server")

    assert [name for name in found if not name.startswith("Firing")] == ["Scaling"]


def test_all_systems_marks_alerts_alone(site: Site) -> None:
    """It has no graphs, and changes of all systems at once say nothing."""
    assert [*shown(site, "")] == ["Firing: critical", "Firing: warning"]
