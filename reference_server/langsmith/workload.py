"""What the users of a LangSmith do, and how its parts bear it. All rates are per second, for the whole deployment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


def _each(**values: float) -> Callable[[], dict[str, float]]:
    return lambda: {name.replace("_", "-"): value for name, value in values.items()}


@dataclass(frozen=True, slots=True)
class LangSmithWorkload:
    """One day at a LangSmith of a few teams.

    Attributes:
        requests: Rate of requests by service.
        latency_seconds: Median time to an answer, by service.
        latency_spread: Deviation of its logarithm.
        stuck: Requests by service that hang and are never answered.
        status_label: The counter of requests has a status label; nobody knows.
        error_ratio: Share of requests that fail with 500, by service; shows only with a status label.
        pool_used, pool_size: Connections in use and in all of a backend's Postgres pool.
        batches: Rate of batches of runs.
        batch_runs: Runs in one batch.
        feedback: Rate of feedback.
        feedback_seconds: Median time to store one.
        arrivals: Rate at which entries come into a queue, by its name.
        capacity: Rate at which they can be worked on.
        store_seconds: Median time that a worker of the ingest queue takes to store a run.
        queries: Rate of ClickHouse's queries.
        failed_queries: Share of them that fail.
        rejected_inserts, delayed_inserts: Rates of inserts that ClickHouse refuses and slows down.
        memory_limits: Rate at which queries hit their memory limit.
        clickhouse_bytes: Memory of ClickHouse.
        clickhouse_disk: Share of its disk that is in use.
        queries_at_once: Queries that it executes at any moment.
        readonly_tables, keeper_sessions: Of a replicated ClickHouse.
        smithdb_failing: Share of SmithDB's flushes, compactions and operations on its store that fail.
        smithdb_refused: Share of its queries that would read too many partitions.
        sandbox_lease_failing: Hosts of sandboxes cannot renew their lease, but for the one that leads.
        sandbox_cpu_committed, sandbox_memory_committed: Share of the hosts' CPU and memory that sandboxes were promised.
        postgres_up: Postgres can be reached.
        connections: Connections to Postgres, by state.
        max_connections: Most that Postgres allows.
        deadlocks, rollbacks: Rates of Postgres.
        redis_up: Redis can be reached.
        redis_used: Share of its memory that Redis uses.
        redis_bytes: Most memory that Redis may use; 0 is no limit.
        redis_policy: Its maxmemory-policy.
        evictions, refused_clients: Rates of Redis.
        clients, blocked_clients: Connections to Redis, and those that wait for work.
        nginx: `up`, `down`, or `error` when the status page answers with one, which a later exporter takes for up.
        visits: Rate of requests to the frontend.
        visitors: Rate of connections to the frontend.
        dropped: Share of them that nginx drops.
        open_connections: Connections that stay open without a request.

    """

    requests: Mapping[str, float] = field(
        default_factory=_each(backend=12.0, platform_backend=25.0, playground=0.4, host_backend=0.5)
    )
    latency_seconds: Mapping[str, float] = field(
        default_factory=_each(backend=0.08, platform_backend=0.03, playground=1.5, host_backend=0.05)
    )
    latency_spread: float = 0.7
    stuck: Mapping[str, float] = field(default_factory=dict)
    status_label: bool = False
    error_ratio: Mapping[str, float] = field(default_factory=dict)
    pool_used: float = 5.0
    pool_size: float = 20.0
    batches: float = 4.0
    batch_runs: float = 12.0
    feedback: float = 0.3
    feedback_seconds: float = 0.1
    arrivals: Mapping[str, float] = field(
        default_factory=_each(ingestion=25.0, feedback=0.3, adhoc=0.05, default=2.0, host=0.05)
    )
    capacity: Mapping[str, float] = field(
        default_factory=_each(ingestion=80.0, feedback=5.0, adhoc=1.0, default=10.0, host=1.0)
    )
    store_seconds: float = 0.4
    queries: float = 40.0
    failed_queries: float = 0.002
    rejected_inserts: float = 0.0
    delayed_inserts: float = 0.002
    memory_limits: float = 0.0002
    clickhouse_bytes: float = 6.2e9
    clickhouse_disk: float = 0.35
    queries_at_once: float = 6.0
    readonly_tables: int = 0
    keeper_sessions: int = 0
    smithdb_failing: float = 0.0
    smithdb_refused: float = 0.0
    sandbox_lease_failing: bool = False
    sandbox_cpu_committed: float = 0.55
    sandbox_memory_committed: float = 0.6
    postgres_up: bool = True
    connections: Mapping[str, float] = field(default_factory=lambda: {"active": 6.0, "idle": 48.0})
    max_connections: int = 200
    deadlocks: float = 0.0
    rollbacks: float = 0.05
    redis_up: bool = True
    redis_used: float = 0.15
    redis_bytes: float = 4_294_967_296.0
    redis_policy: str = "noeviction"
    evictions: float = 0.0
    refused_clients: float = 0.0
    clients: int = 70
    blocked_clients: int = 12
    nginx: str = "up"
    visits: float = 30.0
    visitors: float = 2.0
    dropped: float = 0.0
    open_connections: int = 45
