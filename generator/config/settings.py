"""What an operator's installation looks like, as values. Reading them from bundle.yaml is `config`'s business."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from generator.catalogue import System, Versions
from generator.config.formats import Formats
from generator.config.timing import Timing
from generator.source import Document

#: What the names of alerts begin with that are about Prometheus and its rules.
OBSERVABILITY = "Observability"

#: What the servers of a pair usually call the label that tells them apart.
REPLICAS = ("replica", "prometheus_replica", "__replica__")


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
        deployment_label: Pod label that names the deployment; empty for the narrowest of the usual ones that a pod has.
        release: Only pods whose `deployment_label`, or else `app.kubernetes.io/instance`, is this; all when empty. Where
            Services are looked for, the deployment's name.
        fullname: What the names of the chart's Services begin with; as Helm makes it of the release when empty.
        exporters: The release that brought the exporters; `release` when empty.

    """

    namespaces: tuple[str, ...] = ()
    deployment_label: str = ""
    release: str = ""
    fullname: str = ""
    exporters: str = ""


@dataclass(frozen=True, slots=True)
class Discovery:
    """How Prometheus finds one system. A group is a mapping with role, deployment, and targets or names and port.

    `kinds` are those that prometheus.yml uses: static, dns, file, kubernetes; none where nothing is named.
    `json_exporter` is the address, host:port, of the exporter that reads JSON pages, `blackbox_exporter` that of the one which
    asks whether processes are ready, by its module `blackbox_module`; empty when nobody asks. `sample_limit` and `label_limit` are
    how much a page may have before Prometheus refuses it; 0 is any number.
    """

    kinds: tuple[str, ...] = ()
    static: tuple[Mapping[str, Any], ...] = ()
    dns: tuple[Mapping[str, Any], ...] = ()
    files: tuple[str, ...] = ()
    kubernetes: Kubernetes = Kubernetes()
    bearer_token_file: str = ""
    https: bool = False
    json_exporter: str = ""
    blackbox_exporter: str = ""
    blackbox_module: str = "http_2xx"
    sample_limit: int = 0
    label_limit: int = 0


@dataclass(frozen=True, slots=True)
class Attribution:
    """A label that the servers' own configuration adds to their metrics, and how many values it may have."""

    label: str
    values: int = 100


@dataclass(frozen=True, slots=True)
class Budget:
    """What one value of an attribution label may spend within 24 hours, in USD."""

    label: str
    value: str
    usd_per_day: float


@dataclass(frozen=True, slots=True)
class Price:
    """What a million tokens of a model cost, in USD."""

    model: str
    input: float
    output: float


