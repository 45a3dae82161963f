"""One LangSight: is it well, do spans arrive, and does anybody see them?

For whoever runs LangSight, or came from the overview of all systems. Top to bottom: the golden signals, the ways in and
out, its processes.
"""

from __future__ import annotations

from generator.boards import processes as targets
from generator.boards.layout import DEEP, Board, Row, board, row
from generator.boards.panels import lines, stat
from generator.catalogue import Limit
from generator.config.site import Site
from generator.promql import increase, peak, quantile, rate, total
from generator.systems.langsight.alerts.api import INGESTION, WAITING


def dashboard(site: Site) -> Board:
    """Build the board."""
    return board(
        site,
        "langsight_overview",
        "LangSight / Overview",
        system="langsight",
        about=__doc__ or "",
        variables=DEEP,
        rows=[_now(site), _alerts(site), _api(site), _ways(site), targets.processes(site, "langsight")],
    )


def _now(site: Site) -> Row:
    ls, up = site.system("langsight"), site.system("prometheus", on="langsight")["up"]
    http = ls["http_requests_total"]
    every = rate(http)
    return row(
        "Is it well?",
        stat("Targets up", total(up), limit=Limit("targets", 1, "none", "None."), bad="below"),
        stat("Requests", every),
        stat(
            "Error ratio",
            rate(http.matching(status="5..")).filled(every) / every,
            limit=site.limit("langsight_error_ratio"),
        ),
        stat(
            "p99 latency",
            quantile(0.99, ls["http_request_duration_seconds"].not_matching(path=WAITING)),
            limit=site.limit("langsight_latency_p99"),
        ),
        stat("Span ingestion", rate(ls["spans_ingested_total"])),
        stat(
            "Active SSE clients, fullest process",
            peak(ls["active_sse_connections"]),
            limit=site.limit("langsight_feed_clients"),
        ),
    )


def _alerts(site: Site) -> Row:
    return row(
        "Which alerts?",
        targets.alerts(site, "langsight"),
    )


def _api(site: Site) -> Row:
    ls = site.system("langsight")
    http, duration = ls["http_requests_total"], ls["http_request_duration_seconds"].not_matching(path=WAITING)
    return row(
        "The API",
        lines("Requests by status", rate(http, by=("status",)), stack=True),
        lines(
            "Error ratio over time",
            (rate(http.matching(status="5..")).filled(rate(http)) / rate(http)).named("5xx share"),
            limit=site.limit("langsight_error_ratio"),
        ),
        lines(
            "Latency", *(quantile(q, duration) for q in (0.5, 0.95, 0.99)), limit=site.limit("langsight_latency_p99")
        ),
        lines(
            "Batches rejected by path",
            rate(http.matching(path=INGESTION, status="5..|429"), by=("path", "status")),
        ),
    )


def _ways(site: Site) -> Row:
    ls, each = site.system("langsight"), (site.labels.instance,)
    checks = ls["health_checks_total"]
    return row(
        "In and out",
        lines("Spans stored", rate(ls["spans_ingested_total"], by=each), stack=True),
        lines(
            "SSE clients by process",
            peak(ls["active_sse_connections"], by=each),
            limit=site.limit("langsight_feed_clients"),
        ),
        lines("Live events dropped", rate(ls["sse_events_dropped_total"]), limit=site.limit("langsight_feed_drops")),
        lines("Failed health checks by server", increase(checks.where(status="down"), by=("server",))),
    )
