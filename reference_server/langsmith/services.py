"""LangSmith's own services: requests, what backend does with runs and feedback, and its Postgres pool."""

from __future__ import annotations

from reference_server.core.rates.draw import observe, part, times
from reference_server.core.rates.model import ServiceProcess
from reference_server.langsmith.queues import pending
from reference_server.langsmith.workload import LangSmithWorkload

#: Paths of each service with their share of its requests; the services' real ones were not seen.
PATHS = {
    "backend": {"/api/v1/runs/query": 0.4, "/api/v1/sessions": 0.35, "/api/v1/datasets": 0.15, "/api/v1/feedback": 0.1},
    "platform-backend": {"/runs/multipart": 0.7, "/runs/batch": 0.25, "/api/v1/platform/alerts": 0.05},
}

#: Services whose latency the vendor's boards show.
WITH_LATENCY = ("backend", "platform-backend")

_SIZE_BYTES = 6_000.0
_SAMPLES_PER_SECOND = 0.2


def service(process: ServiceProcess, workload: LangSmithWorkload, seconds: float, share: float) -> None:
    """Serve requests for a slice of time."""
    role, own = process.role, process.instruments
    rate, latency = workload.requests.get(role, 0.0), workload.latency_seconds.get(role, 0.05)
    _requests(process, workload, seconds, share)
    waiting = workload.stuck.get(role, 0.0) * share
    own.set("langsmith_http_requests_in_progress", times(process, rate * latency, 1.0, share) + round(waiting))
    observe(process, "langsmith_http_requests_size_bytes", times(process, rate, seconds, share), _SIZE_BYTES, 1.0)
    if role in WITH_LATENCY:
        for path, part_of in PATHS[role].items():
            count = times(process, rate * part_of, seconds, share)
            observe(process, "langsmith_http_requests_latency_seconds", count, latency, workload.latency_spread,
                    app_name=role, path=path)  # fmt: skip
    if role == "platform-backend":
        own.set("langsmith_asynq_ingestion_queue_pending", round(pending(process, workload, seconds)))
    if role == "backend":
        _backend(process, workload, seconds, share)


def _requests(process: ServiceProcess, workload: LangSmithWorkload, seconds: float, share: float) -> None:
    role, own = process.role, process.instruments
    count = times(process, workload.requests.get(role, 0.0), seconds, share)
    if not workload.status_label:
        own.add("langsmith_http_requests_total", count)
        return
    failed = part(process.chance, count, workload.error_ratio.get(role, 0.0))
    own.add("langsmith_http_requests_total", count - failed, status="200")
    if failed:
        own.add("langsmith_http_requests_total", failed, status="500")


def _backend(process: ServiceProcess, workload: LangSmithWorkload, seconds: float, share: float) -> None:
    samples = times(process, _SAMPLES_PER_SECOND, seconds)
    used = min(workload.pool_used, workload.pool_size)
    observe(process, "langsmith_pg_pool_used", samples, max(used, 0.01), 0.1)
    observe(process, "langsmith_pg_pool_idle", samples, max(workload.pool_size - used, 0.01), 0.1)
    for kind, part_of in (("post", 0.55), ("patch", 0.45)):
        count = times(process, workload.batches * part_of, seconds, share)
        observe(process, "langsmith_runs_batch_count", count, workload.batch_runs, 0.6, type=kind)
    stored = times(process, workload.feedback, seconds, share)
    observe(process, "langsmith_feedback_upsert_latency_seconds", stored, workload.feedback_seconds)
    for hit, part_of in (("true", 0.1), ("false", 0.9)):
        checks = times(process, workload.feedback * part_of, seconds, share)
        observe(process, "langsmith_feedback_alerts_check_latency_seconds", checks, 0.02, hit=hit)
        fetched = times(process, workload.batches * part_of, seconds, share)
        observe(process, "smith_prefetch_traces_time", fetched, 0.04, hit=hit)
