"""The reference server over HTTP: its pages, its probes, its runs, its counting, its end, and processes that join it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from reference_server.agent_server import settings
from reference_server.agent_server.records import Records, Thread
from reference_server.core.serve import Running
from reference_server.scenarios import live
from reference_server.scenarios.live import start
from testbed.exposition import Family, parse
from testbed.servers import Prometheus, find, missing, wait_until
from testbed.stack.reference import Reference

ROOT = Path(__file__).parent.parent

#: What shows everything, at once.
SHOWN = {
    "EXPOSE_INTERNAL_METRICS_PROMETHEUS": "true",
    "METRIC_MAX_EMITTING_TIER": "3",
    "STATS_INTERVAL_SECS": "1",
    "LSD_PROTOCOL_V2_BUFFER_SIZE": "5",
    "BG_JOB_TIMEOUT_SECS": "2",
}
NOBODY = "00000000-0000-4000-8000-000000000000"


def serve(environment: dict[str, str] | None = None, **flags: str) -> Running:
    return start(settings.read({"scenario": "idle", **flags}, environment or {}))


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    """One in-memory server for tests that do not mind each other."""
    with serve(SHOWN, runtime="inmem") as running:
        yield running


@contextmanager
def command(*flags: str, env: Mapping[str, str] | None = None) -> Iterator[Reference]:
    """The command as a process of its own."""
    with Reference(*flags, env=env or {}) as process:
        yield process.ready()


def answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/metrics", timeout=5).ok
    except requests.ConnectionError:
        return False


def page(url: str) -> dict[str, Family]:
    return parse(requests.get(f"{url}/metrics", timeout=10).text)


def table(url: str) -> dict[str, Any]:
    found: dict[str, Any] = requests.get(f"{url}/metrics?format=json", timeout=10).json()
    return found


def run(act: str, amount: float = 3, **more: Any) -> dict[str, Any]:
    return {"assistant_id": "agent", "input": {"act": act, "amount": amount}, **more}


def counted(url: str) -> Counter[tuple[str, str, str]]:
    family = page(url).get("lg_api_http_requests_total") or Family("none")
    return Counter({(s.labels["method"], s.labels["path"], s.labels["status"]): int(s.value) for s in family.samples})


def test_the_page_has_the_content_type_of_its_era() -> None:
    """0.11.0 and later say a version, servers before do not; an unknown format is the page too."""
    with serve(runtime="inmem") as new, serve(runtime="inmem", era="old") as old:
        kinds = [requests.get(s.url + "/metrics?format=xml", timeout=5).headers["content-type"] for s in (new, old)]
        assert kinds == ["text/plain; version=1.0.0; charset=utf-8", "text/plain; charset=utf-8"]
        assert page(old.url)["lg_api_num_pending_runs"].values("project_id") == {"None"}


@pytest.mark.parametrize(
    ("role", "runtime", "keys"),
    [
        ("combined", "inmem", ["queue", "api", "workers"]),
        ("combined", "postgres", ["postgres", "redis", "queue", "api", "workers"]),
        ("api", "postgres", ["postgres", "redis", "queue", "api"]),
        ("queue", "postgres", ["postgres", "redis", "workers"]),
    ],
)
def test_the_json_page_has_the_keys_of_its_role(role: str, runtime: str, keys: list[str]) -> None:
    """Which keys there are, in which order, depends on role and runtime."""
    with serve(role=role, runtime=runtime) as running:
        assert list(table(running.url)) == keys


def test_the_json_page_of_an_empty_queue_is_the_real_one(server: Running) -> None:
    """Nothing waits, so no wait has a value; the keys stand in the real server's order."""
    assert list(table(server.url)["queue"].items()) == [
        ("n_pending", 0),
        ("pending_runs_wait_time_max_secs", None),
        ("pending_runs_wait_time_med_secs", None),
        ("pending_unblocked_runs_wait_time_max_secs", None),
        ("n_running", 0),
    ]


def test_queue_depth_is_read_at_request_time() -> None:
    """More sleeping runs than slots: the rest is pending, and the JSON page knows how long."""
    with serve({"N_JOBS_PER_WORKER": "2"}, runtime="inmem", time_scale="10") as running:
        for _ in range(5):
            assert requests.post(f"{running.url}/runs", json=run("sleep", 600), timeout=5).ok
        found = wait_until(
            lambda: (t := table(running.url)) and t["queue"]["n_running"] == 2 and t, what="runs", limit_seconds=5
        )
        assert found["queue"]["n_pending"] == 3
        assert found["queue"]["pending_runs_wait_time_max_secs"] > 0
        assert found["workers"] == {"max": 2, "active": 2, "available": 0}


