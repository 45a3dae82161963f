"""Every shipped scenario is sound, plays what it says, and together they move every metric."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from generator.catalogue import load
from reference_server.agent_server import workload
from reference_server.agent_server.changes import LIFECYCLE
from reference_server.agent_server.scenario import SCHEMA
from reference_server.agent_server.simulation import Deployment
from reference_server.core.rates import scenario as services
from reference_server.core.scenario import Scenario, ScenarioError
from reference_server.scenarios import coverage
from reference_server.scenarios import library as scenarios
from reference_server.scenarios.library import DURATIONS, FOLDER, find, names, read
from testbed.evidence import Evidence, evidence, slow_share

METRICS = load().systems["agent_server"].metrics

IDS = ["calm", "busy", *(f"F{n:02}" for n in range(1, 34)), *(f"B{n:02}" for n in range(1, 21))]

#: What tells each scenario from a calm day, from the series alone. Minutes; each is false on `calm`.
SIGNATURES: dict[str, Callable[[Evidence], bool]] = {
    "busy": lambda e: e.increase("protocol_v2_event_emitted_counter_total", 0, 120) > 1000,
    "F01": lambda e: 0.07 < e.share("http_requests_total", "http_requests_total", 20, 90, status="500") < 0.13,
    "F02": lambda e: slow_share(e, "http_requests_latency", "1000", 25, 120) > 0.2
    and 0.006 < e.share("http_requests_total", "http_requests_total", 25, 120, status="503") < 0.0144,
    "F03": lambda e: 0.15 < e.share("http_requests_total", "http_requests_total", 20, 90, status="500") < 0.25
    and all(e.up(0, 90, "api-3")),
    "F04": lambda e: e.share("run_failed_after_retry_counter_total", "run_attempt_started_counter_total", 25, 90) > 0.5
    and e.increase("http_requests_total", 25, 90, status="500") == 0,
    "F05": lambda e: e.increase("graph_recursion_limit_error_counter_total", 60, 120) >= 90,
    "F06": lambda e: e.increase("run_failed_after_retry_counter_total", 35, 90, status="timeout") == 1,
    "F07": lambda e: max(e.values("num_pending_runs", 100, 120)) > 1000
    and set(e.values("workers_available", 60, 120)) == {0.0},
    "F08": lambda e: slow_share(e, "run_queue_wait_time_1st_attempt", "5000", 30, 100) > 0.72
    and min(e.values("workers_available", 30, 100)) > 5,
    "F09": lambda e: slow_share(e, "run_execution_latency", "1800000", 80, 180) > 0.9,
    "F10": lambda e: min(e.values("pg_pool_available", 60, 75)) == max(e.values("pg_pool_available", 60, 75)) == 0
    and e.increase("pg_pool_requests_queued_total", 30, 70) / 2400 > 2
    and e.increase("pg_pool_requests_errors_total", 30, 70) > 60,
    "F11": lambda e: e.increase("failed_to_fetch_runs_counter_total", 32, 50) > 1000
    and len(set(e.values("num_pending_runs", 33, 50))) <= 2
    and e.increase("run_failed_retriable_counter_total", 30, 50) > 20
    and e.increase("run_exceed_max_attempts_at_start_counter_total", 0, 50) == 0,
    "F12": lambda e: min(e.values("redis_pool_size", 25, 75)) > 1600
    and slow_share(e, "stream_publish_latency", "1000", 25, 75) > 0.01,
    "F13": lambda e: e.increase("process_cpu_seconds_total", 40, 80) / 2400 > 0.9
    and min(s[4] for s in e.scrapes if s[0] > 20) > 5
    and len(set(e.values("process_start_time_seconds", 0, 90))) == 1
    and set(e.values("workers_active", 30, 90)) <= {1.0, 2.0, 3.0},
    "F14": lambda e: min(e.values("num_pending_runs", 40, 110)) > 0
    and set(e.values("workers_active", 25, 110)) == {0.0}
    and e.increase("run_queue_wait_time_1st_attempt_count", 22, 110) == 0,
    "F15": lambda e: min(e.values("num_pending_runs", 40, 110)) > 0
    and e.increase("failed_to_fetch_runs_counter_total", 25, 110) > 5000,
    "F16": lambda e: e.values("workers_max", 22, 75) == [] and max(e.values("num_pending_runs", 60, 75)) > 500,
    "F17": lambda e: set(e.values("num_running_runs", 25, 100)) == {3.0} and max(e.values("workers_active", 25, 100)) == 0,
    "F18": lambda e: e.increase("run_set_status_error_counter_total", 20, 60) == 1,
    "F19": lambda e: e.increase("run_exceed_max_attempts_at_start_counter_total", 30, 100) >= 4
    and len(set(e.values("process_start_time_seconds", 0, 100))) > 6,
    "F20": lambda e: 0.05 < e.share("run_abandoned_by_shutdown_counter_total", "run_attempt_started_counter_total", 20, 90) < 0.12,
    "F21": lambda e: e.increase("streaming_data_loss_counter_total", 20, 60) > 5
    and slow_share(e, "stream_publish_latency", "15000", 20, 25) > 0.05
    and e.share("run_failed_after_retry_counter_total", "run_attempt_started_counter_total", 20, 60) < 0.01,
    "F22": lambda e: e.increase("protocol_v2_resume_gap_counter_total", 30, 90) > 8
    and e.increase("streaming_data_loss_counter_total", 0, 120)
    == e.increase("streaming_data_loss_counter_total", 0, 120, reason="protocol_v2_buffer_overflow") > 10_000,
    "F23": lambda e: 2 < e.increase("protocol_v2_transport_send_failure_counter_total", 30, 70) / 2400 < 4,
    "F24": lambda e: e.increase("delta_channel_read_counter_total", 20, 60, seed_kind="missing") > 3,
    "F25": lambda e: e.increase("http_requests_total", 20, 75, status="401") > 15_000,
    "F26": lambda e: not any(e.up(16, 26, "queue-1")) and not any(e.up(36, 46)) and e.up(48, 80) == [],
    "F27": lambda e: max(e.values("num_pending_runs", 100, 120)) > 1000 and len({s[2] for s in e.scrapes}) == 4,
    "F28": lambda e: e.values("workers_max", 0, 50, "api-only") == e.values("num_pending_runs", 0, 50, "queue-only") == []
    and e.values("num_pending_runs", 5, 50, "api-only") != [] != e.values("workers_max", 5, 50, "queue-only"),
    "F29": lambda e: e.values("_run_success_counter_total", 0, 150, "hidden") == []
    and e.values("run_execution_latency_count", 0, 150, "tier-1") == []
    and e.values("acme_http_requests_total", 10, 150, "renamed") != []
    and e.values("http_requests_latency_seconds_count", 10, 150, "legacy") != [],
    "F30": lambda e: e.values("http_requests_total", 60, 80, "cardinality", otel_metric_overflow="true") != []
    and len(set(e.values("process_start_time_seconds", 15, 80, "balanced"))) > 3,
    "F31": lambda e: e.values("num_pending_runs", 45, 115, "shop") == []
    and e.values("num_pending_runs", 45, 115, "desk") != [],
    "F32": lambda e: e.increase("process_cpu_seconds_total", 40, 80) / 2400 > 0.9
    and 0.15 < sum(s[4] < 1 for s in e.scrapes if s[0] > 20) / sum(s[0] > 20 for s in e.scrapes) < 0.35
    and sum(s[4] > 5 for s in e.scrapes if s[0] > 20) / sum(s[0] > 20 for s in e.scrapes) > 0.6
    and len(set(e.values("process_start_time_seconds", 0, 90))) == 1,
    "F33": lambda e: {
        part for part in ("v0-11-0", "v0-12-12", "v0-14-7", "v0-16-0", "v0-16-7") if e.values("acme_workers_max", 10, 45, part)
    } >= {"v0-11-0", "v0-12-12", "v0-14-7", "v0-16-0", "v0-16-7"}
    and {s[1] for s in e.scrapes if any(dict(labels).get("otel_scope_name") for _, labels in s[5])} == {"v0-14-7", "v0-16-7"},
    "B01": lambda e: e.values("http_requests_total", 0, 1440) == [] and all(e.up(0, 1440)),
    "B02": lambda e: {dict(ls).get("revision_id") for s in e.scrapes for _, ls in s[5] if ls} >= {"r1", "r2"}
    and e.increase("run_failed_retriable_counter_total", 0, 75) == 0,
    "B03": lambda e: len(e.values("workers_max", 19, 19)) == 10 and len(e.values("workers_max", 40, 40)) == 2
    and e.increase("run_abandoned_by_shutdown_counter_total", 20, 40) > 5,
    "B04": lambda e: len(set(e.values("process_start_time_seconds", 0, 75))) == 8
    and len({s[2] for s in e.scrapes}) == 4,
    "B05": lambda e: e.increase("run_failed_after_retry_counter_total", 0, 240) == 4
    and e.increase("run_success_counter_total", 0, 240) == 0,
    "B06": lambda e: slow_share(e, "run_queue_wait_time_1st_attempt", "5000", 90, 100) > 0.1,
    "B07": lambda e: max(e.values("num_pending_runs", 60, 70)) > 150 and max(e.values("num_pending_runs", 105, 135)) < 5,
    "B08": lambda e: set(e.values("num_pending_runs", 25, 135)) == {100.0}
    and slow_share(e, "run_queue_wait_time_1st_attempt", "5000", 0, 170) == 0,
    "B09": lambda e: max(e.values("num_pending_runs", 10, 20)) >= 17
    and slow_share(e, "run_queue_wait_time_1st_attempt", "60000", 0, 110) > 0.8,
    "B10": lambda e: 0.2 < e.share("run_canceled_by_request_counter_total", "run_attempt_started_counter_total", 0, 120) < 0.4,
    "B11": lambda e: e.increase("http_requests_total", 15, 90, status="405") > 100,
    "B12": lambda e: e.increase("http_requests_total", 0, 120, path="/") > 60_000
    and 1 <= e.increase("http_requests_total", 0, 120, status="500") < 10,
    "B13": lambda e: e.increase("protocol_v2_buffer_evicted_counter_total", 20, 30) == 40_000,
    "B14": lambda e: e.increase("protocol_v2_resume_gap_counter_total", 0, 120) == 6
    and 0.1 < e.increase("protocol_v2_transport_send_failure_counter_total", 10, 110) / 6000 < 0.3,
    "B15": lambda e: e.values("num_pending_runs", 0, 120) == e.values("pg_pool_max", 0, 120) == []
    and e.values("workers_max", 5, 120) != [],
    "B16": lambda e: e.values("run_success_counter_total", 0, 150) == [] and {
        dict(ls).get("deployment_type") for s in e.scrapes for _, ls in s[5] if ls} == {"dev", None},
    "B17": lambda e: not e.up(0, 59, "queue-1")
    and e.values("run_set_status_error_counter_total", 60, 61)[0] == 3,
    "B18": lambda e: e.up(60.1, 69.4) == [] and e.values("run_set_status_error_counter_total", 16, 59) != [],
    "B19": lambda e: e.up(35, 599) == [] and e.up(610, 660) != [],
    "B20": lambda e: e.values("num_pending_runs", 80, 80).count(25.0) == 2,
}  # fmt: skip


def test_every_fault_and_every_benign_case_is_shipped() -> None:
    assert [s.id for s in scenarios.shipped("agent_server")] == IDS
    assert all(name.partition("-")[0].lower() == find(name).id.lower() for name in names())


@pytest.mark.long
@pytest.mark.parametrize("word", IDS[1:])
def test_a_scenario_plays_what_it_says(word: str) -> None:
    """Its signature is in the series, and not in those of a calm day."""
    assert SIGNATURES[word](evidence(word))


@pytest.mark.parametrize("word", [w for w in IDS[1:] if w not in {"F03", "F26", "B01"}])
def test_a_calm_day_has_no_such_signature(word: str) -> None:
    """A check that is true of everything checks nothing. Those that ask for a process that calm lacks are left out."""
    try:
        found = SIGNATURES[word](evidence("calm"))
    except (ValueError, IndexError):  # nothing there to take the maximum of
        found = False

    assert not found


def test_faults_name_alerts_that_must_fire_and_benign_cases_none() -> None:
    for scenario in scenarios.shipped("agent_server"):
        assert bool(scenario.fire) == scenario.id.startswith("F"), scenario.id
        assert all(e.since + e.within <= scenario.duration for e in scenario.fire), scenario.id
        assert all(e.alert.startswith("AgentServer") for e in scenario.fire)
        assert {e.alert for e in scenario.fire}.isdisjoint(scenario.silent)
        assert not {e.alert for e in scenario.fire if not e.deployment} & set(scenario.allow), scenario.id


def test_the_readme_table_names_a_scenario_for_each_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage, "table", lambda *_: {"num_pending_runs": "F07", "workers_max": ""})

    assert coverage.markdown(METRICS) == (
        "| metric | moves in |\n| --- | --- |\n| `lg_api_num_pending_runs` | F07 |\n| `lg_api_workers_max` | - |\n"
    )


def test_the_schema_has_every_field_and_no_other() -> None:
    """The schema is written by hand; a field that it lacks could not be used."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    fields = {k: set(v["properties"]) for k, v in schema["$defs"].items() if "properties" in v}
    verbs = schema["$defs"]["change"]["properties"]

    assert fields["topology"] == set(workload.names(workload.Topology))
    assert fields["kind"] == set(workload.names(workload.Kind))
    assert fields["workload"] == set(workload.names(workload.Workload))
    assert fields["autoscale"] == set(workload.names(workload.Autoscale))
    assert set(verbs["faults"]["properties"]) == {*workload.names(workload.Faults), "only"}
    assert set(verbs["monitoring"]["properties"]) == set(workload.names(workload.Monitoring))
    assert set(verbs["restart"]["properties"]["settings"]["properties"]) == set(workload.SETTINGS)
    assert set(verbs) == {"at", "workload", "faults", "monitoring", "submit", *LIFECYCLE}


