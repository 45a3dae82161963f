"""The reference server against real Agent Servers: one driver, the same calls, two pages that must be of one kind.

`make test` takes one server of each era; `make matrix` those between them as well, which the reference server plays by its version.

Every difference that is allowed stands here with its reason; a difference that is gone fails too.
"""

from __future__ import annotations

import contextlib
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import pytest
import requests

from reference_server.agent_server import settings
from reference_server.agent_server.versions import era
from reference_server.scenarios.live import start
from testbed.agent_server import ERAS, AgentServer, drive, install, traffic
from testbed.agent_server.environments import BETWEEN, Release, pinned
from testbed.agent_server.server import SETTINGS, SLOTS
from testbed.exposition import Family, parse
from testbed.servers import missing

#: Labels whose values are anybody's: identifiers of a process.
FREE = {"service_instance_id"}

#: (era, family, what differs) to the reason. `*` stands for every family.
ALLOWED = {
    (
        "new",
        "target_info",
        "k8s_pod_name",
    ): "the simulation names its processes; the real server has HOSTNAME or nothing",
    ("new", "target_info", "host_id"): "the same label before 0.14.0",
    ("new", "lg_api_stream_publish_latency", "stream_event_type"): "a run's event types are the workload's mix",
    ("new", "lg_api_stream_data_size_bytes", "stream_event_type"): "a run's event types are the workload's mix",
}

#: Starts of the real server: about every sixth 0.10.3 counts one answered `cancel?wait=1` otherwise than as 200, and
#: then the driver waits in vain. The reference server gets one.
TRIES = 3

#: How long the driver waits for the page to show everything; gauges here follow within a second.
SHOW_SECONDS = 12

#: Requests of the probe: what is asked besides `drive`, and compared as status and JSON keys.
PROBES: tuple[tuple[str, str, object], ...] = (
    ("GET", "/ok", None),
    ("GET", "/ok?check_db=1", None),
    ("GET", "/ok?check_db=x", None),
    ("GET", "/", None),
    ("GET", "/info", None),
    ("POST", "/info", None),
    ("POST", "/metrics", None),
    ("GET", "/metrics?format=xml", None),
    ("OPTIONS", "/threads", None),
    ("PROPFIND", "/threads", None),
    ("HEAD", "/assistants/none", None),
    ("GET", "/threads/none", None),
    ("GET", "/threads/00000000-0000-4000-8000-000000000000", None),
    ("GET", "/no/such/page", None),
    ("POST", "/runs/wait", {}),
    ("POST", "/runs/wait", {"assistant_id": "agent", "input": {"act": "succeed"}}),
)


class Seen(NamedTuple):
    """What one server showed."""

    page: dict[str, Family]
    kind: str
    table: dict[str, Any]
    answers: list[tuple[str, int, Any]]


def look(url: str) -> Seen:
    answers = []
    for method, path, body in PROBES:
        answer = requests.request(method, url + path, json=body, timeout=30)
        answers.append((f"{method} {path}", answer.status_code, shape(answer)))
    driven = drive(url)
    kind = requests.get(f"{url}/metrics", timeout=10).headers["content-type"]
    table = requests.get(f"{url}/metrics?format=json", timeout=10).json()
    return Seen(parse(driven.page), kind, table, answers)


def shape(answer: requests.Response) -> Any:
    """Keys of a JSON object; the content type of anything else."""
    try:
        found = answer.json()
    except ValueError:
        return answer.headers.get("content-type", "").partition(";")[0]
    return sorted(found) if isinstance(found, dict) else type(found).__name__


def real(release: Release) -> Seen:
    found = install(release)
    if not found.path:
        missing(found.reason)
    for _ in range(TRIES - 1):
        with contextlib.suppress(TimeoutError), AgentServer(release) as server:
            return look(server.url)
    with AgentServer(release) as server:
        return look(server.url)


def ours(version: str) -> Seen:
    environment = {**SETTINGS, "N_JOBS_PER_WORKER": str(SLOTS), "AGENT_REFERENCE_VERSION": version}
    flags = {"runtime": "inmem", "scenario": "idle"}
    with start(settings.read(flags, environment)) as server:
        return look(server.url)


