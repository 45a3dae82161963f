"""agentgateway latency: is a slow answer the backend's, a policy's, or the gateway's own?

For the on-call who answers a latency alert. From outside in: the whole request, the gateway's share of it, the calls that it made.
"""

from __future__ import annotations

from generator.boards.layout import Board, Row, board, row
from generator.boards.panels import heat, lines, stat
from generator.boards.tables import Column, table
from generator.config.site import Site
from generator.promql import buckets, mean, observations, quantile, total


def dashboard(site: Site) -> Board:
    """Build the board."""
    return board(
        site,
        "agentgateway_latency",
        "agentgateway / Latency and overhead",
        system="agentgateway",
        about=__doc__ or "",
        rows=[_now(site), _requests(site), _overhead(site), _calls(site), _substrate(site)],
    )


def _now(site: Site) -> Row:
    gw = site.system("agentgateway")
    plain, own, back = (
        gw["request_duration_seconds"].where(protocol="http"),
        gw["request_processing_seconds"],
        gw["response_processing_seconds"],
    )
    return row(
        "Status",
        stat("HTTP p50", quantile(0.5, plain)).normal("Steady."),
        stat("HTTP p95", quantile(0.95, plain)).normal("Below a second.", "Open p95 by backend."),
        stat("HTTP p99", quantile(0.99, plain), limit=site.limit("gateway_latency_p99")).normal(
            "Below a second.", "Open p95 by backend.", alert="AgentgatewayLatencyHigh"
        ),
        stat("Request overhead p99", quantile(0.99, own), limit=site.limit("gateway_overhead_p99")).normal(
            "Some milliseconds.", "A policy that calls out, or too little CPU.", alert="AgentgatewayOverheadHigh"
        ),
        stat("Answer overhead p99", quantile(0.99, back), limit=site.limit("gateway_overhead_p99")).normal(
            "Some milliseconds.", "Too little CPU.", alert="AgentgatewayOverheadHigh"
        ),
        stat("Policy calls mean", mean(gw["upstream_call_duration_seconds"].where(kind="Policy"))).normal(
            "Some milliseconds.", "Open calls p95 by purpose."
        ),
    )


def _requests(site: Site) -> Row:
    gw = site.system("agentgateway")
    every = gw["request_duration_seconds"]
    plain = every.where(protocol="http")
    return row(
        "Latency of requests",
        lines(
            "HTTP latency quantiles",
            *(quantile(q, plain) for q in (0.5, 0.95, 0.99)),
            limit=site.limit("gateway_latency_p99"),
        ).normal("p99 within some times the median.", "Open p95 by backend.", alert="AgentgatewayLatencyHigh"),
        heat("HTTP latency distribution", buckets(plain)).normal(
            "One dark band low in the picture.", "A second band above is one backend."
        ),
        lines(
            "HTTP p99 by gateway", quantile(0.99, plain, by=("gateway",)), limit=site.limit("gateway_latency_p99")
        ).normal("Each in a band of its own.", alert="AgentgatewayLatencyHigh"),
        lines("HTTP p95 by route", quantile(0.95, plain, by=("gateway", "route"))).normal(
            "Each in a band of its own.", "Compare with the backend of that route."
        ),
        lines("HTTP p95 by backend", quantile(0.95, plain, by=("gateway", "backend"))).normal(
            "Each in a band of its own.", "The backend is slow: its own log."
        ),
        lines("Mean latency by protocol", mean(every, by=("protocol",)))
        .with_note("Answers of models, MCP streams and TCP sessions count whole: long is not slow.")
        .normal("Models and streams count whole answers."),
    )


def _overhead(site: Site) -> Row:
    gw = site.system("agentgateway")
    own, back = gw["request_processing_seconds"], gw["response_processing_seconds"]
    limit = site.limit("gateway_overhead_p99")
    return row(
        "Overhead",
        lines("Request overhead quantiles", *(quantile(q, own) for q in (0.5, 0.95, 0.99)), limit=limit)
        .with_note("Calls of policies count into it. Never above 0.25 s, the last edge.")
        .normal("Some milliseconds.", "Open calls p95 by purpose.", alert="AgentgatewayOverheadHigh"),
        lines("Answer overhead quantiles", *(quantile(q, back) for q in (0.5, 0.95, 0.99)), limit=limit).normal(
            "Some milliseconds.", "Too little CPU.", alert="AgentgatewayOverheadHigh"
        ),
        lines("Overhead p99 by gateway", quantile(0.99, own, by=("gateway",)), limit=limit).normal(
            "Some milliseconds.", alert="AgentgatewayOverheadHigh"
        ),
        lines("Overhead p99 by route", quantile(0.99, own, by=("gateway", "route")), limit=limit).normal(
            "Some milliseconds.", "The policies of that route.", alert="AgentgatewayOverheadHigh"
        ),
    )


def _calls(site: Site) -> Row:
    gw, by = site.system("agentgateway"), ("kind", "subtype")
    call, connect = gw["upstream_call_duration_seconds"], gw["upstream_connect_duration_seconds"]
    return row(
        "Calls of the gateway",
        lines("Calls p95 by purpose", quantile(0.95, call, by=by)).normal(
            "Each in a band of its own.", "The purpose names the policy that is slow."
        ),
        lines("Calls of the gateway by purpose", observations(call, by=by, unit="requests")).normal(
            "In proportion to requests."
        ),
        lines("Connect time to backends, p95", quantile(0.95, connect, by=("transport",))).normal(
            "Some milliseconds.", "The network, or a backend that is full."
        ),
        lines(
            "New connections to backends",
            observations(connect, by=("transport",), unit="connections"),
        ).normal("Few: connections are kept.", "Many: keep-alive is off, or the backend closes them."),
        table(
            "Calls by purpose: rate and time",
            [
                Column("Calls/s", observations(call, by=by, unit="requests")),
                Column("Mean", mean(call, by=by)),
                Column("p95", quantile(0.95, call, by=by)),
                Column("p99", quantile(0.99, call, by=by)),
            ],
            sort="p99",
        ).normal("Each within its usual time.", "Sort by p95."),
    )


def _substrate(site: Site) -> Row:
    gw = site.system("agentgateway")
    route = gw["atenet_router_route_duration_seconds"]
    return row(
        "Substrate: actors that start on demand",
        lines(
            "Requests that wait for an actor", total(gw["substrate_request_parking_active"], by=(site.labels.instance,))
        ).normal("Few."),
        lines(
            "Time to an actor's address, p95",
            quantile(0.95, route, by=("ate_router_outcome", "ate_router_resume")),
        ).normal("Some milliseconds."),
        collapsed=True,
    )
