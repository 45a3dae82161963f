"""What a metric, a target system and the catalogue are. Frozen values; no YAML, no files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from generator.catalogue.limits import Limit
from generator.catalogue.signals import Signals
from generator.errors import QueryError, nearest


class Kind(StrEnum):
    """The type of a metric, as Prometheus names it; `info` is a gauge that is always 1."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    SUMMARY = "summary"
    INFO = "info"


#: The series of each kind, as suffixes of the exposed name.
SUFFIXES: Mapping[Kind, tuple[str, ...]] = {
    Kind.COUNTER: ("",),
    Kind.GAUGE: ("",),
    Kind.INFO: ("",),
    Kind.HISTOGRAM: ("_bucket", "_sum", "_count"),
    Kind.SUMMARY: ("_sum", "_count"),
}


@dataclass(frozen=True, slots=True)
class Label:
    """One label of a metric.

    Attributes:
        name: Its name.
        values: Every value that can occur; empty when only a bound is known.
        bound: What bounds the number of values, in words; empty when `values` says it.
        many: It has more values than a graph can show, by the bound: routes, paths, models.
        optional: Some series of the metric lack it.
        blank: Text that an earlier era writes where the value is unset; empty where it writes none.
        since, until: First version that has it, first one that no longer does; empty when unbounded.
        values_since: First version of values that not all versions have.
        missing: Why no server of the site has it; empty when one may. Set by the site.
        missing_values: The same by value.

    """

    name: str
    values: tuple[str, ...] = ()
    bound: str = ""
    optional: bool = False
    blank: str = ""
    many: bool = False
    since: str = ""
    values_since: Mapping[str, str] = field(default_factory=dict)
    missing: str = ""
    missing_values: Mapping[str, str] = field(default_factory=dict)
    until: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """How an entry is known: seed section, kind of evidence, version looked at, what is not verified."""

    evidence: str
    seed: str = ""
    version: str = ""
    unverified: str = ""


@dataclass(frozen=True, slots=True)
class Matcher:
    """One label matcher: `label op "value"`, the value as PromQL text without quotes."""

    label: str
    op: str
    value: str

    def __str__(self) -> str:
        """Show the matcher as PromQL."""
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"')
        return f'{self.label}{self.op}"{escaped}"'


