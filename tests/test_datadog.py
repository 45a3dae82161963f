"""The metrics push: what arrives is the internal part of the page, as deltas, in the form that Datadog is sent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from generator.bundle import build, installation
from generator.catalogue import Catalogue, Metric, load
from generator.outputs.datadog import monitors
from generator.outputs.datadog.condition import Asked
from reference_server.agent_server import settings
from reference_server.scenarios.live import start
from testbed.exposition import Family, parse
from testbed.servers import wait_until
from testbed.servers.fake import FakeServer, Reply, Request
from testbed.stack.reference import Reference

ROOT = Path(__file__).parent.parent
DELTA = 1


class Receiver(FakeServer):
    """A receiver that takes everything: headers and decoded bodies, in order."""

    def __init__(self) -> None:
        self.headers: list[dict[str, str]] = []
        self.bodies: list[ExportMetricsServiceRequest] = []
        super().__init__(self.respond)

    def respond(self, request: Request) -> Reply:
        """Remember a push."""
        self.headers.append({"path": request.path, **{k.lower(): v for k, v in request.headers.items()}})
        self.bodies.append(ExportMetricsServiceRequest.FromString(request.body))
        return 200, {}, b""

    def metrics(self) -> Iterator[Any]:
        """Every metric of every body."""
        for body in list(self.bodies):
            for resource in body.resource_metrics:
                for scope in resource.scope_metrics:
                    yield from scope.metrics

    def names(self) -> set[str]:
        """Names that arrived."""
        return {metric.name for metric in self.metrics()}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def environment(receiver: Receiver, **more: str) -> dict[str, str]:
    return {
        "CUSTOM_LSD_DD_API_KEY": "secret",
        "CUSTOM_LSD_DD_ENDPOINT": receiver.address,
        "LSD_DD_API_KEY": "other",
        "LSD_DD_ENDPOINT": "127.0.0.1:1",
        "AGENT_REFERENCE_DD_SCHEME": "http",
        "AGENT_REFERENCE_DD_INTERVAL": "0.2",
        "EXPOSE_INTERNAL_METRICS_PROMETHEUS": "true",
        "METRIC_MAX_EMITTING_TIER": "3",
        "STATS_INTERVAL_SECS": "1",
        **more,
    }


def drive(url: str) -> None:
    for act in ("succeed", "succeed", "fail", "chat"):
        body = {"assistant_id": "agent", "input": {"act": act}}
        assert requests.post(f"{url}/runs/wait", json=body, timeout=10).ok


def attributes(point: Any) -> dict[str, str]:
    return {a.key: a.value.string_value for a in point.attributes}


def sums(receiver: Receiver, name: str) -> dict[frozenset[tuple[str, str]], float]:
    """A counter's or histogram's deltas, added up by own labels; a histogram counts its observations."""
    found: dict[frozenset[tuple[str, str]], float] = {}
    for metric in receiver.metrics():
        if metric.name != name:
            continue
        points = metric.sum.data_points or metric.histogram.data_points
        for point in points:
            labels = frozenset(attributes(point).items())
            found[labels] = found.get(labels, 0) + (
                point.count if metric.WhichOneof("data") == "histogram" else point.as_int
            )
    return found


def shown(family: Family, metric: Metric) -> dict[frozenset[tuple[str, str]], float]:
    """What the page has, in the form of `sums`: labels of the exporter's scope are not sent."""
    suffix = "_count" if family.type == "histogram" else ""
    dropped = {"le"} | {label for label in metric.constant_labels if label.startswith("otel_")}
    return {
        frozenset((k, v) for k, v in s.labels.items() if k not in dropped): s.value
        for s in family.samples
        if s.name == family.name + suffix
    }


def test_the_push_is_the_internal_part_of_the_page(receiver: Receiver, catalogue: Catalogue) -> None:
    """Metric by metric: the deltas add up to the page's values, gauges arrive, and no UI metric does."""
    env = environment(receiver, FF_ASYNC_PUBLISH_QUEUE="true")
    with start(settings.read({"scenario": "idle"}, env)) as running:
        drive(running.url)
        internal = {m.full_name: m for m in catalogue.systems["agent_server"].metrics if m.exposure == "internal"}
        page = parse(requests.get(f"{running.url}/metrics", timeout=5).text)
        expected = {n: (page[n], m) for n, m in internal.items() if n in page}

        def same() -> bool:
            return all(
                sums(receiver, m.documented_name) == shown(f, m) for f, m in expected.values() if f.type != "gauge"
            )

        wait_until(same, what="everything to arrive", limit_seconds=10)
        assert len(expected) >= 8
        assert {m.documented_name for _, m in expected.values()} == receiver.names()
        assert "lg_api_publish_queue_availability" in receiver.names()
        assert not [name for name in receiver.names() if name.endswith("_total")]


