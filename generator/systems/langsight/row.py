"""The row of LangSight on *All systems*."""

from __future__ import annotations

from generator.boards.processes import error_ratio, target_columns
from generator.boards.tables import Column
from generator.config.site import Site
from generator.promql import peak, quantile, rate
from generator.systems.langsight.alerts.api import WAITING

#: The board that one opens first.
FIRST = "overview"


def columns(site: Site) -> list[Column]:
    """Return the golden signals of each deployment."""
    ls, by = site.system("langsight"), site.identity
    http, checks = ls["http_requests_total"], ls["health_checks_total"]
    latency = quantile(0.99, ls["http_request_duration_seconds"].not_matching(path=WAITING), by=by)
    return [
        *target_columns(site, "langsight"),
        Column("Requests/s", rate(http, by=by)),
        Column("Failed requests", error_ratio(http, by), limit=site.limit("langsight_error_ratio")),
        Column("p99", latency, limit=site.limit("langsight_latency_p99")),
        Column("Spans/s", rate(ls["spans_ingested_total"], by=by)),
        Column("Live clients", peak(ls["active_sse_connections"], by=by), limit=site.limit("langsight_feed_clients")),
        Column("Failed checks/s", rate(checks.where(status="down"), by=by).filled(rate(checks, by=by))),
    ]
