"""What a metric is, and a part of it. Frozen values; no YAML, no files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

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
        version: Its value is the version of the server.
        count: How many values are usual on one process, or the name of the system's assumption that says it; 0 where nobody says.
        follows: The label that its values go with; empty where they vary by themselves.
        rare: One value is usual, and the others are exceptions.

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
    version: bool = False
    count: int | str = 0
    follows: str = ""
    rare: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """How an entry is known: page and section of the vendor's documentation, kind of evidence, version looked at, what is not verified."""

    evidence: str
    page: str = ""
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
        quantiles: How many quantiles of a summary have a series.
        exemplars: Its samples may have exemplars, which lead to traces.
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
        no_alert: Why no alert reads it; empty when one must.
        quirks: What a reader of the series must know.
        source: How the entry is known.
        path, line: Where the entry stands.
        matchers: Which part of it is meant.
        target_matchers: Which targets are ours: every selector of it carries these. Set by `generator.config.site`.
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
    no_alert: str
    quirks: tuple[str, ...]
    source: Source
    path: str
    line: int
    matchers: tuple[Matcher, ...] = ()
    target_matchers: tuple[Matcher, ...] = ()
    missing: str = ""
    before: Metric | None = None
    quantiles: int = 0
    exemplars: bool = False

    def __eq__(self, other: object) -> bool:
        """Compare entry, name and part; the rest follows from these."""
        return isinstance(other, Metric) and self._key == other._key

    def __hash__(self) -> int:
        """Hash what `__eq__` compares."""
        return hash(self._key)

    @property
    def _key(self) -> tuple[object, ...]:
        return (self.path, self.line, self.full_name, self.target_matchers, self.matchers)

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
