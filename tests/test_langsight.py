"""The simulated LangSight: its page, its paths, its switches, what it answers over HTTP, and its scenarios."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import prometheus_client
import pytest
import requests

from generator.catalogue import load
from reference_server.core.rates import Service
from reference_server.core.settings import SettingsError
from reference_server.langsight import MODEL, settings
from reference_server.langsight.page import OWN, write
from reference_server.langsight.paths import normalised, parsed
from reference_server.langsight.work import LangSightWorkload, answered, checked
from reference_server.scenarios import library as scenarios
from testbed.evidence import Evidence, evidence, slow_share
from tests.langsight import page, serving, value

METRICS = load().systems["langsight"].metrics

JSON = {"Content-Type": "application/json"}

SPAN = {"server_name": "postgres-mcp", "tool_name": "query", "status": "success", "latency_ms": 12.5}

OTLP = {
    "resourceSpans": [
        {
            "scopeSpans": [
                {
                    "spans": [
                        {"name": "mcp.postgres-mcp.query"},
                        {
                            "name": "call",
                            "attributes": [{"key": "gen_ai.tool.name", "value": {"stringValue": "query"}}],
                        },
                        {"name": "chat", "attributes": [{"key": "gen_ai.prompt", "value": {"stringValue": "Hello"}}]},
                        {"name": "GET /orders", "attributes": [{"key": "http.method"}]},
                    ]
                }
            ]
        }
    ]
}


def idle(**changes: Any) -> Service:
    nothing = dict.fromkeys(LangSightWorkload().requests, 0.0)
    work = LangSightWorkload(requests=nothing, batches=0, otlp_batches=0, sse_clients=0, check_seconds=1e9, **changes)
    return Service(MODEL, workload=work, metrics=METRICS)


# The page.


def test_the_page_is_what_prometheus_client_writes() -> None:
    """The same events on the real library's instruments, defined as LangSight's code does: the same text."""
    registry = prometheus_client.CollectorRegistry()
    edges = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
    help_ = {name: (f"langsight_{name}", text) for name, text in OWN.items()}
    http = prometheus_client.Counter(*help_["http_requests_total"], ["method", "path", "status"], registry=registry)
    duration = prometheus_client.Histogram(
        *help_["http_request_duration_seconds"], ["method", "path"], registry=registry, buckets=edges
    )
    spans = prometheus_client.Counter(*help_["spans_ingested_total"], registry=registry)
    prometheus_client.Gauge(*help_["active_sse_connections"], registry=registry).set(3)
    prometheus_client.Counter(*help_["sse_events_dropped_total"], registry=registry)
    prometheus_client.Counter(*help_["health_checks_total"], ["server", "status"], registry=registry)
    one = idle()
    (process,) = one.processes
    for seconds, status in ((0.02, 200), (0.3, 200), (42.0, 503)):
        http.labels("GET", '/api/a"b', status).inc()
        duration.labels("GET", '/api/a"b').observe(seconds)
        answered(process, documented=True, method="GET", path='/api/a"b', status=status, seconds=seconds)
    spans.inc(2_500_000)
    process.instruments.add("spans_ingested_total", 2_500_000)
    process.instruments.set("active_sse_connections", 3)

    def steady(text: bytes) -> list[str]:
        lines = [line for line in text.decode().splitlines() if "langsight_" in line]
        return [line.rpartition(" ")[0] if "_created" in line and line[0] != "#" else line for line in lines]

    assert steady(write(process)) == steady(prometheus_client.generate_latest(registry))


def test_what_the_process_uses_stands_first_and_in_the_real_order() -> None:
    families = [
        line.split()[2] for line in write(idle().processes[0]).decode().splitlines() if line.startswith("# TYPE")
    ]

    assert families[:10] == [
        "python_gc_objects_collected_total",
        "python_gc_objects_uncollectable_total",
        "python_gc_collections_total",
        "python_info",
        "process_virtual_memory_bytes",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
        "process_cpu_seconds_total",
        "process_open_fds",
        "process_max_fds",
    ]
    assert all(name.startswith("langsight_") for name in families[10:])


def test_created_series_tell_when_a_series_began_and_can_be_switched_off() -> None:
    one = idle()
    (process,) = one.processes
    begun = one.now
    one.advance(begun + 100)
    answered(process, documented=True, method="GET", path="/api/status", status=200, seconds=0.01)
    first = write(process).decode()
    one.advance(begun + 200)

    def times(text: str) -> dict[str, float]:
        lines = [line.rpartition(" ") for line in text.splitlines() if "_created" in line and line[0] != "#"]
        return {name.partition("{")[0]: float(number) for name, _, number in lines}

    assert times(first) == times(write(process).decode())
    assert times(first)["langsight_spans_ingested_created"] == begun
    assert times(first)["langsight_http_requests_created"] == begun + 100
    process.state["created"] = False
    assert times(write(process).decode()) == {}


# The label `path`. Source of the first two: seed 002.


@pytest.mark.parametrize(
    ("path", "documented", "code"),
    [
        ("/api/agents/sessions/abc123def456", "/api/agents/sessions/{id}", "/api/agents/sessions/{id}"),
        ("/api/projects/proj-xyz-789/members", "/api/projects/{id}/members", "/api/projects/proj-xyz-789/members"),
        ("/api/a/6f1c0f0e-3c55-4a7e-9a55-0d9d6a1b2c3d", "/api/a/{id}", "/api/a/{id}"),
        ("/api/a/DEADBEEF01", "/api/a/{id}", "/api/a/{id}"),
        ("/api/a/deadbeef", "/api/a/deadbeef", "/api/a/deadbeef"),
        ("/api/health/servers/postgres-mcp", "/api/health/servers/postgres-mcp", "/api/health/servers/postgres-mcp"),
        ("/wp-login.php/", "/wp-login.php", "/wp-login.php"),
        ("/", "/", "/"),
    ],
)
def test_paths_are_collapsed_as_documented_and_as_the_code_does(path: str, documented: str, code: str) -> None:
    assert normalised(path, documented=True) == documented
    assert normalised(path, documented=False) == code


def test_a_path_is_read_as_a_part_of_a_url_once_more() -> None:
    """Seen on the real 0.15.0."""
    assert [parsed(path) for path in ("/a b/c", "/api/x?y", "/api/x\ny", "/x#y", "//x")] == [
        "/a b/c", "/api/x", "/api/xy", "/x", "//x",
    ]  # fmt: skip


# Settings.


def test_the_documented_behaviour_is_the_default() -> None:
    own = settings.read({})

    assert (own.open_metrics, own.feed_clients, own.feed_buffer, own.switches) == (True, 200, 50, {})


def test_one_variable_switches_to_what_the_code_does_and_others_overrule_it() -> None:
    own = settings.read({"AGENT_REFERENCE_BEHAVIOUR": "code", "AGENT_REFERENCE_OTLP": "documented"})

    assert (own.open_metrics, own.feed_clients, own.feed_buffer) == (False, 1000, 200)
    assert own.switches == {
        "documented_paths": False, "counts_otlp": True, "counts_health_checks": False, "tells_checks": False,
        "documented_spans": False,
    }  # fmt: skip


def test_the_switches_reach_the_simulated_work() -> None:
    adapted = MODEL.adapt(LangSightWorkload(spans=3), {"AGENT_REFERENCE_BEHAVIOUR": "code"})

    assert (adapted.spans, adapted.counts_otlp, adapted.counts_health_checks) == (3, False, False)
    assert MODEL.adapt(LangSightWorkload(counts_otlp=False), {}) == LangSightWorkload(counts_otlp=False)


def test_every_bad_variable_is_told() -> None:
    with pytest.raises(SettingsError) as caught:
        settings.read(
            {
                "AGENT_REFERENCE_BEHAVIOUR": "real",
                "LANGSIGHT_SSE_MAX_CLIENTS": "0",
                "LANGSIGHT_SSE_CLIENT_BUFFER": "many",
                "LANGSIGHT_TRUSTED_PROXY_CIDRS": "10.0.0.0/99",
            }
        )

    assert caught.value.problems == [
        "AGENT_REFERENCE_BEHAVIOUR is 'real'; wanted: documented or code",
        "LANGSIGHT_TRUSTED_PROXY_CIDRS is '10.0.0.0/99'; wanted: networks such as 10.0.0.0/8",
        "LANGSIGHT_SSE_MAX_CLIENTS is '0'; wanted: a whole number of at least 1",
        "LANGSIGHT_SSE_CLIENT_BUFFER is 'many'; wanted: a whole number of at least 1",
    ]


# Over HTTP.


@pytest.mark.parametrize(
    ("environment", "header", "status"),
    [
        ({}, "", 200),
        ({"AGENT_REFERENCE_BEHAVIOUR": "code"}, "", 404),
        ({"AGENT_REFERENCE_METRICS": "code"}, "Bearer x", 404),
        ({"LANGSIGHT_METRICS_TOKEN": "secret"}, "", 401),
        ({"LANGSIGHT_METRICS_TOKEN": "secret"}, "Bearer wrong", 401),
        ({"LANGSIGHT_METRICS_TOKEN": "secret"}, "Bearer secret", 200),
        ({"LANGSIGHT_METRICS_TOKEN": "secret", "AGENT_REFERENCE_BEHAVIOUR": "code"}, "Bearer secret", 200),
        ({"LANGSIGHT_METRICS_TOKEN": "secret", "LANGSIGHT_API_KEYS": "ls_key"}, "Bearer ls_key", 401),
    ],
)
def test_the_page_is_open_as_documented_or_wants_the_token_as_in_the_code(
    tmp_path: Path, environment: dict[str, str], header: str, status: int
) -> None:
    with serving(tmp_path, environment) as (url, _):
        answer = requests.get(f"{url}/metrics", headers={"authorization": header} if header else {}, timeout=10)

    assert answer.status_code == status
    assert answer.text == {401: "Unauthorized", 404: ""}.get(status, answer.text)
    if status == 200:
        assert answer.headers["content-type"] == "text/plain; version=1.0.0; charset=utf-8"


def test_requests_count_by_method_path_and_status_and_probes_do_not(tmp_path: Path) -> None:
    with serving(tmp_path) as (url, _):
        for path in ("/metrics", "/api/liveness", "/api/readiness", "/api/status", "/api/status", "/no/such/page"):
            requests.get(url + path, timeout=10)
        requests.delete(f"{url}/api/status", timeout=10)
        families = page(url)
        counted = {
            (s.labels["method"], s.labels["path"], s.labels["status"]): s.value
            for s in families["langsight_http_requests_total"].samples
        }
        timed = [
            s.value
            for s in families["langsight_http_request_duration_seconds"].samples
            if s.name.endswith("_count") and s.labels["path"] == "/api/status"
        ]

    assert counted == {
        ("GET", "/api/status", "200"): 2,
        ("GET", "/no/such/page", "404"): 1,
        ("DELETE", "/api/status", "405"): 1,
    }
    assert sorted(timed) == [1, 2]


def test_spans_count_a_whole_batch_at_once(tmp_path: Path) -> None:
    with serving(tmp_path) as (url, _):
        answer = requests.post(f"{url}/api/traces/spans", json=[SPAN, SPAN, SPAN], timeout=10)

        assert (answer.status_code, answer.json()) == (202, {"accepted": 3})
        assert value(url, "spans_ingested_total") == 3


@pytest.mark.parametrize(("behaviour", "counted"), [("documented", 3), ("code", 0)])
def test_otlp_counts_as_documented_and_not_in_the_code(tmp_path: Path, behaviour: str, counted: int) -> None:
    """Three of the four spans are tool calls or answers of a model; both behaviours accept them."""
    with serving(tmp_path, {"AGENT_REFERENCE_OTLP": behaviour}) as (url, _):
        answer = requests.post(f"{url}/api/traces/otlp", json=OTLP, timeout=10)

        assert (answer.status_code, answer.json()) == (202, {"accepted": 3})
        assert value(url, "spans_ingested_total") == counted


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/traces/spans", b"{", 422),
        ("/api/traces/spans", b"{}", 422),
        ("/api/traces/spans", b"[1]", 422),
        ("/api/traces/spans", b'[{"server_name": "a"}]', 422),
        ("/api/traces/spans", b"[" * 100_000, 422),
        ("/api/traces/spans", b"x" * 11_000_000, 413),
        ("/api/traces/otlp", b"[]", 422),
        ("/api/traces/otlp", b'{"resourceSpans": 5}', 202),
        ("/api/traces/spans", b"[]", 202),
    ],
)
def test_a_bad_batch_is_refused_and_stores_nothing(tmp_path: Path, path: str, body: bytes, status: int) -> None:
    """The limit on bodies stands outside of the counting, so 413 is no request."""
    with serving(tmp_path) as (url, _):
        assert requests.post(url + path, data=body, headers=JSON, timeout=10).status_code == status
        assert value(url, "spans_ingested_total") == 0
        assert value(url, "http_requests_total") == (0 if status == 413 else 1)


def test_a_clickhouse_without_memory_rejects_batches_and_is_not_ready(tmp_path: Path) -> None:
    with serving(tmp_path, changes="timeline: [{at: 0s, workload: {rejected_ratio: 1.0}}]\n") as (url, _):
        assert requests.post(f"{url}/api/traces/spans", json=[SPAN], timeout=10).status_code == 503
        ready = requests.get(f"{url}/api/readiness", timeout=10)

        assert (ready.status_code, ready.json()["storage"]) == (503, {"postgres": "ok", "clickhouse": "error"})
        assert value(url, "http_requests_total", path="/api/traces/spans", status="503") == 1
        assert value(url, "spans_ingested_total") == 0


REAL = {"AGENT_REFERENCE_BEHAVIOUR": "code", "LANGSIGHT_METRICS_TOKEN": "t"}


def counted(url: str) -> dict[tuple[str, str], float]:
    """Return how many requests a real LangSight counted, by path and status."""
    found = page(url, authorization="Bearer t")["langsight_http_requests_total"].samples
    return {(s.labels["path"], s.labels["status"]): s.value for s in found if s.name.endswith("_total")}


def test_inserts_that_fail_are_errors_that_nobody_counts(tmp_path: Path) -> None:
    """Seen on the real 0.15.0: 722 answers of 500 within nine minutes, and not one of them on the page."""
    with serving(tmp_path, changes="timeline: [{at: 0s, workload: {insert_errors: 1.0}}]\n") as (url, _):
        spans = requests.post(f"{url}/api/traces/spans", json=[SPAN], timeout=10)
        otlp = requests.post(f"{url}/api/traces/otlp", json=OTLP, timeout=10)

        assert {(a.status_code, a.text) for a in (spans, otlp)} == {(500, "Internal Server Error")}
        assert requests.get(f"{url}/api/agents/sessions", timeout=10).status_code == 200
        assert requests.get(f"{url}/api/readiness", timeout=10).status_code == 200
        assert (value(url, "http_requests_total"), value(url, "spans_ingested_total")) == (1, 0)


def test_without_postgres_every_route_behind_a_key_fails_and_nobody_counts_it(tmp_path: Path) -> None:
    with serving(tmp_path, changes="timeline: [{at: 0s, workload: {postgres_gone: true}}]\n") as (url, _):
        for path in ("/api/agents/sessions", "/api/projects", "/api/live/events"):
            assert requests.get(url + path, timeout=10).status_code == 500
        assert requests.post(f"{url}/api/traces/spans", json=[SPAN], timeout=10).status_code == 500
        ready = requests.get(f"{url}/api/readiness", timeout=10)

        assert (ready.status_code, ready.json()["storage"]) == (503, {"postgres": "error", "clickhouse": "ok"})
        assert requests.get(f"{url}/api/status", timeout=10).json() == {"status": "ok", "version": "0.15.0"}
        assert value(url, "http_requests_total") == 1


@pytest.mark.parametrize(("behaviour", "counted"), [("documented", 1), ("code", 0)])
def test_health_checks_count_server_and_status_or_nothing(tmp_path: Path, behaviour: str, counted: int) -> None:
    changes = "timeline: [{at: 0s, workload: {servers: {github-mcp: down}}}]\n"
    with serving(tmp_path, {"AGENT_REFERENCE_HEALTH_CHECKS": behaviour}, changes) as (url, _):
        results = requests.post(f"{url}/api/health/check", timeout=10).json()

        assert [(r["server_name"], r["status"]) for r in results] == [
            ("postgres-mcp", "up"),
            ("github-mcp", "down"),
            ("search-mcp", "up"),
        ]
        assert value(url, "health_checks_total", server="github-mcp", status="down") == counted
        assert value(url, "health_checks_total", status="up") == 2 * counted
        assert page(url)["langsight_health_checks_total"].type == "counter"
        assert requests.get(f"{url}/api/health/servers/github-mcp", timeout=10).json()["status"] == "down"
        assert requests.get(f"{url}/api/health/servers/other", timeout=10).status_code == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"x-api-key": "wrong"}, 403),
        ({"x-api-key": "ls_two"}, 200),
        ({"authorization": "Bearer ls_one"}, 200),
        ({"x-user-id": "u1", "x-user-role": "admin"}, 200),
        ({"x-user-id": "u1"}, 401),
    ],
)
def test_the_api_wants_a_key_or_the_headers_of_a_trusted_dashboard(
    tmp_path: Path, headers: dict[str, str], status: int
) -> None:
    with serving(tmp_path, {"LANGSIGHT_API_KEYS": "ls_one, ls_two"}) as (url, _):
        answer = requests.get(f"{url}/api/health/servers", headers=headers, timeout=10)

        assert answer.status_code == status
        assert (answer.headers.get("www-authenticate") == "ApiKey") == (status == 401)
        assert requests.get(f"{url}/api/status", timeout=10).status_code == 200
        assert requests.get(f"{url}/api/nothing", timeout=10).status_code == 404
        assert value(url, "http_requests_total", path="/api/health/servers", status=str(status)) == 1


def test_headers_of_a_dashboard_elsewhere_are_not_believed(tmp_path: Path) -> None:
    environment = {"LANGSIGHT_API_KEYS": "ls_one", "LANGSIGHT_TRUSTED_PROXY_CIDRS": "10.0.0.0/8"}
    with serving(tmp_path, environment) as (url, _):
        headers = {"x-user-id": "u1", "x-user-role": "admin"}

        assert requests.get(f"{url}/api/health/servers", headers=headers, timeout=10).status_code == 401


def test_requests_over_http_add_to_the_simulated_ones(tmp_path: Path) -> None:
    with serving(tmp_path, changes="timeline: [{at: 0s, workload: {batches: 50, spans: 1}}]\n") as (url, hosting):
        hosting.service.advance(hosting.service.now + 10)
        simulated = hosting.service.processes[0].instruments.value("spans_ingested_total")
        requests.post(f"{url}/api/traces/spans", json=[SPAN] * 7, timeout=10)

        assert simulated > 300
        assert hosting.service.processes[0].instruments.value("spans_ingested_total") >= simulated + 7


def test_a_process_that_is_down_answers_neither_users_nor_scrapes(tmp_path: Path) -> None:
    with serving(tmp_path, changes="timeline: [{at: 0s, crash: {down: 1h}}]\n") as (url, _):
        assert requests.get(f"{url}/api/status", timeout=10).status_code == 503
        assert requests.get(f"{url}/metrics", timeout=10).status_code == 503


def test_a_deployment_without_processes_answers_nobody(tmp_path: Path) -> None:
    with serving(tmp_path, changes='timeline: [{at: 0s, scale: {"": 0}}]\n') as (url, _):
        assert requests.get(f"{url}/api/status", timeout=10).status_code == 503
        assert requests.get(f"{url}/metrics", timeout=10).status_code == 404
        assert requests.get(f"{url}/targets", timeout=10).json() == []


def test_scanners_cannot_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real server has no bound on paths; this one counts what is over its own as one path, so that nothing is lost."""
    monkeypatch.setattr("reference_server.langsight.paths.MOST", 20)
    with serving(tmp_path) as (url, _), requests.Session() as session:
        for number in range(40):
            session.get(f"{url}/scan{number}", timeout=10)
        session.get(f"{url}/scan1", timeout=10)
        for number in range(40):
            session.request(f"VERB{number}", f"{url}/scan{number}", timeout=10)

        samples = page(url)["langsight_http_requests_total"].samples
        assert len({s.labels["path"] for s in samples}) == 21
        assert {s.labels["method"] for s in samples} == {"GET", "OTHER"}
        assert value(url, "http_requests_total", path="/scan1", method="GET") == 2
        assert value(url, "http_requests_total", path="/{other}", method="GET") == 20
        assert value(url, "http_requests_total") == 81


