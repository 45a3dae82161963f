"""The page of servers before 0.11.0: written by hand there, seconds instead of milliseconds, no internal metrics.

Takes what today's instruments recorded and what the deployment says at the time of the scrape.
Read off a running 0.10.3; the lines of its Postgres pools were read in its code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import accumulate

from reference_server.agent_server.pools import pool_stats
from reference_server.agent_server.processes import Process
from reference_server.agent_server.run_queue import QueueStats
from reference_server.core.exposition import escape, real_help
from reference_server.core.families import Buckets, Key
from reference_server.core.instruments import Instruments

#: Types, and the gauges in the page's order; counters follow.
GAUGES = (
    "num_pending_runs", "num_running_runs", "pending_runs_wait_time_max", "pending_runs_wait_time_med",
    "pending_unblocked_runs_wait_time_max", "workers_max", "workers_active", "workers_available", "pg_pool_max",
    "pg_pool_size", "pg_pool_available", "redis_pool_max", "redis_pool_size", "redis_pool_available",
)  # fmt: skip
COUNTERS = ("pg_pool_requests_queued", "pg_pool_requests_errors")

#: What names start with; METRIC_PREFIX renames nothing on this page.
PREFIX = "lg_api_"

#: What an identity that is not set looks like.
UNSET = "None"

Line = tuple[str, tuple[tuple[str, str], ...], float]


def text_old(instruments: Instruments, readings: Mapping[str, float]) -> bytes:
    """Write the page; `readings` has the gauges and pool counters as they are now, by name."""
    parts: list[str] = []
    for name, kind, lines in _families(instruments, readings):
        shown = PREFIX + name
        parts += [f"# HELP {shown} {real_help('old').get(name, '')}", f"# TYPE {shown} {kind}"]
        for series, labels, value in lines:
            inside = ", ".join(f'{k}="{escape(v)}"' for k, v in labels)
            parts.append(f"{series}{{{inside}}} {_number(series, value)}")
    return "\n".join(parts).encode()


def columns_old(instruments: Instruments, readings: Mapping[str, float]) -> tuple[tuple[Key, ...], list[float]]:
    """Return series and values of the page."""
    lines = [line for _, _, lines in _families(instruments, readings) for line in lines]
    keys = tuple((name, tuple(sorted((k, v) for k, v in labels if v))) for name, labels, _ in lines)
    return keys, [value for *_, value in lines]


def _number(series: str, value: float) -> str:
    if series.endswith("_sum"):
        return f"{value:.6f}"
    return f"{int(value)}" if float(value).is_integer() else repr(value)


def _families(instruments: Instruments, readings: Mapping[str, float]) -> Iterator[tuple[str, str, list[Line]]]:
    constants = tuple(
        (name, instruments.constants.get(name) or blank)
        for name, blank in (("project_id", UNSET), ("revision_id", UNSET), ("deployment_type", ""))
    )
    for name in (*GAUGES, *COUNTERS):
        if name in readings:
            kind = "counter" if name in COUNTERS else "gauge"
            yield name, kind, [(PREFIX + name, constants, readings[name])]
    requests: list[Line] = []
    latencies: list[Line] = []
    for metric, labels, value in instruments.points():
        own = (*constants, *((n, labels[n]) for n in metric.labels if n in labels))
        if metric.name == "http_requests_total" and not isinstance(value, Buckets):
            requests.append((PREFIX + metric.name, own, value))
        elif metric.name == "http_requests_latency" and isinstance(value, Buckets):
            latencies += _seconds(PREFIX + "http_requests_latency_seconds", own, value, metric.buckets)
    if requests:
        yield "http_requests_total", "counter", requests
    if latencies:
        yield "http_requests_latency_seconds", "histogram", latencies


def _seconds(
    name: str, labels: tuple[tuple[str, str], ...], value: Buckets, edges: tuple[float, ...]
) -> Iterator[Line]:
    for edge, below in zip((*(f"{e / 1000:g}" for e in edges), "+Inf"), accumulate(value.counts), strict=True):
        yield name + "_bucket", (*labels, ("le", edge)), float(below)
    yield name + "_sum", labels, value.sum / 1000
    yield name + "_count", labels, float(value.count)


def readings(process: Process, queue: QueueStats) -> dict[str, float]:
    """Read what servers before 0.11.0 read at each scrape."""
    out: dict[str, float] = {}
    if process.serves:
        stats = asdict(queue)
        out["num_pending_runs"], out["num_running_runs"] = stats.pop("n_pending"), stats.pop("n_running")
        out |= {n.replace("_secs", ""): round(v or 0.0, 3) for n, v in stats.items()}
    if process.executes:
        slots, active = process.settings.slots, len(process.active)
        out |= {"workers_max": slots, "workers_active": active, "workers_available": slots - active}
    pools = pool_stats(process)
    if pools:
        postgres, redis = pools["postgres"], pools["redis"]
        out |= {f"pg_{n}": postgres[n] for n in ("pool_max", "pool_size", "pool_available")}
        out |= {f"pg_pool_{n}": postgres[n] for n in ("requests_queued", "requests_errors")}
        out |= {"redis_pool_max": redis["max_connections"], "redis_pool_size": redis["in_use_connections"]}
        out["redis_pool_available"] = redis["idle_connections"]
    return out