@dataclass(frozen=True, slots=True)
class Emission:
    """Where and when a metric exists in one era.

    Attributes:
        roles: Runtime to the process roles whose page carries it.
        born: When its series first exist: start, first_tick, first_event, shutdown, unknown, never.
        refresh: When its value changes: event, tick (each minute by default), scrape.

    """

    roles: Mapping[str, tuple[str, ...]]
    born: str
    refresh: str


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """One metric of one target system; with `matchers`, a part of it. Equal when entry, name and part are.

    Attributes:
        system: The system's id.
        name: The documented name, without the prefix.
        base: The name on a Prometheus scrape, without the prefix.
        prefix: What the server puts before both.
        kind: Its type.
        unit: The unit of one observation (see `generator.units`).
        help: One sentence: what is measured.
        tier: Emitting tier 1 to 4; 0 where the system has none.
        exposure: `ui`, `internal`, or empty where the system has no such switch.
        labels: Its own labels, by name.
        constant_labels: Labels that every metric of the system carries.
        buckets: Finite upper edges of a histogram, ascending, in `unit`.
        parts: Suffixes of its series.
        emission: Where and when it exists, by era.
        aggregate: How values of several processes become one: sum, instance, global, max, min, none.
        since, until: First version that has it, first one that no longer does; empty when unbounded.
        renamed_from: Name in the era before, without the prefix; empty when there is none.
        factor: What values of `renamed_from` are multiplied by to be in `unit`.
        switch: Id of the switch that must be on; empty when there is none.
        documented: The vendor's documentation has it.
        unscrapeable: Why no scrape can see it; empty when one can.
        hidden_roles: Roles for which `unscrapeable` holds; empty when it holds for all.
        no_board: Why no board shows it; empty when one must.
        quirks: What a reader of the series must know.
        source: How the entry is known.
        path, line: Where the entry stands.
        matchers: Which part of it is meant.
        held: Which targets are ours: every selector of it carries these. Set by `generator.config.site`.
        missing: Why the configuration leaves it out; empty when it is there. Set by `generator.config.site`.
        before: The same measurement on servers of the era before, where the configuration has some; the same holds for it.

    """

    system: str
    name: str
    base: str
    prefix: str
    kind: Kind
    unit: str
    help: str
    tier: int
    exposure: str
    labels: Mapping[str, Label]
    constant_labels: Mapping[str, Label]
    buckets: tuple[float, ...]
    parts: tuple[str, ...]
    emission: Mapping[str, Emission]
    aggregate: str
    since: str
    until: str
    renamed_from: str
    factor: float
    replaced_by: str
    switch: str
    documented: bool
    unscrapeable: str
    hidden_roles: tuple[str, ...]
    no_board: str
    quirks: tuple[str, ...]
    source: Source
    path: str
    line: int
    matchers: tuple[Matcher, ...] = ()
    held: tuple[Matcher, ...] = ()
    missing: str = ""
    before: Metric | None = None

    def __eq__(self, other: object) -> bool:
        """Compare entry, name and part; the rest follows from these."""
        return isinstance(other, Metric) and self._key == other._key

    def __hash__(self) -> int:
        """Hash what `__eq__` compares."""
        return hash(self._key)

    @property
    def _key(self) -> tuple[object, ...]:
        return (self.path, self.line, self.full_name, self.held, self.matchers)

    @property
    def full_name(self) -> str:
        """The name on a Prometheus scrape; for a histogram without `_bucket`, `_sum`, `_count`."""
        return self.prefix + self.base

    @property
    def documented_name(self) -> str:
        """The name in the vendor's documentation."""
        return self.prefix + self.name

    @property
    def never_scraped(self) -> bool:
        """No scrape of any role can see it."""
        return bool(self.unscrapeable) and not self.hidden_roles

    @property
    def place(self) -> str:
        """`path:line` of the entry."""
        return f"{self.path}:{self.line}"

    @property
    def series(self) -> tuple[str, ...]:
        """Every series name that a scrape of the metric yields."""
        return tuple(self.full_name + part for part in self.parts)

    def where(self, **values: str) -> Metric:
        """Return the part whose labels equal `values`.

        Raises:
            QueryError: No such label, or a value outside the label's closed set, on servers of any configured era.

        """
        return self._narrow("=", values)

    def where_not(self, **values: str) -> Metric:
        """Return the part whose labels differ from `values`. A series without the label belongs to it."""
        return self._narrow("!=", values)

    def matching(self, **patterns: str) -> Metric:
        """Return the part whose labels match the anchored regular expressions `patterns`."""
        return self._narrow("=~", patterns, closed=False)

    def not_matching(self, **patterns: str) -> Metric:
        """Return the part whose labels do not match the anchored regular expressions `patterns`."""
        return self._narrow("!~", patterns, closed=False)

    def _narrow(self, op: str, values: Mapping[str, str], *, closed: bool = True) -> Metric:
        for name, value in values.items():
            known = self.label(name)
            if closed and value and known.values and value not in known.values:
                what = f"label {name!r} of {self.full_name} ({self.place}) is never {value!r}"
                raise QueryError(what, f"use one of {', '.join(known.values)}")
        before = self.before and self.before._narrow(op, values, closed=closed)  # noqa: SLF001 - one of its own kind
        missing = self.missing or (self._lacking(values) if op == "=" else "")
        return replace(
            self,
            before=before,
            missing=missing,
            matchers=(*self.matchers, *(Matcher(n, op, v) for n, v in values.items())),
        )

    def _lacking(self, values: Mapping[str, str]) -> str:
        """Return why no series of this site has these label values; empty when one may have."""
        found = ((self.label(name), value) for name, value in values.items() if value)
        return next(
            (why for label, value in found if (why := label.missing or label.missing_values.get(value, ""))), ""
        )

    def label(self, name: str) -> Label:
        """Return the label `name`, own or constant.

        Raises:
            QueryError: The metric has no such label.

        """
        found = self.labels.get(name) or self.constant_labels.get(name)
        if found is None:
            known = (*self.labels, *self.constant_labels)
            what = f"{self.full_name} ({self.place}) has no label {name!r}"
            fallback = f"it has {', '.join(known)}" if known else "it has no labels of its own"
            raise QueryError(what, nearest(name, known, otherwise=fallback))
        return found


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

    """

    container: str = ""
    port_name: str = ""
    port: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    component: str = ""
    called: str = ""


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
class System:
    """One target system: what it is, how it is scraped, what it exposes. `parts` are roles that are off by default, by name."""

    name: str
    title: str
    alerts: str
    prefix: str
    eras: Mapping[str, Era]
    newest: str
    runtimes: Mapping[str, str]
    roles: Mapping[str, str]
    parts: Mapping[str, tuple[str, ...]]
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
    metrics: tuple[Metric, ...]
    path: str
    named: Mapping[str, Metric] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the metrics by their names; of two with one name, which the catalogue refuses, the first counts."""
        object.__setattr__(self, "named", {metric.name: metric for metric in reversed(self.metrics)})


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every system, by id, in the order of the ids.

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
