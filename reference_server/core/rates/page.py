"""How client libraries spell a page: families, their order, numbers, edges, what a histogram ends with.

A model names the `Style` of its real server. Knows nothing of what the values mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate

from generator.catalogue import Kind, Metric
from reference_server.core.exposition import TYPES, labelled, number
from reference_server.core.families import Buckets
from reference_server.core.instruments import Instruments


@dataclass(frozen=True, slots=True)
class Style:
    """How one client library writes.

    Attributes:
        help: HELP texts by the catalogue's name; a metric without one has the catalogue's sentence.
        family: The name on the HELP and TYPE lines, from the series' name and the kind.
        kind: The type on the TYPE line.
        unit: The unit of a metric on its UNIT line; no line when empty.
        number: A value.
        integer: A value that is a whole number in the server, such as a count; as any value without.
        fractional: Names of counters and gauges that are no whole numbers there.
        edge: A finite bucket edge.
        leading, trailing: What stands before the buckets of a histogram, and what follows them, in order.
        edge_first: `le` is the first label of a bucket.
        by_name: Families are in alphabetical order; else in the order in which they are given.
        alphabetical: Labels are in alphabetical order; else in the catalogue's, with `le` last.
        labels: What the page calls a label that Prometheus renames, because a target has one of that name.
        empty: Families without a series have their HELP and TYPE lines.
        end: What the page ends with.

    """

    help: Mapping[str, str] = field(default_factory=dict)
    family: Callable[[str, Kind], str] = lambda name, _: name
    kind: Callable[[Kind], str] = lambda kind: TYPES.get(kind, kind)
    unit: Callable[[Metric], str] = lambda _: ""
    number: Callable[[float], str] = number
    integer: Callable[[float], str] | None = None
    fractional: frozenset[str] = frozenset()
    edge: Callable[[float], str] = number
    leading: tuple[str, ...] = ()
    trailing: tuple[str, ...] = ("_count", "_sum")
    edge_first: bool = False
    by_name: bool = False
    alphabetical: bool = True
    labels: Mapping[str, str] = field(default_factory=dict)
    empty: bool = False
    end: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A family that is no metric of the catalogue, such as the `_created` gauges of prometheus_client, as it is written."""

    name: str
    kind: Kind
    help: str
    samples: tuple[str, ...]


def write(
    style: Style,
    metrics: Iterable[Metric],
    instruments: Instruments,
    after: Callable[[Metric, list[dict[str, str]]], Iterable[Line]] = lambda _, __: (),
) -> bytes:
    """Return the page of one process: the metrics that it has, in the order of `metrics`.

    Args:
        style: The spelling.
        metrics: Every metric that the process may have.
        instruments: Its values.
        after: Families that follow one metric, given the labels of its series.

    """

    def spelled(metric: Metric, labels: dict[str, str], value: float | Buckets) -> str:
        name = (instruments.prefix if metric.prefix else "") + metric.base
        return "".join(_series(style, name, metric, labels, value))

    found: dict[str, list[tuple[dict[str, str], str]]] = {}
    for metric, labels, text in instruments.written(spelled):
        found.setdefault(metric.name, []).append((labels, text))
    known = sorted(metrics, key=lambda m: m.full_name) if style.by_name else list(metrics)
    out: list[str] = []
    for metric in known:
        series = found.get(metric.name, [])
        if not series and not style.empty:
            continue
        name = (instruments.prefix if metric.prefix else "") + metric.base
        family = style.family(name, metric.kind)
        out += _head(style, family, metric.kind, style.help.get(metric.name, metric.help))
        if unit := style.unit(metric):
            out.append(f"# UNIT {family} {unit}\n")
        out += [text for _, text in series]
        for line in after(metric, [labels for labels, _ in series]):
            out += _head(style, line.name, line.kind, line.help)
            out += line.samples
    return ("".join(out) + style.end).encode()


def _head(style: Style, name: str, kind: Kind, text: str) -> Iterator[str]:
    yield f"# HELP {name} {text}\n"
    yield f"# TYPE {name} {style.kind(kind)}\n"


def _series(
    style: Style, name: str, metric: Metric, labels: Mapping[str, str], value: float | Buckets
) -> Iterator[str]:
    integer = style.integer or style.number
    if not isinstance(value, Buckets):
        text = style.number(value) if metric.name in style.fractional else integer(value)
        yield f"{_spelled(style, name, metric, labels)} {text}\n"
        return
    totals = {"_count": integer(float(value.count)), "_sum": style.number(value.sum)}
    for suffix in style.leading:
        yield f"{_spelled(style, name + suffix, metric, labels)} {totals[suffix]}\n"
    edges = (*(style.edge(e) for e in metric.buckets), "+Inf") if metric.kind is Kind.HISTOGRAM else ()
    for edge, below in zip(edges, accumulate(value.counts), strict=bool(edges)):
        yield f"{_spelled(style, name + '_bucket', metric, {**labels, 'le': edge})} {integer(below)}\n"
    for suffix in style.trailing:
        yield f"{_spelled(style, name + suffix, metric, labels)} {totals[suffix]}\n"


def _spelled(style: Style, name: str, metric: Metric, labels: Mapping[str, str]) -> str:
    if style.alphabetical:
        return labelled(name, ((style.labels.get(label, label), value) for label, value in labels.items()))
    names = ("le", *metric.labels) if style.edge_first else (*metric.labels, "le")
    added = (n for n in labels if n not in names)  # by the server's configuration
    ordered = [(n, labels[n]) for n in (*names, *added) if n in labels]
    inside = ",".join(labelled("", (pair,))[1:-1] for pair in ordered)
    return f"{name}{{{inside}}}" if inside else name
