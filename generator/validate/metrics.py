"""Every catalogue metric of the enabled systems: is it there with the catalogue's type, labels and edges, or why not?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from generator.catalogue import Kind, Metric
from generator.promql import select
from generator.promql.scope import Scope
from generator.validate.context import Context
from generator.validate.evidence import required
from generator.validate.forms import DROPPED
from generator.validate.gather import metrics_of
from generator.validate.pool import spread
from generator.validate.probe import AbsentError, GoneError, ProbeError
from generator.validate.prometheus import MOST_VALUES
from generator.validate.verdict import Finding, State, Verdict, empty, ok, warning, wrong

#: What a page may call a kind; a page in OpenMetrics has more words than one in the text format.
TYPES: Mapping[Kind, frozenset[str]] = {
    Kind.COUNTER: frozenset({"counter"}),
    Kind.GAUGE: frozenset({"gauge"}),
    Kind.HISTOGRAM: frozenset({"histogram"}),
    Kind.SUMMARY: frozenset({"summary"}),
    Kind.INFO: frozenset({"gauge", "info"}),
}

#: A page that says nothing of a metric.
UNTYPED = frozenset({"unknown", "untyped", ""})

#: Labels that Prometheus or a histogram puts on a series.
COMMON = frozenset({"__name__", "job", "le", "quantile"})

#: How far back an index of labels is asked, in seconds: what is gone for longer says nothing of today.
RECENT = 300.0


@dataclass(frozen=True, slots=True)
class Index:
    """What is asked once for all metrics: types by family, and the labels that targets bring themselves."""

    types: Mapping[str, frozenset[str]]
    of_targets: frozenset[str]


def metrics(context: Context) -> Iterator[Verdict]:
    """Every metric is there with the right type and labels, or there is a reason why not."""
    try:
        types = context.prometheus.metadata()
    except AbsentError:
        types = {}
    if not types and context.present:
        name = context.prometheus.probe.name
        yield empty(f"{name} keeps no types of metrics; types are not judged").of("metrics", "/api/v1/metadata")
    of_targets = frozenset(context.prometheus.label_names(["up"], context.now - RECENT))
    index = Index(types, of_targets)
    for name in context.present:
        todo = [m for m, _ in metrics_of(context.site, name)]
        found = spread(lambda m, name=name: (m, _verdict(context, index, m, name)), todo)  # type: ignore[misc]  # bound early on purpose
        yield from (_linked(context, metric, verdict) for metric, verdict in found)
        yield from _contradictions(context, name)


def _linked(context: Context, metric: Metric, verdict: Verdict) -> Verdict:
    """Return a verdict with the address of what the documentation says of the metric, where it is not fine and pages are served."""
    link = context.site.config.metric_page(metric.system, metric.full_name)
    if not link or verdict.state is State.OK:
        return verdict
    return replace(verdict, fix="; ".join(part for part in (verdict.fix, f"what it is: {link}") if part))


def _verdict(context: Context, index: Index, metric: Metric, system: str) -> Verdict:
    item = f"{system} {metric.full_name}"
    if not context.evidence.count(metric, system):
        return context.evidence.reason(metric, system).of("metrics", item)
    if metric.missing:
        return warning(
            f"it is there, although the configuration leaves it out: {metric.missing}",
            "correct versions, roles, tier, exposure or switches in bundle.yaml, and its panels appear",
        ).of("metrics", item)
    try:
        finding = (
            context.evidence.forms.dropped(metric, system)
            or _typed(index, metric)
            or _labelled(context, index, metric)
            or _edged(context, metric)
        )
    except GoneError:
        raise
    except ProbeError as error:
        finding = wrong(str(error))
    count = context.evidence.count(metric, system)
    return (finding or ok(f"{count} series")).of("metrics", item)


def _typed(index: Index, metric: Metric) -> Finding | None:
    """Compare the type. OpenMetrics names a counter's family without `_total`, and an info's without `_info`."""
    families = (metric.full_name, metric.full_name.removesuffix("_total"), metric.full_name.removesuffix("_info"))
    types = next((index.types[f] for f in families if f in index.types), frozenset()) - UNTYPED
    unknown = sorted(types - TYPES[metric.kind])
    if unknown:
        return wrong(
            f"it is a {unknown[0]}, and the catalogue says {metric.kind}",
            "see which server exposes it, and whether something on the way changes types",
        )
    return None


def _labelled(context: Context, index: Index, metric: Metric) -> Finding | None:
    suffix = "_bucket" if metric.kind is Kind.HISTOGRAM else metric.parts[0]
    series = select(metric, Scope("", context.site.selectors), suffix)
    since = context.now - RECENT
    names = context.prometheus.label_names([series], since)
    absent = sorted(n for n, label in metric.labels.items() if n not in names and required(metric, label))
    if absent:
        return wrong(
            f"no series has the label {', '.join(absent)}",
            "see which server exposes it, and whether metric_relabel_configs of its scrape job drops the label",
        )
    unknown = sorted(names - {*metric.labels, *metric.constant_labels, *COMMON, *index.of_targets})
    if unknown:
        return warning(
            f"it has a label that the catalogue does not know: {', '.join(unknown)}",
            "see whether the server is newer than the catalogue",
        )
    for name in sorted(names & {n for n, label in metric.labels.items() if label.values}):
        found = context.prometheus.label_values(name, [series], since)[:MOST_VALUES]
        unknown = [v for v in found if v not in metric.labels[name].values]
        if unknown:
            return warning(
                f"{name} has values that the catalogue does not know: {', '.join(unknown[:5])}",
                "see whether the server is newer than the catalogue",
            )
    return None


def _edged(context: Context, metric: Metric) -> Finding | None:
    """Compare a histogram's edges: limits stand on them."""
    if metric.kind is not Kind.HISTOGRAM or not metric.buckets:
        return None
    series = select(metric, Scope("", context.site.selectors), "_bucket")
    found, unknown = set(), []
    for edge in context.prometheus.label_values("le", [series], context.now - RECENT):
        try:
            found.add(float(edge))
        except ValueError:
            unknown.append(edge)
    if unknown:
        return wrong(f"it has a bucket edge that is no number: {unknown[0]!r}", "see which target exposes it")
    absent = [e for e in metric.buckets if e not in found]
    if absent:
        edges = ", ".join(f"{e:g}" for e in absent[:5])
        others = sorted(e for e in found - {*metric.buckets} if math.isfinite(e))
        if others:
            listed = ", ".join(f"{e:g}" for e in others[:5])
            return wrong(
                f"it has no bucket edge {edges}, and others instead: {listed}",
                "see which server exposes it, and who sets its edges",
            )
        return wrong(f"it has no bucket edge {edges}, and others are there: something drops single ones", DROPPED)
    return None


def _contradictions(context: Context, name: str) -> Iterator[Verdict]:
    """Say where the configuration promises a whole set of metrics of which nothing is seen."""
    for gate, text in context.evidence.closed(name):
        if gate.kind in ("exposure", "tier"):
            yield warning(
                f"nothing of it is seen: {text}",
                f"switch it on at the servers, or say so in bundle.yaml: systems.{name}",
            ).of("metrics", f"{name} {gate.kind} {gate.name}")
