"""How LangSight's API behaves under a workload: requests, ingestion, health checks, feed clients, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from reference_server.core.rates.draw import observe, part, times
from reference_server.core.rates.model import ServiceProcess
from reference_server.core.rates.python import started, worked
from reference_server.core.scraping import Probe
from reference_server.langsight.feed import Feed
from reference_server.langsight.paths import bounded_labels, normalised
from reference_server.langsight.spans import FIELDS, FIELDS_OF_CODE

SPANS, OTLP = "POST /api/traces/spans", "POST /api/traces/otlp"

#: Routes that need no key, so they ask no database.
PUBLIC = frozenset({"GET /api/status"})

#: OTLP exports a second that one key may make, and the answer to those above. Other routes have 200 a minute, and their
#: refusals stand outside of the counting.
OTLP_LIMIT, LIMITED = 1.0, 429

#: Events of simulated spans that one slice sends to real clients at most: time may pass faster than they read.
MOST_EVENTS = 20

#: Processor seconds of a request and of a stored span; memory and descriptors of an idle process and of a feed client.
_REQUEST_CPU, _SPAN_CPU = 0.004, 0.000_6
_IDLE_BYTES, _CLIENT_BYTES = 182_000_000.0, 60_000.0
_IDLE_FDS = 31

_TOOLS = ("query", "search", "create_issue", "read_file")


@dataclass(frozen=True, slots=True)
class LangSightWorkload:
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
        insert_errors: Share of the other batches whose insert fails for another reason: a 500 that nobody counts.
        postgres_gone: Postgres does not answer: every route that wants a key is a 500 that nobody counts.
        scanned: Rate of requests for paths that nobody has asked for before, all answered 404.
        sse_clients: Clients of the live feed.
        sse_slow_clients: Those of them that read more slowly than events come.
        sse_slow_rate: Events that such a client reads.
        sse_buffer: Events that wait for one client; a batch of more spans is more than it holds.
        servers: Status of each MCP server.
        check_seconds: Time between two checks of a server. Each process checks all of them.
        counts_otlp: Spans of /otlp count in spans_ingested_total, as documented.
        counts_health_checks: health_checks_total counts, as documented.
        documented_paths: Slugs with numbers become `{id}` in the label `path`, as documented.
        tells_checks: Health checks are events of the live feed, as documented.
        documented_spans: Events of spans have the six documented fields.

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
    insert_errors: float = 0.0
    postgres_gone: bool = False
    scanned: float = 0.0
    sse_clients: int = 6
    sse_slow_clients: int = 0
    sse_slow_rate: float = 2.0
    sse_buffer: int = 50
    servers: Mapping[str, str] = field(
        default_factory=lambda: {"postgres-mcp": "up", "github-mcp": "up", "search-mcp": "up"}
    )
    check_seconds: float = 60.0
    counts_otlp: bool = True
    counts_health_checks: bool = True
    documented_paths: bool = True
    tells_checks: bool = True
    documented_spans: bool = True


def begin(process: ServiceProcess, _: LangSightWorkload) -> None:
    """Start the counters that are there from the start; those with labels appear at their first event."""
    started(process)
    process.state.update(age=0.0, born={}, paths=set(), scanned=0, simulated=0)
    for name in ("spans_ingested_total", "sse_events_dropped_total"):
        process.instruments.add(name, 0)
    clients(process)


def tick(process: ServiceProcess, workload: LangSightWorkload, seconds: float, share: float) -> None:
    """Serve a slice of time."""
    before = process.state["age"]
    process.state["age"] = before + seconds
    asked = {name: rate for name, rate in workload.requests.items() if name in PUBLIC or not workload.postgres_gone}
    served = sum(_answered(process, workload, name, rate * share, seconds) for name, rate in asked.items())
    served += _scanned(process, workload, seconds, share)
    own, otlp = _ingested(process, workload, seconds, share)
    stored = own + otlp
    checks = int(process.state["age"] / workload.check_seconds) - int(before / workload.check_seconds)
    for server, status in workload.servers.items():
        checked(process, workload, server, status, checks)
    process.state["simulated"] = round(workload.sse_clients * share)
    connected = clients(process)
    events = stored / seconds + len(workload.servers) / workload.check_seconds
    slow = round(workload.sse_slow_clients * share)
    lost = max(0.0, events - workload.sse_slow_rate) * slow * seconds
    # A batch is handed over at once: what the buffer does not hold is lost to quick clients, too.
    lost += own * max(0.0, 1 - workload.sse_buffer / max(1, workload.spans)) * (process.state["simulated"] - slow)
    process.instruments.add("sse_events_dropped_total", times(process, lost, 1.0))
    cpu = 0.002 * seconds + served * _REQUEST_CPU + stored * _SPAN_CPU
    worked(process, cpu, _IDLE_BYTES + connected * _CLIENT_BYTES, _IDLE_FDS + connected)


def answered(process: ServiceProcess, *, documented: bool, method: str, path: str, status: int, seconds: float) -> None:
    """Count one request that was answered."""
    method, label = bounded_labels(method, normalised(path, documented=documented), process.state["paths"])
    process.instruments.add("http_requests_total", 1, method=method, path=label, status=str(status))
    process.instruments.observe("http_request_duration_seconds", seconds, method=method, path=label)


def checked(process: ServiceProcess, workload: LangSightWorkload, server: str, status: str, times_: int = 1) -> None:
    """Record health checks of one MCP server; the live feed hears of the last one."""
    if not times_:
        return
    if workload.counts_health_checks:
        process.instruments.add("health_checks_total", times_, server=server, status=status)
    if workload.tells_checks:
        publish(process, "health:check", {"server_name": server, "status": status, "latency_ms": latency(process)})


def ready(processes: Sequence[ServiceProcess], workload: LangSightWorkload) -> Iterator[Probe]:
    """Yield what a blackbox exporter on /api/readiness shows."""
    yield ("langsight-ready", "ready"), "probe_success", float(bool(processes) and not any(unready(workload)))


def unready(workload: LangSightWorkload) -> tuple[bool, bool]:
    """Whether Postgres, and whether ClickHouse, fails the question of /api/readiness; a failed insert is none of its."""
    return workload.postgres_gone, workload.rejected_ratio >= 1


def _answered(
    process: ServiceProcess, workload: LangSightWorkload, name: str, rate: float, seconds: float, ratio: float | None = None, good: int = 200
) -> int:  # fmt: skip
    """Answer the requests of one route; return how many were answered with `good`."""
    method, _, path = name.partition(" ")
    count = times(process, rate, seconds)
    if not count:
        return 0
    failed = part(process.chance, count, workload.error_ratio if ratio is None else ratio)
    method, label = bounded_labels(
        method, normalised(path, documented=workload.documented_paths), process.state["paths"]
    )
    for status, number in ((str(good), count - failed), ("503", failed)):
        if number:
            process.instruments.add("http_requests_total", number, method=method, path=label, status=status)
    median = workload.slow.get(name, workload.latency_seconds)
    observe(process, "http_request_duration_seconds", count, median, workload.latency_spread, method=method, path=label)
    return count - failed


def _ingested(process: ServiceProcess, workload: LangSightWorkload, seconds: float, share: float) -> tuple[int, int]:
    """Store batches; return the spans of each way in."""
    lost, accepted = workload.rejected_ratio, 202
    counted = 0.0 if workload.postgres_gone else (1 - (1 - lost) * workload.insert_errors) * share
    failed = lost / (1 - (1 - lost) * workload.insert_errors) if counted else 0.0
    exports = min(workload.otlp_batches, OTLP_LIMIT)
    own = _answered(process, workload, SPANS, workload.batches * counted, seconds, failed, accepted) * workload.spans
    otlp = _answered(process, workload, OTLP, exports * counted, seconds, failed, accepted) * workload.spans
    if not workload.postgres_gone:
        _answered(process, workload, OTLP, (workload.otlp_batches - exports) * share, seconds, 0.0, LIMITED)
    process.instruments.add("spans_ingested_total", own + (otlp if workload.counts_otlp else 0))
    feed: Feed | None = process.state.get("feed")
    for _ in range(min(own, MOST_EVENTS) if feed and feed.connections else 0):
        publish(process, "span:new", _span(process, workload))
    return own, otlp


def _scanned(process: ServiceProcess, workload: LangSightWorkload, seconds: float, share: float) -> int:
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


def clients(process: ServiceProcess) -> int:
    """Set the gauge of feed clients, simulated and real; return it."""
    feed: Feed | None = process.state.get("feed")
    count = int(process.state["simulated"]) + (feed.connections if feed else 0)
    process.instruments.set("active_sse_connections", count)
    return count


def publish(process: ServiceProcess, kind: str, data: Mapping[str, Any]) -> None:
    """Send an event to the real clients of the process's feed, if it has any."""
    feed: Feed | None = process.state.get("feed")
    if feed:
        feed.publish(kind, data)


def _span(process: ServiceProcess, workload: LangSightWorkload) -> dict[str, Any]:
    chance = process.chance
    span = {
        "project_id": "",
        "session_id": str(UUID(int=chance.getrandbits(128), version=4)),
        "agent_name": "support-agent",
        "server_name": chance.choice(list(workload.servers) or ["postgres-mcp"]),
        "tool_name": chance.choice(_TOOLS),
        "status": "success",
        "latency_ms": latency(process),
        "started_at": datetime.fromtimestamp(process.wall(process.started + process.state["age"]), UTC).isoformat(),
    }
    return shown(span, documented=workload.documented_spans)


def shown(span: Mapping[str, Any], *, documented: bool) -> dict[str, Any]:
    """Return the fields that an event of the live feed has of a span."""
    return {name: span.get(name) for name in (FIELDS if documented else FIELDS_OF_CODE)}


def latency(process: ServiceProcess) -> float:
    """Draw how long a tool took, in milliseconds."""
    return round(process.chance.lognormvariate(3.5, 0.5), 1)