@pytest.fixture(
    scope="module", params=[*ERAS, *(pytest.param(release, marks=pytest.mark.matrix) for release in BETWEEN)]
)
def seen(request: pytest.FixtureRequest) -> tuple[str, Seen, Seen]:
    """Both servers of a version after the same calls: the real one, then ours."""
    version = pinned(request.param, "langgraph-api")
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as pool:
        patch.setattr(traffic, "SHOW_SECONDS", SHOW_SECONDS)
        theirs, own = pool.submit(real, request.param), pool.submit(ours, version)
        return era(version), theirs.result(), own.result()


def differences(theirs: Family, own: Family) -> set[str]:
    """What differs between two families of one name: `type`, `help`, `labels`, `edges`, or a label's name."""
    found = {word for word in ("type", "help") if getattr(theirs, word) != getattr(own, word)}
    if theirs.edges() != own.edges():
        found.add("edges")
    names = [{(s.name, frozenset(s.labels)) for s in family.samples} for family in (theirs, own)]
    if names[0] != names[1]:
        found.add("labels")
    labels = {label for s in (*theirs.samples, *own.samples) for label in s.labels} - FREE - {"le"}
    return found | {label for label in labels if theirs.values(label) != own.values(label)}


@pytest.mark.real
def test_pages_have_the_same_families_types_labels_values_and_edges(seen: tuple[str, Seen, Seen]) -> None:
    """Family by family; HELP, label names and values, edges and their spelling included."""
    name, theirs, own = seen

    assert theirs.page.keys() - own.page.keys() == set()
    assert own.page.keys() - theirs.page.keys() == set()
    found = {(name, one, what) for one in theirs.page for what in differences(theirs.page[one], own.page[one])}
    there = {(name, one, label) for one, family in theirs.page.items() for s in family.samples for label in s.labels}
    assert found == ALLOWED.keys() & there


@pytest.mark.real
def test_counts_of_requests_and_runs_are_the_same(seen: tuple[str, Seen, Seen]) -> None:
    """The same calls give the same numbers: requests by label set, attempts and their ends, lost events.

    Emitted events are left out: the real server has one more `values`, after the end of a run that waits for an answer.
    """
    _, theirs, own = seen
    counters = [
        "http_requests_total", "run_attempt_started_counter_total", "run_success_counter_total",
        "run_failed_after_retry_counter_total", "run_failed_retriable_counter_total",
        "run_canceled_by_request_counter_total", "run_exceed_max_attempts_at_start_counter_total",
        "graph_recursion_limit_error_counter_total", "protocol_v2_buffer_evicted_counter_total",
        "protocol_v2_resume_gap_counter_total", "server_started_counter_total",
    ]  # fmt: skip
    for counter in (f"lg_api_{name}" for name in counters):
        if counter not in theirs.page:
            continue
        numbers = [polled_apart(family) for family in (theirs.page[counter], own.page[counter])]
        assert numbers[0] == numbers[1], counter


def polled_apart(family: Family) -> dict[frozenset[tuple[str, str]], float]:
    """Values by label set, without the one route that `drive` asks until a run has started."""
    asked = ("path", "/threads/{thread_id}/runs/{run_id}")
    return {frozenset(s.labels.items()): s.value for s in family.samples if asked not in s.labels.items()}


@pytest.mark.real
def test_json_pages_have_the_same_keys(seen: tuple[str, Seen, Seen]) -> None:
    """Also their order, and the types of what they hold."""
    _, theirs, own = seen

    def keys(table: Any) -> Any:
        if isinstance(table, dict):
            return {key: keys(value) for key, value in table.items()}
        return type(table).__name__

    assert json.dumps(keys(theirs.table)) == json.dumps(keys(own.table))
    assert [list(t["api"]["http_requests_total"][0]) for t in (theirs.table, own.table)] == [
        ["method", "path", "status", "count"]
    ] * 2


@pytest.mark.real
def test_answers_and_content_types_are_the_same(seen: tuple[str, Seen, Seen]) -> None:
    """Probes, mistakes and one run: the same status and the same keys; the page has the same content type."""
    _, theirs, own = seen

    assert theirs.kind == own.kind
    assert theirs.answers == own.answers
