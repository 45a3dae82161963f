"""LangSmith ingest queue: do traces wait, are they stored as fast as they come, and what holds them up?

For the on-call who is paged for a backlog. A trace goes from platform-backend through Redis to ClickHouse: the rows follow it.
"""

from __future__ import annotations

from generator.boards.layout import Board, Row, board, row
from generator.boards.panel import Panel
from generator.boards.panels import lines, stat
from generator.config.site import Site
from generator.promql import add_label, growth, increase, level, mean, observations, peak, quantile, rate, total, volume
from generator.promql.query import Query
from generator.systems.langsmith.alerts.ingest import drained


def dashboard(site: Site) -> Board:
    """Build the board."""
    return board(
        site,
        "langsmith_ingest",
        "LangSmith / Ingest queue",
        system="langsmith",
        about=__doc__ or "",
        rows=[_queues(site), _delay(site), _path(site), _feedback(site)],
    )


def _queues(site: Site) -> Row:
    ls, limit = site.system("langsmith", on="langsmith"), site.limit("langsmith_queue_pending")
    pending, read = ls["langsmith_asynq_ingestion_queue_pending"], drained(site)
    each, queued = level(read, by=("queue",)), ls["langsmith_queue_queued"]
    waiting = add_label(level(pending), "queue", "ingestion").otherwise(each)
    growing = add_label(growth(pending), "queue", "ingestion").otherwise(growth(read, by=("queue",)))
    note = "By platform-backend itself for ingestion, and by a json_exporter that reads its JSON page for the other queues."
    return row(
        "Ingest queue",
        stat("Queue depth", waiting, limit=limit).wide(12).normal("Close to 0.", "Are workers up, and is ClickHouse?", alert="LangSmithIngestQueueBacklog"),
        stat("Backend queue depth", level(queued, by=("queue",))).wide(12).normal("Close to 0.", "Add workers of backend."),
        lines("Queue depth over time", waiting, limit=limit).with_note(note).normal("Peaks that drain within minutes.", "Are workers up, and is ClickHouse?", alert=("LangSmithIngestQueueBacklog", "LangSmithIngestStalled")),
        lines(f"Queue growth in {site.timing.window_words('15m')}", growing.over("15m"), floor=False,
              limit=site.limit("langsmith_queue_growth")).normal("Around 0.", "More comes than workers store: add some.", alert="LangSmithIngestQueueBacklog"),
        lines("Queue depth by queue", level(queued, by=("queue",))).with_note(
            "One number for all replicas, read from a JSON page by a json_exporter; nothing here without one."
        ).normal("Close to 0.", "Add workers of that queue."),
        lines("Runs ingested", volume(ls["langsmith_runs_batch_count"], by=("type",))).with_note(
            "By type of batch. The vendor's own board calls the same figure the size of a batch."
        ).normal("In proportion to traffic."),
        *_on_purpose(site),
        *_workers(site, waiting),
    )  # fmt: skip


def _on_purpose(site: Site) -> tuple[Panel, ...]:
    """Panel: the queue that nobody empties, where the configuration says so."""
    if "adhoc_drained" in site.config.systems["langsmith"].switches:
        return ()
    adhoc = site.system("langsmith", on="langsmith")["langsmith_queue_pending"].where(queue="adhoc")
    shown = lines("Queue depth of adhoc, kept on purpose", level(adhoc, by=("queue",)))
    return (shown.with_note("GO_ADHOC_QUEUE_PRIORITY is 0.").normal("Grows: it is switched off."),)


def _workers(site: Site, waiting: Query) -> tuple[Panel, ...]:
    """Panels: how many workers there are, and how much waits for each of them; KEDA adds some by that figure."""
    up = site.system("prometheus", on="langsmith")["up"].where(**{site.labels.role: "ingest-queue"})
    workers = total(up)
    return (
        lines("Workers up", workers.named("ingest-queue")).normal("As many as are deployed."),
        lines(
            "Queue depth per worker",
            total(waiting)
            .per(workers, "tasks")
            .named("tasks per worker")
            .about("Entries that wait in the queue of ingestion, divided by the number of workers that answer"),
        )
        .with_note(
            "KEDA, where it is on, adds workers above queueTargetSize, which is 10, up to 10 workers. Above that for long: "
            "they are at their maximum, or it is off."
        )
        .normal(
            "Below the figure at which KEDA adds one.", "Read the autoscaler's events and its maximum of replicas."
        ),
    )


