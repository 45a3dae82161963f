"""How LangSight's API behaves under a workload: requests, ingestion, health checks, feed clients, and what they cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reference_server.langsight.feed import Feed
from reference_server.langsight.paths import normalised
from reference_server.services.draw import observe, part, times
from reference_server.services.model import Process
from reference_server.services.python import started, worked

SPANS, OTLP = "POST /api/traces/spans", "POST /api/traces/otlp"

#: Events of simulated spans that one slice sends to real clients at most: time may pass faster than they read.
MOST_EVENTS = 20

#: Processor seconds of a request and of a stored span; memory and descriptors of an idle process and of a feed client.
_REQUEST_CPU, _SPAN_CPU = 0.004, 0.000_6
_IDLE_BYTES, _CLIENT_BYTES = 182_000_000.0, 60_000.0
_IDLE_FDS = 31

_TOOLS = ("query", "search", "create_issue", "read_file")


@dataclass(frozen=True, slots=True)
class Workload:
    """What users of one deployment do, and how it bears it. Rates are per second and for the whole deployment.

    Attributes:
        requests: Rate of each `METHOD /path` beside ingestion.
        latency_seconds: Median time to an answer.
        latency_spread: Deviation of its logarithm.
        slow: Median of single routes, by `METHOD /path`: those that wait for a language model.
        error_ratio: Share of `requests` that a handler answers with 503.
        batches: Rate of POST /api/traces/spans.
        spans: Spans of one batch.
        otlp_batches: Rate of POST /api/traces/otlp; its batches have `spans` too.
        rejected_ratio: Share of batches that are answered 503, for ClickHouse has no memory; their spans are lost.
        scanned: Rate of requests for paths that nobody has asked for before, all answered 404.
        sse_clients: Clients of the live feed.
        sse_slow_clients: Those of them that read more slowly than events come.
        sse_slow_rate: Events that such a client reads.
        servers: Status of each MCP server.
        check_seconds: Time between two checks of a server. Each process checks all of them.
        counts_otlp: Spans of /otlp count in spans_ingested_total, as documented.
        counts_health_checks: health_checks_total counts, as documented.
        documented_paths: Slugs with numbers become `{id}` in the label `path`, as documented.

    """

    requests: Mapping[str, float] = field(
        default_factory=lambda: {
            "GET /api/agents/sessions": 0.4,
            "GET /api/agents/sessions/3f9c2a7be41d": 0.1,
            "GET /api/health/servers": 0.5,
            "GET /api/projects/proj-xyz-789/members": 0.05,
            "GET /api/live/events": 0.01,
            "GET /api/status": 0.1,
            "POST /api/investigate": 0.002,
        }
    )
    latency_seconds: float = 0.03
    latency_spread: float = 0.7
    slow: Mapping[str, float] = field(default_factory=lambda: {"POST /api/investigate": 7.0})
    error_ratio: float = 0.0
    batches: float = 0.6
    spans: int = 8
    otlp_batches: float = 0.1
    rejected_ratio: float = 0.0
    scanned: float = 0.0
    sse_clients: int = 6
    sse_slow_clients: int = 0
    sse_slow_rate: float = 2.0
    servers: Mapping[str, str] = field(
        default_factory=lambda: {"postgres-mcp": "up", "github-mcp": "up", "search-mcp": "up"}
    )
    check_seconds: float = 60.0
    counts_otlp: bool = True
    counts_health_checks: bool = True
    documented_paths: bool = True


def begin(process: Process, _: Workload) -> None:
    """Start the counters that are there from the start; those with labels appear at their first event."""
    started(process)
    process.state.update(age=0.0, born={}, scanned=0, simulated=0)
    for name in ("spans_ingested_total", "sse_events_dropped_total"):
        process.instruments.add(name, 0)
    clients(process)


def tick(process: Process, workload: Workload, seconds: float, share: float) -> None:
    """Serve a slice of time."""
    before = process.state["age"]
    process.state["age"] = before + seconds
    served = sum(_answered(process, workload, name, rate * share, seconds) for name, rate in workload.requests.items())
    served += _scanned(process, workload, seconds, share)
    stored = _ingested(process, workload, seconds, share)
    checks = int(process.state["age"] / workload.check_seconds) - int(before / workload.check_seconds)
    for server, status in workload.servers.items():
        checked(process, workload, server, status, checks)
    process.state["simulated"] = round(workload.sse_clients * share)
    connected = clients(process)
    events = stored / seconds + len(workload.servers) / workload.check_seconds
    lost = max(0.0, events - workload.sse_slow_rate) * round(workload.sse_slow_clients * share)
    process.instruments.add("sse_events_dropped_total", times(process, lost, seconds))
    cpu = 0.002 * seconds + served * _REQUEST_CPU + stored * _SPAN_CPU
    worked(process, cpu, _IDLE_BYTES + connected * _CLIENT_BYTES, _IDLE_FDS + connected)


def answered(process: Process, *, documented: bool, method: str, path: str, status: int, seconds: float) -> None:
    """Count one request that was answered."""
    label = normalised(path, documented=documented)
    process.instruments.add("http_requests_total", 1, method=method, path=label, status=str(status))
    process.instruments.observe("http_request_duration_seconds", seconds, method=method, path=label)


def checked(process: Process, workload: Workload, server: str, status: str, times_: int = 1) -> None:
    """Record health checks of one MCP server; the live feed hears of the last one."""
    if not times_:
        return
    if workload.counts_health_checks:
        process.instruments.add("health_checks_total", times_, server=server, status=status)
    publish(process, "health:check", {"server_name": server, "status": status, "latency_ms": latency(process)})


def _answered(
    process: Process, workload: Workload, name: str, rate: float, seconds: float, ratio: float | None = None, good: int = 200
) -> int:  # fmt: skip
    """Answer the requests of one route; return how many were answered with `good`."""
    method, _, path = name.partition(" ")
    count = times(process, rate, seconds)
    if not count:
        return 0
    failed = part(process.chance, count, workload.error_ratio if ratio is None else ratio)
    label = normalised(path, documented=workload.documented_paths)
    for status, number in ((str(good), count - failed), ("503", failed)):
        if number:
            process.instruments.add("http_requests_total", number, method=method, path=label, status=status)
    median = workload.slow.get(name, workload.latency_seconds)
    observe(process, "http_request_duration_seconds", count, median, workload.latency_spread, method=method, path=label)
    return count - failed


def _ingested(process: Process, workload: Workload, seconds: float, share: float) -> int:
    """Store batches; return their spans."""
    lost, accepted = workload.rejected_ratio, 202
    own = _answered(process, workload, SPANS, workload.batches * share, seconds, lost, accepted) * workload.spans
    otlp = _answered(process, workload, OTLP, workload.otlp_batches * share, seconds, lost, accepted) * workload.spans
    process.instruments.add("spans_ingested_total", own + (otlp if workload.counts_otlp else 0))
    feed: Feed | None = process.state.get("feed")
    for _ in range(min(own, MOST_EVENTS) if feed and feed.connections else 0):
        publish(process, "span:new", _span(process, workload))
    return own + otlp


def _scanned(process: Process, workload: Workload, seconds: float, share: float) -> int:
    """Answer requests for paths that are new each time."""
    count = times(process, workload.scanned, seconds, share)
    for _ in range(count):
        process.state["scanned"] += 1
        path = f"/wp-content/plugin{process.state['scanned']}.php"
        answered(
            process,
            documented=workload.documented_paths,
            method="GET",
            path=path,
            status=404,
            seconds=workload.latency_seconds,
        )
    return count


def clients(process: Process) -> int:
    """Set the gauge of feed clients, simulated and real; return it."""
    feed: Feed | None = process.state.get("feed")
    count = int(process.state["simulated"]) + (feed.connections if feed else 0)
    process.instruments.set("active_sse_connections", count)
    return count


def publish(process: Process, kind: str, data: Mapping[str, Any]) -> None:
    """Send an event to the real clients of the process's feed, if it has any."""
    feed: Feed | None = process.state.get("feed")
    if feed:
        feed.publish(kind, data)


def _span(process: Process, workload: Workload) -> dict[str, Any]:
    chance = process.chance
    return {
        "session_id": f"{chance.getrandbits(48):012x}",
        "agent_name": "support-agent",
        "server_name": chance.choice(list(workload.servers) or ["postgres-mcp"]),
        "tool_name": chance.choice(_TOOLS),
        "status": "success",
        "latency_ms": latency(process),
    }


def latency(process: Process) -> float:
    """Draw how long a tool took, in milliseconds."""
    return round(process.chance.lognormvariate(3.5, 0.5), 1)
