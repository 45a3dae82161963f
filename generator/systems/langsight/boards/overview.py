"""One LangSight: is it well, do spans arrive, and does anybody see them?

For the operators of LangSight, and for the on-call who came from *All systems*. Top to bottom: the golden signals, the ways in and
out, its processes.
"""

from __future__ import annotations

from generator.boards import processes as targets
from generator.boards.layout import Board, Row, board, row
from generator.boards.panels import lines, stat
from generator.boards.variables import DEEP
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
        rows=[_now(site), _alerts(site), _api(site), _ways(site), targets.process_table(site, "langsight")],
    )


def _now(site: Site) -> Row:
    ls, up = site.system("langsight"), site.system("prometheus", on="langsight")["up"]
    http = ls["http_requests_total"]
    every = rate(http)
    return row(
        "Status",
        stat("Targets up", total(up), limit=Limit("targets", 1, "none", "None."), bad="below").normal(
            "As many as processes run.", alert=("LangSightTargetDown", "LangSightAllTargetsDown")
        ),
        stat("Request rate", every).normal("Your agents' and readers' usual traffic."),
        stat(
            "Error ratio",
            rate(http.matching(status="5..")).filled(every) / every,
            limit=site.limit("langsight_error_ratio"),
        ).normal("Below 1 %.", "Open the board LangSight / API and ingestion.", alert="LangSightHighErrorRate"),
        stat(
            "p99 latency",
            quantile(0.99, ls["http_request_duration_seconds"].not_matching(path=WAITING)),
            limit=site.limit("langsight_latency_p99"),
        ).normal("Below a second.", "Open the board LangSight / API and ingestion.", alert="LangSightHighLatency"),
        stat("Span ingestion", rate(ls["spans_ingested_total"])).normal(
            "In proportion to running agents.", alert="LangSightIngestionStopped"
        ),
        stat(
            "SSE clients",
            peak(ls["active_sse_connections"]),
            limit=site.limit("langsight_feed_clients"),
        ).normal("Below 80 % of LANGSIGHT_SSE_MAX_CLIENTS.", "Add processes.", alert="LangSightSSENearCapacity"),
    )


def _alerts(site: Site) -> Row:
    return row(
        "Alerts",
        targets.firing_alerts(site, "langsight"),
    )


def _api(site: Site) -> Row:
    ls = site.system("langsight")
    http, duration = ls["http_requests_total"], ls["http_request_duration_seconds"].not_matching(path=WAITING)
    return row(
        "API",
        lines("Requests by status", rate(http, by=("status",)), stack=True).normal("2xx above all."),
        lines(
            "Error ratio over time",
            (rate(http.matching(status="5..")).filled(rate(http)) / rate(http)).named("5xx share"),
            limit=site.limit("langsight_error_ratio"),
        ).normal(
            "Below 1 %.",
            "Open 5xx rate by path on the board LangSight / API and ingestion.",
            alert="LangSightHighErrorRate",
        ),
        lines(
            "Latency", *(quantile(q, duration) for q in (0.5, 0.95, 0.99)), limit=site.limit("langsight_latency_p99")
        ).normal("p99 within some times the median.", "Open p99 latency by path.", alert="LangSightHighLatency"),
        lines(
            "Rejected batches by path",
            rate(http.matching(path=INGESTION, status="5..|429"), by=("path", "status")),
        ).normal(
            "No line.",
            "429 is the rate limit, 5xx the store: read the log.",
            alert=("LangSightIngestRejected", "LangSightIngestLimited"),
        ),
    )


def _ways(site: Site) -> Row:
    ls, each = site.system("langsight"), (site.labels.instance,)
    checks = ls["health_checks_total"]
    return row(
        "Ingestion and live feed",
        lines("Spans stored by process", rate(ls["spans_ingested_total"], by=each), stack=True).normal(
            "Even over the processes.", alert="LangSightIngestionStopped"
        ),
        lines(
            "SSE clients by process",
            peak(ls["active_sse_connections"], by=each),
            limit=site.limit("langsight_feed_clients"),
        ).normal("Even over the processes.", "Add processes.", alert="LangSightSSENearCapacity"),
        lines(
            "Dropped live events", rate(ls["sse_events_dropped_total"]), limit=site.limit("langsight_feed_drops")
        ).normal("0.", "A reader is too slow, or the network to it.", alert="LangSightSSEDrops"),
        lines("Failed health checks by server", increase(checks.where(status="down"), by=("server",))).normal(
            "No line.", "Open the MCP server's own log."
        ),
    )