def test_what_the_schema_calls_a_duration_is_read_as_one() -> None:
    found: set[str] = set()

    def walk(node: object, key: str = "") -> None:
        if isinstance(node, dict):
            if node.get("$ref") == "#/$defs/duration":
                found.add(key)
            for name, value in node.items():
                walk(value, name)

    for schema in (SCHEMA, services.SCHEMA):
        walk(json.loads(schema.read_text(encoding="utf-8")))
    assert found == DURATIONS


WRONG = """\
id: F99
title: Wrong in many ways
plays: Nothing.
duration: 10 minutes
topology: {runtime: posgres, apis: 3}
timeline:
  - at: 5m
    faults: {http_errors: {"200": 0.5}, wedged: 3, fetch_failures: 2}
  - at: 6m
expect:
  fire:
    - {alert: AgentServerTargetDown}
  silent: [Critical!]
"""


def test_every_mistake_is_told_with_its_line_and_its_fix() -> None:
    with pytest.raises(ScenarioError) as caught:
        read("f99.yaml", WRONG)

    problems = [str(p) for p in caught.value.problems]
    assert problems[:5] == [
        "f99.yaml:4: 'duration' is '10 minutes', but must match ^([0-9]+(ms|s|m|h|d))+$; "
        "write a duration, such as 90s, 20m or 1h30m",
        "f99.yaml:5: 'runtime' is 'posgres'; did you mean 'postgres'?",
        "f99.yaml:5: unknown field 'apis'; did you mean 'api'?",
        "f99.yaml:8: 'fetch_failures' is 2, but must be at most 1; Share of scheduler passes that fail.",
        "f99.yaml:8: 'wedged' must be true or false, not 3; write true or false: "
        "The worker loop has stopped; nothing is fetched and nothing is counted.",
    ]
    assert [p.line for p in caught.value.problems] == [4, 5, 5, 8, 8, 8, 9, 12, 13]