def _delay(site: Site) -> Row:
    ls, by, limit = site.system("langsmith", on="langsmith"), ("store",), site.limit("langsmith_ingest_delay")
    latency = ls["langsmith_ingestion_e2e_latency_seconds"]
    waits = ls["langsmith_ingestion_api_to_worker_latency_seconds"]
    stores = ls["langsmith_ingestion_worker_to_store_latency_seconds"]
    return row(
        "Ingest latency",
        lines("Ingest latency p95", quantile(0.95, latency, by=by), limit=limit)
        .with_note("By store; told by ingest-queue. Never above the last bucket edge, and nobody has seen the edges.")
        .normal("Some seconds.", "Waiting: add workers. Storing: ClickHouse.", alert="LangSmithIngestLate"),
        lines("Ingest latency mean", mean(latency, by=by), limit=limit).normal(
            "Some seconds.", "Waiting: add workers. Storing: ClickHouse.", alert="LangSmithIngestLate"
        ),
        lines("Queue wait p95", quantile(0.95, waits, by=by)).normal("Below some seconds.", "Add workers."),
        lines("Store latency p95", quantile(0.95, stores, by=by)).normal(
            "Below some seconds.", "ClickHouse is slow: open its board."
        ),
        lines("Runs stored", observations(latency, by=by, unit="runs")).normal("As many as are ingested."),
    )


def _path(site: Site) -> Row:
    ls, by = site.system("langsmith", on="langsmith"), (site.labels.instance,)
    used = peak(ls["redis_memory_used_bytes"], by=by) / peak(ls["redis_memory_max_bytes"], by=by).above(0)
    return row(
        "Saturation of stores",
        lines("Redis memory usage", used, limit=site.limit("redis_memory"))
        .with_note("Nothing where Redis has no maximum. Where a policy evicts keys it stands just below 1 for good.")
        .normal(
            "Below 70 %.",
            "The queue lives in it: let it drain, then raise maxmemory.",
            alert="LangSmithRedisMemoryHigh",
        ),
        lines("Evicted keys", increase(ls["redis_evicted_keys_total"], by=by).over("10m")).normal(
            "0: each may be a run that is lost.", "Set noeviction, raise maxmemory.", alert="LangSmithRedisEvictions"
        ),
        lines(
            "Rejected inserts",
            increase(ls["ClickHouseProfileEvents_RejectedInserts"], by=by).over(site.timing.window),
            limit=site.limit("clickhouse_rejected_inserts"),
        ).normal("0.", "Too many parts: fewer, larger batches.", alert="LangSmithClickHouseRejectedInserts"),
        lines(
            "Delayed inserts",
            increase(ls["ClickHouseProfileEvents_DelayedInserts"], by=by).over(site.timing.window),
            limit=site.limit("clickhouse_delayed_inserts"),
        ).normal("0.", "Too many parts: fewer, larger batches.", alert="LangSmithClickHouseDelayedInserts"),
    )


def _feedback(site: Site) -> Row:
    ls = site.system("langsmith", on="langsmith")
    upsert, check = (
        ls["langsmith_feedback_upsert_latency_seconds"],
        ls["langsmith_feedback_alerts_check_latency_seconds"],
    )
    return row(
        "Feedback",
        lines("Feedback latency quantiles", *(quantile(q, upsert) for q in (0.5, 0.95, 0.99)),
              limit=site.limit("langsmith_feedback_p95")).normal("Below a second.", "Open the board LangSmith / ClickHouse.", alert="LangSmithFeedbackSlow"),
        lines("Feedback alert check p95", quantile(0.95, check, by=("hit",))).normal("Below a second."),
        lines("Request rate by service", rate(ls["langsmith_http_requests_total"], by=(site.labels.role,))).normal("The shape of your days."),
    )  # fmt: skip
