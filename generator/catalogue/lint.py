"""The catalogue's own rules: what a JSON Schema cannot say. One function each, listed in RULES.

A rule looks at one metric and yields what is wrong and the way out. An entry that has a reason to break
a rule says so: `allow: {counter-suffix: "the exporter does not append it"}`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from generator.catalogue.metric import Kind, Metric
from generator.catalogue.system import System
from generator.errors import Problem, nearest
from generator.source import Document
from generator.units import UNITS, nearest_unit

Finding = tuple[str, str, str]  # the field it is about, what is wrong, the way out
Rule = Callable[[System, Metric], Iterator[Finding]]


def counter_suffix(_: System, metric: Metric) -> Iterator[Finding]:
    """A counter's exposed name ends in `_total`: that is how readers and tools know a counter."""
    if metric.kind is Kind.COUNTER and not metric.base.endswith("_total"):
        yield "exposed", f"counter {metric.base!r} lacks its suffix", f"expose it as '{metric.base}_total'"
    if metric.kind is not Kind.COUNTER and metric.base.endswith("_total"):
        yield "type", f"{metric.kind} {metric.base!r} has a counter's suffix", "make it a counter or drop '_total'"


def unit_known(_: System, metric: Metric) -> Iterator[Finding]:
    """The unit is one that the generator can hand to Grafana."""
    if metric.unit not in UNITS:
        yield "unit", f"unit {metric.unit!r} is unknown", nearest_unit(metric.unit)


def unit_suffix(_: System, metric: Metric) -> Iterator[Finding]:
    """A name that ends in a base unit has that unit."""
    stem = metric.base.removesuffix("_total")
    for suffix, unit in (("_seconds", "seconds"), ("_bytes", "bytes"), ("_ratio", "ratio")):
        if stem.endswith(suffix) and metric.unit not in (unit, "unixtime"):
            yield "unit", f"{metric.base!r} has the unit {metric.unit!r}", f"make it {unit!r}, as its name says"


def buckets_fit(_: System, metric: Metric) -> Iterator[Finding]:
    """A histogram names its edges, ascending; nothing else has any."""
    if metric.kind is Kind.HISTOGRAM and "_bucket" in metric.parts and not metric.buckets:
        yield "name", f"histogram {metric.base!r} has no buckets", "list their edges, or allow it with the reason"
    if metric.kind is not Kind.HISTOGRAM and metric.buckets:
        yield "buckets", f"{metric.kind} {metric.base!r} has buckets", "remove them"
    if list(metric.buckets) != sorted(set(metric.buckets)):
        yield "buckets", f"edges of {metric.base!r} do not ascend", "sort them, each once"


def label_bounded(_: System, metric: Metric) -> Iterator[Finding]:
    """Each label has a closed set of values or a stated bound: never an id, a prompt, a user."""
    for label in metric.labels.values():
        if bool(label.values) == bool(label.bound):
            yield (
                "labels",
                f"label {label.name!r} of {metric.base!r} has no bound",
                "give it either `values` or `bound`",
            )


def count_known(system: System, metric: Metric) -> Iterator[Finding]:
    """The number of a label's values is a number, or one of `cardinality`; the label that it goes with is one of the system."""
    for label in metric.labels.values():
        if isinstance(label.count, str) and label.count not in system.cardinality:
            known = list(system.cardinality)
            yield (
                "labels",
                f"label {label.name!r} of {metric.base!r} has as many values as {label.count!r}, which is no number of `cardinality`",
                nearest(label.count, known, otherwise="add it there"),
            )
        if label.follows and (
            label.follows == label.name or not any(label.follows in m.labels for m in system.metrics)
        ):
            yield (
                "labels",
                f"label {label.name!r} of {metric.base!r} follows {label.follows!r}, which is no other label of the system",
                nearest(label.follows, [n for n in metric.labels if n != label.name], otherwise="leave `follows` out"),
            )


def emitted_known(system: System, metric: Metric) -> Iterator[Finding]:
    """Runtimes and roles are the system's own; `any` stands for all of them."""
    for emission in metric.emission.values():
        for runtime, roles in emission.roles.items():
            if runtime not in (*system.runtimes, "any"):
                yield (
                    "emitted",
                    f"runtime {runtime!r} is unknown",
                    nearest(runtime, list(system.runtimes), otherwise="declare it in `runtimes`"),
                )
            for role in roles:
                if role not in (*system.roles, "any"):
                    yield (
                        "emitted",
                        f"role {role!r} is unknown",
                        nearest(role, list(system.roles), otherwise="declare it in `roles`"),
                    )


