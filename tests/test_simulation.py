"""The metrics agree with what happened, whatever happens; and the same seed gives the same bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.catalogue import load
from reference_server.agent_server.run_queue import RUNNING
from reference_server.agent_server.simulation import Deployment, SimulationError
from reference_server.agent_server.workload import Autoscale, Kind, Topology, Workload

MINUTE = 60.0

#: Not a fixture: hypothesis would print all of it.
METRICS = load().systems["agent_server"].metrics

SHARES = st.floats(0, 0.1)
KINDS = st.builds(
    Kind,
    seconds=st.floats(0.1, 60),
    spread=st.floats(0, 1),
    threads=st.integers(0, 4),
    route=st.sampled_from(["background", "wait", "stream"]),
    after=st.floats(0, 120),
    errors=SHARES,
    recursion=SHARES,
    retriable=SHARES,
    hangs=SHARES,
    interrupted=SHARES,
    rolled_back=SHARES,
    events=st.integers(0, 40),
    viewers=st.integers(0, 2),
)
WORKLOADS = st.builds(
    Workload,
    http_rps=st.floats(0, 2),
    runs_per_minute=st.floats(0, 60),
    kinds=st.dictionaries(st.sampled_from("abc"), KINDS, min_size=1, max_size=2),
    cut_seconds=st.sampled_from([0.0, 30.0]),
    sleeps_per_hour=st.sampled_from([0.0, 60.0]),
)
TOPOLOGIES = st.builds(
    Topology,
    api=st.integers(1, 2),
    queue=st.integers(1, 3),
    slots=st.integers(1, 5),
    job_timeout=st.floats(5, 600),
    tier=st.integers(1, 4),
    buffer_events=st.integers(1, 50),
)
FAULTS = st.sampled_from(
    [
        {"faults": {"postgres": "down"}},
        {"faults": {"postgres": "ok", "wedged": False, "fetch_failures": 0.0, "pubsub": "ok"}},
        {"faults": {"wedged": True}},
        {"faults": {"fetch_failures": 0.7}},
        {"faults": {"pubsub": "down"}},
        {"faults": {"pubsub": "ok"}},
        {"faults": {"model_failures": 0.5}},
        {"faults": {"status_write_failures": 0.5}},
        {"faults": {"http_errors": {"500": 0.3}}},
        {"workload": {"runs_per_minute": 200}},
        {"workload": {"runs_per_minute": 0}},
        {"submit": {"count": 30, "thread": "one", "seconds": 20.0}},
    ]
)
#: What stops processes; their counters go with them.
STOPS = st.sampled_from(
    [
        {"restart": {"only": ["queue"], "grace": 20.0}},
        {"crash": {"only": ["queue-0"]}},
        {"scale": {"queue": 1}},
        {"scale": {"queue": 4}},
        {"rollout": {"revision": "r2", "grace": 10.0}},
        {"submit": {"count": 1, "fails": "poison"}},
    ]
)
QUICK = settings(max_examples=40, deadline=None)


def total(deployment: Deployment, name: str, **labels: str) -> float:
    return sum(p.instruments.value(name, **labels) for p in deployment.processes)


def drive(deployment: Deployment, changes: list[Mapping[str, Any]]) -> None:
    for change in changes:
        deployment.advance(deployment.now + 3 * MINUTE)
        deployment.apply(change)
    deployment.advance(deployment.now + 10 * MINUTE)


def in_flight(deployment: Deployment) -> int:
    return sum(len(p.active) for p in deployment.processes)


@QUICK
@given(WORKLOADS, TOPOLOGIES, st.lists(FAULTS, max_size=4), st.integers(0, 9))
def test_the_metrics_are_the_books(
    workload: Workload,
    topology: Topology,
    changes: list[Mapping[str, Any]],
    seed: int,
) -> None:
    """While no process stops: every counter is the sum of what happened, and nothing is lost between them."""
    deployment = Deployment(workload, topology=topology, seed=seed, metrics=METRICS)

    drive(deployment, changes)

    books = deployment.accounts
    attempts = total(deployment, "run_attempt_started_counter")
    succeeded = total(deployment, "run_success_counter")
    failed = total(deployment, "run_failed_after_retry_counter")
    cancelled = total(deployment, "run_canceled_by_request_counter")
    retried = total(deployment, "run_failed_retriable_counter")
    assert (attempts, succeeded, failed) == (books.attempts, books.succeeded, books.failed)
    assert (cancelled, retried) == (books.cancelled, books.retried)
    assert attempts == succeeded + failed + cancelled + retried + in_flight(deployment)
    assert total(deployment, "run_queue_wait_time_1st_attempt") == books.dequeued
    if topology.tier > 1:
        assert total(deployment, "run_execution_latency") == attempts - in_flight(deployment)
        retries = total(deployment, "run_queue_wait_time_retry_attempt")
        assert retries == attempts - books.dequeued


@pytest.mark.long
@QUICK
@given(WORKLOADS, TOPOLOGIES, st.lists(FAULTS | STOPS, max_size=6), st.integers(0, 9))
def test_no_run_is_lost_and_no_slot_used_twice(
    workload: Workload,
    topology: Topology,
    changes: list[Mapping[str, Any]],
    seed: int,
) -> None:
    """Whatever stops or fails: pending is arrivals less pick-ups, and runs are where the queue says."""
    deployment = Deployment(workload, topology=topology, seed=seed, metrics=METRICS)

    drive(deployment, changes)

    books, stats = deployment.accounts, deployment.queue_stats()
    over = books.succeeded + books.failed + books.cancelled
    assert stats.n_pending == books.arrived - books.withdrawn + books.requeued - books.attempts
    assert books.attempts == over + books.retried + books.lost + in_flight(deployment)
    assert books.arrived == stats.n_pending + stats.n_running + books.withdrawn + over
    assert in_flight(deployment) <= stats.n_running
    for process in deployment.processes:
        assert len(process.active) <= topology.slots
        assert process.executes or not process.active


@pytest.mark.long
@QUICK
@given(WORKLOADS, TOPOLOGIES, st.lists(FAULTS | STOPS, max_size=6), st.integers(0, 9))
def test_counters_fall_only_at_a_restart(
    workload: Workload,
    topology: Topology,
    changes: list[Mapping[str, Any]],
    seed: int,
) -> None:
    """Within one life of a process no counter and no bucket falls, and no series vanishes."""
    deployment = Deployment(workload, topology=topology, seed=seed, metrics=METRICS)
    before: dict[str, tuple[float, dict[Any, float]]] = {}
    gauges = {m.full_name for m in METRICS if m.kind == "gauge"} | {"process_resident_memory_bytes"}
    gauges |= {"process_virtual_memory_bytes", "process_open_fds"}
    pending = list(changes)

    for _ in range(25):
        deployment.advance(deployment.now + MINUTE)
        if pending:
            deployment.apply(pending.pop())
        for process in (p for p in deployment.processes if p.instance_id):
            started, series = before.get(process.instance_id, (process.started, {}))
            now = deployment.series(process)
            assert started == process.started
            assert series.keys() <= now.keys()
            fallen = [k for k, v in series.items() if now[k] < v and k[0] not in gauges]
            assert fallen == []
            before[process.instance_id] = process.started, now


@pytest.mark.long
@settings(QUICK, max_examples=12)
@given(st.lists(FAULTS | STOPS, max_size=3), st.integers(0, 99))
def test_the_same_seed_gives_the_same_bytes(changes: list[Mapping[str, Any]], seed: int) -> None:
    """Pages and identities; in how many steps time passes does not matter."""
    one, other = (Deployment(seed=seed, metrics=METRICS) for _ in range(2))
    for change in changes:
        one.advance(one.now + 3 * MINUTE)
        one.apply(change)
        for _ in range(180):
            other.advance(other.now + 1)
        other.apply(change)
    for deployment in (one, other):
        deployment.advance(deployment.start + 20 * MINUTE)

    assert [(p.name, one.page(p)) for p in one.processes] == [(p.name, other.page(p)) for p in other.processes]


def test_runs_of_one_thread_block_each_other() -> None:
    """The unblocked wait leaves those out that wait for their own thread, and those whose time has not come."""
    deployment = Deployment(Workload(runs_per_minute=0), metrics=METRICS)
    for _ in range(3):
        deployment.submit("chat", thread="t", seconds=100)
    later = deployment.submit("chat", after=500)

    deployment.advance(deployment.now + 90)

    stats = deployment.queue_stats()
    assert (stats.n_pending, stats.n_running) == (3, 1)
    assert stats.pending_runs_wait_time_max_secs == 90
    assert stats.pending_unblocked_runs_wait_time_max_secs is None
    assert deployment.run(later).status == "pending"
    deployment.advance(deployment.now + 10 * MINUTE)
    assert deployment.accounts.succeeded == 4


@pytest.mark.long
def test_a_submitted_run_can_be_followed_to_its_end() -> None:
    deployment = Deployment(Workload(runs_per_minute=0), metrics=METRICS)
    ends = {f: deployment.submit("chat", fails=f, seconds=4) for f in ("", "error", "recursion", "interrupted")}
    ends["hang"] = deployment.submit("chat", fails="hang")
    deployment.advance(deployment.now + 0.2)
    assert {deployment.run(r).status for r in ends.values()} == {RUNNING}

    deployment.advance(deployment.now + 90_000)

    status = {f: deployment.run(r).status for f, r in ends.items()}
    assert status == {
        "": "success",
        "error": "error",
        "recursion": "error",
        "interrupted": "interrupted",
        "hang": "timeout",
    }
    assert total(deployment, "graph_recursion_limit_error_counter") == 1
    assert total(deployment, "run_failed_after_retry_counter", status="timeout") == 1


@pytest.mark.parametrize(("action", "label"), [("interrupt", "interrupted"), ("rollback", "rollback")])
def test_only_a_running_run_counts_as_cancelled(action: str, label: str) -> None:
    deployment = Deployment(Workload(runs_per_minute=0), metrics=METRICS)
    running = deployment.submit("chat", seconds=100, thread="t")
    deployment.advance(deployment.now + 5)
    waiting = deployment.submit("chat", seconds=100, thread="t")

    assert deployment.cancel(waiting, action)
    assert deployment.cancel(running, action)
    assert not deployment.cancel(running, action)

    assert total(deployment, "run_canceled_by_request_counter", status=label) == 1
    assert deployment.queue_stats().n_pending == deployment.queue_stats().n_running == 0
    assert {deployment.run(r).status for r in (running, waiting)} == {"interrupted"}


def test_gauges_refresh_at_the_tick_and_freeze_when_their_source_fails() -> None:
    deployment = Deployment(Workload(runs_per_minute=0, http_rps=0), topology=Topology(queue=1), metrics=METRICS)
    api = deployment.process("api-0")
    for _ in range(7):
        deployment.submit("chat", after=1000)
    assert api.instruments.value("num_pending_runs") == 0
    deployment.advance(deployment.now + 70)
    assert api.instruments.value("num_pending_runs") == 7
    deployment.apply({"faults": {"stats_frozen": True}})
    deployment.submit("chat", after=1000)

    deployment.advance(deployment.now + 300)

    assert api.instruments.value("num_pending_runs") == 7
    assert deployment.queue_stats().n_pending == 8


@pytest.mark.parametrize(
    ("topology", "absent"),
    [
        (
            Topology(runtime="inmem", api=0, queue=0, combined=1),
            {"num_pending_runs", "pg_pool_max", "redis_pool_max", "run_queue_wait_time_1st_attempt"},
        ),
        (Topology(expose_internal=False), {"run_success_counter", "server_started_counter"}),
        (Topology(tier=1), {"run_execution_latency", "server_started_counter"}),
    ],
    ids=["inmem", "ui only", "tier 1"],
)
def test_each_process_emits_what_its_runtime_role_and_switches_allow(topology: Topology, absent: set[str]) -> None:
    deployment = Deployment(topology=topology, metrics=METRICS)
    deployment.advance(deployment.now + 10 * MINUTE)
    bases = {m.base: m for m in METRICS}

    for process in deployment.processes:
        names = {line.split()[2].removeprefix("lg_api_") for line in deployment.page(process).decode().splitlines()
                 if line.startswith("# TYPE lg_api_")}  # fmt: skip
        shown = {bases[n].name for n in names}
        assert shown.isdisjoint(absent)
        for name in shown:
            metric = next(m for m in METRICS if m.name == name)
            assert process.role in metric.emission["new"].roles[process.runtime]


def test_a_draining_queue_process_tells_of_it_and_an_api_process_does_not() -> None:
    """The queue's page outlives its drain; the API's port closes first."""
    deployment = Deployment(Workload(runs_per_minute=0), topology=Topology(queue=1, api=1), metrics=METRICS)
    deployment.submit("chat", seconds=60)
    deployment.advance(deployment.now + 5)
    deployment.apply({"restart": {}})

    deployment.advance(deployment.now + 1)
    up = {t.instance: deployment.scrape(t) for t in deployment.targets()}
    series = {name for name, _ in up["queue-0:8000"].keys}

    assert not up["api-0:8000"].ok
    assert "lg_api_server_requested_to_stop_counter_total" in series
    assert deployment.process("queue-0").instruments.value("run_abandoned_by_shutdown_counter") == 1
    deployment.advance(deployment.now + 2 * MINUTE)
    assert deployment.accounts.succeeded == 1
    assert deployment.process("queue-0").instruments.value("run_success_counter") == 0


def test_runs_that_outlive_the_grace_period_are_tried_again_elsewhere() -> None:
    deployment = Deployment(Workload(runs_per_minute=0), metrics=METRICS)
    run = deployment.submit("chat", seconds=60)
    deployment.advance(deployment.now + 5)
    (process,) = [p for p in deployment.processes if p.active]

    deployment.apply({"restart": {"only": [process.name], "grace": 10.0}})
    deployment.advance(deployment.now + 30)

    assert deployment.accounts.retried == 1
    assert deployment.run(run).attempt == 2
    assert deployment.run(run).executor is not process


def test_a_crash_leaves_ghosts_until_the_sweep() -> None:
    deployment = Deployment(Workload(runs_per_minute=0), topology=Topology(queue=1), metrics=METRICS)
    deployment.submit("chat", seconds=60)
    deployment.advance(deployment.now + 5)

    deployment.apply({"crash": {"only": ["queue"]}})
    deployment.advance(deployment.now + 100)
    assert (deployment.queue_stats().n_running, in_flight(deployment)) == (1, 0)

    deployment.advance(deployment.now + 150)
    assert (deployment.queue_stats().n_running, in_flight(deployment)) == (1, 1)
    assert deployment.accounts.lost == 1


def test_a_poison_run_is_refused_after_three_attempts() -> None:
    deployment = Deployment(Workload(runs_per_minute=0), topology=Topology(queue=1), metrics=METRICS)
    run = deployment.submit("chat", fails="poison")

    deployment.advance(deployment.now + 20 * MINUTE)

    assert (deployment.run(run).status, deployment.run(run).attempt) == ("error", 4)
    assert deployment.accounts.lost == 3
    assert total(deployment, "run_exceed_max_attempts_at_start_counter") == 1
    assert total(deployment, "run_failed_after_retry_counter") == 1


def test_a_stream_that_cannot_be_published_ends_as_a_success() -> None:
    """One event is lost after sixty seconds of tries, and the latency of those tries is recorded."""
    deployment = Deployment(Workload(runs_per_minute=0), metrics=METRICS)
    deployment.apply({"faults": {"pubsub": "down"}})
    run = deployment.submit("chat", seconds=5, events=10)

    deployment.advance(deployment.now + 2 * MINUTE)

    assert deployment.run(run).status == "success"
    assert total(deployment, "streaming_data_loss_counter") == 1
    assert total(deployment, "stream_publish_latency") == 1


def test_a_short_outage_of_publishing_loses_nothing() -> None:
    deployment = Deployment(Workload(runs_per_minute=0), metrics=METRICS)
    deployment.apply({"faults": {"pubsub": "down"}})
    run = deployment.submit("chat", seconds=5, events=10)
    deployment.advance(deployment.now + 40)
    deployment.apply({"faults": {"pubsub": "ok"}})

    deployment.advance(deployment.now + MINUTE)

    assert deployment.run(run).status == "success"
    assert total(deployment, "streaming_data_loss_counter") == 0
    assert total(deployment, "stream_publish_latency") == 10


def test_a_client_that_comes_back_too_late_finds_a_gap() -> None:
    """What fell out of the ring is counted as evicted and, with its own reason, as lost."""
    topology = Topology(buffer_events=10, tier=3)
    deployment = Deployment(Workload(runs_per_minute=0), topology=topology, metrics=METRICS)
    api = deployment.process("api-0")
    run = deployment.submit("session", seconds=5, events=25, viewers=1, process=api)
    deployment.advance(deployment.now + 10)

    deployment.reconnect(run, 0)
    deployment.reconnect(run, 20)

    assert total(deployment, "protocol_v2_buffer_evicted_counter") == 15
    assert total(deployment, "streaming_data_loss_counter", reason="protocol_v2_buffer_overflow") == 15
    assert total(deployment, "protocol_v2_resume_gap_counter") == 1
    assert total(deployment, "protocol_v2_replayed_events") == 2
    assert total(deployment, "protocol_v2_buffer_size") == 10


def test_the_load_balancer_shows_two_processes_at_one_address() -> None:
    deployment = Deployment(metrics=METRICS)
    deployment.apply({"monitoring": {"load_balancer": True, "roles": ["api"]}})
    (target,) = deployment.targets()
    starts = []
    for _ in range(4):
        scrape = deployment.scrape(target, deployment.now + 15)
        starts.append(dict(zip(scrape.keys, scrape.values, strict=True))["process_start_time_seconds", ()])

    assert starts[0] == starts[2] != starts[1] == starts[3]


def test_autoscaling_follows_the_backlog() -> None:
    topology = Topology(queue=1, autoscale=Autoscale(minimum=1, maximum=5, target=10))
    deployment = Deployment(Workload(runs_per_minute=0), topology=topology, metrics=METRICS)
    for _ in range(100):
        deployment.submit("background", seconds=120)
    deployment.advance(deployment.now + MINUTE)
    assert sum(p.role == "queue" for p in deployment.processes) == 5

    deployment.advance(deployment.now + 20 * MINUTE)

    assert sum(p.role == "queue" for p in deployment.processes) == 1
    assert deployment.accounts.succeeded == 100


def test_health_names_what_is_down() -> None:
    deployment = Deployment(metrics=METRICS)
    assert deployment.health() == (200, {"core_api": "healthy", "postgres": "healthy", "redis": "healthy"})

    deployment.apply({"faults": {"redis": "down"}})

    assert deployment.health() == (500, {"core_api": "healthy", "postgres": "healthy", "redis": "unhealthy"})
    assert deployment.health(check_db=False)[0] == 200
    inmem = Deployment(topology=Topology(runtime="inmem", api=0, queue=0, combined=1), metrics=METRICS)
    assert inmem.health() == (200, {})


def test_what_does_not_exist_is_named() -> None:
    deployment = Deployment(metrics=METRICS)
    with pytest.raises(SimulationError, match="no process 'api-7'; use one of api-0, api-1, queue-0, queue-1"):
        deployment.process("api-7")
    with pytest.raises(SimulationError, match="no kind of run 'chta'; use one of chat, background, session"):
        deployment.submit("chta")
    with pytest.raises(SimulationError, match="no run 'x'; it was never created, or has been forgotten"):
        deployment.run("x")
