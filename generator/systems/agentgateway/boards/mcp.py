"""agentgateway and MCP: which servers and tools do agents use, and do their messages fail?

For the on-call who answers an MCP alert. The gateway counts MCP requests without their outcome; failures are those of the HTTP
messages that carry them.
"""

from __future__ import annotations

from generator.boards.layout import Board, Row, board, row
from generator.boards.panels import lines, over_range, stat
from generator.boards.tables import Column, table
from generator.config.site import Site
from generator.promql import increase, level, mean, quantile, rate, top
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
        "Status",
        stat("MCP requests", rate(calls)).normal("In proportion to agents.", alert="AgentgatewayMcpStopped"),
        stat("Tool calls", rate(calls.where(method="tools/call"))).normal("In proportion to agents."),
        stat("MCP messages", every).normal("Close to the requests."),
        stat(
            "MCP error ratio",
            mcp_failed(rate, posts).filled(every) / every,
            limit=site.limit("gateway_mcp_error_ratio"),
        )
        .with_note("Without logins, ended sessions, and tools that do not exist or that an agent may not use.")
        .normal("Below 1 %.", "Open failed messages by backend.", alert="AgentgatewayMcpErrors"),
        stat("Auth failures", rate(posts.matching(status="401|403")).filled(every)).normal(
            "Close to 0.", "A token that expired, or an agent without one.", alert="AgentgatewayAuthFailures"
        ),
        stat("Open sessions", level(gw["mcp_sessions_active"])).normal("In proportion to agents."),
    )


def _methods(site: Site) -> Row:
    calls = site.system("agentgateway")["mcp_requests_total"]
    return row(
        "Requests",
        lines("MCP requests by method", rate(calls, by=("method",))).normal("tools/call above all."),
        lines("MCP requests by server", rate(calls, by=("gateway", "server")))
        .with_note(
            "unknown: requests to the gateway itself, such as initialize. A server whose line ends is not asked any more."
        )
        .normal("A steady mix."),
        lines("MCP requests by resource type", rate(calls, by=("resource_type",))).normal("A steady mix."),
        lines("MCP requests by gateway", rate(calls, by=("gateway",))).normal("A steady mix."),
    )


def _tools(site: Site) -> Row:
    calls = site.system("agentgateway")["mcp_requests_total"]
    tools, by = calls.where(method="tools/call"), ("server", "resource")
    return row(
        "Tools",
        lines("Tool calls by tool", rate(tools, by=by))
        .wide(24)
        .normal("A steady mix.", "One that jumps: an agent in a loop."),
        table(
            "Tool calls by tool and server",
            [
                Column("Calls/s", top(rate(tools, by=by), 100)),
                Column("Calls in range", over_range(top(increase(tools, by=by), 100))),
            ],
            sort="Calls/s",
        )
        .with_note("Clients can name tools that do not exist; the 100 most used are shown.")
        .normal("A steady mix.", "Sort by calls: is the first one expected?"),
    )


def _messages(site: Site) -> Row:
    gw = site.system("agentgateway")
    http, duration = (
        gw["requests_total"].where(protocol="mcp"),
        gw["request_duration_seconds"].where(protocol="mcp", method="POST"),
    )
    return row(
        "Errors and latency",
        lines("MCP messages by verb and status", rate(http, by=("method", "status"))).normal(
            "2xx alone.", "4xx is a session that ended, 5xx the server.", alert="AgentgatewayMcpErrors"
        ),
        lines(
            "MCP errors by backend",
            rate(http.matching(status="4..|5.."), by=("backend", "status", "reason")),
        ).normal("No line.", "Read the log of that MCP server.", alert="AgentgatewayMcpErrors"),
        lines("MCP message latency", mean(duration).named("mean"), *(quantile(q, duration) for q in (0.5, 0.95, 0.99)))
        .with_note("POST only: GET holds a stream open.")
        .normal("Tools take as long as they take; steady."),
        lines("MCP message p95 by backend", quantile(0.95, duration, by=("gateway", "backend"))).normal(
            "Each in a band of its own.", "That MCP server is slow."
        ),
    )
