"""Several servers under one deployment's name are told; one server, however many processes it has, is not."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import pytest

from generator.bundle import build
from generator.catalogue import Catalogue
from generator.config import read
from generator.config.site import Site
from generator.validate import prepared
from generator.validate.deployments import mixed
from generator.validate.prepare import Options
from generator.validate.verdict import Verdict
from testbed.servers import Prometheus, find, missing
from testbed.servers.remote_write import History

pytestmark = pytest.mark.real

PENDING, INFO = "lg_api_num_pending_runs", "target_info"
TIMES = 81
STEP_SECONDS = 30.0


def of(name: str, deployment: str, instance: str, values: Sequence[float | None], **further: str) -> History:
    labels = {"__name__": name, "system": "agent_server", "deployment": deployment, "role": "api", "instance": instance}
    return ({**labels, **further}, values)


def ticks(offset: int) -> list[float | None]:
    """A backlog that comes and goes, as a process reads it every other scrape."""
    backlog = [float(7 + (i % 13) * 3) for i in range(TIMES)]
    return [backlog[max(0, i - (i + offset) % 2)] for i in range(TIMES)]


@pytest.fixture(scope="module")
def verdicts(catalogue: Catalogue) -> Iterator[dict[str, Verdict]]:
    """What is said of forty minutes of some deployments."""
    found = find("prometheus", "newest")
    if not found.path:
        missing(found.reason)
    now = time.time()
    steady: list[float | None] = [1.0] * TIMES
    idle: list[float | None] = [0.0] * TIMES
    grows: list[float | None] = [40.0 + i for i in range(TIMES)]
    series = [
        of("up", "merged", "fleet-1", steady),
        of(PENDING, "merged", "fleet-1", grows, namespace="langsmith"),
        of(PENDING, "merged", "polly-1", idle, namespace="langsmith"),
        of(PENDING, "merged", "fleet-1", grows, namespace="elsewhere"),
        of(PENDING, "one", "a", ticks(0)),
        of(PENDING, "one", "b", ticks(1)),
        of(PENDING, "idle", "a", idle),
        of(PENDING, "idle", "b", idle),
        of(PENDING, "rolled", "before", [*grows[:30], *[None] * (TIMES - 30)]),
        of(PENDING, "rolled", "after", [*[None] * 30, *grows[30:]]),
        of(INFO, "platform", "a", steady, project_id="p1"),
        of(INFO, "platform", "b", steady, project_id="p2"),
        of(INFO, "half", "a", steady, project_id="p1"),
        of(INFO, "half", "b", steady),
        of(INFO, "same", "a", steady, project_id="p1"),
        of(INFO, "same", "b", steady, project_id="p1"),
    ]
    assert found.path
    with Prometheus(found.path, history=True) as server:
        server.push(series, [now - STEP_SECONDS * (TIMES - 1 - i) for i in range(TIMES)])
        bundle = build(Site(catalogue, read(catalogue)))
        with prepared(bundle, Options(server.url), lambda _: None) as context:
            yield {v.item: v for v in mixed(context)}


def test_a_deployment_of_two_databases_is_told(verdicts: dict[str, Verdict]) -> None:
    """One has a backlog that grows, the other is idle: together they look like one that copes."""
    found = verdicts["agent_server deployment merged in langsmith"]

    assert found.state == "warning"
    assert found.why == (
        f"two of its processes did not agree on {PENDING} once in 30 minutes, which has one value in a database: "
        "several servers have this name, or a process reads no more"
    )
    assert "deployment_label" in found.fix


def test_a_deployment_of_two_projects_is_told(verdicts: dict[str, Verdict]) -> None:
    """At once, where the servers know their project."""
    found = verdicts["agent_server deployment platform"]

    assert found.why == "its processes have more than one project_id: several servers have this name"


def test_processes_of_one_database_are_one_deployment(verdicts: dict[str, Verdict]) -> None:
    """They read at different times; some are new, some are gone; of idle ones nothing can be said."""
    assert set(verdicts) == {"agent_server deployment merged in langsmith", "agent_server deployment platform"}