SENSELESS = """\
id: F99
title: Names and times that do not fit
plays: Nothing.
duration: 10m
timeline:
  - at: 20m
    crash: {only: [qeue-0]}
expect:
  fire:
    - {alert: AgentServerTargetDown, within: 5m, deployment: other}
"""


def test_names_and_times_must_fit_each_other() -> None:
    with pytest.raises(ScenarioError) as caught:
        read("f99.yaml", SENSELESS)

    assert [str(p) for p in caught.value.problems] == [
        "f99.yaml:6: this happens at 20m, but the scenario ends at 10m; let it happen earlier, or last longer",
        "f99.yaml:7: there is no process and no role 'qeue-0'; did you mean 'queue-0'?",
        "f99.yaml:10: deployment 'other' is not in the scenario; remove it",
    ]


def test_a_scenario_is_found_by_id_name_and_file(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text((FOLDER / "calm.yaml").read_text(encoding="utf-8"), encoding="utf-8")

    assert find("f01") == find("F01") == find("f01-api-errors")
    assert find(str(path)).title == find("calm").title


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("clam", "clam:1: no such scenario, and no such file; did you mean 'calm'?"),
        ("missing.yaml", "missing.yaml:1: cannot be read: [Errno 2] No such file or directory: 'missing.yaml'; "
                         "name a readable UTF-8 file"),
    ],
)  # fmt: skip
def test_a_scenario_that_is_not_there_is_a_problem(word: str, text: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        find(word)

    assert str(caught.value) == text


def test_a_scenario_of_several_deployments_has_each_of_them() -> None:
    scenario: Scenario = find("F29")

    made = scenario.deployments(metrics=METRICS)

    assert [(d.name, d.prefix, d.topology.era) for d in made if isinstance(d, Deployment)] == [
        ("hidden", "lg_api_", "new"),
        ("tier-1", "lg_api_", "new"),
        ("renamed", "acme_", "new"),
        ("legacy", "lg_api_", "old"),
    ]


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ("until: 2h", "this lasts until 2h, but the scenario ends at 1h; leave it out for what lasts to the end"),
        ("from: 20m, until: 20m", "this is over at 20m, and begins at 20m; name the time at which the trouble is over"),
        ("until: 0s", "this lasts for no time; name the time at which the trouble is over"),
    ],
)
@pytest.mark.parametrize("system", ["", "system: langsight\n"])
def test_a_trouble_that_ends_out_of_its_time_is_a_problem(system: str, times: str, message: str) -> None:
    """It would hold nothing, or be held against nothing."""
    text = f"id: own\n{system}title: x\nplays: x\nduration: 1h\nexpect:\n  fire:\n    - {{alert: XDown, within: 5m, {times}}}\n"

    with pytest.raises(ScenarioError) as caught:
        scenarios.read("x.yaml", text)

    assert str(caught.value) == f"x.yaml:{8 if system else 7}: {message}"