def test_a_long_path_is_counted_by_its_beginning(tmp_path: Path) -> None:
    """A label has a bound, whatever a client asks for."""
    with serving(tmp_path) as (url, _):
        for end in "ab":
            assert requests.get(f"{url}/{'x' * 5_000}{end}", timeout=10).status_code == 404
        assert value(url, "http_requests_total", path="/" + "x" * 255) == 2


def test_another_scenario_starts_anew_and_keeps_the_switches(tmp_path: Path) -> None:
    with serving(tmp_path, {"AGENT_REFERENCE_BEHAVIOUR": "code", "LANGSIGHT_METRICS_TOKEN": "t"}) as (url, hosting):
        answer = requests.post(f"{url}/scenario", json={"scenario": "L04"}, timeout=10)

        assert answer.json()["scenario"] == "L04"
        assert hosting.service.workload.counts_health_checks is False
        assert requests.post(f"{url}/scenario", json={"scenario": "F01"}, timeout=10).status_code == 404


def test_workers_behind_one_address_answer_in_turn(tmp_path: Path) -> None:
    changes = 'timeline: [{at: 0s, scale: {"": 3}, monitoring: {load_balancer: true}}]\n'
    with serving(tmp_path, changes=changes) as (url, hosting):
        hosting.service.processes[1].instruments.add("spans_ingested_total", 5)

        assert sorted(value(url, "spans_ingested_total") for _ in range(3)) == [0, 0, 5]
        assert [group["labels"]["instance"] for group in requests.get(f"{url}/targets", timeout=10).json()] == [
            "langsight:8000"
        ]


