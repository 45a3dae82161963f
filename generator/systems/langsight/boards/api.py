"""LangSight API and ingestion: which path fails, which is slow, and do batches of spans get in?

For whoever answers an alert on errors, latency or ingestion. The label `path` is nearly the raw URL, so the panels show
the greatest paths only. Exceptions that no handler catches are counted nowhere, and failures of a database are such: where
it fails, requests are missing.
"""

from __future__ import annotations

from generator.boards.layout import Board, Row, board, row
from generator.boards.panels import Column, heat, lines, stat, table, whole
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
        "Is it bad?",
        stat("Request rate", every),
        stat(
            "Error rate",
            rate(http.matching(status="5..")).filled(every) / every,
            limit=site.limit("langsight_error_ratio"),
        ),
        stat("4xx share", rate(http.matching(status="4..")).filled(every) / every),
        stat("p99 latency", quantile(0.99, duration), limit=site.limit("langsight_latency_p99")),
        stat(f"Slower than {edge:g} s", whole(exceeded(duration, edge, unit="requests"))).noting(
            "Within the range of the board."
        ),
        stat("Span ingestion rate", rate(ls["spans_ingested_total"])),
    )


def _ingestion(site: Site) -> Row:
    ls = site.system("langsight")
    batches = ls["http_requests_total"].matching(path=INGESTION)
    spans = ls["spans_ingested_total"]
    stored = batches.matching(status="2..", path="/api/traces/spans")
    return row(
        "Do spans get in?",
        lines("Batches by way and status", rate(batches, by=("path", "status")), stack=True),
        lines(
            "Spans stored",
            rate(spans).named("now"),
            rate(spans, ago="1d").named("a day ago"),
            rate(spans, ago="7d").named("a week ago"),
        ),
        lines("Rejected batches", increase(batches.matching(status="5..|429"), by=("path", "status"))).noting(
            "Within the rate interval: 503 is ClickHouse at its memory limit, 429 a rate limit. Their spans are lost unless they are sent again. Other failures of a database are not counted: then batches are missing above."
        ),
        lines("Spans per batch", rate(spans).per(rate(stored), "spans").named("spans per batch")).noting(
            "By documentation OTLP spans count too, so it rises where exporters send them; by current code they do not."
        ),
        lines("Latency of ingestion", *(quantile(q, ls["http_request_duration_seconds"].matching(path=INGESTION)) for q in (0.5, 0.95, 0.99))),
    )  # fmt: skip


def _errors(site: Site) -> Row:
    http = site.system("langsight")["http_requests_total"]
    return row(
        "Which path fails?",
        lines("Request rate by path", rate(http, by=("path",)), stack=True),
        lines("Failed requests by path", rate(http.matching(status="5.."), by=("method", "path", "status"))),
        lines("Refused requests by path", rate(http.matching(status="4.."), by=("method", "path", "status"))),
        lines("Failed requests by process", rate(http.matching(status="5.."), by=(site.labels.instance,))),
    )


def _latency(site: Site) -> Row:
    duration = site.system("langsight")["http_request_duration_seconds"]
    api = duration.not_matching(path=WAITING)
    return row(
        "Which path is slow?",
        lines("Latency", *(quantile(q, api) for q in (0.5, 0.95, 0.99)), limit=site.limit("langsight_latency_p99")),
        lines("p99 latency by path", quantile(0.99, duration, by=("path",))),
        heat("Spread of latency", buckets(api)),
        lines("Routes that wait for others: mean", mean(duration.matching(path=WAITING), by=("method", "path"))).noting(
            "They wait for a language model or for MCP servers: slow is not broken."
        ),
    )


def _paths(site: Site) -> Row:
    ls, by = site.system("langsight"), ("method", "path")
    http, duration = ls["http_requests_total"], ls["http_request_duration_seconds"]
    every = rate(http, by=by)
    return row(
        "Every path",
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
        ).wide(24, 12),
        collapsed=True,
    )
