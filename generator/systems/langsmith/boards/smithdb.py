"""LangSmith's SmithDB: is everything flushed and compacted, do queries end, and what is short?

For whoever runs SmithDB beside or instead of ClickHouse. Rows follow a run: taken in, flushed, compacted, read; then the
migration from ClickHouse. A part that is off by default; nobody here has seen its pages.
"""

from __future__ import annotations

from generator.boards.layout import Board, Row, board, row
from generator.boards.panels import Shown, lines
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

    def counted(title: str, failed: Query, limit: str) -> Shown:
        return lines(title, failed.over("15m"), limit=site.limit(limit)).noting(f"In {site.timing.said('15m')}.")

    return row(
        "Does anything fail?",
        counted("Failed flushes", increase(flushed.where(status="failure")), "smithdb_flush_failures"),
        counted("Failed compactions", increase(compacted.where(status="failure"), by=("job_kind",)), "smithdb_compaction_failures"),
        counted("Failed operations on the object store", observed(store.where(result="error"), by=("op",), unit="requests"),
                "smithdb_object_store_errors"),
        counted("Queries over too many partitions", increase(ls["query_fanout_limit_exceeded_total"], by=("query_type",)),
                "smithdb_fanout_refusals"),
        lines("Operations on the object store", observations(store, by=("op", "result"), unit="requests")).noting(UNSEEN),
        lines("Time of an operation, p95", quantile(0.95, store, by=("op",))),
    )  # fmt: skip


def _ingest(site: Site) -> Row:
    ls, level_ = site.system("langsmith", on="langsmith"), ("level",)
    return row(
        "Is it taken in and flushed?",
        lines("Time of a batch, p95", quantile(0.95, ls["ingest_batch_latency"])),
        lines("Flushes", rate(ls["ingest_flush_count"], by=("status",))),
        lines("Why they are flushed", rate(ls["ingest_flush_reason"], by=("reason", "level"))),
        lines("Time of a flush, p95", quantile(0.95, ls["ingest_flush_duration"], by=level_)),
        lines("Rows of a flush, p95", quantile(0.95, ls["ingest_flush_rows"], by=level_)),
        lines("Not flushed yet", level(ls["ingest_pending_segment_entry_count"], by=level_)),
        lines("Permits in use", total(ls["semaphore_permits_in_use"]).named("in use"), total(ls["semaphore_max_permits"]).named("most"))
        .noting("In use as many as there are for long: ingestion is at its limit."),
    )  # fmt: skip


def _compaction(site: Site) -> Row:
    ls, kind = site.system("langsmith", on="langsmith"), ("job_kind",)
    used, most = ls["compaction_worker_capacity_used"], ls["compaction_worker_capacity_limit"]
    return row(
        "Is it compacted?",
        lines("Jobs", level(ls["compaction_queue_job_count"], by=("status", "job_kind"))),
        lines("The oldest waits since", lowest(ls["compaction_queue_oldest_pending_created_at_seconds"]) * 1000).noting(
            "1970 is an empty queue."
        ),
        lines("Scheduled and carried out", rate(ls["compaction_jobs_scheduled"]).named("scheduled"),
              rate(ls["compaction_jobs_executed"]).named("carried out"),
              rate(ls["compaction_queue_jobs_skipped_capacity"]).named("no worker had room")),
        lines("Ended", rate(ls["compaction_job_completion"], by=("status", "job_kind"))),
        lines("Time of a job, p95", quantile(0.95, ls["compaction_job_latency_seconds"], by=kind)),
        lines("Capacity of the workers", total(used).named("in use"), total(most).named("limit")),
        lines("Running tasks", total(ls["compaction_worker_running_tasks"], by=kind)),
    )  # fmt: skip


def _queries(site: Site) -> Row:
    ls, role = site.system("langsmith", on="langsmith"), site.labels.role
    served = ls["server_requests_duration"]
    return row(
        "Do queries end?",
        lines("Requests by status", observations(served, by=(role, "status"), unit="requests")),
        lines("Time of a request, p95", quantile(0.95, served, by=(role,))),
        lines("Partitions of a query, p95", quantile(0.95, ls["query_fanout_partitions"], by=("query_type",))),
        lines("Memory of a query, p95", quantile(0.95, ls["query_execution_max_mem_used_bytes"], by=("query_source_name",))),
        lines("Memory", peak(ls["sys_jemalloc_resident_bytes"], by=(role, site.labels.instance))),
    )  # fmt: skip


def _migration(site: Site) -> Row:
    ls, by = site.system("langsmith", on="langsmith"), ("kind", "status")
    return row(
        "How far is the migration?",
        lines("Tasks of the migration", level(ls["migration_tasks"], by=by)),
        lines("Jobs of the migration", level(ls["migration_jobs"], by=by)),
        lines("Tasks done", rate(ls["migration_run_tasks_completed_total"])),
        lines("Rows moved", rate(ls["migration_run_task_planned_rows_migrated_total"])),
    )
