"""From what a case says about a target to samples: scrapes that fail, restarts, births, buckets."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generator.catalogue import Kind, Metric
from testbed.cases.notation import values
from testbed.replay import Range
from testbed.servers import STALE, Value
from testbed.servers.remote_write import History


@dataclass(frozen=True, slots=True)
class Series:
    """One series of one target, or a histogram's several."""

    metric: Metric
    name: str
    labels: Mapping[str, str]
    values: Any


@dataclass(frozen=True, slots=True)
class Target:
    """What answers at one address. Times are seconds since the start of the history; `clock`: it tells when it started."""

    labels: Mapping[str, str]
    series: tuple[Series, ...]
    own: Mapping[str, str]
    found: Range
    down: tuple[Range, ...]
    restarts: tuple[float, ...]
    prefix: str
    le: int
    clock: bool = True


def samples(target: Target, start: float, offsets: Sequence[float], major: int) -> Iterator[History]:
    """Yield the series of a target, `up` among them."""
    there = [target.found[0] <= o < target.found[1] for o in offsets]
    answers = [t and not _in(o, target.down) for o, t in zip(offsets, there, strict=True)]
    given = {series.name for series in target.series}
    if "up" not in given:
        up: list[Value] = [float(a) for a in answers]
        yield {**target.labels, "__name__": "up"}, _cut(up, there)
    if "process_start_time_seconds" not in given and target.clock:
        begun: list[Value] = [start + max((r for r in target.restarts if r <= o), default=-86400.0) for o in offsets]
        yield {**target.labels, "__name__": "process_start_time_seconds"}, _cut(begun, answers)
    for series in target.series:
        keep = there if series.name == "up" else answers
        name = series.name
        labels = {**target.labels, **series.labels}
        if series.metric.prefix:
            labels = {**target.own, **labels}
            name = target.prefix + name
        if series.metric.kind is Kind.HISTOGRAM:
            for extra, suffix, made in _histogram(series, target, start, offsets, major):
                yield {**labels, **extra, "__name__": name + suffix}, _cut(made, keep)
        elif series.metric.kind is Kind.SUMMARY:
            for part in ("sum", "count"):
                made = _counter(values(series.values[part], start, offsets), series.metric, target.restarts, offsets)
                yield {**labels, "__name__": f"{name}_{part}"}, _cut(made, keep)
        else:
            made = values(series.values, start, offsets)
            if series.metric.kind is Kind.COUNTER:
                made = _counter(made, series.metric, target.restarts, offsets)
            yield {**labels, "__name__": name}, _cut(made, keep)


def _cut(made: Sequence[Value], keep: Sequence[bool]) -> list[Value]:
    """Drop values that no scrape gets; the series ends at the first of them."""
    out: list[Value] = []
    alive = False
    for value, inside in zip(made, keep, strict=True):
        if inside:
            out.append(value)
            alive = value is not None and value != STALE
        else:
            out.append(STALE if alive else None)
            alive = False
    return out


def _counter(made: Sequence[Value], metric: Metric, restarts: Sequence[float], offsets: Sequence[float]) -> list[Value]:
    """Begin anew at each restart; without a sample while nothing was counted, if the metric is born at its first event."""
    late = any(e.born == "first_event" for e in metric.emission.values())
    out: list[Value] = []
    base, last, alive, left = 0.0, 0.0, False, sorted(restarts)
    for value, offset in zip(made, offsets, strict=True):
        if left and offset >= left[0]:
            base, left = last, left[1:]
        if isinstance(value, float):
            base = 0.0 if value < last else base
            last = value
            counted: Value = value - base
            if late and counted == 0:
                counted = STALE if alive else None
        else:
            counted = value
        out.append(counted)
        alive = isinstance(counted, float)
    return out


def _histogram(
    series: Series, target: Target, start: float, offsets: Sequence[float], major: int
) -> Iterator[tuple[dict[str, str], str, list[Value]]]:
    """Yield buckets, count and sum. Every bucket exists from the first observation on."""
    edges = [*series.metric.buckets, math.inf]
    falls = {_edge(edge): values(text, start, offsets) for edge, text in series.values.items()}
    running: list[Value] = [None] * len(offsets)
    summed = [0.0] * len(offsets)
    rows: list[tuple[float, list[Value]]] = []
    for edge in edges:
        if edge in falls:
            running = [_plus(a, b) for a, b in zip(running, falls[edge], strict=True)]
            width = edge if math.isfinite(edge) else edges[-2] * 2
            summed = [
                s + (v * width if isinstance(v, float) else 0.0) for s, v in zip(summed, falls[edge], strict=True)
            ]
        rows.append((edge, list(running)))
    count = _counter(rows[-1][1], series.metric, target.restarts, offsets)
    for edge, made in rows:
        bucket = _counter(made, series.metric, target.restarts, offsets)
        shown_ = [
            b if isinstance(b, float) else 0.0 if isinstance(c, float) else c
            for b, c in zip(bucket, count, strict=True)
        ]
        yield {"le": le_text(edge, major)}, "_bucket", shown_
    yield {}, "_count", count
    yield {}, "_sum", [s if isinstance(c, float) else c for s, c in zip(summed, count, strict=True)]


def _plus(a: Value, b: Value) -> Value:
    """Add two counts; what has no sample yet adds nothing."""
    if isinstance(a, float) and isinstance(b, float):
        return a + b
    return a if isinstance(a, float) else b


def le_text(edge: float, major: int) -> str:
    """Return `le` as the server writes it ("500.0", then "1000") and Prometheus 2 keeps it, or as Prometheus 3 rewrites it."""
    if math.isinf(edge):
        return "+Inf"
    if edge < 1000:
        return f"{edge:.1f}" if edge == int(edge) else f"{edge:g}"
    text = f"{edge:g}" if major >= 3 else f"{edge:.0f}"
    return text if major < 3 or "e" in text else f"{text}.0"


def _in(offset: float, ranges: Collection[Range]) -> bool:
    return any(a <= offset < b for a, b in ranges)


def _edge(edge: object) -> float:
    return math.inf if edge == "inf" else float(str(edge))