def test_info_is_the_real_one(server: Running) -> None:
    """Versions, flags and host as a self-hosted server says them."""
    assert requests.get(f"{server.url}/info", timeout=5).json() == {
        "version": "0.16.7",
        "langgraph_py_version": "1.2.22",
        "flags": {
            "assistants": True,
            "crons": True,
            "langsmith": False,
            "langsmith_tracing_replicas": True,
            "langsmith_tracing_session_on_runs": True,
        },
        "host": {
            "kind": "self-hosted",
            "project_id": None,
            "host_revision_id": None,
            "revision_id": None,
            "tenant_id": None,
        },
    }


def test_ok_asks_the_databases_only_when_told_to(server: Running) -> None:
    """Skipped, healthy, and 400 for what is no number; the in-memory runtime has nothing to ask."""
    assert requests.get(f"{server.url}/ok", timeout=5).json() == {"ok": True, "services": {}}
    bad = requests.get(f"{server.url}/ok?check_db=x", timeout=5)
    assert (bad.status_code, bad.json()) == (400, {"detail": "invalid literal for int() with base 10: 'x'"})
    with serve(role="api") as running:
        services = requests.get(f"{running.url}/ok", timeout=5).json()["services"]
        assert services == {"core_api": "healthy", "postgres": "skipped", "redis": "skipped"}
        services = requests.get(f"{running.url}/ok?check_db=1", timeout=5).json()["services"]
        assert set(services.values()) == {"healthy"}
    with serve(role="queue") as running:
        assert requests.get(f"{running.url}/ok", timeout=5).json() == {"status": "ok"}


def test_a_dead_database_makes_ok_fail_and_the_page_goes_on() -> None:
    """F11: /ok?check_db=1 is 500, the queue's /ok is too, JSON fails, the page keeps answering with frozen gauges."""
    with serve(role="api", scenario="f11", time_scale="1000") as running:
        wait_until(
            lambda: requests.get(f"{running.url}/ok?check_db=1", timeout=5).status_code == 500,
            what="the outage",
            limit_seconds=20,
        )
        assert requests.get(f"{running.url}/metrics?format=json", timeout=5).status_code == 500
        assert requests.get(f"{running.url}/metrics", timeout=5).ok


def test_runs_end_as_they_were_asked_to(server: Running) -> None:
    """Success, an error of the agent, the recursion limit, the time limit: all are HTTP 200."""

    def ends(act: str, **more: Any) -> Any:
        answer = requests.post(f"{server.url}/runs/wait", json=run(act, **more), timeout=30)
        assert answer.status_code == 200
        return answer.json()

    assert ends("succeed") == {"messages": [], "act": "succeed", "amount": 3, "steps": 1}
    assert ends("fail") == {"__error__": {"error": "ValueError", "message": "asked to fail"}}
    assert ends("recurse", config={"recursion_limit": 4})["__error__"]["error"] == "GraphRecursionError"
    assert ends("sleep", amount=30)["__error__"]["error"] == "UserTimeout"
    assert "__error__" in ends("retry")


def test_a_stream_has_the_events_of_its_modes(server: Running) -> None:
    """`metadata` first, then what the modes ask for, in order."""
    body = run("stream", 2, stream_mode=["values", "updates"])
    answer = requests.post(f"{server.url}/runs/stream", json=body, timeout=10)
    events = [line.removeprefix("event: ") for line in answer.text.splitlines() if line.startswith("event: ")]
    assert events == ["metadata", "values", "updates", "values", "updates", "values"]
    assert answer.headers["content-type"].startswith("text/event-stream")


