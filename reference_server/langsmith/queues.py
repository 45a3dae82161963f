"""The depths of LangSmith's queues, as a json_exporter shows them: one target per JSON page."""

from __future__ import annotations

from reference_server.langsmith.workload import Workload
from reference_server.services.draw import times
from reference_server.services.model import Process

#: Metric and queues of each page, in the order of the processes of the role.
PAGES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("langsmith_queue_pending", ("ingestion", "feedback", "adhoc")),
    ("langsmith_queue_queued", ("default",)),
    ("langsmith_queue_queued", ("host",)),
)

#: An entry that is worked on at once still waits for so long.
_TURN_SECONDS = 0.05


def queues(process: Process, workload: Workload, seconds: float, _: float) -> None:
    """Let entries come and go; what is left over waits."""
    metric, names = PAGES[min(process.number, len(PAGES) - 1)]
    left: dict[str, float] = process.state.setdefault("left", dict.fromkeys(names, 0.0))
    for name in names:
        come, gone = workload.arrivals.get(name, 0.0), workload.capacity.get(name, 0.0)
        left[name] = max(0.0, left[name] + (come - gone) * seconds)
        process.instruments.set(metric, round(left[name]) + times(process, come, _TURN_SECONDS), queue=name)
