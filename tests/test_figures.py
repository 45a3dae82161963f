"""What boards show, asked of real servers: figures of this moment, steps that fit the scrapes, the greatest of many routes."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from generator.boards.panels import GREATEST
from generator.bundle import Bundle, build
from generator.config.site import Site
from generator.outputs import FORMATS
from generator.units import seconds
from generator.validate.variables import PIXELS, ROUNDED, Window
from testbed.servers import AGES, STALE, Prometheus, find, missing
from tests.drawn import panels

Json = dict[str, Any]
IDENTITY = {"cluster": "c", "namespace": "n", "deployment": "d", "system": "agent_server"}
NOW = 1_700_000_000.0
HOUR = 3600.0

#: Panels that show one figure of each series.
FIGURES = ("stat", "bargauge", "table")


@pytest.fixture(scope="module", params=("oldest", "newest"))
def server(request: pytest.FixtureRequest) -> Iterator[Prometheus]:
    """The oldest supported Prometheus and the newest, taking samples of any past."""
    assert request.param in AGES
    found = find("prometheus", request.param)
    if not found.path:
        missing(found.reason)
    assert found.path
    with Prometheus(found.path, history=True) as running:
        yield running


def asked(bundle: Bundle) -> Iterator[tuple[str, Json]]:
    """Yield every panel that has queries, after the stem of its board."""
    return ((stem, panel) for stem, panel in panels(bundle) if panel.get("targets"))


def panel(bundle: Bundle, board: str, title: str) -> Json:
    (found,) = [p for stem, p in asked(bundle) if (stem, p["title"]) == (board, title)]
    return found


def macros(panel: Json, target: Json, length: float, source: str) -> tuple[float, Mapping[str, float]]:
    """Return the step of a query and Grafana's own variables, all in seconds, given what a data source is set to.

    Source: `calculatePrometheusInterval` and `calculateRateInterval` of Grafana's Prometheus data source, `calculateInterval`
    and `roundInterval` of @grafana/data.
    """
    wanted = length / panel.get("maxDataPoints", 1_000)
    rounded = next((float(step) for below, step in ROUNDED if wanted < below), 86_400.0)
    interval = max(rounded, seconds(panel.get("interval") or source or "15s"))
    least = seconds(target.get("interval") or source or "15s")
    return max(interval, least), {
        "__rate_interval": max(interval + least, 4 * least),
        "__range": length,
        "__interval": interval,
    }


def filled(expr: str, known: Mapping[str, float]) -> str:
    """Return a query with every board variable at All."""
    expr = re.sub(r"\$(__\w+)", lambda m: f"{known[m[1]]:g}s", expr)
    return re.sub(r'"\$(\w+)"', '".*"', expr)


def shown(server: Prometheus, panel: Json, at: float, length: float = 6 * HOUR) -> list[float]:
    """Return the figures of a panel that shows this moment, without those that are no number."""
    found = []
    for target in panel["targets"]:
        assert (target["instant"], target["range"]) == (True, False)
        _, known = macros(panel, target, length, "")
        found += [s.value for s in server.query(filled(target["expr"], known), time=at)]
    return [value for value in found if not math.isnan(value)]


def ended(site: Site) -> Iterator[tuple[dict[str, str], list[Any]]]:
    """Yield the series of three servers over three hours, every half minute, the last hour of them after the end."""
    lg = site.system("agent_server")
    for number in range(3):
        own = {**IDENTITY, "instance": f"10.0.0.{number}:8000", "role": "api"}
        names = {
            "up": 1.0,
            "scrape_samples_post_metric_relabeling": 300.0,
            "process_start_time_seconds": NOW - 9 * HOUR,
        }
        names |= {lg[name].full_name: 5.0 for name in ("workers_max", "workers_available", "num_pending_runs")}
        for name, value in names.items():
            yield {**own, "__name__": name}, [value] * 240 + [STALE] + [None] * 119
        http = {**own, "__name__": lg["http_requests_total"].full_name, "method": "GET", "path": "/x", "status": "200"}
        yield http, [float(60 * n) for n in range(240)] + [STALE] + [None] * 119


@pytest.mark.real
def test_figures_of_this_moment_say_when_the_targets_are_gone(server: Prometheus, site: Site) -> None:
    """An hour after three servers vanished no figure of any board still counts them; before, theirs did."""
    bundle = build(site)
    server.push(ended(site), [NOW - 3 * HOUR + 30 * n for n in range(360)])
    gone, there = {}, {}
    for stem, one in asked(bundle):
        if one["type"] in FIGURES:
            gone[stem, one["title"]] = shown(server, one, NOW)
            there[stem, one["title"]] = shown(server, one, NOW - HOUR - 60)

    assert {name: values for name, values in gone.items() if any(values)} == {}
    assert there["agent_server_telemetry", "Targets up"] == [3.0]
    assert there["agent_server_http", "Requests"] == pytest.approx([6.0])
    assert gone["agent_server_telemetry", "Targets up"] == []


@pytest.mark.parametrize("length", [HOUR, 24 * HOUR, 7 * 24 * HOUR])
def test_a_figure_of_this_moment_has_a_short_window_at_every_zoom(site: Site, length: float) -> None:
    """Four scrapes, and never over a few minutes: a stat of a week's board does not show the mean of an hour."""
    one = panel(build(site), "agent_server_http", "Requests")

    _, known = macros(one, one["targets"][0], length, "")

    assert known["__rate_interval"] <= 2 * 4 * seconds(site.timing.scrape)


