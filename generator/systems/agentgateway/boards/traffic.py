"""agentgateway traffic and errors: which gateway, route or backend fails, and for which reason?

For whoever answers an alert about failures. First by gateway, then by route and backend, of which only the greatest are
drawn: their labels multiply.
"""

from __future__ import annotations

from generator.boards.layout import Board, Row, board, row
from generator.boards.panels import Column, lines, stat, table, whole
from generator.config.site import Site
from generator.promql import increase, quantile, rate, volume
from generator.systems.agentgateway.records import unreached


def dashboard(site: Site) -> Board:
    """Build the board."""
    return board(
        site,
        "agentgateway_traffic",
        "agentgateway / Traffic and errors",
        system="agentgateway",
        about=__doc__ or "",
        rows=[_now(site), _gateways(site), _routes(site), _table(site), _volume(site)],
    )


def _now(site: Site) -> Row:
    gw = site.system("agentgateway")
    http = gw["requests_total"]
    every = rate(http)
    return row(
        "Is it bad?",
        stat("Requests", every),
        stat(
            "5xx share",
            rate(http.matching(status="5..")).filled(every) / every,
            limit=site.limit("gateway_error_ratio"),
        ),
        stat("4xx share", rate(http.matching(status="4..")).filled(every) / every),
        stat("No healthy backend", rate(http.where(reason="NoHealthyBackend")).filled(every)).noting(
            "Requests that were answered with an error: every endpoint is gone, its name does not resolve, or the route has no backend."
        ),
        stat("Tried again", rate(gw["retries_total"]).filled(every.as_unit("retries/s"))),
        stat("Shed requests", rate(gw["requests_shed_total"])),
    )


def _gateways(site: Site) -> Row:
    http = site.system("agentgateway")["requests_total"]
    return row(
        "Which gateway, and what kind?",
        lines("Requests by gateway", rate(http, by=("gateway",))),
        lines("Failed requests by gateway", rate(http.matching(status="5.."), by=("gateway",))),
        lines("Requests by protocol", rate(http, by=("protocol",)), stack=True).noting(
            "llm and mcp have boards of their own; TCP connections are not counted here."
        ),
        lines("Requests by status", rate(http, by=("status",)), stack=True),
        lines(
            "Answers that the gateway made itself, by reason", rate(http.where_not(reason="Upstream"), by=("reason",))
        ).noting("Everything but Upstream, which is an answer of the backend."),
        lines("Requests by process", rate(http, by=(site.labels.instance,))),
    )


def _routes(site: Site) -> Row:
    gw = site.system("agentgateway")
    http = gw["requests_total"]
    bad = http.matching(status="5..")
    gone, by = http.where(reason="NoHealthyBackend"), ("backend", "reason")
    return row(
        "Which route, which backend?",
        lines("Requests by route", rate(http, by=("gateway", "route"))),
        lines("Failed requests by route", rate(bad, by=("gateway", "route", "status"))),
        lines("Failed requests by backend", rate(bad, by=("gateway", "backend", "status"))),
        lines(
            "Backends that are not reached",
            unreached(lambda part: rate(part, by=by), http).plus(rate(gone, by=by)),
        ).noting("The reason MCP with a 5xx status is an MCP server that is gone."),
        lines("Tried again, by backend", rate(gw["retries_total"], by=("gateway", "backend"))),
        lines("Shed requests by address", rate(gw["requests_shed_total"], by=("bind",))).noting(
            "Refused by the limit of requests in flight, before any route was chosen."
        ),
    )


def _table(site: Site) -> Row:
    gw, by = site.system("agentgateway"), ("gateway", "route", "backend")
    http, plain = gw["requests_total"], gw["request_duration_seconds"].where(protocol="http")
    every = rate(http, by=by)
    return row(
        "Every route",
        table(
            "Routes",
            [
                Column("Requests/s", every),
                Column(
                    "5xx",
                    rate(http.matching(status="5.."), by=by).filled(every) / every,
                    limit=site.limit("gateway_error_ratio"),
                ),
                Column("4xx", rate(http.matching(status="4.."), by=by).filled(every) / every),
                Column("HTTP p95", quantile(0.95, plain, by=by)),
                Column("Failed in range", whole(increase(http.matching(status="5.."), by=by))),
            ],
            sort="Requests/s",
        ).wide(24, 12),
        collapsed=True,
    )


def _volume(site: Site) -> Row:
    gw = site.system("agentgateway")
    sent = rate(gw["response_bytes_total"]).otherwise(volume(gw["response_size_bytes"]))
    return row(
        "How much?",
        lines("Bytes of answers", sent.named("answers")),
        lines("Bytes of answers by route", rate(gw["response_bytes_total"], by=("gateway", "route"))),
        lines("Bytes of requests", volume(gw["request_size_bytes"]).named("requests")),
    )
