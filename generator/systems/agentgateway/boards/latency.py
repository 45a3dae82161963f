"""agentgateway latency: is a slow answer the backend's, a policy's, or the gateway's own?

For whoever answers a latency alert. From outside in: the whole request, the gateway's share of it, the calls that it made.
"""

from __future__ import annotations

from generator.boards.layout import Board, Row, board, row
from generator.boards.panels import Column, heat, lines, stat, table
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
        "Is it slow?",
        stat("HTTP p50", quantile(0.5, plain)),
        stat("HTTP p95", quantile(0.95, plain)),
        stat("HTTP p99", quantile(0.99, plain), limit=site.limit("gateway_latency_p99")),
        stat("Overhead p99, request", quantile(0.99, own), limit=site.limit("gateway_overhead_p99")),
        stat("Overhead p99, answer", quantile(0.99, back), limit=site.limit("gateway_overhead_p99")),
        stat("Policy calls, mean", mean(gw["upstream_call_duration_seconds"].where(kind="Policy"))),
    )


def _requests(site: Site) -> Row:
    gw = site.system("agentgateway")
    every = gw["request_duration_seconds"]
    plain = every.where(protocol="http")
    return row(
        "The whole request",
        lines(
            "Plain HTTP",
            *(quantile(q, plain) for q in (0.5, 0.95, 0.99)),
            limit=site.limit("gateway_latency_p99"),
        ),
        heat("Spread of plain HTTP", buckets(plain)),
        lines("HTTP p99 by gateway", quantile(0.99, plain, by=("gateway",)), limit=site.limit("gateway_latency_p99")),
        lines("HTTP p95 by route", quantile(0.95, plain, by=("gateway", "route"))),
        lines("HTTP p95 by backend", quantile(0.95, plain, by=("gateway", "backend"))),
        lines("Mean by protocol", mean(every, by=("protocol",))).noting(
            "Answers of models, MCP streams and TCP sessions count whole: long is not slow."
        ),
    )


def _overhead(site: Site) -> Row:
    gw = site.system("agentgateway")
    own, back = gw["request_processing_seconds"], gw["response_processing_seconds"]
    limit = site.limit("gateway_overhead_p99")
    return row(
        "The gateway's own time",
        lines("Before the backend is called", *(quantile(q, own) for q in (0.5, 0.95, 0.99)), limit=limit).noting(
            "Calls of policies count into it. Never above 0.25 s, the last edge."
        ),
        lines("After the backend answered", *(quantile(q, back) for q in (0.5, 0.95, 0.99)), limit=limit),
        lines("Overhead p99 by gateway", quantile(0.99, own, by=("gateway",)), limit=limit),
        lines("Overhead p99 by route", quantile(0.99, own, by=("gateway", "route")), limit=limit),
    )


def _calls(site: Site) -> Row:
    gw, by = site.system("agentgateway"), ("kind", "subtype")
    call, connect = gw["upstream_call_duration_seconds"], gw["upstream_connect_duration_seconds"]
    return row(
        "Calls that the gateway made",
        lines("Calls p95 by purpose", quantile(0.95, call, by=by)),
        lines("Calls by purpose", observations(call, by=by, unit="requests")),
        lines("New connections to backends, p95", quantile(0.95, connect, by=("transport",))),
        lines(
            "New connections to backends",
            observations(connect, by=("transport",), unit="connections"),
        ),
        table(
            "Purposes",
            [
                Column("Calls/s", observations(call, by=by, unit="requests")),
                Column("Mean", mean(call, by=by)),
                Column("p95", quantile(0.95, call, by=by)),
                Column("p99", quantile(0.99, call, by=by)),
            ],
            sort="p99",
        ),
    )


def _substrate(site: Site) -> Row:
    gw = site.system("agentgateway")
    route = gw["atenet_router_route_duration_seconds"]
    return row(
        "Substrate: actors that start on demand",
        lines(
            "Requests that wait for an actor", total(gw["substrate_request_parking_active"], by=(site.labels.instance,))
        ),
        lines(
            "Time to an actor's address, p95",
            quantile(0.95, route, by=("ate_router_outcome", "ate_router_resume")),
        ),
        collapsed=True,
    )
