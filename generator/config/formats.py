"""Options of output formats: what stands in bundle.yaml below `formats`, a key and a class for each format that has any.

A new option is a field here, a property in schema.json, and a line on the page of the configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class KubernetesObjects:
    """Options of `kubernetes`, which `helm` and `victoriametrics-operator` have too.

    Attributes:
        namespace: Where the objects stand; empty for the one that is named when they are applied.
        labels: Labels of every object, by which operators select what they read.
        dashboards: Who brings boards to Grafana: `sidecar`, by ConfigMaps, or `operator`, by objects of grafana-operator.
        dashboard_labels: Labels by which the sidecar knows a ConfigMap with a board.
        folder_annotation: The annotation in which the sidecar looks for the folder; empty for none.
        instance_selector: Labels of the Grafana resources that grafana-operator gives the boards to.
        service_monitors: Systems whose pods are found through their Services, where they have one.

    """

    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=lambda: {"release": "kube-prometheus-stack"})
    dashboards: str = "sidecar"
    dashboard_labels: Mapping[str, str] = field(default_factory=lambda: {"grafana_dashboard": "1"})
    folder_annotation: str = "grafana_folder"
    instance_selector: Mapping[str, str] = field(default_factory=lambda: {"dashboards": "grafana"})
    service_monitors: tuple[str, ...] = ()


#: How a Collector hands series on: by the remote write of Prometheus, or by OTLP.
REMOTE_WRITE = "prometheus_remote_write"


@dataclass(frozen=True, slots=True)
class Collector:
    """Options of `collector`.

    Attributes:
        exporter: The component that hands the series on: `prometheus_remote_write` or `otlp_http`.
        endpoint: The URL it hands them to; empty for the variable of the environment that the file names.

    """

    exporter: str = REMOTE_WRITE
    endpoint: str = ""


@dataclass(frozen=True, slots=True)
class GrafanaV2:
    """Options of `grafana-v2`.

    Attributes:
        layout: What the rows of a board become in the second schema: `rows` or `tabs`.

    """

    layout: str = "rows"


@dataclass(frozen=True, slots=True)
class GrafanaAlerting:
    """Options of `grafana-alerting`.

    Attributes:
        datasource_uid: The uid of the data source that rules ask.
        target_datasource_uid: The uid of that into which recording rules write; empty for the same.
        default_contact_point: The contact point of the organisation's alerts that are not ours.

    """

    datasource_uid: str = "prometheus"
    target_datasource_uid: str = ""
    default_contact_point: str = "grafana-default-email"


@dataclass(frozen=True, slots=True)
class Perses:
    """Options of `perses`.

    Attributes:
        project: The project of the dashboards.
        prometheus: The URL at which Perses' server asks Prometheus.

    """

    project: str = "agent-observability"
    prometheus: str = "http://localhost:9090"


@dataclass(frozen=True, slots=True)
class Formats:
    """The options of each format that has some, under its name with underscores for hyphens."""

    kubernetes: KubernetesObjects = field(default_factory=KubernetesObjects)
    collector: Collector = field(default_factory=Collector)
    grafana_v2: GrafanaV2 = field(default_factory=GrafanaV2)
    grafana_alerting: GrafanaAlerting = field(default_factory=GrafanaAlerting)
    perses: Perses = field(default_factory=Perses)


def formats(raw: Mapping[str, Mapping[str, Any]]) -> Formats:
    """Return the options that `raw` says, with defaults where it says nothing; it was checked before."""
    known = Formats()
    given = {one.name: raw.get(one.name.replace("_", "-"), {}) for one in fields(Formats)}
    return replace(known, **{name: replace(getattr(known, name), **_values(own)) for name, own in given.items()})


def _values(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in raw.items()}
