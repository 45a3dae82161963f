"""SmithDB: what each of its pods shows. Nobody has seen such a page; names and labels are those of the vendor's boards."""

from __future__ import annotations

from collections.abc import Callable

from reference_server.core.rates.draw import observe, part, times
from reference_server.core.rates.model import ServiceProcess
from reference_server.langsmith.workload import LangSmithWorkload

#: Rates per second of a SmithDB of a few teams: batches, flushes, queries, operations on the store, compactions.
BATCHES, FLUSHES, QUERIES, OPERATIONS, COMPACTIONS = 25.0, 0.2, 8.0, 4.0, 0.05

_KIND, _MEMORY_BYTES, _PERMITS, _CAPACITY = "merge", 8.0e8, 64, 16


def tick(process: ServiceProcess, workload: LangSmithWorkload, seconds: float, share: float) -> None:
    """Let a slice of time pass in one of its pods."""
    own = process.instruments
    own.set("sys_jemalloc_resident_bytes", round(_MEMORY_BYTES * process.chance.uniform(0.95, 1.05)))
    count = times(process, OPERATIONS, seconds, share)
    failed = part(process.chance, count, workload.smithdb_failing)
    for result, some in (("ok", count - failed), ("error", failed)):
        observe(process, "object_store_op_duration", some, 0.04, op="put", result=result)
    ROLES[process.role](process, workload, seconds, share)


def _requests(process: ServiceProcess, path: str, rate: float, seconds: float, share: float) -> None:
    observe(process, "server_requests_duration", times(process, rate, seconds, share), 0.08, status="0", path=path)


def _ingestion(process: ServiceProcess, workload: LangSmithWorkload, seconds: float, share: float) -> None:
    own = process.instruments
    _requests(process, "/ingestion.IngestionService/Ingest", BATCHES, seconds, share)
    observe(process, "ingest_batch_latency", times(process, BATCHES, seconds, share), 0.06)
    for level, rate in (("L0", FLUSHES), ("L1", FLUSHES / 10)):
        count = times(process, rate, seconds, share)
        failed = part(process.chance, count, workload.smithdb_failing)
        own.add("ingest_flush_count", count - failed, status="success")
        if failed:
            own.add("ingest_flush_count", failed, status="failure")
        own.add("ingest_flush_reason", count, reason="size", level=level)
        observe(process, "ingest_flush_rows", count, 9_000.0, level=level)
        observe(process, "ingest_flush_duration", count, 0.7, level=level)
        own.set("ingest_pending_segment_entry_count", times(process, 400.0, 1.0, share), level=level)
    own.set("semaphore_max_permits", _PERMITS)
    own.set("semaphore_permits_in_use", min(_PERMITS, 1 + times(process, 5.0, 1.0, share)))


def _query(process: ServiceProcess, workload: LangSmithWorkload, seconds: float, share: float) -> None:
    own = process.instruments
    _requests(process, "/query.QueryService/Query", QUERIES, seconds, share)
    count = times(process, QUERIES, seconds, share)
    refused = part(process.chance, count, workload.smithdb_refused)
    own.add("query_fanout_limit_exceeded_total", refused, query_type="runs")
    observe(process, "query_fanout_partitions", count, 12.0, query_type="runs")
    observe(process, "query_execution_max_mem_used_bytes", count, 3.0e7, query_source_name="api")


def _compaction(process: ServiceProcess, workload: LangSmithWorkload, seconds: float, share: float) -> None:
    own = process.instruments
    count = times(process, COMPACTIONS, seconds, share)
    failed = part(process.chance, count, workload.smithdb_failing)
    own.add("compaction_jobs_scheduled", count)
    own.add("compaction_jobs_executed", count)
    own.add("compaction_queue_jobs_skipped_capacity", part(process.chance, count, 0.05))
    own.add("compaction_job_completion", count - failed, status="success", job_kind=_KIND)
    own.add("compaction_job_completion", failed, status="failure", job_kind=_KIND)
    observe(process, "compaction_job_latency_seconds", count, 3.0, job_kind=_KIND)
    waiting = times(process, COMPACTIONS, 20.0, share)
    own.set("compaction_queue_job_count", waiting, status="pending", job_kind=_KIND)
    age = process.state["age"] = process.state.get("age", 0.0) + seconds
    since = process.wall(process.started + age) - 20 if waiting else 0.0
    own.set("compaction_queue_oldest_pending_created_at_seconds", since)


def _worker(process: ServiceProcess, _: LangSmithWorkload, seconds: float, share: float) -> None:
    own = process.instruments
    running = min(_CAPACITY, 1 + times(process, COMPACTIONS, 30.0, share))
    own.add("compaction_jobs_executed", times(process, COMPACTIONS, seconds, share))
    own.set("compaction_worker_capacity_limit", _CAPACITY)
    own.set("compaction_worker_capacity_used", running, job_kind=_KIND)
    own.set("compaction_worker_running_tasks", running, job_kind=_KIND)


def _migration(process: ServiceProcess, _: LangSmithWorkload, seconds: float, share: float) -> None:
    own = process.instruments
    done = times(process, 0.2, seconds, share)
    own.add("migration_run_tasks_completed_total", done)
    own.add("migration_run_task_planned_rows_migrated_total", 20_000 * done)
    completed = process.state["done"] = process.state.get("done", 0) + done
    own.set("migration_tasks", completed, kind="run", status="completed")
    own.set("migration_tasks", 3, kind="run", status="running")
    own.set("migration_jobs", 1, kind="run", status="validated")


def _nothing(process: ServiceProcess, workload: LangSmithWorkload, seconds: float, share: float) -> None:
    """Show what every pod shows."""


#: What moves the pages of a role beside what all of them show.
ROLES: dict[str, Callable[[ServiceProcess, LangSmithWorkload, float, float], None]] = {
    "smithdb-query": _query,
    "smithdb-ingestion": _ingestion,
    "smithdb-compaction": _compaction,
    "smithdb-compaction-worker": _worker,
    "smithdb-cluster-manager": _nothing,
    "smithdb-migration": _migration,
}
