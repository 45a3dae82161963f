"""ClickHouse, and the exporters of Postgres, Redis and nginx: what they show, and what is gone when they reach nobody."""

from __future__ import annotations

from collections.abc import Collection

from generator.catalogue import Kind
from reference_server.core.rates.draw import part, times
from reference_server.core.rates.model import ServiceProcess
from reference_server.langsmith.workload import LangSmithWorkload

#: States that postgres_exporter shows for every database, at 0 where there is none.
STATES = (
    "active",
    "idle",
    "idle in transaction",
    "idle in transaction (aborted)",
    "fastpath function call",
    "disabled",
)

#: Databases by their number; 0 is what all of them share.
DATABASES = {"0": "", "5": "postgres", "16384": "langsmith"}

#: Size of ClickHouse's volume.
DISK_BYTES = 500 * 1024**3

_SERVER = "langsmith-postgres:5432"


def clickhouse(process: ServiceProcess, workload: LangSmithWorkload, seconds: float, share: float) -> None:
    """Run queries and inserts."""
    own = process.instruments
    queries = times(process, workload.queries, seconds, share)
    failed = part(process.chance, queries, workload.failed_queries)
    for name, count in (
        ("Query", queries),
        ("FailedQuery", failed),
        ("RejectedInserts", times(process, workload.rejected_inserts, seconds, share)),
        ("DelayedInserts", times(process, workload.delayed_inserts, seconds, share)),
        ("QueryMemoryLimitExceeded", times(process, workload.memory_limits, seconds, share)),
    ):
        own.add(f"ClickHouseProfileEvents_{name}", count)
    own.set("ClickHouseMetrics_MemoryTracking", round(workload.clickhouse_bytes * process.chance.uniform(0.95, 1.05)))
    own.set("ClickHouseMetrics_Query", times(process, workload.queries_at_once, 1.0))
    own.set("ClickHouseAsyncMetrics_DiskTotal_default", DISK_BYTES)
    own.set("ClickHouseAsyncMetrics_DiskUsed_default", round(DISK_BYTES * workload.clickhouse_disk))
    own.set("ClickHouseMetrics_ReadonlyReplica", workload.readonly_tables)
    own.set("ClickHouseMetrics_ZooKeeperSession", workload.keeper_sessions)
    age = process.state["age"] = process.state.get("age", 0.0) + seconds
    own.set("ClickHouseAsyncMetrics_Uptime", age)


def postgres(process: ServiceProcess, workload: LangSmithWorkload, seconds: float, share: float) -> None:
    """Show Postgres' own statistics, which outlive its restarts."""
    own = process.instruments
    own.set("pg_up", workload.postgres_up)
    if not workload.postgres_up:
        _hide(process, {"pg_up"}, keep=True)
        return
    _show(process)
    own.set("pg_settings_max_connections", workload.max_connections, server=_SERVER)
    for name in filter(None, DATABASES.values()):
        for state in STATES:
            count = workload.connections.get(state, 0.0) if name == "langsmith" else 2.0 * (state == "active")
            own.set("pg_stat_activity_count", round(count), datname=name, state=state, server=_SERVER)
    for number, name in DATABASES.items():
        mine = name == "langsmith"
        where = {"datid": number, "datname": name, "server": _SERVER}
        deadlocks = times(process, workload.deadlocks, seconds, share) if mine else 0
        own.add("pg_stat_database_deadlocks", deadlocks, **where)
        undone = times(process, workload.rollbacks, seconds, share) if mine else 0
        own.add("pg_stat_database_xact_rollback", undone + deadlocks, **where)


def redis(process: ServiceProcess, workload: LangSmithWorkload, seconds: float, share: float) -> None:
    """Show Redis; its counters begin anew when it does."""
    own = process.instruments
    own.set("redis_up", workload.redis_up)
    if not workload.redis_up:
        _hide(process, {"redis_up"}, keep=False)
        return
    own.set("redis_instance_info", 1, maxmemory_policy=workload.redis_policy, redis_mode="standalone",
            redis_version="7.0.15", redis_build_id="ae4d7c971a948f0", os="Linux 6.1.0 x86_64", process_id="1",
            run_id="34f6325c05ad7a0eed48748c8d394ba05bcf795a", tcp_port="6379", exported_role="master")  # fmt: skip
    own.set("redis_memory_max_bytes", workload.redis_bytes)
    size = workload.redis_bytes or 4.0 * 1024**3
    own.set("redis_memory_used_bytes", round(size * workload.redis_used * process.chance.uniform(0.99, 1.0)))
    own.set("redis_connected_clients", workload.clients)
    own.set("redis_config_maxclients", 10_000)
    own.set("redis_blocked_clients", workload.blocked_clients)
    own.add("redis_evicted_keys_total", times(process, workload.evictions, seconds, share))
    own.add("redis_rejected_connections_total", times(process, workload.refused_clients, seconds, share))


def nginx(process: ServiceProcess, workload: LangSmithWorkload, seconds: float, share: float) -> None:
    """Show nginx's status page; the exporter is one of its visitors."""
    own = process.instruments
    own.set("nginx_up", workload.nginx != "down")
    if workload.nginx != "up":
        _hide(process, {"nginx_up"}, keep=False)
        return
    accepted = times(process, workload.visitors, seconds, share)
    own.add("nginx_connections_accepted", accepted)
    own.add("nginx_connections_handled", accepted - part(process.chance, accepted, workload.dropped))
    own.add("nginx_http_requests_total", times(process, workload.visits + 1 / 15, seconds, share))
    busy = times(process, workload.visits, 0.05, share)
    reading = times(process, workload.visitors, 0.05, share)
    own.set("nginx_connections_reading", reading)
    own.set("nginx_connections_writing", 1 + busy)
    own.set("nginx_connections_waiting", workload.open_connections)
    own.set("nginx_connections_active", 1 + busy + reading + workload.open_connections)


def _hide(process: ServiceProcess, shown: Collection[str], *, keep: bool) -> None:
    """Take everything off the page but `shown`; with `keep` the counters go on where they were."""
    own = process.instruments
    gone = [(m, labels, value) for m, labels, value in own.points() if m.name not in shown]
    if keep and gone:
        counters = [(m.name, labels, value) for m, labels, value in gone if m.kind is Kind.COUNTER]
        process.state["kept"] = counters
    for name in {m.name for m, _, _ in gone}:
        own.drop(name)


def _show(process: ServiceProcess) -> None:
    """Put back what `_hide` kept."""
    for name, labels, value in process.state.pop("kept", ()):
        process.instruments.add(name, value, **labels)
