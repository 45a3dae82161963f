"""What a series of Prometheus is called in Datadog, and how it gets there.

Internal metrics of the Agent Server are pushed by the server itself, by OTLP: names as documented, without `_total`; counters
as deltas, which are counts there; histograms as distributions. Everything else is scraped by the Agent's OpenMetrics check,
which puts a namespace in front, one per system, and the kind of the series behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from generator.catalogue import Kind, Metric
from generator.catalogue.metric import SUFFIXES
from generator.config.site import Site

#: Kinds of series that have a value of their own and no window.
GAUGES = frozenset({Kind.GAUGE, Kind.INFO})

#: End of a counter that the check does not read: it takes the first `_total` off the family, and then the series has another name.
UNREAD = "_total_total"

#: What the check puts behind the name of each series of a kind.
_SCRAPED: Mapping[tuple[Kind, str], str] = {
    (Kind.COUNTER, ""): ".count",
    (Kind.GAUGE, ""): "",
    (Kind.HISTOGRAM, "_bucket"): ".bucket",
    (Kind.HISTOGRAM, "_sum"): ".sum",
    (Kind.HISTOGRAM, "_count"): ".count",
    (Kind.SUMMARY, "_sum"): ".sum",
    (Kind.SUMMARY, "_count"): ".count",
}


@dataclass(frozen=True, slots=True)
class Series:
    """A series that a rule reads.

    Attributes:
        metric: Its metric.
        suffix: Which series of it: `_bucket`, `_sum`, `_count`, or empty.

    """

    metric: Metric
    suffix: str

    @property
    def pushed(self) -> bool:
        """The server pushes it itself; it is not scraped."""
        return pushed(self.metric)

    @property
    def gauge(self) -> bool:
        """It is a value of the moment, not a count of events."""
        return self.metric.kind in GAUGES

    def name(self, system: str) -> str:
        """Return what Datadog calls it; empty where it gets no such series. `system` is the namespace of what is scraped."""
        if self.pushed:
            return self.metric.documented_name
        if self.metric.full_name.endswith(UNREAD):
            return ""
        ending = _SCRAPED.get((self.metric.kind, self.suffix))
        return "" if ending is None else f"{system}.{family(self.metric)}{ending}"


def pushed(metric: Metric) -> bool:
    """Say whether the Agent Server pushes a metric: the internal ones, which are the complement of what it shows by default."""
    return metric.exposure == "internal"


def family(metric: Metric) -> str:
    """Return what the check calls a metric in its option `metrics`: a counter without its suffix."""
    return metric.full_name.removesuffix("_total") if metric.kind is Kind.COUNTER else metric.full_name


def known(site: Site) -> Mapping[str, Series]:
    """Return every series that the site's catalogue knows, by its name in Prometheus."""
    return {
        f"{metric.full_name}{suffix}": Series(metric, suffix)
        for system in site.catalogue.systems
        for metric in site.system(system)
        for suffix in SUFFIXES[metric.kind]
    }


def tags(site: Site, *, push: bool) -> Mapping[str, str]:
    """Return what Datadog calls the labels by which rules group.

    The Agent gives Kubernetes' names, as Datadog does to what OpenTelemetry calls `k8s.deployment.name`. A push names neither
    cluster nor namespace, so these are empty there.
    """
    labels = site.labels
    if push:
        return {
            labels.cluster: "",
            labels.namespace: "",
            labels.deployment: "kube_deployment",
            labels.instance: "pod_name",
        }
    return {
        labels.cluster: "kube_cluster_name",
        labels.namespace: "kube_namespace",
        labels.deployment: "kube_deployment",
        labels.instance: "endpoint",
    }