def test_headers_path_and_sender_are_the_real_ones(receiver: Receiver) -> None:
    """The CUSTOM_ key and host win; protobuf over POST /v1/metrics; the resource says who sends."""
    project = "6f1f1f0e-4a5b-4c3d-9e8f-0123456789ab"
    env = environment(receiver, LANGSMITH_HOST_PROJECT_ID=project, HOSTNAME="pod-1", LANGSMITH_HOST_PROJECT_NAME="shop")
    with start(settings.read({"runtime": "inmem", "scenario": "idle"}, env)) as running:
        wait_until(lambda: receiver.bodies, what="a push", limit_seconds=10)
        target_info = next(
            s for s in parse(requests.get(f"{running.url}/metrics", timeout=5).text)["target_info"].samples
        )
    sent = receiver.headers[0]
    assert (sent["path"], sent["dd-api-key"]) == ("/v1/metrics", "secret")
    assert sent["dd-otel-metric-config"] == '{"resource_attributes_as_tags":true,"histograms":{"mode":"distributions"}}'
    assert sent["content-type"] == "application/x-protobuf"
    assert "content-encoding" not in sent
    resource = {a.key: a.value.string_value for a in receiver.bodies[0].resource_metrics[0].resource.attributes}
    assert resource["service.name"] == "lsd_langgraph_api"
    assert resource["service.instance.id"] == target_info.labels["service_instance_id"]
    assert (resource["k8s.pod.name"], resource["k8s.deployment.name"], resource["project_id"]) == (
        "pod-1",
        "shop",
        project,
    )
    assert resource["telemetry.sdk.name"] == "opentelemetry"
    assert receiver.bodies[0].resource_metrics[0].scope_metrics[0].scope.name == "lsd_langgraph_api"


def test_counters_and_histograms_are_deltas_that_come_only_after_a_change(receiver: Receiver) -> None:
    """A second of silence brings no point of a counter; the next run brings exactly its own."""
    with start(settings.read({"runtime": "inmem", "scenario": "idle"}, environment(receiver))) as running:
        drive(running.url)
        runs = "lg_api_run_success_counter"
        wait_until(lambda: sum(sums(receiver, runs).values()) == 3, what="three successes", limit_seconds=10)
        temporality = {
            metric.name: (
                metric.sum if metric.WhichOneof("data") == "sum" else metric.histogram
            ).aggregation_temporality
            for metric in receiver.metrics()
            if metric.WhichOneof("data") != "gauge"
        }
        assert set(temporality.values()) == {DELTA}
        receiver.bodies.clear()
        drive(running.url)
        wait_until(lambda: sum(sums(receiver, runs).values()) == 3, what="three more", limit_seconds=10)
        edges = next(m.histogram.data_points[0] for m in receiver.metrics() if m.name == "lg_api_run_execution_latency")
        assert list(edges.explicit_bounds)[:4] == [10, 100, 500, 1000]
        assert sum(edges.bucket_counts) == edges.count


@pytest.mark.parametrize(("tier", "there"), [("1", False), ("2", True)])
def test_the_tier_holds_for_the_push_too(receiver: Receiver, tier: str, *, there: bool) -> None:
    """`run_execution_latency` is of tier 2; the switch of the page does not matter."""
    env = environment(receiver, METRIC_MAX_EMITTING_TIER=tier, EXPOSE_INTERNAL_METRICS_PROMETHEUS="false")
    with start(settings.read({"runtime": "inmem", "scenario": "idle"}, env)) as running:
        drive(running.url)
        wait_until(lambda: "lg_api_run_success_counter" in receiver.names(), what="a push", limit_seconds=10)
    assert ("lg_api_run_execution_latency" in receiver.names()) is there


def test_the_last_push_has_what_no_scrape_sees(receiver: Receiver) -> None:
    """SIGTERM to a queue: the two counters of the end come with the final flush, before the interval is over; then 0."""
    env = environment(receiver, AGENT_REFERENCE_DD_INTERVAL="600")
    with Reference("--role", "queue", "--scenario", "idle", env=env) as queue:
        assert queue.ready().end() == 0
    assert len(receiver.bodies) == 1
    assert {"lg_api_server_requested_to_stop_counter", "lg_api_server_stopped_counter"} <= receiver.names()


def test_what_monitors_ask_for_arrives_under_that_name_and_in_that_form(receiver: Receiver) -> None:
    """A count is the delta of a monotonic sum, `count` of a distribution a histogram's delta, the rest gauges."""
    found, _ = monitors.translated(build(installation(load())))
    queries = [q.text for one in found for q in one.queries if isinstance(q, Asked)]
    asked = {
        name: {"sum": "sum", "count": "histogram"}.get(how.partition("(")[0], "gauge")
        if ".as_count()" in text
        else "gauge"
        for text in queries
        for how, name in re.findall(r"(count\(v: v<=\d+\)|sum|count|min|max):(lg_api_\w+)", text)
    }
    assert {"sum", "histogram", "gauge"} == set(asked.values())
    env = environment(receiver, FF_ASYNC_PUBLISH_QUEUE="true", METRIC_MAX_EMITTING_TIER="4")
    with start(settings.read({"runtime": "postgres", "scenario": "busy", "time_scale": "600"}, env)):
        wait_until(lambda: len(receiver.names() & set(asked)) > len(asked) / 2, what="half of them", limit_seconds=60)

    seen = {m.name: m for m in receiver.metrics()}
    for name in set(asked) & set(seen):
        data = getattr(seen[name], str(seen[name].WhichOneof("data")))
        assert seen[name].WhichOneof("data") == asked[name], name
        if asked[name] != "gauge":
            assert data.aggregation_temporality == DELTA
        if asked[name] == "sum":
            assert data.is_monotonic


def test_without_a_key_nothing_is_sent() -> None:
    """The key is the switch."""
    assert not settings.read({}, {"LSD_DD_ENDPOINT": "somewhere"}).datadog_key
