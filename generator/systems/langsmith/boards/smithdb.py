"""LangSmith's SmithDB: is everything flushed and compacted, do queries end, and what is short?

For the operators of SmithDB beside or instead of ClickHouse. Rows follow a run: taken in, flushed, compacted, read; then the
migration from ClickHouse. A part that is off by default; nobody here has seen its pages.
"""

from __future__ import annotations

from generator.boards.layout import Board, Row, board, row
from generator.boards.panel import Panel
from generator.boards.panels import lines
from generator.config.site import Site
from generator.promql import increase, level, lowest, observations, observed, peak, quantile, rate, total
from generator.promql.query import Query

UNSEEN = "Name and labels are those of the vendor's own boards; nobody here has seen such a page."


def dashboard(site: Site) -> Board:
    """Build the board."""
    return board(
        site,
        "langsmith_smithdb",
        "LangSmith / SmithDB",
        system="langsmith",
        about=__doc__ or "",
        rows=[_red(site), _ingest(site), _compaction(site), _queries(site), _migration(site)],
    )


def _red(site: Site) -> Row:
    ls = site.system("langsmith", on="langsmith")
    flushed, compacted = ls["ingest_flush_count"], ls["compaction_job_completion"]
    store = ls["object_store_op_duration"]

    def counted(title: str, failed: Query, limit: str, action: str, alert: str) -> Panel:
        shown = lines(title, failed.over("15m"), limit=site.limit(limit))
        return shown.normal("0.", action, alert=f"LangSmithSmithDB{alert}")

    return row(
        "Errors",
        counted("Flush errors", increase(flushed.where(status="failure")), "smithdb_flush_failures",
                "Read the log of ingestion; then the object store.", "FlushFailures"),
        counted("Compaction errors", increase(compacted.where(status="failure"), by=("job_kind",)), "smithdb_compaction_failures",
                "Read the log of the worker.", "CompactionFailures"),
        counted("Object store errors", observed(store.where(result="error"), by=("op",), unit="requests"),
                "smithdb_object_store_errors",
                "Credentials, quota, or the store itself.", "ObjectStoreErrors"),
        counted("Fan-out limit exceeded", increase(ls["query_fanout_limit_exceeded_total"], by=("query_type",)),
                "smithdb_fanout_refusals",
                "Shorter time ranges; is compaction behind?", "FanoutLimit"),
        lines("Object store operations", observations(store, by=("op", "result"), unit="requests")).with_note(UNSEEN).normal("A steady mix."),
        lines("Object store latency p95", quantile(0.95, store, by=("op",))).normal("Below a second."),
    )  # fmt: skip


def _ingest(site: Site) -> Row:
    ls, level_ = site.system("langsmith", on="langsmith"), ("level",)
    return row(
        "Ingestion",
        lines("Ingest batch latency p95", quantile(0.95, ls["ingest_batch_latency"])).normal("Steady."),
        lines("Flushes", rate(ls["ingest_flush_count"], by=("status",))).normal("Success alone."),
        lines("Flushes by reason", rate(ls["ingest_flush_reason"], by=("reason", "level"))).normal("A steady mix."),
        lines("Flush duration p95", quantile(0.95, ls["ingest_flush_duration"], by=level_)).normal("Steady."),
        lines("Rows per flush p95", quantile(0.95, ls["ingest_flush_rows"], by=level_)).normal("Steady."),
        lines("Unflushed entries", level(ls["ingest_pending_segment_entry_count"], by=level_)).normal("Drains with each flush.", "A slope: the object store is slow."),
        lines("Ingest permits in use", total(ls["semaphore_permits_in_use"]).named("in use"), total(ls["semaphore_max_permits"]).named("most"))
        .with_note("In use as many as there are for long: ingestion is at its limit.").normal("Below all permits.", "Add replicas of ingestion."),
    )  # fmt: skip


def _compaction(site: Site) -> Row:
    ls, kind = site.system("langsmith", on="langsmith"), ("job_kind",)
    used, most = ls["compaction_worker_capacity_used"], ls["compaction_worker_capacity_limit"]
    return row(
        "Compaction",
        lines("Compaction jobs", level(ls["compaction_queue_job_count"], by=("status", "job_kind"))).normal("Few that wait."),
        lines("Oldest waiting job", lowest(ls["compaction_queue_oldest_pending_created_at_seconds"]) * 1000).with_note(
            "1970 is an empty queue."
        ).normal("Minutes ago, or 1970 for none.", "Add compaction workers."),
        lines("Jobs scheduled and executed", rate(ls["compaction_jobs_scheduled"]).named("scheduled"),
              rate(ls["compaction_jobs_executed"]).named("carried out"),
              rate(ls["compaction_queue_jobs_skipped_capacity"]).named("no worker had room")).normal("Both lines on each other."),
        lines("Jobs ended", rate(ls["compaction_job_completion"], by=("status", "job_kind"))).normal("Success alone.", alert="LangSmithSmithDBCompactionFailures"),
        lines("Compaction duration p95", quantile(0.95, ls["compaction_job_latency_seconds"], by=kind)).normal("Steady."),
        lines("Compaction worker capacity", total(used).named("in use"), total(most).named("limit")).normal("Taken below all.", "Add compaction workers."),
        lines("Running tasks", total(ls["compaction_worker_running_tasks"], by=kind)).normal("In proportion to jobs."),
    )  # fmt: skip


def _queries(site: Site) -> Row:
    ls, role = site.system("langsmith", on="langsmith"), site.labels.role
    served = ls["server_requests_duration"]
    return row(
        "Query performance",
        lines("Requests by status", observations(served, by=(role, "status"), unit="requests")).normal("Success above all."),
        lines("Request latency p95", quantile(0.95, served, by=(role,))).normal("Below a second."),
        lines("Partitions per query p95", quantile(0.95, ls["query_fanout_partitions"], by=("query_type",))).normal("Steady.", "Grows: compaction is behind."),
        lines("Memory per query p95", quantile(0.95, ls["query_execution_max_mem_used_bytes"], by=("query_source_name",))).normal("Below the limit of a query."),
        lines("Memory usage", peak(ls["sys_jemalloc_resident_bytes"], by=(role, site.labels.instance))).normal("Flat after the first hours."),
    )  # fmt: skip


def _migration(site: Site) -> Row:
    ls, by = site.system("langsmith", on="langsmith"), ("kind", "status")
    return row(
        "Migration",
        lines("Migration tasks", level(ls["migration_tasks"], by=by)).normal("Waiting ones drain."),
        lines("Migration jobs", level(ls["migration_jobs"], by=by)).normal("Waiting ones drain."),
        lines("Migration tasks done", rate(ls["migration_run_tasks_completed_total"])).normal("Above 0 until it ends."),
        lines("Migration rows moved", rate(ls["migration_run_task_planned_rows_migrated_total"])).normal(
            "Above 0 until it ends."
        ),
    )
