"""What systems share whose metrics follow from rates: time passes, processes come and go, scenarios change them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests

from generator.catalogue import load
from reference_server.core.rates import Model, Service, ServiceProcess, page
from reference_server.core.rates.app import build
from reference_server.core.rates.deployment import changed
from reference_server.core.rates.draw import POINTS, observe, part, times
from reference_server.core.rates.python import started, worked
from reference_server.core.rates.settings import ServiceSettings
from reference_server.core.serve import Running, bind
from reference_server.core.timeline import Change
from reference_server.scenarios import library as scenarios
from reference_server.scenarios import live
from reference_server.scenarios.systems import SERVICES
from testbed.exposition import parse
from testbed.servers import wait_until

METRICS = load().systems["langsight"].metrics


@dataclass(frozen=True, slots=True)
class Work:
    """Spans a second, and shares of status codes."""

    spans: float = 10.0
    status: Mapping[str, float] = field(default_factory=lambda: {"200": 1.0})


def begin(process: ServiceProcess, _: Work) -> None:
    process.instruments.add("spans_ingested_total", 0)


def tick(process: ServiceProcess, workload: Work, seconds: float, share: float) -> None:
    process.instruments.add("spans_ingested_total", workload.spans * seconds * share)


MODEL = Model(
    system="langsight", roles={"": 2}, workload=Work, begin=begin, tick=tick, job=lambda _: "langsight",
    port=lambda _: 8000, page=lambda _: b"", prefix="langsight_",
)  # fmt: skip


def service(*timeline: Change) -> Service:
    return Service(MODEL, start=0, timeline=timeline, metrics=METRICS)


def spans(one: Service) -> list[float]:
    return [p.instruments.value("spans_ingested_total") for p in one.processes]


def test_the_work_is_shared_by_the_processes_that_run() -> None:
    one = service(Change(100, {"crash": {"only": ["langsight-1"], "down": 50}}))

    one.advance(100)
    assert spans(one) == [500, 500]
    one.advance(140)
    assert spans(one)[0] == 900
    assert [one.scrape(t).ok for t in one.targets()] == [True, False]


def test_a_process_that_comes_back_counts_from_nothing() -> None:
    one = service(Change(100, {"crash": {"only": ["langsight-1"], "down": 50}}))

    one.advance(160)

    assert one.processes[1].started == 150
    assert spans(one)[1] == pytest.approx(75)  # half of the work, from the slice on in which it came back


def test_a_change_takes_effect_when_it_is_due() -> None:
    one = service(Change(50, {"workload": {"spans": 0}}))

    one.advance(1000)

    assert sum(spans(one)) == 10 * 50


def test_scaling_adds_and_removes_processes() -> None:
    one = service(Change(10, {"scale": {"": 3}}), Change(20, {"scale": {"": 1}}))

    one.advance(15)
    assert [t.instance for t in one.targets()] == ["langsight-0:8000", "langsight-1:8000", "langsight-2:8000"]
    one.advance(25)
    assert [t.instance for t in one.targets()] == ["langsight-0:8000"]


@pytest.mark.parametrize(
    ("fault", "ok"),
    [
        ({"unreachable": True}, False),
        ({"unauthorised": True}, False),
        ({"slow_seconds": 30}, False),
        ({"slow_seconds": 2}, True),
    ],
)
def test_faults_are_what_a_scrape_sees(fault: dict[str, object], *, ok: bool) -> None:
    one = service()
    one.apply({"faults": {"only": ["langsight-0"], **fault}})

    assert [one.scrape(t).ok for t in one.targets()] == [ok, True]


def test_monitoring_hides_processes_and_stops_prometheus() -> None:
    one = service()
    one.apply({"monitoring": {"hidden": ["langsight-1"], "running": False}})

    assert [t.instance for t in one.targets()] == ["langsight-0:8000"]
    assert not one.prometheus_runs


def test_behind_a_load_balancer_processes_answer_in_turn_and_those_that_are_down_never() -> None:
    one = service()
    one.apply({"scale": {"": 3}, "monitoring": {"load_balancer": True}})
    for number, process in enumerate(one.processes):
        process.instruments.add("spans_ingested_total", number)

    (target,) = one.targets()

    def seen(scrapes: int) -> list[float]:
        column = [dict(zip(s.keys, s.values, strict=True)) for s in (one.scrape(target) for _ in range(scrapes))]
        return [values["langsight_spans_ingested_total", ()] for values in column]

    assert (target.instance, target.labels) == ("langsight:8000", {"deployment": "demo"})
    assert seen(4) == [0, 1, 2, 0]
    one.apply({"crash": {"only": ["langsight-1"], "down": 60}})
    assert set(seen(4)) == {0, 2}


def test_the_metrics_of_the_pages_that_a_page_is_made_of_come_by_themselves() -> None:
    process = service().processes[0]

    started(process)
    worked(process, 12.5, 1e6, 9)
    worked(process, 0.5, 2e6, 30_000)

    assert process.instruments.value("process_cpu_seconds_total") == 13
    assert process.instruments.value("process_resident_memory_bytes") == 2e6
    assert process.instruments.value("process_open_fds") == process.instruments.value("process_max_fds") == 20_000
    assert process.instruments.value("python_gc_collections_total", generation="0") == 13 * 40


def test_who_starts_is_told_now_and_after_every_crash() -> None:
    starts: list[tuple[str, float]] = []
    one = service(Change(100, {"crash": {"only": ["langsight-1"], "down": 50}}))
    one.at_start = lambda process: starts.append((process.name, process.started))

    one.advance(200)
    one.apply({"scale": {"": 3}})

    assert starts == [("langsight-1", 150), ("langsight-2", 200)]


def test_a_page_is_spelled_as_its_client_library_does() -> None:
    """Order of families and of labels, edges, numbers, totals, empty families and the end are the style's."""
    process = service().processes[0]
    process.instruments.observe("http_request_duration_seconds", 0.02, 3, method="GET", path='/a"b')
    process.instruments.add("http_requests_total", 3, status="200", method="GET", path="/")
    plain = page.Style(
        help={"http_requests_total": "Requests."},
        family=lambda name, kind: name.removesuffix("_total") if kind == "counter" else name,
        number=lambda value: f"{value:g}",
        edge=lambda edge: f"{edge:g}",
        trailing=("_sum", "_count"),
        by_name=True,
        alphabetical=False,
        end="# EOF\n",
    )
    metrics = [
        m for m in METRICS if m.name in {"http_requests_total", "http_request_duration_seconds", "health_checks_total"}
    ]

    text = page.write(plain, metrics, process.instruments).decode().splitlines()

    assert text[:4] == [
        "# HELP langsight_http_request_duration_seconds Time from an HTTP request to the start of its answer, by path.",
        "# TYPE langsight_http_request_duration_seconds histogram",
        'langsight_http_request_duration_seconds_bucket{method="GET",path="/a\\"b",le="0.01"} 0',
        'langsight_http_request_duration_seconds_bucket{method="GET",path="/a\\"b",le="0.025"} 3',
    ]
    assert text[-6:] == [
        'langsight_http_request_duration_seconds_sum{method="GET",path="/a\\"b"} 0.06',
        'langsight_http_request_duration_seconds_count{method="GET",path="/a\\"b"} 3',
        "# HELP langsight_http_requests Requests.",
        "# TYPE langsight_http_requests counter",
        'langsight_http_requests_total{method="GET",path="/",status="200"} 3',
        "# EOF",
    ]