def switch_known(system: System, metric: Metric) -> Iterator[Finding]:
    """A metric behind tier, exposure or switch says so in the system's own terms."""
    if system.tiers and metric.tier not in system.tiers and metric.prefix:
        yield "name", f"{metric.base!r} has no tier", f"give it one of {', '.join(map(str, system.tiers))}"
    if system.exposure and metric.exposure not in system.exposure:
        yield "name", f"{metric.base!r} has no exposure", f"give it one of {', '.join(system.exposure)}"
    if metric.switch and metric.switch not in system.switches:
        yield (
            "switch",
            f"switch {metric.switch!r} is unknown",
            nearest(metric.switch, list(system.switches), otherwise="declare it in `switches`"),
        )


def era_known(system: System, metric: Metric) -> Iterator[Finding]:
    """A metric belongs to an era, and its eras are the system's own."""
    if not metric.emission:
        yield "since", f"{metric.base!r} is in no era", f"correct `since`, `until` or `eras` ({', '.join(system.eras)})"
    for era in metric.emission:
        if era not in system.eras:
            yield (
                "eras",
                f"era {era!r} is unknown",
                nearest(era, list(system.eras), otherwise=f"use one of {', '.join(system.eras)}"),
            )


def rename_known(system: System, metric: Metric) -> Iterator[Finding]:
    """What a metric was called before is an entry of its own, of the same type, in another era."""
    if not metric.renamed_from:
        return
    before = next((m for m in system.metrics if m.name == metric.renamed_from), None)
    if before is None:
        known = [m.name for m in system.metrics]
        yield (
            "renamed_from",
            f"{metric.base!r} was renamed from {metric.renamed_from!r}, which is no entry",
            nearest(metric.renamed_from, known, otherwise="add it"),
        )
    elif before.kind is not metric.kind or set(before.emission) & set(metric.emission):
        yield (
            "renamed_from",
            f"{metric.renamed_from!r} cannot have become {metric.base!r}",
            "both must have one type and no common era",
        )


def aggregate_fits(_: System, metric: Metric) -> Iterator[Finding]:
    """Counters and histograms add up over processes; only gauges can be global, or a maximum."""
    if metric.kind in (Kind.COUNTER, Kind.HISTOGRAM, Kind.SUMMARY) and metric.aggregate not in ("sum", "none"):
        yield (
            "aggregate",
            f"{metric.kind} {metric.base!r} is aggregated by {metric.aggregate!r}",
            "use sum, or none where no sum means anything",
        )


def exemplars_fit(_: System, metric: Metric) -> Iterator[Finding]:
    """Only what counts events can show one of them: a counter, or a histogram with its buckets."""
    if metric.exemplars and metric.kind is not Kind.COUNTER and "_bucket" not in metric.parts:
        yield "exemplars", f"{metric.kind} {metric.base!r} cannot have exemplars", "leave `exemplars` out"


def name_unique(system: System, metric: Metric) -> Iterator[Finding]:
    """No two entries of one era expose the same series."""
    own, name, eras = {*metric.series}, metric.full_name, metric.emission.keys()
    for other in system.metrics:
        alike = other.line < metric.line and (other.full_name.startswith(name) or name.startswith(other.full_name))
        if alike and not eras.isdisjoint(other.emission) and not own.isdisjoint(other.series):
            yield "name", f"{metric.full_name!r} is already at line {other.line}", "merge the two entries"


#: Every rule, in reading order. Its name in `allow` is the function's, with hyphens.
RULES: tuple[Rule, ...] = (
    counter_suffix,
    unit_known,
    unit_suffix,
    buckets_fit,
    label_bounded,
    count_known,
    emitted_known,
    switch_known,
    era_known,
    rename_known,
    aggregate_fits,
    exemplars_fit,
    name_unique,
)


def slug(rule: Rule) -> str:
    """Return the name by which `allow` and the documentation call a rule."""
    return str(rule.__name__).replace("_", "-")


def lint(system: System, document: Document) -> Iterator[Problem]:
    """Yield what the rules find in one file, and every `allow` that allows nothing."""
    numbers = {document.line("metrics", n): n for n in range(len(document.data["metrics"]))}
    for metric in system.metrics:
        number = numbers[metric.line]
        allowed: Mapping[str, str] = document.data["metrics"][number].get("allow", {})
        used = set()
        for rule in RULES:
            for field, what, fix in rule(system, metric):
                if slug(rule) in allowed:
                    used.add(slug(rule))
                else:
                    yield document.problem(("metrics", number, field), what, fix)
        for name in allowed:
            if name not in used:
                known = ", ".join(map(slug, RULES))
                yield document.problem(
                    ("metrics", number, "allow", name),
                    f"nothing here breaks {name!r}",
                    f"remove it; the rules are {known}",
                )
