"""How client libraries spell a page: families, their order, numbers, edges, what a histogram ends with.

A model names the `Style` of its real server. Knows nothing of what the values mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate

from generator.catalogue import Kind, Metric
from reference_server.exposition import TYPES, labelled, number
from reference_server.instruments import Buckets, Instruments

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Style:
    """How one client library writes.

    Attributes:
        help: HELP texts by the catalogue's name; a metric without one has the catalogue's sentence.
        family: The name on the HELP and TYPE lines, from the series' name and the kind.
        number: A value.
        edge: A finite bucket edge.
        tail: What follows the buckets of a histogram, in order.
        by_name: Families are in alphabetical order; else in the order in which they are given.
        alphabetical: Labels are in alphabetical order; else in the catalogue's, with `le` last.
        empty: Families without a series have their HELP and TYPE lines.
        end: What the page ends with.

    """

    help: Mapping[str, str] = field(default_factory=dict)
    family: Callable[[str, Kind], str] = lambda name, _: name
    number: Callable[[float], str] = number
    edge: Callable[[float], str] = number
    tail: tuple[str, ...] = ("_count", "_sum")
    by_name: bool = False
    alphabetical: bool = True
    empty: bool = False
    end: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A family that is no metric of the catalogue, such as the `_created` gauges of prometheus_client."""

    name: str
    kind: Kind
    help: str
    series: tuple[tuple[tuple[Pair, ...], float], ...]


def write(
    style: Style,
    metrics: Iterable[Metric],
    instruments: Instruments,
    after: Callable[[Metric, list[dict[str, str]]], Iterable[Line]] = lambda _, __: (),
) -> bytes:
    """Write the page of one process: the metrics that it has, in the order of `metrics`.

    Args:
        style: The spelling.
        metrics: Every metric that the process may have.
        instruments: Its values.
        after: Families that follow one metric, given the labels of its series.

    """
    found: dict[str, list[tuple[dict[str, str], float | Buckets]]] = {}
    for metric, labels, value in instruments.points():
        found.setdefault(metric.name, []).append((labels, value))
    known = sorted(metrics, key=lambda m: m.full_name) if style.by_name else list(metrics)
    out: list[str] = []
    for metric in known:
        series = found.get(metric.name, [])
        if not series and not style.empty:
            continue
        name = (instruments.prefix if metric.prefix else "") + metric.base
        out += _head(style.family(name, metric.kind), metric.kind, style.help.get(metric.name, metric.help))
        for labels, value in series:
            out += _series(style, name, metric, labels, value)
        for line in after(metric, [labels for labels, _ in series]):
            out += _head(line.name, line.kind, line.help)
            out += [f"{labelled(line.name, pairs)} {style.number(value)}\n" for pairs, value in line.series]
    return ("".join(out) + style.end).encode()


def _head(name: str, kind: Kind, text: str) -> Iterator[str]:
    yield f"# HELP {name} {text}\n"
    yield f"# TYPE {name} {TYPES.get(kind, kind)}\n"


def _series(
    style: Style, name: str, metric: Metric, labels: Mapping[str, str], value: float | Buckets
) -> Iterator[str]:
    if not isinstance(value, Buckets):
        yield f"{_spelled(style, name, metric, labels)} {style.number(value)}\n"
        return
    edges = (*(style.edge(e) for e in metric.buckets), "+Inf")
    for edge, below in zip(edges, accumulate(value.counts), strict=True):
        yield f"{_spelled(style, name + '_bucket', metric, {**labels, 'le': edge})} {style.number(below)}\n"
    totals = {"_count": float(value.count), "_sum": value.sum}
    for suffix in style.tail:
        yield f"{_spelled(style, name + suffix, metric, labels)} {style.number(totals[suffix])}\n"


def _spelled(style: Style, name: str, metric: Metric, labels: Mapping[str, str]) -> str:
    if style.alphabetical:
        return labelled(name, labels.items())
    ordered = [(n, labels[n]) for n in (*metric.labels, "le") if n in labels]
    inside = ",".join(labelled("", (pair,))[1:-1] for pair in ordered)
    return f"{name}{{{inside}}}" if inside else name
