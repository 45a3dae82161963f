"""What a target system and the catalogue are: frozen values; no YAML, no files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from generator.catalogue.limits import Limit
from generator.catalogue.metric import Label, Metric
from generator.catalogue.reasons import Reason
from generator.catalogue.signals import Signals


@dataclass(frozen=True, slots=True)
class Era:
    """A period in which a system's metric contract was one and the same. `since` is inclusive, `until` exclusive, `last` inclusive."""

    name: str
    title: str
    since: str = ""
    until: str = ""
    last: str = ""


@dataclass(frozen=True, slots=True)
class JsonPage:
    """A JSON page of which a json_exporter makes series.

    Attributes:
        module: Name of its module in the json_exporter's configuration.
        role: The role that answers it.
        path: Path and query.
        metric: The metric that is made of it.
        label: The label that tells its fields apart.
        fields: Value of the label to the field of the page, `a.b`.
        needs: The page is there only where this role is; empty when it always is.

    """

    module: str
    role: str
    path: str
    metric: str
    label: str
    fields: Mapping[str, str]
    needs: str = ""


@dataclass(frozen=True, slots=True)
class Pods:
    """What the containers of a role are known by in Kubernetes; all that is not empty must hold.

    Attributes:
        container: Name of the container.
        port_name, port: Name and number of its port.
        labels: Labels of the pod, each with an anchored regular expression.
        component: What follows the chart's fullname and a hyphen in the pod's `app.kubernetes.io/component`: an anchored
            regular expression.
        called: What the pod's `app.kubernetes.io/name`, its `app` or the container is called, one of them at least: an
            anchored regular expression.
        service: They have a Service before them, whatever its ports are.

    """

    container: str = ""
    port_name: str = ""
    port: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    component: str = ""
    called: str = ""
    service: bool = False


@dataclass(frozen=True, slots=True)
class Readiness:
    """Where a process says whether it is ready, by the status of its answer.

    Attributes:
        path: Path of the question, with its parameters.
        roles: Who answers it; every role when empty.

    """

    path: str
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How a system's page is reached.

    Attributes:
        port: Port of the page.
        path: Path of the page.
        ports, paths: By role, where roles differ from `port` and `path`.
        pods: Role to what its pods are known by; empty text for a system without roles.
        deployment: Labels of a pod that name its deployment, narrowest last, each with a regular expression whose first
            group is the name.
        chart: Name of the chart whose Services `services` are.
        services: Role to what follows the chart's fullname and a hyphen in the name of its Kubernetes Service, a regular
            expression.
        container_ports: Those roles to the name of the Service's port.
        exporters: Those of them that belong to the release of the exporters.
        sample_limit, label_limit: How many samples a page and labels a sample may have; 0 for any number.
        prober: The role of a json_exporter, whose targets are addresses of `json`; empty when there is none.
        json: The JSON pages.
        ready: Where it says whether it is ready; None where nobody is to ask.
        bearer_token: The page wants a bearer token.
        kubernetes: Namespaces, release and exporters where the vendor's documentation installs it.
        collector: An OpenTelemetry Collector of its own is made for it.

    """

    port: int = 0
    path: str = "/metrics"
    ports: Mapping[str, int] = field(default_factory=dict)
    paths: Mapping[str, str] = field(default_factory=dict)
    pods: Mapping[str, Pods] = field(default_factory=dict)
    deployment: Mapping[str, str] = field(default_factory=dict)
    chart: str = ""
    services: Mapping[str, str] = field(default_factory=dict)
    container_ports: Mapping[str, str] = field(default_factory=dict)
    exporters: tuple[str, ...] = ()
    sample_limit: int = 0
    label_limit: int = 0
    prober: str = ""
    json: tuple[JsonPage, ...] = ()
    ready: Readiness | None = None
    bearer_token: bool = False
    kubernetes: Mapping[str, Any] = field(default_factory=dict)
    collector: bool = False

    def port_of(self, role: str) -> int:
        """Return the port of a role's page."""
        return self.ports.get(role, self.port)

    def path_of(self, role: str) -> str:
        """Return the path of a role's page."""
        return self.paths.get(role, self.path)

    def page_at(self, address: str) -> JsonPage | None:
        """Return the JSON page that an address is one of, by its end; None for no known one."""
        return next((page for page in reversed(self.json) if address.endswith(page.path)), None)


@dataclass(frozen=True, slots=True)
class Assumption:
    """A number that nobody but the operator knows, with what stands for it, and why."""

    name: str
    value: float
    why: str


@dataclass(frozen=True, slots=True)
class Unlisted:
    """How many series the pages of a role have besides those of the catalogue, and how that is known."""

    series: int
    why: str


@dataclass(frozen=True, slots=True)
class System:
    """One target system: what it is, how it is scraped, what it exposes.

    `parts` are roles that are off by default, by name. `reasons` say why no board shows, and no alert reads, several metrics
    at once; each metric has its own of them too. `attributed` is the label of those metrics to which the servers'
    configuration may add labels; empty where there is no such thing. `cardinality` is how many values labels have that
    nobody but the operator knows; `created` says that each counter and histogram has a series with the time of its birth;
    `unlisted` is what pages have besides the catalogue's metrics, by role.
    """

    name: str
    title: str
    alerts: str
    prefix: str
    eras: Mapping[str, Era]
    newest: str
    runtimes: Mapping[str, str]
    roles: Mapping[str, str]
    parts: Mapping[str, tuple[str, ...]]
    attributed: str
    switches: Mapping[str, str]
    exposure: Mapping[str, str]
    tiers: Mapping[int, str]
    endpoint: Endpoint
    pages: tuple[str, ...]
    pages_since: Mapping[str, str]
    constant_labels: Mapping[str, Label]
    limits: tuple[Limit, ...]
    signals: Signals
    objectives: Mapping[str, Mapping[str, float]]
    reasons: tuple[Reason, ...]
    metrics: tuple[Metric, ...]
    path: str
    cardinality: Mapping[str, Assumption] = field(default_factory=dict)
    created: bool = False
    unlisted: Mapping[str, Unlisted] = field(default_factory=dict)
    named: Mapping[str, Metric] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the metrics by their names; of two with one name, which the catalogue refuses, the first counts."""
        object.__setattr__(self, "named", {metric.name: metric for metric in reversed(self.metrics)})


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """Every system, by id, in the order of the ids. Two are the same only when they are one object.

    Attributes:
        systems: Target systems, and what several of them expose alike.
        targets: Ids of the target systems, in the order in which files and boards have them.

    """

    systems: Mapping[str, System]
    targets: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Metric]:
        """Yield every metric of every system."""
        return (m for s in self.systems.values() for m in s.metrics)

    def joined(self, systems: Mapping[str, System]) -> Catalogue:
        """Return the catalogue with further target systems, behind those that it has."""
        if not systems:
            return self
        every = {**self.systems, **systems}
        new = (name for name in systems if name not in self.targets)
        return Catalogue({name: every[name] for name in sorted(every)}, (*self.targets, *new))

    @property
    def limits(self) -> Mapping[str, Limit]:
        """Every limit by its name: those of the target systems in their order, then those that all of them share."""
        order = (*self.targets, *(name for name in self.systems if name not in self.targets))
        return {limit.name: limit for name in order for limit in self.systems[name].limits}
