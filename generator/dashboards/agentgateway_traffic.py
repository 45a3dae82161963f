"""agentgateway traffic and errors: which gateway, route or backend fails, and for which reason?

For whoever answers an alert about failures. First by gateway, then by route and backend, of which only the greatest are
drawn: their labels multiply.
"""

from __future__ import annotations

from generator.layout import Board, Row, board, row
from generator.panels import Column, lines, stat, table
from generator.promql import increase, quantile, rate, volume
from generator.site import Site

#: Lines of a panel whose label has as many values as somebody configured.
MOST = 10


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
            "Requests that were answered with an error because every endpoint is gone."
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
    unreached = http.matching(reason="UpstreamFailure|Timeout|NoHealthyBackend")
    return row(
        "Which route, which backend?",
        lines("Requests by route", rate(http, by=("gateway", "route")).top(MOST)),
        lines("Failed requests by route", rate(bad, by=("gateway", "route", "status")).top(MOST)),
        lines("Failed requests by backend", rate(bad, by=("gateway", "backend", "status")).top(MOST)),
        lines("Backends that are not reached", rate(unreached, by=("backend", "reason")).top(MOST)),
        lines("Tried again, by backend", rate(gw["retries_total"], by=("gateway", "backend")).top(MOST)),
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
                Column("Failed in window", increase(http.matching(status="5.."), by=by)),
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
        lines("Bytes of answers by route", rate(gw["response_bytes_total"], by=("gateway", "route")).top(MOST)),
        lines("Bytes of requests", volume(gw["request_size_bytes"]).named("requests")),
    )