def test_a_run_can_be_cancelled_joined_and_read(server: Running) -> None:
    """Created, seen running, cancelled with a wait, joined, and not cancelled twice."""
    thread = requests.post(f"{server.url}/threads", json={}, timeout=5).json()["thread_id"]
    where = f"{server.url}/threads/{thread}/runs"
    name = requests.post(where, json=run("sleep", 60), timeout=5).json()["run_id"]
    wait_until(
        lambda: requests.get(f"{where}/{name}", timeout=5).json()["status"] == "running", what="start", limit_seconds=5
    )
    assert requests.get(f"{server.url}/threads/{thread}", timeout=5).json()["status"] == "busy"
    assert requests.post(f"{where}/{name}/cancel?wait=1", timeout=5).json() == {}
    assert requests.get(f"{where}/{name}/join", timeout=5).json() == {}
    assert requests.post(f"{where}/{name}/cancel", timeout=5).status_code == 404
    assert [r["status"] for r in requests.get(where, timeout=5).json()] == ["interrupted"]
    assert requests.get(f"{server.url}/threads/{thread}", timeout=5).json()["status"] == "idle"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/runs/wait", {}, 422),
        ("POST", "/runs/wait", {"assistant_id": "nobody"}, 422),
        ("POST", "/runs/wait", [], 422),
        ("GET", "/threads/none", None, 422),
        ("GET", f"/threads/{NOBODY}", None, 404),
        ("POST", f"/threads/{NOBODY}/runs", {"assistant_id": "agent"}, 404),
        ("DELETE", "/runs/wait", None, 405),
        ("POST", "/info", None, 404),
        ("GET", "/no/such/page", None, 404),
    ],
)
def test_mistakes_get_the_real_servers_answers(
    server: Running, method: str, path: str, body: object, status: int
) -> None:
    """The status is the real one's, and the body is JSON with a detail."""
    answer = requests.request(method, server.url + path, json=body, timeout=5)
    assert answer.status_code == status


def test_requests_are_counted_as_the_real_server_counts_them() -> None:
    """By template; unknown URLs have no path; probes and pages do not count, but GET / does."""
    with serve(runtime="inmem") as running:
        for method, path in (
            ("GET", "/ok"), ("GET", "/info"), ("GET", "/metrics"), ("GET", "/"), ("GET", "/nothing/1"),
            ("GET", "/nothing/2"), ("POST", "/info"), ("OPTIONS", "/threads"), ("PROPFIND", "/threads"),
            ("GET", f"/threads/{NOBODY}"), ("MADEUP", "/threads"),
        ):  # fmt: skip
            requests.request(method, running.url + path, timeout=5)
        expected = {
            ("GET", "/", "200"): 1,
            ("GET", "", "404"): 2,
            ("POST", "", "404"): 1,
            ("OPTIONS", "/threads", "405"): 1,
            ("PROPFIND", "/threads", "405"): 1,
            ("GET", "/threads/{thread_id}", "404"): 1,
        }
        assert wait_until(lambda: counted(running.url) == expected, what="counts", limit_seconds=5)
        listed = table(running.url)["api"]["http_requests_total"]
        assert {(e["method"], e["path"], str(e["status"])): e["count"] for e in listed} == expected


def test_below_a_mount_prefix_paths_do_not_carry_it() -> None:
    """The page and /ok answer at the root and below the prefix, /info below it only."""
    with serve({"MOUNT_PREFIX": "/agents/"}, runtime="inmem") as running:
        status = {
            path: requests.get(running.url + path, timeout=5).status_code
            for path in ("/ok", "/agents/ok", "/metrics", "/agents/metrics", "/info", "/agents/info", "/")
        }
        assert status == {
            "/ok": 200, "/agents/ok": 200, "/metrics": 200, "/agents/metrics": 200, "/info": 404, "/agents/info": 200,
            "/": 200,
        }  # fmt: skip
        requests.post(f"{running.url}/agents/threads", json={}, timeout=5)
        assert wait_until(lambda: counted(running.url), what="a count", limit_seconds=5) == {
            ("POST", "/threads", "200"): 1
        }


def test_time_can_be_scaled() -> None:
    """An hour of a calm day passes in a moment, and the gauges refresh in virtual minutes."""
    with serve(SHOWN, scenario="calm", time_scale="2000", role="api") as running:
        wait_until(
            lambda: page(running.url)["lg_api_http_requests_total"].total() > 1000, what="an hour", limit_seconds=20
        )
        assert page(running.url)["lg_api_num_pending_runs"].samples


