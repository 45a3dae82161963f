"""A whole scenario over HTTP: every process has its page, discovery follows, and time can be told by the wall."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import requests

from reference_server.agent_server import settings
from reference_server.core.serve import Running, bind
from reference_server.scenarios.ensemble import Ensemble
from reference_server.scenarios.ensemble_app import EnsembleApp
from testbed.exposition import Family, parse
from testbed.servers import wait_until


class Stage:
    """A whole scenario whose clock the test moves."""

    def __init__(self, scenario: str, scale: float = 60) -> None:
        self.seconds = 1000.0
        self.scale = scale
        own = settings.read({"scenario": scenario, "time_scale": str(scale), "whole": "true"}, {})
        self.ensemble = Ensemble(own, wall=lambda: self.seconds)

    def play(self, minutes: float) -> None:
        """Let virtual time pass, in steps that the pace's budget allows: the server's own thread follows the clock."""
        until = self.ensemble.elapsed_seconds + 60 * minutes
        while (left := until - self.ensemble.elapsed_seconds) > 0:
            self.seconds += min(60.0, left) / self.scale
            wait_until(
                lambda: self.ensemble.now >= self.ensemble.clock.now(), what="the server to follow", limit_seconds=30
            )


def targets(running: Running) -> dict[str, Mapping[str, str]]:
    groups: list[dict[str, Any]] = requests.get(f"{running.url}/targets", timeout=5).json()
    assert {tuple(g["targets"]) for g in groups} <= {(running.url.removeprefix("http://"),)}
    return {f"{g['labels']['deployment']} {g['labels']['instance']}": g["labels"] for g in groups}


def page(running: Running, labels: Mapping[str, str]) -> dict[str, Family]:
    answer = requests.get(running.url + labels["__metrics_path__"], timeout=5)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=1.0.0; charset=utf-8"
    return parse(answer.text)


@pytest.fixture
def stage(request: pytest.FixtureRequest) -> Iterator[tuple[Stage, Running]]:
    """A scenario, by its id, and its server."""
    made = Stage(request.param)
    with Running(EnsembleApp(made.ensemble), bind("127.0.0.1", 0)) as running:
        yield made, running


@pytest.mark.parametrize("stage", ["F16"], indirect=True)
def test_a_tier_that_is_scaled_to_nothing_leaves_discovery_and_its_pages_are_gone(stage: tuple[Stage, Running]) -> None:
    """Four targets, each with its own role's page; then the queue's two are nowhere."""
    played, running = stage
    before = targets(running)
    assert sorted(before) == ["demo api-0:8000", "demo api-1:8000", "demo queue-0:8000", "demo queue-1:8000"]
    assert "lg_api_workers_max" not in page(running, before["demo api-0:8000"])
    played.play(2)
    assert page(running, before["demo queue-1:8000"])["lg_api_workers_max"].total() == 10

    played.play(25)

    assert sorted(targets(running)) == ["demo api-0:8000", "demo api-1:8000"]
    removed = running.url + before["demo queue-0:8000"]["__metrics_path__"]
    assert requests.get(removed, timeout=5).status_code == 404


@pytest.mark.parametrize("stage", ["F28"], indirect=True)
def test_every_deployment_of_a_scenario_is_there(stage: tuple[Stage, Running]) -> None:
    """Of one only the API processes are found, of the other only the queue processes."""
    assert sorted(targets(stage[1])) == [
        "api-only api-0:8000",
        "api-only api-1:8000",
        "queue-only queue-0:8000",
        "queue-only queue-1:8000",
    ]


@pytest.mark.parametrize("stage", ["F26"], indirect=True)
def test_a_target_that_cannot_be_reached_stays_and_fails(stage: tuple[Stage, Running]) -> None:
    """Discovery still has it; its page does not come, the others do; later discovery finds nothing."""
    played, running = stage
    played.play(16)
    found = targets(running)
    status = {
        name: requests.get(running.url + labels["__metrics_path__"], timeout=5).status_code
        for name, labels in found.items()
    }
    assert status == {"demo api-0:8000": 200, "demo api-1:8000": 200, "demo queue-0:8000": 200, "demo queue-1:8000": 503}  # fmt: skip

    played.play(34)

    assert targets(running) == {}


@pytest.mark.parametrize("stage", ["B04"], indirect=True)
def test_start_times_are_told_by_the_wall_and_stay_for_a_life(stage: tuple[Stage, Running]) -> None:
    """A process that has run for an hour of a clock sixty times as fast started a minute ago; a restart is now."""
    played, running = stage
    own = targets(running)["demo api-0:8000"]

    def started() -> float:
        return page(running, own)["process_start_time_seconds"].total()

    first = started()
    assert time.time() - first == pytest.approx(60, abs=15)
    played.play(15)
    assert started() == first

    played.play(45)

    # The test's clock ran ahead of the wall; a start lies between now and the hour that was played.
    assert first + 50 < started() < time.time() + 5


@pytest.mark.parametrize("stage", ["calm"], indirect=True)
def test_the_scenario_and_how_far_it_is(stage: tuple[Stage, Running]) -> None:
    """GET tells, POST switches and begins anew, and only a shipped one."""
    played, running = stage
    where = f"{running.url}/scenario"
    played.play(10)
    answer = requests.get(where, timeout=5).json()
    assert (answer["scenario"], answer["elapsed_seconds"]) == ("calm", pytest.approx(600, abs=30))

    assert requests.post(where, json={"scenario": "f28"}, timeout=5).json() == {
        "scenario": "F28",
        "title": "Only one tier is scraped",
        "elapsed_seconds": 0.0,
    }
    assert requests.post(where, json={"scenario": "../x"}, timeout=5).status_code == 400
    assert requests.post(where, json={"scenario": "nothing"}, timeout=5).status_code == 404
    assert len(targets(running)) == 4


@pytest.mark.parametrize("stage", ["F13"], indirect=True)
def test_a_scrape_takes_as_long_as_the_scenario_says(stage: tuple[Stage, Running]) -> None:
    """Blocking code holds the page for seconds of virtual time, an Nth of it on the wall."""
    played, running = stage
    played.play(21)
    begun = time.monotonic()
    codes = {
        requests.get(running.url + one["__metrics_path__"], timeout=5).status_code for one in targets(running).values()
    }
    assert codes <= {200, 503}
    assert time.monotonic() - begun > 5 / played.scale


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/processes/demo/nobody:1/metrics", 404), ("GET", "/processes/x/api-0:8000/metrics", 404),
     ("POST", "/targets", 405), ("GET", "/x", 404), ("GET", "/ok", 200), ("DELETE", "/scenario", 405)],
)  # fmt: skip
@pytest.mark.parametrize("stage", ["calm"], indirect=True)
def test_other_paths_get_a_clean_answer(stage: tuple[Stage, Running], method: str, path: str, status: int) -> None:
    """No such process, no such path, no such method."""
    assert requests.request(method, stage[1].url + path, timeout=5).status_code == status


def test_its_clock_runs_by_itself() -> None:
    """Nobody needs to ask for time to pass."""
    own = settings.read({"scenario": "calm", "time_scale": "600"}, {})
    app = Ensemble(own)
    with Running(EnsembleApp(app), bind("127.0.0.1", 0)):
        wait_until(lambda: app.elapsed_seconds > 60, what="a virtual minute", limit_seconds=20)
