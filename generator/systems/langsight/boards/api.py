"""LangSight API and ingestion: which path fails, which is slow, and do batches of spans get in?

For the on-call who answers an alert on errors, latency or ingestion. The label `path` is nearly the raw URL, so the panels show
the greatest paths only. Exceptions that no handler catches are counted nowhere, and failures of a database are such: where
it fails, requests are missing.
"""

from __future__ import annotations

from generator.boards.layout import Board, Row, board, row
from generator.boards.panels import heat, lines, over_range, stat
from generator.boards.tables import Column, table
from generator.config.site import Site
from generator.promql import buckets, exceeded, increase, mean, observations, quantile, rate
from generator.systems.langsight.alerts.api import INGESTION, WAITING


def dashboard(site: Site) -> Board:
    """Build the board."""
    return board(
        site,
        "langsight_api",
        "LangSight / API and ingestion",
        system="langsight",
        about=__doc__ or "",
        rows=[_now(site), _ingestion(site), _errors(site), _latency(site), _paths(site)],
    )


def _now(site: Site) -> Row:
    ls = site.system("langsight")
    http, duration = ls["http_requests_total"], ls["http_request_duration_seconds"].not_matching(path=WAITING)
    every = rate(http)
    edge = site.limit("langsight_latency_p99").value
    return row(
        "Status",
        stat("Request rate", every).normal("Your agents' and readers' usual traffic."),
        stat(
            "Error ratio",
            rate(http.matching(status="5..")).filled(every) / every,
            limit=site.limit("langsight_error_ratio"),
        ).normal("Below 1 %.", "Open 5xx rate by path.", alert="LangSightHighErrorRate"),
        stat("4xx ratio", rate(http.matching(status="4..")).filled(every) / every).normal(
            "Steady.", "Open 4xx rate by path: 401 is a key, 422 a client's body."
        ),
        stat("p99 latency", quantile(0.99, duration), limit=site.limit("langsight_latency_p99")).normal(
            "Below a second.", "Open p99 latency by path.", alert="LangSightHighLatency"
        ),
        stat(f"Slower than {edge:g} s", over_range(exceeded(duration, edge, unit="requests"))).normal(
            "Few.", "Open p99 latency by path.", alert="LangSightHighLatency"
        ),
        stat("Spans stored", rate(ls["spans_ingested_total"])).normal(
            "In proportion to running agents.", alert="LangSightIngestionStopped"
        ),
    )


def _ingestion(site: Site) -> Row:
    ls = site.system("langsight")
    batches = ls["http_requests_total"].matching(path=INGESTION)
    spans = ls["spans_ingested_total"]
    stored = batches.matching(status="2..", path="/api/traces/spans")
    return row(
        "Ingestion",
        lines("Batches by path and status", rate(batches, by=("path", "status")), stack=True).normal("2xx alone.", "429 is the rate limit, 5xx the store."),
        lines(
            "Spans stored, and a day ago",
            rate(spans).named("now"),
            rate(spans, ago="1d").named("a day ago"),
            rate(spans, ago="7d").named("a week ago"),
        ).normal("The shape of the day before.", "Agents that stopped, or their key.", alert=("LangSightIngestionStopped", "LangSightIngestionInterrupted")),
        lines("Rejected batches", increase(batches.matching(status="5..|429"), by=("path", "status"))).with_note(
            "Within the rate interval: 503 is ClickHouse at its memory limit, 429 a rate limit. Their spans are lost unless they are sent again. Other failures of a database are not counted: then batches are missing above."
        ).normal("No line.", "429 is the rate limit, 5xx the store: read the log.", alert=("LangSightIngestRejected", "LangSightIngestLimited")),
        lines("Spans per batch", rate(spans).per(rate(stored), "spans").named("spans per batch")).with_note(
            "By documentation OTLP spans count too, so it rises where exporters send them; by current code they do not."
        ).normal("Steady.", "1: an SDK sends each span by itself; set its batch size."),
        lines("Ingestion latency", *(quantile(q, ls["http_request_duration_seconds"].matching(path=INGESTION)) for q in (0.5, 0.95, 0.99))).normal("Below a second.", "The store is slow: look at its disk and memory."),
    )  # fmt: skip


def _errors(site: Site) -> Row:
    http = site.system("langsight")["http_requests_total"]
    return row(
        "Requests and errors",
        lines("Request rate by path", rate(http, by=("path",)), stack=True).normal("Few paths make the most of it."),
        lines("5xx rate by path", rate(http.matching(status="5.."), by=("method", "path", "status"))).normal(
            "No line.", "Read the log of the path on top.", alert="LangSightHighErrorRate"
        ),
        lines("4xx rate by path", rate(http.matching(status="4.."), by=("method", "path", "status"))).normal(
            "In a steady band.", "401 is a key, 422 a client's body."
        ),
        lines("5xx rate by process", rate(http.matching(status="5.."), by=(site.labels.instance,))).normal(
            "No line.", "One process alone: restart it. All alike: the store."
        ),
    )


def _latency(site: Site) -> Row:
    duration = site.system("langsight")["http_request_duration_seconds"]
    api = duration.not_matching(path=WAITING)
    return row(
        "Latency",
        lines(
            "Latency quantiles",
            *(quantile(q, api) for q in (0.5, 0.95, 0.99)),
            limit=site.limit("langsight_latency_p99"),
        ).normal("p99 within some times the median.", "Open p99 latency by path.", alert="LangSightHighLatency"),
        lines("p99 latency by path", quantile(0.99, duration, by=("path",))).normal(
            "Each path in a band of its own.", "A path that reads much: its users' time range."
        ),
        heat("Latency distribution", buckets(api)).normal(
            "One dark band low in the picture.", "A second band above is one path, or the store."
        ),
        lines(
            "Mean latency of routes that wait for others", mean(duration.matching(path=WAITING), by=("method", "path"))
        )
        .with_note("They wait for a language model or for MCP servers: slow is not broken.")
        .normal("As long as those that they wait for."),
    )


def _paths(site: Site) -> Row:
    ls, by = site.system("langsight"), ("method", "path")
    http, duration = ls["http_requests_total"], ls["http_request_duration_seconds"]
    every = rate(http, by=by)
    return row(
        "Requests by path",
        table(
            "Paths",
            [
                Column("Requests/s", every),
                Column("5xx/s", rate(http.matching(status="5.."), by=by).filled(every)),
                Column("4xx/s", rate(http.matching(status="4.."), by=by).filled(every)),
                Column("Mean", mean(duration, by=by)),
                Column("p99", quantile(0.99, duration, by=by), limit=site.limit("langsight_latency_p99")),
                Column("Timed/s", observations(duration, by=by, unit="requests")),
            ],
            sort="Requests/s",
        )
        .wide(24, 12)
        .normal("No 5xx.", "Sort by 5xx/s or p99."),
        collapsed=True,
    )
