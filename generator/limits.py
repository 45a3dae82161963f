"""Every limit that an alert fires at and a board draws red, with its unit and its reason.

The configuration (`thresholds:` in bundle.yaml) may set each of them by its name. A limit that is compared with a
histogram names the metric: it must then lie on a bucket edge below the last one, or no query could tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Limit:
    """A value from which on something is bad.

    Attributes:
        name: What `thresholds:` calls it.
        value: The limit, in `unit`.
        unit: Unit of a query that may be compared with it (see `generator.units`).
        why: The reason for the value.
        histogram: `system/metric` whose bucket edges the value must be one of; empty when there is none.
        bad: On which side of a share an alert fires: above it, below it, from it on; empty for a share that may be below 0.

    """

    name: str
    value: float
    unit: str
    why: str
    histogram: str = ""
    bad: Literal["above", "below", "from", ""] = "above"

    @property
    def share(self) -> bool:
        """Whether it is a share; any other ratio is a multiple."""
        return self.unit == "ratio" and self.value <= 1


_AGENT = "agent_server/"

_LANGSIGHT: tuple[Limit, ...] = (
    Limit("langsight_error_ratio", 0.05, "ratio", "The vendor's own figure."),
    Limit("langsight_error_floor", 5, "requests", "A few failures in a window are noise, whatever their share."),
    Limit("langsight_rejected_batches", 5, "requests", "SDKs try again once or twice; what fails five times is lost."),
    Limit(
        "langsight_latency_p99",
        2.5,
        "seconds",
        "The vendor says 2 s, which is no bucket edge; this is the next one.",
        "langsight/http_request_duration_seconds",
    ),
    Limit("langsight_slow_floor", 5, "requests", "A quantile of few requests is the slowest one of them."),
    Limit("langsight_failed_checks", 2, "checks", "One lost probe is no outage."),
    Limit(
        "langsight_failed_ratio",
        0.5,
        "ratio",
        "A server that fails every other check is no use to an agent.",
        bad="from",
    ),
    Limit(
        "langsight_feed_clients",
        800,
        "connections",
        "80 % of 1,000, which LANGSIGHT_SSE_MAX_CLIENTS is unless set. The documentation and servers before have 200: set 160 there.",
    ),
    Limit("langsight_feed_drops", 1, "events/s", "A dashboard that lags a little; above it, people see old data."),
    Limit(
        "langsight_limited_batches",
        10,
        "requests",
        "Exporters wait and try again once; ten are a limit that is too low.",
    ),
    Limit(
        "langsight_steady_batches",
        60,
        "requests",
        "Two in a minute, over half an hour: a pause of five minutes is no chance then.",
    ),
    Limit("langsight_usual_spans", 100, "spans", "Less in half an hour may well be nothing in another."),
    Limit("langsight_paths", 500, "series", "The API has some hundred routes: more paths are raw URLs."),
)

_GATEWAY = "agentgateway/"

_AGENTGATEWAY: tuple[Limit, ...] = (
    Limit("gateway_error_ratio", 0.05, "ratio", "The usual default; the gateway is inline for all traffic."),
    Limit("gateway_error_floor", 10, "requests", "A few failures in a window are noise, whatever their share."),
    Limit("gateway_no_backend", 5, "requests", "One request during a rollout finds no endpoint; five are an outage."),
    Limit("gateway_upstream_ratio", 0.05, "ratio", "One call in twenty that cannot reach its backend."),
    Limit(
        "gateway_latency_p99",
        2.5,
        "seconds",
        "Plain HTTP through a gateway: users notice.",
        _GATEWAY + "request_duration_seconds",
    ),
    Limit(
        "gateway_overhead_p99",
        0.05,
        "seconds",
        "Below a millisecond by design; this long means calls of policies, or no processor time.",
        _GATEWAY + "request_processing_seconds",
    ),
    Limit("gateway_slow_floor", 10, "requests", "A quantile of few requests is the slowest one of them."),
    Limit("gateway_auth_failures", 5, "requests/s", "Single clients with an old token stay far below."),
    Limit("gateway_mcp_error_ratio", 0.1, "ratio", "Agents retry tools once or twice; one in ten is a broken server."),
    Limit("gateway_mcp_usual", 50, "requests", "Less in half an hour may well be nothing in another."),
    Limit("gateway_llm_error_ratio", 0.1, "ratio", "An outage of the provider or a quota; a few 429 are retried."),
    Limit("gateway_llm_error_floor", 10, "requests", "A few failures in a window are noise, whatever their share."),
    Limit("gateway_token_factor", 3, "ratio", "Three times the usual use of a model; days differ by less."),
    Limit(
        "gateway_token_floor", 1_000_000, "tokens", "A million tokens in a quarter of an hour; below it nobody minds."
    ),
    Limit("gateway_cost_per_hour", 100, "USD", "A placeholder: set the budget that you have."),
    Limit(
        "gateway_first_token_p95",
        5,
        "seconds",
        "Users of a chat give up; reasoning models need more.",
        _GATEWAY + "gen_ai_server_time_to_first_token",
    ),
    Limit("gateway_first_token_floor", 20, "requests", "A quantile of fewer answers is the slowest one of them."),
    Limit("gateway_unpriced_lookups", 100, "lookups", "A model in steady use; a single try-out stays below."),
    Limit("gateway_connection_factor", 5, "ratio", "Five times the usual number of connections."),
    Limit("gateway_connections", 50, "connections/s", "Below this many a storm costs nothing."),
    Limit(
        "gateway_tls_p95",
        0.924,
        "seconds",
        "Two round trips around the world are below it: the processor is busy.",
        _GATEWAY + "tls_handshake_duration_seconds",
    ),
    Limit("gateway_tls_floor", 20, "connections", "A quantile of fewer handshakes is the slowest one of them."),
    Limit(
        "gateway_fail_open",
        10,
        "checks",
        "A moderation service that is slow for a moment lets a few pass; ten in ten minutes are one that does not work.",
    ),
    Limit("gateway_xds_terminations", 10, "terminations", "A rollout of the controller costs each gateway one or two."),
)

#: Every limit with its default, in the order of the documentation.
LIMITS: tuple[Limit, ...] = (
    Limit("http_error_ratio", 0.05, "ratio", "The usual default where no error budget is kept."),
    Limit("http_error_floor", 10, "requests", "A few failures in a window are noise, whatever their share."),
    Limit(
        "http_slow_edge",
        1000,
        "milliseconds",
        "Routes that do not hold a run answer in well under a second.",
        _AGENT + "http_requests_latency",
    ),
    Limit("http_slow_ratio", 0.05, "ratio", "One request in twenty is what a user notices."),
    Limit("run_failure_floor", 5, "runs", "One failing run an hour must not page."),
    Limit("queue_wait_floor", 20, "runs", "Fewer pick-ups say nothing about a share."),
    Limit(
        "queue_wait_p95",
        300_000,
        "milliseconds",
        "The vendor's own operator figure: 300 s.",
        _AGENT + "run_queue_wait_time_1st_attempt",
    ),
    Limit(
        "run_execution_p95",
        1_800_000,
        "milliseconds",
        "The vendor's own operator figure: 30 min. Agents differ by orders of magnitude: set your own.",
        _AGENT + "run_execution_latency",
    ),
    Limit("observation_floor", 10, "runs", "A quantile of fewer observations is the slowest one of them."),
    Limit(
        "backlog_slots",
        3,
        "ratio",
        "The chart scales out at one pending run per slot; three times that means scaling is off or capped.",
    ),
    Limit(
        "backlog_busy",
        0.9,
        "ratio",
        "A backlog that is worked on fills the slots; with free ones its runs wait for a time, a thread, or for ever.",
    ),
    Limit("pg_pool_used", 0.9, "ratio", "The pool grows lazily to its maximum, so the usual 0.8 would be noise."),
    Limit("pg_pool_queueing", 1, "requests/s", "A cold start queues a handful; one wait a second is sustained."),
    Limit("pg_pool_errors", 5, "requests", "One failover blip costs fewer than five checkouts."),
    Limit(
        "redis_pool_used",
        0.8,
        "ratio",
        "The default maximum is 2,000 sockets; 1,600 is usually near the managed server's own cap.",
    ),
    Limit("retriable_failure_ratio", 0.1, "ratio", "Database and Redis trouble shows here before runs fail for good."),
    Limit("retriable_failure_floor", 10, "attempts", "A deploy cancels a few."),
    Limit(
        "stream_publish_p99",
        1000,
        "milliseconds",
        "Normal is below 10 ms; retries start at 100 ms.",
        _AGENT + "stream_publish_latency",
    ),
    Limit("replay_buffer_events", 9000, "events", "90 % of LSD_PROTOCOL_V2_BUFFER_SIZE's default."),
    Limit("publish_queue_slots", 51, "slots", "10 % of LSD_PUBLISH_QUEUE_SIZE's default."),
    Limit(
        "scrape_duration",
        5,
        "seconds",
        "The page is rendered on the event loop: half the usual time-out means blocking code.",
    ),
    Limit("scrape_samples", 20_000, "samples", "An idle server has 400; all routes with all buckets stay far below."),
    Limit("worker_cpu", 0.9, "seconds/s", "One Python thread fills one core; with free slots that is blocking code."),
    Limit("cpu_bound_busy", 0.5, "ratio", "At most half of the slots busy: it is not plain load.", bad="below"),
    Limit("abandoned_runs", 10, "runs", "An ordinary deploy cuts short a handful."),
    Limit(
        "abandoned_ratio",
        0.05,
        "ratio",
        "One attempt in twenty means too frequent rollouts, or too short a grace period.",
    ),
    Limit(
        "stream_stall_edge",
        15_000,
        "milliseconds",
        "A quarter of the 60 s after which publishing gives up.",
        _AGENT + "stream_publish_latency",
    ),
    Limit("stream_stall_ratio", 0.05, "ratio", "One event in twenty; losses follow."),
    Limit("stream_losses", 5, "events", "A blip of Redis costs the runs of one moment; five and more go on."),
    Limit("resume_gaps", 5, "gaps", "A few an hour are laptops that slept."),
    Limit("transport_failures", 1, "failures/s", "At most one per session, so single users who leave stay far below."),
    Limit("fetch_failures", 0.1, "errors/s", "One failure in ten seconds: the loop fails at every pass."),
    Limit("open_descriptors", 0.8, "ratio", "The usual 80 %."),
    Limit("restarts_per_hour", 3, "restarts", "Two deploys in an hour are ordinary."),
    Limit("budget_left", 0.1, "ratio", "A tenth of the error budget is the last moment to act calmly.", bad=""),
    *_LANGSIGHT,
    *_AGENTGATEWAY,
    # LangSmith services
    Limit(
        "langsmith_services_up",
        0.5,
        "ratio",
        "With less than half of its processes a service is an outage.",
        bad="below",
    ),
    Limit(
        "langsmith_http_p99", 5, "seconds", "A placeholder: the bucket edges are not known. Set what your users bear."
    ),
    Limit("langsmith_http_mean", 2, "seconds", "The same from the mean, which needs no bucket edge."),
    Limit("langsmith_http_floor", 0.1, "requests/s", "A quantile of fewer requests is the slowest one of them."),
    Limit("langsmith_in_progress", 50, "requests", "Below that a pile is an ordinary moment."),
    Limit("langsmith_in_progress_growth", 5, "ratio", "Five times the median of the week before."),
    Limit("langsmith_http_error_ratio", 0.05, "ratio", "The usual default where no error budget is kept."),
    Limit("langsmith_http_error_floor", 10, "requests", "A few failures in a window are noise, whatever their share."),
    Limit(
        "langsmith_queue_pending",
        1000,
        "tasks",
        "The chart scales at 10 entries a worker up to 10 workers: ten times that.",
    ),
    Limit(
        "langsmith_queue_growth",
        100,
        "tasks",
        "In a quarter of an hour; a queue that is worked on goes up and down by less.",
    ),
    Limit(
        "langsmith_ingest_delay",
        60,
        "seconds",
        "The vendor's checklist for production: one run in twenty that is stored a minute after it came in.",
    ),
    Limit("langsmith_ingest_floor", 20, "runs", "A quantile of fewer runs is the slowest one of them."),
    Limit(
        "langsmith_pg_pool", 0.9, "ratio", "A pool that is this full on average has no connection left at its worst."
    ),
    Limit("langsmith_feedback_p95", 5, "seconds", "A placeholder: the bucket edges are not known."),
    Limit(
        "clickhouse_rejected_inserts",
        2,
        "inserts",
        "Each is a batch of traces that came back; two may be a merge that was late.",
    ),
    Limit("clickhouse_delayed_inserts", 10, "inserts", "A community figure: a handful is one busy minute of merges."),
    Limit("clickhouse_failed_ratio", 0.05, "ratio", "One query in twenty."),
    Limit("clickhouse_failed_floor", 20, "queries", "Somebody's ad hoc queries fail too."),
    Limit("clickhouse_memory_exceeded", 5, "queries", "One heavy query may hit its limit a few times."),
    Limit(
        "clickhouse_disk", 0.7, "ratio", "The vendor's checklist for production: a merge needs room for both its ends."
    ),
    Limit("clickhouse_queries", 100, "queries", "The vendor's checklist for production: peaks above 100 at once."),
    Limit("smithdb_flush_failures", 1, "events", "The vendor's board is red from the first one on."),
    Limit("smithdb_compaction_failures", 1, "tasks", "The vendor's board is red from the first one on."),
    Limit("smithdb_object_store_errors", 1, "requests", "The vendor's board is red from the first one on."),
    Limit("smithdb_fanout_refusals", 1, "queries", "The vendor's board is red from the first one on."),
    Limit("sandbox_lease_stale", 60, "seconds", "The vendor's board is orange from here: four renewals are missing."),
    Limit("sandbox_lease_lost", 300, "seconds", "The vendor's board is red from here: a host fences itself off."),
    Limit("sandbox_cpu_commitment", 1, "ratio", "The vendor's board is red at 100 %.", bad="from"),
    Limit("sandbox_memory_commitment", 1, "ratio", "The vendor's board is red at 100 %.", bad="from"),
    Limit("postgres_connections", 0.8, "ratio", "The usual 80 %: superusers' reserve and a failover need the rest."),
    Limit("postgres_deadlocks", 5, "events", "A community figure: single deadlocks resolve themselves."),
    Limit("redis_memory", 0.9, "ratio", "Traces queue in Redis; at the limit writes fail."),
    Limit("nginx_dropped", 0.1, "connections/s", "Six a minute; rounding of two counters stays below."),
    Limit("nginx_usual", 2, "requests/s", "Below that, silence may be an ordinary hour."),
    Limit(
        "nginx_left",
        0.1,
        "ratio",
        "A tenth of last week's; the exporter's own reads are counted too, so it is never 0.",
        bad="below",
    ),
)

LIMITS_BY_NAME: Mapping[str, Limit] = {limit.name: limit for limit in LIMITS}