def test_a_workload_s_mappings_are_merged_and_null_removes() -> None:
    work = changed(Work(), {"status": {"503": 0.5}})

    assert work.status == {"200": 1.0, "503": 0.5}
    assert changed(work, {"status": {"200": None}}).status == {"503": 0.5}


def test_the_same_seed_is_the_same_history() -> None:
    assert service().processes[0].chance.random() == service().processes[0].chance.random()


@pytest.mark.parametrize("count", [0, 3, POINTS + 1, 1000])
def test_observations_are_as_many_as_asked_and_around_the_median(count: int) -> None:
    process = service().processes[0]

    observe(process, "http_request_duration_seconds", count, 0.2, 0.5, method="GET", path="/api")

    found = [v for m, _, v in process.instruments.points() if m.name == "http_request_duration_seconds"]
    assert process.instruments.value("http_request_duration_seconds") == count
    if count == 1000:
        (value,) = found
        below = sum(value.counts[:4]), sum(value.counts[:5])  # type: ignore[union-attr]  # up to 0.1 and 0.25 s
        assert below[0] < 150
        assert below[1] > 500


def test_draws_follow_their_rate() -> None:
    process = service().processes[0]

    assert 900 < sum(times(process, 10, 5, 0.5) for _ in range(40)) < 1100
    assert part(process.chance, 50, 1.0) == 50
    assert all(part(process.chance, 3, 0.99) <= 3 for _ in range(100))