@dataclass(frozen=True, slots=True)
class SystemConfig:
    """One target system as it is installed.

    Attributes:
        enabled: False leaves it out of everything.
        prefix: What its metric names start with.
        eras: Which of the catalogue's eras are in the field, newest first.
        versions: Which versions of these eras are.
        exposure: `ui`, or `internal` when the internal metrics are on the page too.
        tier: Highest emitting tier.
        runtimes, roles: Which ones are in the field and scraped.
        switches: Which switches are on.
        match: What its targets are known by, label to value or `~` and a regular expression; the system label when empty.
        discovery: How Prometheus finds its processes.
        scale_to_zero: Patterns of deployments that may have no process at all, whole names.
        attribution: Labels that the servers' configuration adds, by which tokens and cost are told.
        budgets: What values of these labels may spend.
        prices: What tokens cost, where the servers tell no cost.
        cardinality: How many values labels have on one process, by the names of the catalogue, as far as the operator says.

    """

    enabled: bool
    prefix: str
    eras: tuple[str, ...]
    versions: Versions
    exposure: str
    tier: int
    runtimes: tuple[str, ...]
    roles: tuple[str, ...]
    switches: tuple[str, ...]
    discovery: Discovery
    match: Mapping[str, str] = field(default_factory=dict)
    scale_to_zero: tuple[str, ...] = ()
    attribution: tuple[Attribution, ...] = ()
    budgets: tuple[Budget, ...] = ()
    prices: tuple[Price, ...] = ()
    cardinality: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Access:
    """How a server wants to be asked. Its secrets stand in files, named as the client that asks it sees them.

    Attributes:
        https: It answers over TLS.
        path_prefix: The path below which it answers; empty for the root.
        username, password_file: A user, and where the password is; both or none.
        bearer_token_file: Where the token is; none beside a user.

    """

    https: bool = False
    path_prefix: str = ""
    username: str = ""
    password_file: str = ""
    bearer_token_file: str = ""

    @property
    def credentials(self) -> Mapping[str, Any]:
        """What Prometheus 2.42 and Alertmanager 0.25 read of it: `basic_auth` or `authorization`, or nothing."""
        if self.username:
            return {"basic_auth": {"username": self.username, "password_file": self.password_file}}
        if self.bearer_token_file:
            return {"authorization": {"type": "Bearer", "credentials_file": self.bearer_token_file}}
        return {}


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
class Store:
    """Where traces or logs of the same servers are, to which boards link.

    Attributes:
        datasource: Uid of the data source in Grafana.
        kind: `tempo`, `loki` or `victorialogs`.
        labels: What target labels are called there, by our names for them.

    """

    datasource: str
    kind: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Suppression:
    """A lint finding that is accepted, and why. `where` is a glob, `until` the last day on which it holds; none for ever."""

    check: str
    where: str
    reason: str
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """An operator's installation. Every field has a default; an empty bundle.yaml is a good one. `own` are systems that it brings."""

    systems: Mapping[str, SystemConfig]
    own: Mapping[str, System] = field(default_factory=dict)
    timing: Timing = field(default_factory=Timing)
    labels: Labels = Labels()
    selectors: Mapping[str, str] = field(default_factory=dict)
    external_labels: Mapping[str, str] = field(default_factory=dict)
    cluster: str = ""
    slo: Mapping[str, Objective] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    tags: tuple[str, ...] = ("agent-observability",)
    folder: str = "Agent observability"
    refresh: str = "1m"
    time_from: str = "now-6h"
    uid_prefix: str = ""
    traces: Store | None = None
    logs: Store | None = None
    docs_url: str = ""
    runbook_base_url: str = "docs/runbooks"
    runbook_suffix: str = ".md"
    grafana_url: str = ""
    alert_labels: Mapping[str, str] = field(default_factory=dict)
    disabled: tuple[str, ...] = ()
    enabled: tuple[str, ...] = ()
    prometheus_targets: tuple[str, ...] = ("localhost:9090",)  # itself, so that rules about it have something to read
    alertmanagers: tuple[str, ...] = ("localhost:9093",)
    alertmanager_access: Access = Access()
    replica_labels: tuple[str, ...] = REPLICAS
    alertmanager_match: Mapping[str, str] = field(default_factory=lambda: {"job": "alertmanager"})
    webhook_url: str = ""
    webhook_access: Access = Access()
    rule_files: tuple[str, ...] = ("/etc/prometheus/rules/*.rules.yaml",)
    formats: Formats = field(default_factory=Formats)
    suppressions: tuple[Suppression, ...] = ()
    document: Document | None = None

    def runbook(self, name: str, shared: str = "") -> str:
        """Return the link to the runbook of an alert: an address, or a path where none is known.

        Args:
            name: The alert.
            shared: The runbook that it has in common with others, where these have none each; the format docs has.

        """
        page = shared if shared and self.runbook_suffix == ".md" else name
        return f"{self.runbook_base_url}/{page}{self.runbook_suffix}"

    def metric_page(self, system: str, name: str) -> str:
        """Return the address of what the page on a system's metrics says of one; empty where nothing is served, or it has no page."""
        served = self.docs_url and system in self.systems
        return f"{self.docs_url}/metrics/{system}.html#{name.lower()}" if served else ""

    def line(self, *place: str | int) -> tuple[str, int]:
        """Return the file, and the line at which a key or an item of a list stands in it."""
        return (self.document.path, self.document.line(*place)) if self.document else ("bundle.yaml", 1)
