"""The metrics push: internal metrics as OTLP over HTTP, in the form in which the real server sends them to Datadog.

What goes out is the complement of what a page shows by default: UI metrics never leave this way. Counters and
histograms are deltas, sent only when they changed; gauges are sent every time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    DataPointT,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from generator.catalogue import Kind
from generator.catalogue import Metric as Entry
from reference_server.agent_server.settings import Settings
from reference_server.core.families import Buckets
from reference_server.core.instruments import OVERFLOW, Instruments

#: Name of the service, of the meter, and of `otel_scope_name` on the page.
SCOPE = "lsd_langgraph_api"

#: Header that makes Datadog take histograms as distributions. Source: the real server's own constant.
METRIC_CONFIG = '{"resource_attributes_as_tags":true,"histograms":{"mode":"distributions"}}'

#: Longest time that one push takes, its repetitions included: the end of the process waits for the last one.
SEND_SECONDS = 5.0

#: How the SDK calls its overflow series in OTLP; the page has underscores.
OVERFLOW_ATTRIBUTE = {"otel.metric.overflow": True}

Key = tuple[str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is recorded at one moment: `of` tells one run of the process from the next, `at` is in unix nanoseconds."""

    of: Instruments
    at: int


class Deltas:
    """Turns what instruments have recorded so far into what was recorded since the last time."""

    def __init__(self, resource: Resource, *, tier: int, started: int) -> None:
        """Begin with nothing sent at `started`, unix nanoseconds."""
        self._resource = resource
        self._scope = InstrumentationScope(SCOPE)
        self._tier = tier
        self._since = started
        self._of: Instruments | None = None
        self._sent: dict[Key, float | Buckets] = {}

    def take(self, now: Snapshot) -> MetricsData | None:
        """Return what is to be sent; None when that is nothing, and then nothing is sent."""
        if now.of is not self._of:
            self._of, self._sent = now.of, {}
        metrics = list(self._metrics(now))
        self._since = now.at
        if not metrics:
            return None
        scope = ScopeMetrics(self._scope, metrics, "")
        return MetricsData([ResourceMetrics(self._resource, [scope], self._resource.schema_url)])

    def _metrics(self, now: Snapshot) -> Iterator[Metric]:
        found: dict[str, tuple[Entry, list[DataPointT]]] = {}
        for entry, labels, value in now.of.points():
            if entry.exposure != "internal" or entry.tier > self._tier:
                continue
            name = now.of.prefix + entry.name
            point = self._point(name, entry, labels, value, now)
            if point is not None:
                found.setdefault(name, (entry, []))[1].append(point)
        for name, (entry, points) in found.items():
            yield Metric(name, None, "", _data(entry, points))

    def _point(
        self, name: str, entry: Entry, labels: Mapping[str, str], value: float | Buckets, now: Snapshot
    ) -> DataPointT | None:
        attributes = _attributes(labels, now.of.constants)
        if entry.kind is Kind.GAUGE and not isinstance(value, Buckets):
            return NumberDataPoint(attributes, self._since, now.at, value)
        key = (name, tuple(sorted(labels.items())))
        before = self._sent.get(key)
        self._sent[key] = value
        if isinstance(value, Buckets):
            old = before if isinstance(before, Buckets) else Buckets((0,) * len(value.counts), 0, 0)
            counts = [new - was for new, was in zip(value.counts, old.counts, strict=True)]
            if value.count == old.count:
                return None
            return HistogramDataPoint(
                attributes,
                self._since,
                now.at,
                value.count - old.count,
                value.sum - old.sum,
                counts,
                entry.buckets,
                None,  # type: ignore[arg-type]  # smallest and largest are optional in OTLP; buckets do not know them
                None,  # type: ignore[arg-type]  # as above
            )
        grown = value - (before if isinstance(before, float) else 0.0)
        return NumberDataPoint(attributes, self._since, now.at, int(grown)) if grown else None


def _attributes(labels: Mapping[str, str], constants: Mapping[str, str]) -> dict[str, str | bool]:
    if dict(labels) == OVERFLOW:
        return dict(OVERFLOW_ATTRIBUTE)
    return {**{k: v for k, v in constants.items() if not k.startswith("otel_")}, **labels}


def _data(entry: Entry, points: list[DataPointT]) -> Sum | Gauge | Histogram:
    numbers = [p for p in points if isinstance(p, NumberDataPoint)]
    if entry.kind is Kind.COUNTER:
        return Sum(numbers, AggregationTemporality.DELTA, is_monotonic=True)
    if entry.kind is Kind.GAUGE:
        return Gauge(numbers)
    return Histogram([p for p in points if isinstance(p, HistogramDataPoint)], AggregationTemporality.DELTA)


def resource(settings: Settings, *, version: str, instance: str) -> Resource:
    """What the push says about its sender. `instance` is the id that `target_info` has."""
    return Resource.create(
        {
            "service.name": SCOPE,
            "service.instance.id": instance,
            "k8s.pod.name": settings.pod_name,
            "k8s.deployment.name": settings.project_name,
            "api_version": version,
            "project_id": settings.project_id,
            "has_deepagents": "false",
            "deployment_type": settings.deployment_type,
        }
    )


class Push:
    """Sends every `datadog_interval_seconds`, and once more at the end."""

    def __init__(self, settings: Settings, sender: Resource, snapshot: Callable[[], Instruments]) -> None:
        """Prepare; `snapshot` gives the instruments and is called where the push runs, never in another thread."""
        self._interval_seconds = settings.datadog_interval_seconds
        self._snapshot = snapshot
        self._deltas = Deltas(sender, tier=settings.max_tier, started=time.time_ns())
        self._exporter = OTLPMetricExporter(
            endpoint=f"{settings.datadog_scheme}://{settings.datadog_host}/v1/metrics",
            headers={"dd-api-key": settings.datadog_key, "dd-otel-metric-config": METRIC_CONFIG},
            timeout=SEND_SECONDS,
        )

    async def run(self, ended: asyncio.Event) -> None:
        """Send until `ended`, and then what is left."""
        while not ended.is_set():
            try:
                await asyncio.wait_for(ended.wait(), self._interval_seconds)
            except TimeoutError:
                await self._send()
        await self._send()
        self._exporter.shutdown()

    async def _send(self) -> None:
        data = self._deltas.take(Snapshot(self._snapshot(), time.time_ns()))
        if data:
            await asyncio.to_thread(self._exporter.export, data)
