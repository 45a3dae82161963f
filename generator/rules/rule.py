"""What recording rules and alerts are, and their form in a Prometheus rule file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from generator.catalogue import Kind, Label, Matcher, Metric, Source
from generator.config.site import SELECTED, Site
from generator.config.timing import RECENT
from generator.errors import QueryError
from generator.promql.query import Query
from generator.promql.retention import looks_back, within_retention
from generator.promql.scope import Scope, site_scope

Severity = Literal["critical", "warning", "info"]

#: Most severe first.
SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "info")

#: What every recorded series of ours begins with, so that none is taken for one that someone else records.
RECORD_PREFIX = "agentobs_"

#: What the names of recorded series begin with that are about the installation, and not about a deployment of it.
INSTALLATION_WIDE = (f"{RECORD_PREFIX}attribution:", f"{RECORD_PREFIX}model:")

#: And every rule group: what Prometheus says of its groups carries their names.
GROUP_PREFIX = "agentobs."


@dataclass(frozen=True, slots=True)
class Record:
    """One recording rule: a query whose result Prometheus keeps as a series.

    Attributes:
        name: `agentobs_<level>:<metric>:<operation>_<window>`; without a window where the query reads this moment only.
        query: What is recorded.
        aggregate: How boards put several of its series together: `sum`, `max`, or `none`.
        window: Range window of the query; the configuration's own when empty.
        labels: Labels that the rule adds, which no part of the query has.
        metric: The recorded series as a metric, for the query builder. Derived.

    """

    name: str
    query: Query
    aggregate: str
    window: str
    metric: Metric
    labels: Mapping[str, str] = field(default_factory=dict)

    def to_rule(self, site: Site) -> dict[str, Any]:
        """Return the rule as Prometheus reads it."""
        rule: dict[str, Any] = {"record": self.name, "expr": self.query.build(site_scope(site, self.window))}
        labels = {**site.installation, **self.labels}
        return rule | ({"labels": labels} if labels else {})


def going_on(events: Query) -> Query:
    """Return where such events still come: beside it an alert is held as long as `Timing.outlasting`, so that one does not fire it."""
    return events.over(RECENT).above(0)


def record(
    site: Site,
    name: str,
    query: Query,
    *,
    aggregate: str = "sum",
    window: str = "",
    labels: Mapping[str, str] | None = None,
) -> Record:
    """Return a recording rule called `name`, a `level:metric:operation`, with our prefix and the window it looks back for.

    `aggregate` says how boards may put several of its series together.
    """
    over = site.timing.over(window)
    query = within_retention(query, site_scope(site, over), site.timing.retention)
    longest = looks_back(query, site_scope(site, over))
    name = f"{RECORD_PREFIX}{name}" + (f"_{longest}" if longest else "")
    if "le" in query.labels:
        kind, parts = Kind.HISTOGRAM, ("",)
    else:
        kind, parts = Kind.GAUGE, ("",)
    targets = {n: Label(n, bound="target label") for n in query.labels if n in site.labels.every}
    added = labels or {}
    own = {n: Label(n, bound="label of the recorded query") for n in query.labels if n not in site.labels.every}
    own |= {n: Label(n, values=(value,)) for n, value in added.items()}
    targets |= {m.label: Label(m.label, bound=SELECTED) for m in site.selectors}
    own = {n: label for n, label in own.items() if n not in targets}
    metric = Metric(
        system="recorded", name=name, base=name, prefix="", kind=kind, unit=query.unit, help=query.help, tier=0, exposure="",
        labels=own, constant_labels=targets, buckets=query.edges or (query.metrics[0].buckets if kind is Kind.HISTOGRAM else ()),
        parts=parts, emission={}, aggregate=aggregate, since="", until="", renamed_from="", factor=1, replaced_by="", switch="",
        documented=False, unscrapeable="", hidden_roles=(), no_board="", no_alert="", quirks=(), source=Source("definition"), path="recorded", line=0,
    )  # fmt: skip
    return Record(name, query, aggregate, over, metric, added)


def recorded(rule: Record, *, by: Sequence[str] = (), function: str = "", over_time: str = "") -> Query:
    """Return a query of a recorded series, put together over every label not in `by`.

    Args:
        rule: The recording rule.
        by: Labels to keep.
        function: `max` or `min` instead of the rule's own way to aggregate.
        over_time: Function over the scope's window that comes first, such as `sum_over_time`; the newest value without.

    Raises:
        QueryError: A label that the recorded series lacks, or a sum of what cannot be summed.

    """
    metric = rule.metric
    for label in by:
        metric.label(label)
    chosen = function or rule.aggregate
    selected = {n for n, label in metric.constant_labels.items() if label.bound == SELECTED}
    if chosen == "none" and set(rule.query.labels) - {*by, *selected}:
        raise QueryError(
            f"{rule.name} is put together over labels", f"keep {', '.join(rule.query.labels)}, or name a function"
        )
    outer = "max" if chosen == "none" else chosen

    def build(scope: Scope) -> str:
        added = [Matcher(label, "=", value) for label, value in rule.labels.items()]
        matchers = ", ".join(map(str, (*(m for m in scope.matchers if m.label in metric.constant_labels), *added)))
        series = f"{rule.name}{{{matchers}}}" if matchers else rule.name
        series = f"{over_time}({series}{scope.range})" if over_time else series
        return f"{outer} by ({', '.join(by)}) ({series})" if by else f"{outer}({series})"

    legend = " ".join(f"{{{{{label}}}}}" for label in by if label != "le")
    return Query(
        build=build, unit=metric.unit, labels=tuple(by), reading=rule.query.reading.grouped(by), metrics=rule.query.metrics, legend=legend,
        missing=rule.query.missing, edges=rule.query.edges, recorded=True,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Group:
    """A rule group: recording rules or alerts that are evaluated one after another, every `interval`."""

    name: str
    records: tuple[Record, ...] = ()
    alerts: tuple[Alert, ...] = ()
    interval: str = ""


@dataclass(frozen=True, slots=True)
class Keep:
    """How long an alert goes on after its condition ended, and why: a gap in the condition is no end of the trouble.

    An alert whose expression looks back for longer than such a gap needs none.
    """

    duration: str
    why: str


#: For what is read from gauges of this moment.
SAMPLED = Keep("5m", "gauges are sampled once a minute, and a failed scrape takes them away")
#: For what a process in a crash loop interrupts each time it comes up; short, because a page of it mutes others.
CRASHING = Keep("5m", "a process that crashes again and again answers for some minutes in between")
#: For a share with a floor of events, over a window of half an hour or less: the fewest events that count leave gaps.
SPARSE = Keep("10m", "with little traffic there are minutes without a bad event")


@dataclass(frozen=True, slots=True)
class Because:
    """Alerts that explain another one, which is then not told of.

    Attributes:
        alerts: Their names: any of them is reason enough.
        agree: Labels in which both agree, beside those that name a deployment.
        where: Patterns that labels of the reason match, whole: only a queue that is down explains that nothing is picked up.

    """

    alerts: tuple[str, ...]
    agree: tuple[str, ...] = ()
    where: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Route:
    """A receiver of an alert's own, and how often it is notified: Alertmanager's durations, on life's clock."""

    receiver: str
    wait: str
    interval: str
    repeat: str


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert.

    Attributes:
        name: System, subject, state: `AgentServerWorkersSaturated`.
        query: What is true when it fires; its labels reach the notification.
        hold: How long it must be true: Prometheus's `for`, which is whole rounds of evaluation.
        severity: `critical` pages, `warning` opens a ticket, `info` annotates.
        summary: What is happening, one sentence; may use `{{ $labels.x }}` and `{{ $value }}`.
        description: What it means and why it is told, in a few sentences.
        action: The first thing to do.
        board: Stem of the board that explains it.
        over: Range window of the query; the configuration's own when empty.
        keep: How long it keeps firing after it is no longer true, and why: `keep_firing_for`.
        labels: Labels of its own, beside severity.
        off: Why it is off unless the configuration enables it; empty when it is on.
        explained_by: What explains it: no one is told of it while that fires.
        runbook: Stem of its runbook; its own name when empty.
        limits: Names of the limits that it compares with, where its runbook serves several systems and names none.
        route: Its own receiver; that of its severity when left out.

    """

    name: str
    query: Query
    hold: str
    severity: Severity
    summary: str
    description: str
    action: str
    board: str
    over: str = ""
    keep: Keep | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    off: str = ""
    explained_by: tuple[Because, ...] = ()
    runbook: str = ""
    limits: tuple[str, ...] = ()
    route: Route | None = None

    def to_rule(self, site: Site) -> dict[str, Any]:
        """Return the rule as Prometheus 2.42 and later reads it."""
        config = site.config
        rule: dict[str, Any] = {
            "alert": self.name,
            "expr": self.query.build(site_scope(site, site.timing.over(self.over))),
        }
        if self.hold != "0s":
            rule["for"] = site.timing.hold(self.hold)
        if self.keep:
            rule["keep_firing_for"] = site.timing.hold(self.keep.duration)
        rule["labels"] = {"severity": self.severity, **self.labels, **site.installation, **config.alert_labels}
        rule["annotations"] = {
            "summary": self.summary,
            "description": f"{self.description} First: {self.action}",
            "runbook_url": config.runbook(self.name, self.runbook),
            "dashboard": self._link(site),
        }
        return rule

    def _link(self, site: Site) -> str:
        variables = zip(("cluster", "namespace", "deployment"), site.identity, strict=True)
        present = [(name, label) for name, label in variables if label in self.query.labels]
        query = "".join(f"&var-{name}={{{{ $labels.{label} | urlquery }}}}" for name, label in present)
        uid = board_uid(site, self.board)
        return f"{site.config.grafana_url}/d/{uid}" + (f"?{query[1:]}" if query else "")


def board_uid(site: Site, stem: str) -> str:
    """Return the uid of a board by its module's stem. It never changes: links depend on it."""
    return site.config.uid_prefix + stem.replace("_", "-")