def test_a_body_that_never_comes_holds_nothing(tmp_path: Path) -> None:
    with serving(tmp_path) as (url, _):
        host, _, port = url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=10) as half:
            half.sendall(b"POST /api/traces/spans HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n[")

            assert requests.get(f"{url}/api/status", timeout=10).status_code == 200


# The workload.


def test_checks_come_at_their_interval_and_as_often_after_long_slices() -> None:
    one = Service(MODEL, workload=LangSightWorkload(check_seconds=60), metrics=METRICS)
    one.slice_seconds = 60
    begun = one.now

    one.advance(begun + 3600)

    assert one.processes[0].instruments.value("health_checks_total", server="search-mcp", status="up") == 60


def test_a_check_that_is_not_counted_leaves_the_page_without_a_sample() -> None:
    one = idle(counts_health_checks=False)
    (process,) = one.processes

    checked(process, one.workload, "postgres-mcp", "up")

    text = write(process).decode()
    assert "# TYPE langsight_health_checks_total counter" in text
    assert "langsight_health_checks_total{" not in text


# Scenarios.

#: What tells each scenario from an ordinary day, from the series alone. Minutes.
SIGNATURES: dict[str, Callable[[Evidence], bool]] = {
    "L01": lambda e: e.increase("http_requests_total", 21, 75, path="/api/traces/spans", status="503") > 1500
    and e.increase("spans_ingested_total", 21, 75) == 0,
    "L02": lambda e: slow_share(e, "http_request_duration_seconds", "2.5", 25, 75) > 0.05
    and e.increase("http_requests_total", 0, 75, status="503") == 0,
    "L03": lambda e: e.values("health_checks_total", 0, 89) == []
    and e.increase("health_checks_total", 136, 180, server="github-mcp", status="down") > 40,
    "L04": lambda e: set(e.values("active_sse_connections", 21, 90)) == {990.0}
    and e.increase("sse_events_dropped_total", 30, 90) > 10_000,
    "L05": lambda e: e.increase("spans_ingested_total", 21, 120) == 0 and e.increase("spans_ingested_total", 0, 20) > 5000,
    "L06": lambda e: not any(e.up(21, 60)) and all(e.up(0, 19)),
    "L07": lambda e: len(e.values("process_start_time_seconds", 76, 95)) > 0
    and len(set(e.values("process_start_time_seconds", 76, 95))) == 2
    and e.increase("http_requests_total", 10, 36, status="404") > 500,
    "L08": lambda e: e.up(31, 90) == [] and all(e.up(0, 29)) and e.up(0, 29) != [],
    "L09": lambda e: e.increase("http_requests_total", 166, 220, path="/api/traces/spans") == 0
    and e.increase("http_requests_total", 166, 220, path="/api/agents/sessions") > 0,
    "L10": lambda e: e.increase("http_requests_total", 166, 220, path="/api/agents/sessions") == 0
    and e.increase("http_requests_total", 166, 220, path="/api/status") > 0,
    "L11": lambda e: e.increase("http_requests_total", 22, 75, path="/api/traces/otlp", status="429") > 1500,
    "L12": lambda e: e.increase("sse_events_dropped_total", 30, 90) > 10_000
    and set(e.values("active_sse_connections", 21, 90)) == {6.0},
    "B21": lambda e: e.increase("spans_ingested_total", 121, 1800) == 0
    and e.increase("http_requests_total", 121, 1800, path="/api/traces/otlp") > 20_000,
    "B22": lambda e: max(e.values("active_sse_connections", 20, 22)) == 850
    and max(e.values("active_sse_connections", 22, 60)) == 300,
}  # fmt: skip


