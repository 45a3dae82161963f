"""agentgateway traffic and errors: which gateway, route or backend fails, and for which reason?

For the on-call who answers an alert about failures. First by gateway, then by route and backend, of which only the greatest are
drawn: their labels multiply.
"""

from __future__ import annotations

from generator.boards.layout import Board, Row, board, row
from generator.boards.panels import lines, over_range, stat
from generator.boards.tables import Column, table
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
        "Status",
        stat("Request rate", every).normal("Your clients' usual traffic."),
        stat(
            "5xx ratio",
            rate(http.matching(status="5..")).filled(every) / every,
            limit=site.limit("gateway_error_ratio"),
        ).normal("Below 1 %.", "Open 5xx rate by route and by backend.", alert="AgentgatewayHigh5xx"),
        stat("4xx ratio", rate(http.matching(status="4..")).filled(every) / every).normal(
            "Steady.", "401 and 403 are logins, 404 a route that is not configured."
        ),
        stat("No healthy backend", rate(http.where(reason="NoHealthyBackend")).filled(every))
        .with_note(
            "Requests that were answered with an error: every endpoint is gone, its name does not resolve, or the route has no backend."
        )
        .normal("0.", "All endpoints of a backend are evicted or gone.", alert="AgentgatewayNoHealthyBackend"),
        stat("Retries", rate(gw["retries_total"]).filled(every.as_unit("retries/s"))).normal(
            "Close to 0.", "Open retries by backend."
        ),
        stat("Shed requests", rate(gw["requests_shed_total"])).normal("0.", "Add replicas, or CPU."),
    )


def _gateways(site: Site) -> Row:
    http = site.system("agentgateway")["requests_total"]
    return row(
        "Requests",
        lines("Request rate by gateway", rate(http, by=("gateway",))).normal("The shape of your days."),
        lines("5xx rate by gateway", rate(http.matching(status="5.."), by=("gateway",))).normal(
            "No line.", alert="AgentgatewayHigh5xx"
        ),
        lines("Request rate by protocol", rate(http, by=("protocol",)), stack=True)
        .with_note("llm and mcp have boards of their own; TCP connections are not counted here.")
        .normal("A steady mix."),
        lines("Request rate by status", rate(http, by=("status",)), stack=True).normal("2xx above all."),
        lines("Gateway's own answers by reason", rate(http.where_not(reason="Upstream"), by=("reason",)))
        .with_note("Everything but Upstream, which is an answer of the backend.")
        .normal(
            "Few: policies at work.",
            "UpstreamFailure and Timeout are backends, NoHealthyBackend their endpoints.",
            alert="AgentgatewayUpstreamFailures",
        ),
        lines("Request rate by process", rate(http, by=(site.labels.instance,))).normal(
            "Even over the processes.", "Uneven: the load balancer before them."
        ),
    )


def _routes(site: Site) -> Row:
    gw = site.system("agentgateway")
    http = gw["requests_total"]
    bad = http.matching(status="5..")
    gone, by = http.where(reason="NoHealthyBackend"), ("backend", "reason")
    return row(
        "Routes and backends",
        lines("Request rate by route", rate(http, by=("gateway", "route"))).normal("Few routes make the most of it."),
        lines("5xx rate by route", rate(bad, by=("gateway", "route", "status"))).normal(
            "No line.", "Read the log of the route's backend.", alert="AgentgatewayHigh5xx"
        ),
        lines("5xx rate by backend", rate(bad, by=("gateway", "backend", "status"))).normal(
            "No line.", "Read the log of the backend on top.", alert="AgentgatewayHigh5xx"
        ),
        lines(
            "Upstream failures by backend",
            unreached(lambda part: rate(part, by=by), http).plus(rate(gone, by=by)),
        )
        .with_note("The reason MCP with a 5xx status is an MCP server that is gone.")
        .normal(
            "No line.",
            "Is the backend up, and does the network policy permit it?",
            alert="AgentgatewayUpstreamFailures",
        ),
        lines("Retries by backend", rate(gw["retries_total"], by=("gateway", "backend"))).normal(
            "Close to 0.", "Read the log of that backend."
        ),
        lines("Shed requests by address", rate(gw["requests_shed_total"], by=("bind",)))
        .with_note("Refused by the limit of requests in flight, before any route was chosen.")
        .normal("No line.", "Add replicas, or CPU."),
    )


def _table(site: Site) -> Row:
    gw, by = site.system("agentgateway"), ("gateway", "route", "backend")
    http, plain = gw["requests_total"], gw["request_duration_seconds"].where(protocol="http")
    every = rate(http, by=by)
    return row(
        "Requests by route and backend",
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
                Column("Failed in range", over_range(increase(http.matching(status="5.."), by=by))),
            ],
            sort="Requests/s",
        )
        .wide(24, 12)
        .normal("No red cell.", "Sort by 5xx."),
        collapsed=True,
    )


def _volume(site: Site) -> Row:
    gw = site.system("agentgateway")
    sent = rate(gw["response_bytes_total"]).otherwise(volume(gw["response_size_bytes"]))
    return row(
        "Bytes",
        lines("Response bytes", sent.named("answers")).normal("The shape of your days."),
        lines("Response bytes by route", rate(gw["response_bytes_total"], by=("gateway", "route"))).normal(
            "Few routes make the most of it."
        ),
        lines("Request bytes", volume(gw["request_size_bytes"]).named("requests")).normal("The shape of your days."),
    )
