"""The row of LangSmith services on *All systems*."""

from __future__ import annotations

from generator.boards.processes import target_columns
from generator.boards.tables import Column
from generator.config.site import Site
from generator.promql import level, peak, quantile, rate

#: The board that one opens first.
FIRST = "services"


def columns(site: Site) -> list[Column]:
    """Return the golden signals of each deployment."""
    ls, by = site.system("langsmith", on="langsmith"), site.identity
    return [
        *target_columns(site, "langsmith"),
        Column("Requests/s", rate(ls["langsmith_http_requests_total"], by=by)),
        Column("p99", quantile(0.99, ls["langsmith_http_requests_latency_seconds"], by=by)),
        Column("In progress", level(ls["langsmith_http_requests_in_progress"], by=by)),
        Column("Longest queue", peak(ls["langsmith_queue_pending"], by=by)),
    ]
