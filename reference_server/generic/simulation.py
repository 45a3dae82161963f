"""A slice of time in one process of a generic system: counters rise, histograms are observed, gauges move."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from generator.catalogue import Kind, Metric
from reference_server.core.rates import python
from reference_server.core.rates.draw import observe, times
from reference_server.core.rates.model import ServiceProcess
from reference_server.generic.gauges import FRACTIONAL, Gauge, gauges
from reference_server.generic.series import PYTHON, Series, series_of

#: What happens per second to one metric of a deployment, by words of its name; the first that occurs counts.
_RATES = (
    (("errors", "failures", "failed", "rejected", "dropped", "timeouts", "retries", "lost", "evicted"), 0.002),
    (("restarts", "starts", "stops", "reconnects", "terminations"), 0.0005),
)
_RATE = 5.0

#: What a counter gains by each of them, by unit; one of any other unit.
_GAINS = {"bytes": 2_000.0, "mebibytes": 0.002, "seconds": 0.01, "milliseconds": 10.0, "tokens": 400.0, "USD": 0.002}

#: Deviation of the logarithm of what is observed.
_SPREAD = 0.6

#: Processor time that a process takes per second, its resident memory, and its descriptors.
_CPU, _BYTES, _DESCRIPTORS = 0.05, 1.5e8, 24

#: Who has one value in the whole deployment, whatever process is asked.
_COMMON = frozenset({"global", "max", "min"})

#: Longest time since something that a gauge has the time of, in seconds.
_AGO = 60.0


@dataclass(frozen=True, slots=True)
class GenericWorkload:
    """What the users of the system do: `load` times as much as usual."""

    load: float = 1.0


def begin(process: ServiceProcess, _: GenericWorkload) -> None:
    """Let a process start: every series is there, counters and histograms at 0."""
    own = [m for m in process.instruments.metrics if m.system not in PYTHON]
    process.state["series"] = [(m, series_of(m)) for m in own]
    process.state["gauges"] = gauges(own)
    process.state["time"] = process.started
    for metric, series in process.state["series"]:
        for one in series:
            if metric.kind is Kind.COUNTER:
                process.instruments.add(metric.name, 0, **dict(one.labels))
            elif metric.kind in (Kind.HISTOGRAM, Kind.SUMMARY):
                process.instruments.observe_all(metric.name, (), dict(one.labels))
            elif metric.kind is Kind.INFO:
                process.instruments.set(metric.name, 1, **dict(one.labels))
    _set_gauges(process)
    if _has_python(process):
        python.started(process)
        python.worked(process, 0.0, _BYTES, _DESCRIPTORS)


def tick(process: ServiceProcess, workload: GenericWorkload, seconds: float, share: float) -> None:
    """Let a slice of time pass."""
    process.state["time"] += seconds
    for metric, series in process.state["series"]:
        rate = _rate(metric) * workload.load
        for one in series:
            if metric.kind is Kind.COUNTER:
                _count(process, metric, one, times(process, rate * one.share, seconds, share))
            elif metric.kind in (Kind.HISTOGRAM, Kind.SUMMARY):
                count = times(process, rate * one.share, seconds, share)
                observe(process, metric.name, count, _median(metric), _SPREAD, **dict(one.labels))
    _set_gauges(process)
    if _has_python(process):
        python.worked(process, _CPU * seconds * process.chance.uniform(0.5, 1.5), _BYTES, _DESCRIPTORS)


def _rate(metric: Metric) -> float:
    words = set(metric.name.split("_"))
    return next((rate for found, rate in _RATES if words & set(found)), _RATE)


def _count(process: ServiceProcess, metric: Metric, one: Series, count: int) -> None:
    gain = _GAINS.get(metric.unit, 1.0)
    amount = count * gain * (process.chance.uniform(0.5, 1.5) if gain != 1 else 1.0)
    if count:
        process.instruments.add(
            metric.name, amount if metric.unit in FRACTIONAL else math.ceil(amount), **dict(one.labels)
        )


def _median(metric: Metric) -> float:
    """Return what is usually observed: in the lower part of the buckets, so that a quantile lies between edges."""
    edges = [edge for edge in metric.buckets if edge > 0]
    return edges[len(edges) // 3] if edges else _GAINS.get(metric.unit, 1.0)


def _set_gauges(process: ServiceProcess) -> None:
    known: Mapping[str, Gauge] = process.state["gauges"]
    for metric, series in process.state["series"]:
        if metric.kind is not Kind.GAUGE:
            continue
        where = "" if metric.aggregate in _COMMON else process.name
        for one in series:
            place = f"{where} {one.labels}"
            process.instruments.set(metric.name, _level(process, metric, known[metric.name], place), **dict(one.labels))


def _level(process: ServiceProcess, metric: Metric, gauge: Gauge, place: str) -> float:
    if metric.unit != "unixtime":
        return gauge.at(process.state["time"], place)
    if "start" in metric.name or "created" in metric.name:
        return process.wall(process.started)
    return process.wall(process.state["time"]) - process.chance.uniform(0.0, _AGO)


def _has_python(process: ServiceProcess) -> bool:
    return any(m.system in PYTHON for m in process.instruments.metrics)