def test_every_scenario_of_langsight_is_shipped() -> None:
    assert [s.id for s in scenarios.shipped("langsight")] == list(SIGNATURES)


@pytest.mark.long
@pytest.mark.parametrize("word", SIGNATURES)
def test_a_scenario_plays_what_it_says(word: str) -> None:
    """Its signature is in its series, and in those of no other."""
    assert SIGNATURES[word](evidence(word))


@pytest.mark.parametrize("word", SIGNATURES)
def test_the_feed_reconnecting_has_no_other_signature(word: str) -> None:
    """A check that is true of everything checks nothing: B22 is an ordinary day but for one minute."""
    try:
        found = SIGNATURES[word](evidence("B22"))
    except ValueError:  # nothing there to take the maximum of
        found = False

    assert found == (word == "B22")


def test_faults_name_alerts_that_must_fire_and_benign_cases_none() -> None:
    for scenario in scenarios.shipped("langsight"):
        assert bool(scenario.fire) == scenario.id.startswith("L"), scenario.id
        assert all(e.since + e.within <= scenario.duration for e in scenario.fire), scenario.id
        assert all(e.alert.startswith("LangSight") for e in scenario.fire)
    expected = Counter(e.alert for s in scenarios.shipped("langsight") for e in s.fire)
    assert len(expected) == 17