def test_the_scenario_is_switched_at_run_time() -> None:
    """POST /scenario plays another one from its beginning; what is no shipped scenario is refused."""
    with serve(scenario="calm") as running:
        where = f"{running.url}/scenario"
        assert requests.post(where, json={"scenario": "f01"}, timeout=5).json()["scenario"] == "F01"
        assert requests.get(where, timeout=5).json()["scenario"] == "F01"
        assert requests.post(where, json={"scenario": "/etc/passwd"}, timeout=5).status_code == 400
        assert requests.post(where, json={"scenario": "none"}, timeout=5).status_code == 404
        assert (
            requests.post(where, data="{", headers={"Content-Type": "application/json"}, timeout=5).status_code == 400
        )
        assert page(running.url)


def test_a_scenario_that_has_no_such_process_is_refused_and_the_old_one_goes_on() -> None:
    """The in-memory runtime has combined processes only."""
    with serve(scenario="F01", role="api") as running:
        where = f"{running.url}/scenario"
        refused = requests.post(where, json={"scenario": "b15"}, timeout=5)
        assert refused.status_code == 409
        assert "combined, the only role of the runtime inmem" in refused.text
        assert requests.get(where, timeout=5).json()["scenario"] == "F01"
        assert page(running.url)


def test_start_times_are_told_by_the_wall_whatever_the_time_scale() -> None:
    """Anyone who subtracts them from the time gets an age, never one in the future."""
    with serve(scenario="calm", time_scale="600") as running:
        wait_until(
            lambda: requests.get(f"{running.url}/scenario", timeout=5).json()["elapsed_seconds"] > 600,
            what="ten virtual minutes",
            limit_seconds=20,
        )
        assert 0 <= time.time() - page(running.url)["process_start_time_seconds"].total() < 60


def test_the_command_answers_and_ends_with_0() -> None:
    """SIGTERM while a run is being executed: the in-memory runtime drains for 5 s at most, then 0."""
    with command("--runtime", "inmem", "--scenario", "idle", "--time-scale", "10") as process:
        requests.post(f"{process.url}/runs", json=run("sleep", 600), timeout=5)
        assert process.end() == 0


