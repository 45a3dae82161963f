"""Agent Server HTTP API: which route fails, which is slow, and since when?

For whoever answers an availability or latency alert. Failed runs are not HTTP errors: a run that fails answers 200.
"""

from __future__ import annotations

from generator.boards.layout import Board, Row, board, row
from generator.boards.panels import Column, heat, lines, stat, table
from generator.config.site import Site
from generator.promql import buckets, mean, quantile, rate, share_above
from generator.systems.agent_server.records import RUN_HOLDING, served


def dashboard(site: Site) -> Board:
    """Build the board."""
    return board(
        site,
        "agent_server_http",
        "Agent Server / HTTP API",
        system="agent_server",
        about=__doc__ or "",
        rows=[_now(site), _errors(site), _latency(site), _routes(site), _rest(site)],
    )


def _now(site: Site) -> Row:
    lg = site.system("agent_server")
    http, latency = served(lg["http_requests_total"]), lg["http_requests_latency"].not_matching(path=RUN_HOLDING)
    every = rate(http)
    edge = site.limit("http_slow_edge").value
    return row(
        "Is it bad?",
        stat("Requests", every),
        stat(
            "5xx share", rate(http.matching(status="5..")).filled(every) / every, limit=site.limit("http_error_ratio")
        ),
        stat("4xx share", rate(http.matching(status="4..")).filled(every) / every),
        stat("API p95", quantile(0.95, latency)),
        stat(f"Slower than {edge:g} ms", share_above(latency, edge), limit=site.limit("http_slow_ratio")),
        stat("Refused logins", rate(lg["http_requests_total"].where(path="").matching(status="401|403")).filled(every)),
    )


def _errors(site: Site) -> Row:
    http = served(site.system("agent_server")["http_requests_total"])
    return row(
        "Which route fails?",
        lines("Requests by status", rate(http, by=("status",)), stack=True),
        lines("Failed requests by route", rate(http.matching(status="5.."), by=("method", "path", "status"))),
        lines("Refused requests by route", rate(http.matching(status="4.."), by=("method", "path", "status"))),
        lines("Failed requests by process", rate(http.matching(status="5.."), by=(site.labels.instance,))),
    )


def _latency(site: Site) -> Row:
    latency = site.system("agent_server")["http_requests_latency"]
    api, holding = (
        latency.not_matching(path=RUN_HOLDING),
        latency.matching(path=RUN_HOLDING).where_not(path="").where_not(path="/"),
    )
    return row(
        "Which route is slow?",
        lines("Latency of routes that do not hold a run", *(quantile(q, api) for q in (0.5, 0.95, 0.99))),
        lines("p95 by route", quantile(0.95, api, by=("method", "path"))),
        heat("Spread of API latency", buckets(api)),
        lines("Routes that hold a run: mean", mean(holding, by=("method", "path"))).noting(
            "Their latency is the run's: slow is not broken."
        ),
    )


def _routes(site: Site) -> Row:
    lg, by = site.system("agent_server"), ("method", "path")
    http, latency = (
        served(lg["http_requests_total"]),
        lg["http_requests_latency"].where_not(path="").where_not(path="/"),
    )
    return row(
        "Every route",
        table(
            "Routes",
            [
                Column("Requests/s", rate(http, by=by)),
                Column("5xx/s", rate(http.matching(status="5.."), by=by).filled(rate(http, by=by))),
                Column("4xx/s", rate(http.matching(status="4.."), by=by).filled(rate(http, by=by))),
                Column("Mean", mean(latency, by=by)),
                Column("p95", quantile(0.95, latency, by=by)),
            ],
            sort="Requests/s",
        ).wide(24, 12),
    )


def _rest(site: Site) -> Row:
    http = site.system("agent_server")["http_requests_total"]
    return row(
        "Not served: unknown URLs, refused logins, probes",
        lines("Unknown URLs and refused logins", rate(http.where(path=""), by=("status",))).noting(
            "They carry no path, so they cannot grow the number of series."
        ),
        lines("Probes of the root", rate(http.where(path="/"), by=("method", "status"))),
        collapsed=True,
    )
