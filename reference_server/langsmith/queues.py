"""LangSmith's queues: their depths, as a json_exporter shows them with one target per JSON page, and what workers tell."""

from __future__ import annotations

from reference_server.core.rates.draw import observe, times
from reference_server.core.rates.model import ServiceProcess
from reference_server.langsmith.workload import LangSmithWorkload

#: Metric and queues of each page, in the order of the processes of the role.
PAGES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("langsmith_queue_pending", ("ingestion", "feedback", "adhoc")),
    ("langsmith_queue_queued", ("default",)),
    ("langsmith_queue_queued", ("host",)),
)

#: An entry that is worked on at once still waits for so long.
_TURN_SECONDS = 0.05


def ingest(process: ServiceProcess, workload: LangSmithWorkload, seconds: float, share: float) -> None:
    """Store what was taken in; what waits in the queue is late by as long as the queue is."""
    come, gone = workload.arrivals.get("ingestion", 0.0), workload.capacity.get("ingestion", 0.0)
    left = pending(process, workload, seconds)
    wait = _TURN_SECONDS + (left / gone if gone else 0.0)
    count = times(process, gone if left else min(come, gone), seconds, share)
    stores = workload.store_seconds
    for name, median in (("api_to_worker", wait), ("worker_to_store", stores), ("e2e", wait + stores)):
        observe(process, f"langsmith_ingestion_{name}_latency_seconds", count, median, store="clickhouse")


def pending(process: ServiceProcess, workload: LangSmithWorkload, seconds: float) -> float:
    """Return how many entries of the queue of ingestion are left over, as this process has followed it."""
    come, gone = workload.arrivals.get("ingestion", 0.0), workload.capacity.get("ingestion", 0.0)
    left: float = max(0.0, process.state.get("ingestion", 0.0) + (come - gone) * seconds)
    process.state["ingestion"] = left
    return left


def queues(process: ServiceProcess, workload: LangSmithWorkload, seconds: float, _: float) -> None:
    """Let entries come and go; what is left over waits."""
    metric, names = PAGES[min(process.number, len(PAGES) - 1)]
    left: dict[str, float] = process.state.setdefault("left", dict.fromkeys(names, 0.0))
    for name in names:
        come, gone = workload.arrivals.get(name, 0.0), workload.capacity.get(name, 0.0)
        left[name] = max(0.0, left[name] + (come - gone) * seconds)
        process.instruments.set(metric, round(left[name]) + times(process, come, _TURN_SECONDS), queue=name)