@pytest.mark.parametrize("system", SERVICES)
def test_every_system_tells_and_changes_what_is_played_as_the_agent_server_does(system: str) -> None:
    """An ordinary day is a scenario of the system; expectations and virtual time are told; other systems' are unknown."""
    fault = next(s for s in scenarios.shipped(system) if s.fire)
    stranger = next(s for s in scenarios.shipped() if s.system != system and s.id != "calm")
    hosting = live.service(ServiceSettings(system, time_scale=100))
    with Running(build(hosting, {}), bind("127.0.0.1", 0)) as server:

        def tell(path: str = "/scenario") -> dict[str, Any]:
            found: dict[str, Any] = requests.get(server.url + path, timeout=5).json()
            return found

        def play(name: object) -> requests.Response:
            return requests.post(f"{server.url}/scenario", json={"scenario": name}, timeout=5)

        assert tell()["scenario"] == "calm"
        wait_until(lambda: tell()["elapsed_seconds"] > 300, what="five virtual minutes", limit_seconds=60)
        assert play(fault.id.lower()).json()["scenario"] == fault.id
        assert tell()["elapsed_seconds"] < 300
        assert [play(name).status_code for name in (stranger.id, "nothing", "a/b", "x.yaml", 7)] == [
            404,
            404,
            400,
            400,
            400,
        ]
        assert tell()["scenario"] == fault.id
        assert play("calm").json()["scenario"] == "calm"
        expected = tell(f"/scenarios/{fault.id}")
        codes = [
            requests.get(f"{server.url}/scenarios/{name}", timeout=5).status_code for name in (stranger.id, "..%2Fcalm")
        ]
        other = requests.delete(f"{server.url}/scenario", timeout=5).status_code

    assert expected == fault.as_json()
    assert (expected["system"], expected["deployments"]) == (system, ["demo"])
    assert expected["fire"]
    assert (codes, other) == ([404, 404], 405)


def test_an_ordinary_day_expects_nothing() -> None:
    """Its processes and its workload are the model's own."""
    day = live.service(ServiceSettings("langsmith")).scenario
    (made,) = day.deployments(live=True)
    assert isinstance(made, Service)

    assert (day.id, day.system, day.fire, day.past) == ("calm", "langsmith", (), 0)
    assert {p.role for p in made.processes} >= {"backend", "redis"}


def test_start_times_are_told_by_the_wall_whatever_the_time_scale() -> None:
    """An hour of a clock a hundred times as fast is 36 seconds on the wall; nothing began in the future."""
    wall = [1000.0]
    hosting = live.service(ServiceSettings("langsight", time_scale=100), wall=lambda: wall[0])
    first = hosting.service.processes[0]
    begun = first.instruments.value("process_start_time_seconds")
    for _ in range(36):
        wall[0] += 1
        while hosting.clock.advance() < hosting.clock.now():
            pass
    text = hosting.service.page(first).decode()

    assert hosting.elapsed_seconds == pytest.approx(3600)
    assert parse(text)["process_start_time_seconds"].total() == begun
    born = [s.value for f in parse(text).values() for s in f.samples if s.name.endswith("_created")]
    assert born
    # The test's clock ran ahead of the wall by the 36 seconds.
    assert begun - 37 < min(born) <= max(born) < time.time()
