"""A system that nobody wrote a model for: what its catalogue file says is what its pages show."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from generator.catalogue import Kind, Metric
from generator.catalogue import load as shipped
from reference_server.cli import main
from reference_server.core.rates import Service
from reference_server.core.rates.app import build
from reference_server.core.rates.settings import read
from reference_server.core.serve import Running, bind
from reference_server.generic.gauges import Gauge, gauges
from reference_server.generic.loading import load
from reference_server.generic.series import MOST_SETS, metrics_of, series_of
from reference_server.generic.system import simulated
from reference_server.scenarios import live
from testbed import servers
from testbed.exposition import Family, parse
from testbed.servers import Prometheus, wait_until
from testbed.servers.loopback import ask
from testbed.stack.reference import Reference

KIOSK = Path(__file__).parent / "data" / "kiosk.yaml"
TYPES = {Kind.INFO: "gauge"}


def kiosk(seed: int = 1, seconds: float = 0.0) -> Service:
    made = Service(simulated(load(KIOSK), "kiosk"), seed=seed)
    made.advance(made.start + seconds)
    return made


def page(service: Service, number: int = 0) -> dict[str, Family]:
    return parse(service.page(service.processes[number]).decode())


def obeyed(metric: Metric, family: Family) -> None:
    """Hold a family to its entry: type, labels and their values, edges, and what a histogram is."""
    assert family.type == TYPES.get(metric.kind, metric.kind)
    for sample in family.samples:
        own = {name: value for name, value in sample.labels.items() if name != "le"}
        assert own.keys() <= {*metric.labels, *metric.constant_labels}, metric.name
        for name, value in own.items():
            known = metric.label(name).values
            assert not known or value in known, (metric.name, name, value)
        assert math.isfinite(sample.value)
        assert sample.value >= 0
    if metric.kind is Kind.HISTOGRAM:
        assert family.edges()[-1] == "+Inf"
        if metric.buckets:
            assert [float(edge) for edge in family.edges()[:-1]] == list(metric.buckets)
        for labels, counts in histograms(family):
            assert all(low <= high for low, high in pairwise(counts)), (metric.name, labels)
            assert counts[-1] == family.total("_count", **dict(labels))


def histograms(family: Family) -> Iterator[tuple[tuple[tuple[str, str], ...], list[float]]]:
    """Yield the cumulative counts of every label set, in the order of the edges."""
    found: dict[tuple[tuple[str, str], ...], dict[float, float]] = {}
    for sample in family.samples:
        if "le" in sample.labels:
            labels = tuple((n, v) for n, v in sample.labels.items() if n != "le")
            found.setdefault(labels, {})[float(sample.labels["le"])] = sample.value
    return ((labels, [counts[edge] for edge in sorted(counts)]) for labels, counts in found.items())


@pytest.mark.parametrize("system", shipped().targets)
def test_the_page_of_every_shipped_catalogue_obeys_it(system: str) -> None:
    """Every process shows what its role exposes in the newest version, with the types, labels and edges of the entries."""
    catalogue = shipped()
    service = Service(simulated(catalogue, system))
    service.advance(service.start + 120)
    known = {m.full_name: m for m in catalogue if not m.until}
    shown: set[str] = set()
    for number, process in enumerate(service.processes):
        families = page(service, number)
        assert families.keys() == {m.full_name for m in process.instruments.metrics}
        for name, family in families.items():
            obeyed(known[name], family)
        shown |= families.keys()
    assert len(shown) > 12


def test_counters_only_rise_and_gauges_stay_within_their_bounds() -> None:
    """An hour, looked at every minute: levels lie between nothing and their capacity, a ratio between 0 and 1."""
    service = kiosk()
    before: dict[tuple[str, str], float] = {}
    ratios, levels = set(), set()
    for minute in range(60):
        service.advance(service.start + 60 * minute)
        families = page(service)
        for family in families.values():
            for sample in family.samples:
                if family.type in {"counter", "histogram", "summary"}:
                    place = sample.name, str(sample.labels)
                    assert sample.value >= before.get(place, 0)
                    before[place] = sample.value
        for pool in ("read", "write"):
            used, free, most = (
                families[f"kiosk_pool_connections_{what}"].total(pool=pool) for what in ("used", "available", "max")
            )
            assert 0 <= used <= most == used + free
            levels.add(used)
        (ratio,) = families["kiosk_cache_hit_ratio"].samples
        ratios.add(ratio.value)
        (last,) = families["kiosk_last_delivery_timestamp_seconds"].samples
        assert service.now - 60 <= last.value <= service.now
    assert all(0 <= ratio <= 1 for ratio in ratios)
    assert len(ratios) > 50
    assert len(levels) > 10
    assert before["kiosk_sold_usd_total", "{}"] > 0


def test_the_same_seed_gives_the_same_page_and_another_one_another() -> None:
    """What is drawn comes from the seed alone."""
    first, again, other = (kiosk(seed, 600) for seed in (1, 1, 2))

    assert first.page(first.processes[0]) == again.page(again.processes[0])
    assert first.page(first.processes[0]) != other.page(other.processes[0])


def test_a_label_without_a_list_has_a_few_values_and_errors_are_rare() -> None:
    """Five of what has many, two else; one response in a hundred at most fails."""
    requests = page(kiosk(seconds=3_600))["kiosk_requests_total"]

    assert requests.values("route") == {f"route-{n}" for n in range(1, 6)}
    assert requests.values("status") == {"200", "404", "500"}
    assert 0 < requests.total(status="500") < requests.total() / 100


def test_many_labels_do_not_multiply_without_bound() -> None:
    """Every value of every label occurs, in a bounded number of series."""
    catalogue = shipped()
    for system in catalogue.systems.values():
        for role in system.roles or ("",):
            for metric in metrics_of(system, role, system.metrics):
                sets = [dict(one.labels) for one in series_of(metric)]
                longest = max((len(label.values) for label in metric.labels.values()), default=1)
                assert len(sets) <= max(MOST_SETS, longest)
                assert len(sets) == len({tuple(one.items()) for one in sets})
                if metric.kind is not Kind.INFO:
                    for name, label in metric.labels.items():
                        assert {one[name] for one in sets} == set(label.values)


def test_a_maximum_that_is_no_capacity_moves() -> None:
    """The longest wait of a queue has `max` in its name, and no level beside it."""
    metrics = {m.name: m for m in shipped().systems["agent_server"].metrics}
    found = gauges(metrics.values())

    assert found["pg_pool_max"].fixed
    assert found["pg_pool_size"].highest == found["pg_pool_max"].highest
    assert found["pg_pool_available"].left
    assert not found["pending_unblocked_runs_wait_time_max"].fixed
    assert Gauge(100.0, wave="x").at(0.0, "a") != Gauge(100.0, wave="x").at(500.0, "a")


@pytest.mark.real
def test_a_real_prometheus_scrapes_it() -> None:
    """Found by its list of targets, it is up, of the right types, and its virtual time runs sixty times as fast."""
    found = servers.find("prometheus", "newest")
    if not found.path:
        servers.missing(found.reason)
    assert found.path
    with Reference("--catalogue", str(KIOSK), "--time-scale", "60").ready() as reference:
        config = f"""