@pytest.mark.real
@pytest.mark.parametrize("source", ["", "15s", "5m"])
def test_every_point_of_a_graph_is_there_with_slow_scrapes(
    server: Prometheus, configured: Callable[[str], Site], source: str
) -> None:
    """Scrapes every 60 s, whatever the data source believes: 90 of 90 points of an hour and a half, for every graph by rate."""
    bundle = build(configured("scrape: {interval: 60s}\n"))
    graph = panel(bundle, "agent_server_http", "Request rate by status")
    name = bundle.site.system("agent_server")["http_requests_total"].full_name
    labels = {
        **IDENTITY,
        "instance": "a",
        "role": "api",
        "method": "GET",
        "path": "/x",
        "status": "200",
        "__name__": name,
    }
    start = NOW + 10 * HOUR + 60 * HOUR * ["", "15s", "5m"].index(source)
    server.push([(labels, [float(30 * n) for n in range(120)])], [start + 60 * n for n in range(120)])
    (target,) = graph["targets"]

    step, known = macros(graph, target, 90 * 60, source)
    series = server.query_range(filled(target["expr"], known), start + 1200 + 7, start + 1200 + 7 + 89 * 60, step)

    assert (step, known["__rate_interval"]) == (60, 240)
    assert [len(s.values) for s in series] == [90]
    assert list(series[0].values.values()) == pytest.approx([0.5] * 90)


def test_no_query_of_any_board_depends_on_the_data_source(configured: Callable[[str], Site]) -> None:
    """Step and rate interval are the same whatever the data source is set to, unless it is wider than the panel itself."""
    bundle = build(configured("scrape: {interval: 60s}\n"))
    for stem, one in asked(bundle):
        for target in one["targets"]:
            texts = {json.dumps(macros(one, target, 6 * HOUR, source)) for source in ("", "15s", "1m", "5m")}
            assert len(texts) == 1, (stem, one["title"])


def test_validation_fills_in_what_grafana_does(configured: Callable[[str], Site]) -> None:
    """A query's own interval and a panel's points decide, not what Prometheus is scraped at otherwise."""
    bundle = build(configured("scrape: {interval: 60s}\n"))
    for one in (one for stem, one in asked(bundle) if stem == "agent_server_fleet"):
        for target in one["targets"]:
            for length in (HOUR, 6 * HOUR, 7 * 24 * HOUR):
                _, known = macros(one, target, length, "")
                window = Window(NOW, length, 15.0).for_query(target["interval"], one.get("maxDataPoints", PIXELS))
                filled = {name: seconds(window.macros[name]) for name in known}
                assert filled == known, one["title"]


@pytest.mark.real
def test_a_graph_by_route_keeps_the_greatest_over_its_whole_range(server: Prometheus, site: Site) -> None:
    """Thirty routes that take turns: the same ten from the first point to the last, those with the most requests in all."""
    graph = panel(build(site), "langsight_api", "Request rate by path")
    name = site.system("langsight")["http_requests_total"].full_name
    start, count = NOW + 400 * HOUR, 120
    series = []
    for route in range(30):
        total, column = 0.0, []
        for n in range(count):
            # Every route is the busiest for a while; over the whole range the higher number has more.
            total += route + (1000 if n // 4 == route else 0)
            column.append(total)
        labels = {**IDENTITY, "system": "langsight", "instance": "a", "method": "GET", "status": "200"}
        series.append(({**labels, "__name__": name, "path": f"/{route:02}"}, column))
    server.push(series, [start + 30 * n for n in range(count)])
    (target,) = graph["targets"]

    step, known = macros(graph, target, 55 * 60, "")
    found = server.query_range(filled(target["expr"], known), start + 300, start + 300 + 54 * 60, step)

    assert sorted(s.labels["path"] for s in found) == [f"/{route:02}" for route in range(30 - GREATEST, 30)]
    assert {len(s.values) for s in found} == {int(54 * 60 / step) + 1}


@pytest.mark.parametrize(("scraped", "step"), [("1500ms", "1500ms"), ("90s", "90s"), ("60s", "1m")])
def test_the_least_step_is_a_whole_number_of_one_unit(
    configured: Callable[[str], Site], scraped: str, step: str
) -> None:
    """Grafana reads no 1.5s."""
    bundle = build(configured(f"scrape: {{interval: {scraped}, timeout: 1s}}\n"))

    boards = [json.loads(t) for p, t in FORMATS["files"].render(bundle).items() if p.suffix == ".json"]
    found = {t["interval"] for b in boards for p in b["panels"] for t in p.get("targets", ()) if "interval" in t}
    assert found == {step}
