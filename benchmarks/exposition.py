"""How fast a page is written, next to prometheus_client on the same series in the same run.

Prints series per second for three cases: every series changed since the last page, none did, and one in ten did; and
the ratio to `generate_latest`. The best of some rounds counts: the machine has other things to do as well.
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from generator.catalogue import Kind, Metric, load
from reference_server.agent_server.simulation import Deployment
from reference_server.core.families import Buckets
from reference_server.core.instruments import Instruments
from reference_server.scenarios.library import find

ROUNDS = 30
BOUND = 20.0


def main() -> int:
    """Measure and print; 1 when a bound does not hold."""
    metrics = load().systems["agent_server"].metrics
    busy = find("busy")
    (deployment,) = busy.deployments(metrics=metrics)
    assert isinstance(deployment, Deployment)  # noqa: S101 - for the type checker
    started = time.perf_counter()
    deployment.advance(deployment.start + busy.duration / 2)
    spent = time.perf_counter() - started
    process = next(p for p in deployment.processes if p.role == "api")
    series = len(process.instruments.columns()[0])
    theirs = _client(process.instruments)
    slow = _best(lambda: generate_latest(theirs)) / series
    print(f"simulation: {busy.duration / 7200 / spent:.0f} virtual hours per second ({busy.id})")
    print(f"one page: {series} series; prometheus_client: {1 / slow:,.0f} series/s")
    cells = [c for f in process.instruments._families.values() for c in f.cells.values()]  # noqa: SLF001 - to mark them
    ratios = []
    for name, every in (("every series changed", 1), ("one in ten changed", 10), ("none changed", 0)):
        fast = _best(process.instruments.text, functools.partial(_touch, cells, every)) / series
        ratios.append(slow / fast)
        print(f"{name}: {1 / fast:,.0f} series/s, {ratios[-1]:.0f} times as fast (bound {BOUND:.0f})")
    return int(min(ratios) < BOUND)


def _touch(cells: list[Any], every: int) -> None:
    for cell in cells[::every] if every else ():
        cell.text = cell.row = None


def _best(call: Callable[[], object], prepare: Callable[[], None] = lambda: None) -> float:
    """Seconds of the fastest of some calls."""
    best = float("inf")
    for _ in range(ROUNDS):
        prepare()
        started = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - started)
    return best


def _client(instruments: Instruments) -> CollectorRegistry:
    """Build the same series with prometheus_client."""
    registry = CollectorRegistry()
    made: dict[str, Any] = {}
    constants = list(instruments.constants)
    for metric, labels, value in instruments.points():
        if metric.name not in made:
            made[metric.name] = _instrument(metric, constants, registry)
        names = (*constants, *metric.labels)
        child = made[metric.name].labels(*({**instruments.constants, **labels}.get(n, "") for n in names))
        if isinstance(value, Buckets):
            for edge, count in zip((*metric.buckets, metric.buckets[-1] + 1), value.counts, strict=True):
                for _ in range(min(count, 3)):
                    child.observe(edge)
        elif metric.kind is Kind.COUNTER:
            child.inc(value)
        else:
            child.set(value)
    return registry


def _instrument(metric: Metric, constants: list[str], registry: CollectorRegistry) -> Any:
    names = (*constants, *metric.labels)
    kinds: dict[Kind, Any] = {Kind.COUNTER: Counter, Kind.GAUGE: Gauge, Kind.HISTOGRAM: Histogram}
    more = {"buckets": metric.buckets} if metric.kind is Kind.HISTOGRAM else {}
    return kinds[metric.kind](metric.full_name, "", names, registry=registry, **more)


if __name__ == "__main__":
    sys.exit(main())