global: {{scrape_interval: 1s}}
scrape_configs:
- job_name: kiosk
  http_sd_configs: [{{url: "{reference.url}/targets", refresh_interval: 1s}}]
"""
        with Prometheus(found.path, config) as prometheus:
            wait_until(
                lambda: prometheus.query("sum(rate(kiosk_requests_total[5s])) > 60"),
                what="five requests a virtual second",
                limit_seconds=60,
            )
            up = prometheus.query("up")
            families = parse(ask(reference.port, "GET", "/stats/metrics")[1].decode())
            assert [(s.labels["job"], s.labels["deployment"], s.labels["system"], s.value) for s in up] == [
                ("kiosk", "demo", "kiosk", 1)
            ]
            wrong = (
                "sum(kiosk_pool_connections_used > on (pool) kiosk_pool_connections_max) or kiosk_cache_hit_ratio > 1"
            )
            assert prometheus.query(wrong) == []
            quantile = "histogram_quantile(0.9, sum by (le) (rate(kiosk_request_duration_seconds_bucket[5s])))"
            (high,) = prometheus.query(quantile)
            assert 0.1 < high.value < 10
            assert {s.labels["__name__"] for s in prometheus.query('{job="kiosk", __name__=~"kiosk_.*_total"}')} == {
                name for name, family in families.items() if name.startswith("kiosk") and family.type == "counter"
            }
        assert ask(reference.port, "GET", "/healthz")[0] == 200
        assert reference.get("/scenario")["scenario"] == "calm"
        assert reference.elapsed_seconds() > 60


def test_a_process_that_is_down_says_so() -> None:
    """Its page, its health and its target follow the deployment."""
    by = simulated(load(KIOSK), "kiosk")
    hosting = live.service(read(by, {"port": "0"}, {}), by)
    with Running(build(hosting, {}), bind("127.0.0.1", 0)) as server:
        port = int(server.url.rpartition(":")[2])
        assert [ask(port, "GET", path)[0] for path in ("/metrics", "/stats/metrics", "/healthz")] == [200, 200, 200]
        hosting.service.apply({"crash": {"down": 1e6}})
        assert [ask(port, "GET", path)[0] for path in ("/metrics", "/stats/metrics", "/healthz")] == [503, 503, 503]


def test_every_mistake_of_a_catalogue_is_one_line_with_its_fix(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is served, the code is 1, and there is no traceback."""
    data = yaml.safe_load(KIOSK.read_text(encoding="utf-8"))
    data["pages"] = ["proces"]
    data["metrics"][0]["type"] = "meter"
    path = tmp_path / "kiosk.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")

    assert main(["--catalogue", str(path)]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert any("'proces', which is no shared page; use some of exporters, process" in line for line in lines)
    assert any("'meter'" in line for line in lines)
    assert all(line.startswith(f"{path}:") and "; " in line for line in lines)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "cannot be read"),
        ("", "must be a mapping, not empty"),
        ("system: [a\n", ":2:"),
        ("system: kiosk\n", "lacks 'metrics'"),
    ],
)
def test_a_file_that_is_no_catalogue_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, expected: str
) -> None:
    """Whatever it is instead."""
    path = tmp_path / "kiosk.yaml"
    if text is not None:
        path.write_text(text, encoding="utf-8")

    assert main(["--catalogue", str(path)]) == 1
    assert expected in capsys.readouterr().err


def test_a_catalogue_and_a_system_contradict_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    """One process simulates one system."""
    assert main(["--catalogue", str(KIOSK), "--system", "langsight"]) == 2
    assert "--catalogue and --system contradict each other" in capsys.readouterr().err