def test_a_taken_port_ends_the_command_with_1() -> None:
    """It says what is wrong, and does not answer somewhere else."""
    with command("--scenario", "idle") as process:
        done = subprocess.run(
            [sys.executable, "-m", "reference_server", "--port", str(process.port)],
            cwd=ROOT, capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("cannot serve: ")


@pytest.mark.long
def test_processes_that_join_share_one_queue() -> None:
    """An API and two queue processes: what one page says of the queue, the others' slots explain."""
    shown = SHOWN | {"BG_JOB_TIMEOUT_SECS": "3600"}
    env = shown | {"N_JOBS_PER_WORKER": "2"}
    with (
        command("--role", "api", "--scenario", "idle", env=shown) as api,
        command("--role", "queue", "--join", api.url, "--seed", "2", env=env) as first,
        command("--role", "queue", "--join", api.url, "--seed", "3", env=env) as second,
    ):
        one, two = first.url, second.url
        for _ in range(6):
            requests.post(f"{api.url}/runs", json=run("sleep", 600), timeout=5)
        wait_until(
            lambda: [total(u, "workers_active") for u in (one, two)] == [2, 2], what="both to be busy", limit_seconds=10
        )
        wait_until(lambda: total(api.url, "num_pending_runs") == 2, what="the rest to wait", limit_seconds=10)
        assert total(api.url, "num_running_runs") == 4
        assert "lg_api_workers_max" not in page(api.url)
        assert "lg_api_num_pending_runs" not in page(one)
        waits = [page(u)["lg_api_run_queue_wait_time_1st_attempt"].total("_count") for u in (one, two)]
        assert sum(waits) == 4
        assert table(one)["workers"] == {"max": 2, "active": 2, "available": 0}

        # A process that dies leaves its runs running until someone notices that their heartbeat is old.
        second.stop()
        assert not answers(two)
        assert table(api.url)["queue"]["n_running"] == 4


def total(url: str, name: str) -> float:
    """Sum of a family; nothing yet is -1."""
    family = page(url).get(f"lg_api_{name}")
    return family.total() if family else -1


@pytest.mark.long
def test_a_process_that_joined_drains_while_its_page_is_there() -> None:
    """SIGTERM: the queue's page answers until the last run has ended, then the process ends with 0."""
    with (
        command("--role", "api", "--scenario", "idle", env=SHOWN | {"BG_JOB_TIMEOUT_SECS": "60"}) as api,
        command("--role", "queue", "--join", api.url, env=SHOWN) as queue,
    ):
        url = queue.url
        answer = requests.post(f"{api.url}/runs", json=run("sleep", 3), timeout=5)
        assert answer.ok
        wait_until(lambda: total(url, "workers_active") == 1, what="the run", limit_seconds=5)
        os.kill(queue.pid, signal.SIGTERM)
        wait_until(lambda: total(url, "server_requested_to_stop_counter_total") == 1, what="drain", limit_seconds=5)
        assert total(url, "run_abandoned_by_shutdown_counter_total") == 1
        assert queue.exit_code() == 0
        assert wait_until(lambda: table(api.url)["queue"]["n_running"] == 0, what="the end", limit_seconds=5)


def test_a_process_that_is_lost_leaves_its_runs_running() -> None:
    """Without a socket: a queue joins, takes a run, dies; the run stays running, and nobody is there to end it."""
    seconds = [0.0]
    hosting = live.agent_server(settings.read({"role": "api", "scenario": "idle"}, SHOWN), wall=lambda: seconds[0])
    queue = hosting.join(settings.read({"role": "queue"}, SHOWN | {"BG_JOB_TIMEOUT_SECS": "600"}))
    hosting.nodes[0].start(run("sleep", 500), Thread("t", 0))
    seconds[0] = 1
    hosting.clock.advance()
    assert len(queue.process.active) == 1

    hosting.lose(queue)

    seconds[0] = 30
    hosting.clock.advance()
    assert not queue.process.up
    assert hosting.deployment.queue_stats().n_running == 1


def test_a_stream_that_never_ends_is_cut_when_the_server_ends() -> None:
    """An open event stream does not keep the server from ending."""
    running = serve(runtime="inmem")
    thread = requests.post(f"{running.url}/threads", json={}, timeout=5).json()["thread_id"]
    where = f"{running.url}/threads/{thread}/stream/events"
    with requests.post(where, json={"channels": ["values"]}, stream=True, timeout=10) as answer:
        assert answer.status_code == 200
        running.close()
        assert answer.content == b""


def test_what_the_api_remembers_is_bounded() -> None:
    """Threads and runs go, the oldest first, when they are too many or too large."""
    many, large = Records(most=3), Records(most_bytes=11_000)
    threads = [many.new_thread(0).id for _ in range(5)]
    assert list(many.threads) == threads[2:]
    threads = [large.new_thread(0, {"text": "x" * 300}).id for _ in range(5)]
    assert list(large.threads) == threads[2:]
    assert large.size <= 11_000


@pytest.mark.real
@pytest.mark.parametrize("age", ["oldest", "newest"])
def test_a_real_prometheus_scrapes_every_role(age: Any) -> None:
    """Each page is taken whole, without a warning; `le` and types are as its parser wants them."""
    found = find("prometheus", age)
    if found.path is None:
        missing(found.reason)
    shapes = [
        {"role": "combined", "runtime": "inmem"},
        {"role": "combined"},
        {"role": "api"},
        {"role": "queue"},
        {"role": "combined", "era": "old"},
    ]
    environment = {k: v for k, v in SHOWN.items() if "SECS" not in k}
    running = [serve(environment, scenario="calm", time_scale="60", **shape) for shape in shapes]
    try:
        targets = json.dumps([one.url.removeprefix("http://") for one in running])
        config = f"scrape_configs: [{{job_name: agents, scrape_interval: 500ms, scrape_timeout: 500ms, static_configs: [{{targets: {targets}}}]}}]"
        with Prometheus(found.path, config) as prometheus:
            wait_until(lambda: prometheus.query("sum(up)==5"), what="five targets", limit_seconds=30)
            for one in running:
                wait_until(partial(all_stored, prometheus, one.url), what=f"all of {one.url}", limit_seconds=15)
            assert prometheus.query('count(lg_api_http_requests_latency_bucket{le=~"5000(\\\\.0)?"}) > 0')
            assert [line for line in prometheus.log().splitlines() if "level=warn" in line.lower()] == []
    finally:
        for one in running:
            one.close()


def all_stored(prometheus: Prometheus, url: str) -> bool:
    """Whether the newest scrape had as many samples as the page has."""
    found = prometheus.query(f'scrape_samples_scraped{{instance="{url.removeprefix("http://")}"}}')
    return found[0].value == sum(len(family.samples) for family in page(url).values())
