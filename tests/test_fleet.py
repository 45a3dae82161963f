"""A fleet's pages: right in form, never falling, the same under concurrent scrapes, and found by a real Prometheus."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from reference_server.agent_server import settings
from reference_server.core.serve import Running, bind
from reference_server.fleet import templates as models
from reference_server.fleet.app import fleet_app
from reference_server.fleet.fleet import Fleet, FleetTarget, Template, template
from testbed.exposition import Family, parse
from testbed.servers import Prometheus, find, missing, wait_until

NOW = 1_800_000_000.0


@pytest.fixture(scope="module")
def forms() -> Mapping[str, Template]:
    """The templates that every fleet is made of."""
    return models.templates(settings.read({}, {}))


@pytest.fixture(scope="module")
def fleet(forms: Mapping[str, Template]) -> Fleet:
    """A thousand servers."""
    return Fleet.of(1_000, forms, seed=1, now=NOW)


def at(target: FleetTarget, seconds: float) -> dict[str, Family]:
    return parse(target.page(NOW + seconds).decode())


def test_a_thousand_servers_have_about_three_hundred_thousand_series(fleet: Fleet) -> None:
    """The size that the fleet is for."""
    assert 270_000 < sum(target.template.samples for target in fleet.targets) < 330_000


@pytest.mark.parametrize("number", [0, 4, 999])
def test_counters_never_fall_and_histograms_are_cumulative(fleet: Fleet, number: int) -> None:
    """At any two times: counters and buckets grow; within a page buckets ascend to the count."""
    target = fleet.targets[number]
    before: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    for seconds in (0, 1, 15, 16, 900, 86_400):
        for family in at(target, seconds).values():
            for sample in family.samples:
                key = (sample.name, frozenset(sample.labels.items()))
                if family.type in {"counter", "histogram"}:
                    assert sample.value >= before.get(key, 0), key
                    before[key] = sample.value
            if family.type == "histogram":
                for own in {frozenset(s.labels.items()) for s in family.samples if s.name == family.name + "_count"}:
                    labels = dict(own)
                    buckets = [s.value for s in family.samples if "le" in s.labels and own <= set(s.labels.items())]
                    assert buckets == sorted(buckets)
                    assert buckets[-1] == family.total("_count", **labels)


@pytest.mark.parametrize("number", [0, 4])
def test_sums_of_observations_move_with_their_counts(fleet: Fleet, number: int) -> None:
    """Between two scrapes a sum grows where its count does and nowhere else: a mean is never infinite."""
    target, still, moving = fleet.targets[number], 0, 0
    for seconds in range(0, 120, 15):
        pages = at(target, seconds), at(target, seconds + 15)
        for name, family in pages[0].items():
            if family.type == "histogram":
                for labels in (s.labels for s in family.samples if s.name == name + "_count"):
                    grown = [pages[1][name].total(s, **labels) - family.total(s, **labels) for s in ("_sum", "_count")]
                    assert (grown[0] > 0) == (grown[1] > 0), (name, labels)
                    still, moving = still + (grown[1] == 0), moving + (grown[1] > 0)
    assert still
    assert moving


def test_values_move_and_gauges_fit_each_other(fleet: Fleet) -> None:
    """Requests come in, slots are taken and left, and what is taken and what is left is what there is."""
    api, queue = fleet.targets[0], fleet.targets[9]
    assert (api.labels["role"], queue.labels["role"]) == ("api", "queue")
    requests_family = "lg_api_http_requests_total"
    assert at(api, 60)[requests_family].total() > at(api, 0)[requests_family].total()
    loads = set()
    for seconds in range(0, 1_800, 150):
        page = at(queue, seconds)
        slots = [page[f"lg_api_workers_{name}"].total() for name in ("max", "active", "available")]
        assert slots[0] == slots[1] + slots[2]
        loads.add(slots[1])
        assert 0 <= page["lg_api_pg_pool_available"].total() <= page["lg_api_pg_pool_size"].total()
    assert len(loads) > 3


def test_identity_and_start_differ_from_server_to_server(fleet: Fleet) -> None:
    """Each process has an id and a start of its own, before now."""
    pages = [at(target, 0) for target in fleet.targets[:20]]
    assert len({p["target_info"].samples[0].labels["service_instance_id"] for p in pages}) == 20
    starts = [p["process_start_time_seconds"].total() for p in pages]
    assert len(set(starts)) == 20
    assert max(starts) < NOW


def test_a_template_keeps_the_page_as_it_was() -> None:
    """Names, labels, percent signs and order survive; only numbers are holes."""
    page = '# HELP a 100 % of it\n# TYPE a counter\na{p="5%s"} 6.0\n# TYPE b gauge\nb 2.0\n'
    form = template(page, 60)
    target = FleetTarget(0, "id", {}, form, started=NOW - 60, speed=1, phase=0.25)
    assert target.page(NOW).decode().splitlines()[2] == 'a{p="5%s"} 6.0'
    assert form.samples == 2
    assert math.isclose(at(target, 60)["a"].total(), 12)


@pytest.fixture
def running(fleet: Fleet) -> Iterator[Running]:
    """The fleet, served at one moment that does not pass."""
    with Running(fleet_app(fleet, lambda: NOW), bind("127.0.0.1", 0)) as server:
        yield server


def test_concurrent_scrapes_give_every_target_its_own_page(running: Running, fleet: Fleet) -> None:
    """Sixteen readers at once: each answer is exactly the page of its target."""

    def right(number: int) -> bool:
        answer = requests.get(f"{running.url}/targets/{number}/metrics", timeout=10)
        return answer.content == fleet.targets[number].page(NOW)

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(right, [n % 50 for n in range(400)]))


def test_discovery_lists_every_target_with_its_labels(running: Running) -> None:
    """What `http_sd_configs` reads: one address, a path and the labels of its own for each target."""
    groups = requests.get(f"{running.url}/targets", timeout=10).json()
    assert len(groups) == 1_000
    assert {tuple(group["targets"]) for group in groups} == {(running.url.removeprefix("http://"),)}
    assert set(groups[0]["labels"]) == {
        "__metrics_path__", "instance", "deployment", "role", "namespace", "cluster", "system",
    }  # fmt: skip
    assert len({group["labels"]["instance"] for group in groups}) == 1_000


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/targets/1000/metrics", 404), ("GET", "/targets/x/metrics", 404), ("POST", "/targets", 405),
     ("GET", "/nothing", 404), ("GET", "/targets/99999999999999/metrics", 404), ("GET", "/ok", 200)],
)  # fmt: skip
def test_other_paths_get_a_clean_answer(running: Running, method: str, path: str, status: int) -> None:
    """No such target, no such page, no such method."""
    assert requests.request(method, running.url + path, timeout=5).status_code == status


@pytest.mark.real
def test_a_real_prometheus_finds_and_scrapes_a_fleet(forms: Mapping[str, Template]) -> None:
    """Through HTTP service discovery: every target is up and whole, and its labels are there."""
    found = find("prometheus", "oldest")
    if found.path is None:
        missing(found.reason)
    small = Fleet.of(20, forms, seed=2, now=NOW)
    with Running(fleet_app(small, lambda: NOW), bind("127.0.0.1", 0)) as server:
        config = (
            "scrape_configs: [{job_name: fleet, scrape_interval: 1s, scrape_timeout: 1s, "
            f"http_sd_configs: [{{url: '{server.url}/targets'}}]}}]"
        )
        with Prometheus(found.path, config) as prometheus:
            wait_until(lambda: prometheus.query("sum(up) == 20"), what="twenty targets", limit_seconds=30)
            assert prometheus.query("sum(scrape_samples_scraped)")[0].value == sum(
                target.template.samples for target in small.targets
            )
            assert {s.labels["role"]: s.value for s in prometheus.query("count by (role) (up)")} == {
                "api": 8,
                "queue": 12,
            }
