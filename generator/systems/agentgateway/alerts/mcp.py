"""MCP through agentgateway: servers that fail, servers that nobody reaches any more.

Its own counter has no status, so failures are read off the HTTP side. A tool that fails with HTTP 200, as JSON-RPC has it,
is seen by neither.
"""

from __future__ import annotations

from generator.config.site import Site
from generator.promql import earlier, increase, rate, total
from generator.rules.rule import Alert
from generator.systems.agentgateway.records import mcp_failed

#: Half an hour: agents pause between tasks.
STOPPED = "30m"


def alerts(site: Site) -> list[Alert]:
    """Return the alerts, most urgent subject first."""
    gw, by = site.system("agentgateway"), site.identity
    name = f"{{{{ $labels.{site.labels.deployment} }}}}"
    gateway, server = (*by, "gateway"), (*by, "server")
    posts = gw["requests_total"].where(protocol="mcp", method="POST")
    calls = gw["mcp_requests_total"].where_not(server="unknown")
    up, usual = site.system("prometheus", on="agentgateway")["up"], site.limit("gateway_mcp_usual")
    return [
        Alert(
            name="AgentgatewayMcpErrors",
            query=(mcp_failed(lambda part: rate(part, by=gateway), posts) / rate(posts, by=gateway))
            .above(site.limit("gateway_mcp_error_ratio"))
            .both(
                mcp_failed(lambda part: increase(part, by=gateway), posts).at_least(site.limit("gateway_error_floor"))
            ),
            over="10m",
            hold="10m",
            severity="warning",
            summary=f"{name}: {{{{ $value | humanizePercentage }}}} of the MCP messages through {{{{ $labels.gateway }}}} fail.",
            description="Messages that ended in a 4xx or 5xx status. 401 and 403 are logins, 404 and 405 are sessions that ended and streams that a server does not offer: part of the protocol. What the gateway itself refuses, such as a tool that an agent may not use, is no broken server.",
            action="see which server: its route and backend on the traffic board.",
            board="agentgateway_mcp",
        ),
        Alert(
            name="AgentgatewayMcpStopped",
            query=increase(calls, by=server, ago="1d")
            .above(usual)
            .both(increase(calls, by=server, ago="7d").above(usual))
            .without(increase(calls, by=server).above(0))
            .among(total(up, by=by).above(0))
            .among(earlier(up, STOPPED, by=by).equals(1)),
            over=STOPPED,
            hold="15m",
            severity="warning",
            summary=f"{name}: no MCP request reached {{{{ $labels.server }}}} for {site.timing.window_words(STOPPED)}; yesterday at this time there were {{{{ $value | humanize }}}}.",
            description="There was traffic at this time yesterday and a week ago, and the gateway was scraped all the time. A server that was removed on purpose fires until yesterday has none either.",
            action="is the server still registered with the gateway, and do agents still ask for its tools?",
            board="agentgateway_mcp",
        ),
    ]
