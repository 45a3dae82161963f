"""agentgateway and MCP: which servers and tools do agents use, and do their messages fail?

For whoever answers an MCP alert. The gateway counts MCP requests without their outcome; failures are those of the HTTP
messages that carry them.
"""

from __future__ import annotations

from generator.boards.layout import Board, Row, board, row
from generator.boards.panels import Column, lines, stat, table, whole
from generator.config.site import Site
from generator.promql import increase, level, mean, quantile, rate
from generator.systems.agentgateway.records import mcp_failed


def dashboard(site: Site) -> Board:
    """Build the board."""
    return board(
        site,
        "agentgateway_mcp",
        "agentgateway / MCP",
        system="agentgateway",
        about=__doc__ or "",
        rows=[_now(site), _methods(site), _tools(site), _messages(site)],
    )


def _now(site: Site) -> Row:
    gw = site.system("agentgateway")
    calls, posts = gw["mcp_requests_total"], gw["requests_total"].where(protocol="mcp", method="POST")
    every = rate(posts)
    return row(
        "Is it bad?",
        stat("MCP requests", rate(calls)),
        stat("Tool calls", rate(calls.where(method="tools/call"))),
        stat("Messages", every),
        stat(
            "Failed share of messages",
            mcp_failed(rate, posts).filled(every) / every,
            limit=site.limit("gateway_mcp_error_ratio"),
        ).noting("Without logins, ended sessions, and tools that do not exist or that an agent may not use."),
        stat("Refused logins", rate(posts.matching(status="401|403")).filled(every)),
        stat("Open sessions", level(gw["mcp_sessions_active"])),
    )


def _methods(site: Site) -> Row:
    calls = site.system("agentgateway")["mcp_requests_total"]
    return row(
        "What do agents ask for?",
        lines("Requests by method", rate(calls, by=("method",))),
        lines("Requests by server", rate(calls, by=("gateway", "server"))).noting(
            "unknown: requests to the gateway itself, such as initialize. A server whose line ends is not asked any more."
        ),
        lines("Requests by kind of resource", rate(calls, by=("resource_type",))),
        lines("Requests by gateway", rate(calls, by=("gateway",))),
    )


def _tools(site: Site) -> Row:
    calls = site.system("agentgateway")["mcp_requests_total"]
    tools, by = calls.where(method="tools/call"), ("server", "resource")
    return row(
        "Which tools?",
        lines("Tool calls, the most used tools", rate(tools, by=by)).wide(24),
        table(
            "Tools",
            [
                Column("Calls/s", rate(tools, by=by).top(100)),
                Column("Calls in range", whole(increase(tools, by=by).top(100))),
            ],
            sort="Calls/s",
        ).noting("Clients can name tools that do not exist; the 100 most used are shown."),
    )


def _messages(site: Site) -> Row:
    gw = site.system("agentgateway")
    http, duration = (
        gw["requests_total"].where(protocol="mcp"),
        gw["request_duration_seconds"].where(protocol="mcp", method="POST"),
    )
    return row(
        "Do messages fail, or take long?",
        lines("Messages by verb and status", rate(http, by=("method", "status"))),
        lines(
            "Failed messages by backend",
            rate(http.matching(status="4..|5.."), by=("backend", "status", "reason")),
        ),
        lines(
            "Time of a message", mean(duration).named("mean"), *(quantile(q, duration) for q in (0.5, 0.95, 0.99))
        ).noting("POST only: GET holds a stream open."),
        lines("Message p95 by backend", quantile(0.95, duration, by=("gateway", "backend"))),
    )
