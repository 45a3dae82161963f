"""What an operator's installation looks like, as values. Reading them from bundle.yaml is `config`'s business."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from generator.source import Document


@dataclass(frozen=True, slots=True)
class Labels:
    """What the target labels are called. `identity` is what one deployment is known by, widest first."""

    cluster: str = "cluster"
    namespace: str = "namespace"
    deployment: str = "deployment"
    role: str = "role"
    instance: str = "instance"
    system: str = "system"

    @property
    def identity(self) -> tuple[str, str, str]:
        """Labels that name one deployment."""
        return (self.cluster, self.namespace, self.deployment)

    @property
    def every(self) -> tuple[str, ...]:
        """All target labels."""
        return (*self.identity, self.role, self.instance, self.system)


@dataclass(frozen=True, slots=True)
class Kubernetes:
    """How pods are found.

    Attributes:
        namespaces: Only these; all when empty.
        deployment_label: Pod label that names the deployment.
        release: Only pods whose `deployment_label` is this; all when empty. Where Services are looked for, what their
            names begin with, and the deployment's name.
        exporters: The release that brought the exporters; `release` when empty.

    """

    namespaces: tuple[str, ...] = ()
    deployment_label: str = "app.kubernetes.io/instance"
    release: str = ""
    exporters: str = ""


@dataclass(frozen=True, slots=True)
class Discovery:
    """How Prometheus finds one system. A group is a mapping with role, deployment, and targets or names and port.

    `json_exporter` is the address, host:port, of the exporter that reads JSON pages.
    """

    kinds: tuple[str, ...] = ("static",)
    static: tuple[Mapping[str, Any], ...] = ()
    dns: tuple[Mapping[str, Any], ...] = ()
    files: tuple[str, ...] = ()
    kubernetes: Kubernetes = Kubernetes()
    bearer_token_file: str = ""
    https: bool = False
    json_exporter: str = ""


@dataclass(frozen=True, slots=True)
class SystemConfig:
    """One target system as it is installed.

    Attributes:
        enabled: False leaves it out of everything.
        prefix: What its metric names start with.
        eras: Which of the catalogue's eras are in the field, newest first.
        exposure: `ui`, or `internal` when the internal metrics are on the page too.
        tier: Highest emitting tier.
        runtimes, roles: Which ones are in the field and scraped.
        switches: Which switches are on.
        discovery: How Prometheus finds its processes.

    """

    enabled: bool
    prefix: str
    eras: tuple[str, ...]
    exposure: str
    tier: int
    runtimes: tuple[str, ...]
    roles: tuple[str, ...]
    switches: tuple[str, ...]
    discovery: Discovery


@dataclass(frozen=True, slots=True)
class Objective:
    """A service level objective: per cent of good events, and for a latency the edge in milliseconds."""

    objective: float
    within: float = 0

    @property
    def budget(self) -> float:
        """Share of events that may be bad, 0 to 1."""
        return round(1 - self.objective / 100, 10)


@dataclass(frozen=True, slots=True)
class Suppression:
    """A lint finding that is accepted, and why. `where` is a glob."""

    check: str
    where: str
    reason: str


@dataclass(frozen=True, slots=True)
class Config:
    """An operator's installation. Every field has a default; an empty bundle.yaml is a good one."""

    systems: Mapping[str, SystemConfig]
    labels: Labels = Labels()
    selectors: Mapping[str, str] = field(default_factory=dict)
    scrape_interval: str = "30s"
    scrape_timeout: str = "10s"
    external_labels: Mapping[str, str] = field(default_factory=dict)
    cluster: str = ""
    evaluation_interval: str = "30s"
    window: str = "5m"
    retention: str = "30d"  # what budgets of the default period need; twice as long as Prometheus' own default
    slo: Mapping[str, Objective] = field(default_factory=dict)
    slo_period: str = "30d"
    thresholds: Mapping[str, float] = field(default_factory=dict)
    tags: tuple[str, ...] = ("agent-observability",)
    folder: str = "Agent observability"
    refresh: str = "1m"
    time_from: str = "now-6h"
    uid_prefix: str = ""
    runbook_base_url: str = "docs/runbooks"
    grafana_url: str = ""
    alert_labels: Mapping[str, str] = field(default_factory=dict)
    disabled: tuple[str, ...] = ()
    enabled: tuple[str, ...] = ()
    alertmanagers: tuple[str, ...] = ("alertmanager:9093",)
    webhook_url: str = "http://webhook:9095/"
    rule_files: tuple[str, ...] = ("/etc/prometheus/rules/*.rules.yaml",)
    suppressions: tuple[Suppression, ...] = ()
    document: Document | None = None

    def place(self, value: str) -> tuple[str, int]:
        """Return the file and the line at which an item of some list of the file is `value`."""
        if self.document is None:
            return ("bundle.yaml", 1)
        places = [p for p in self.document.lines if p and isinstance(p[-1], int) and self.document.at(p) == value]
        return (self.document.path, self.document.line(*places[0]) if places else 1)
