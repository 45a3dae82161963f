"""Traffic through agentgateway: errors, backends that are gone, slow answers, refused logins.

Language models and MCP have alerts of their own, because their failures are somebody else's, and their answers last as
long as they want.
"""

from __future__ import annotations

from generator.promql import exceeded, increase, moved, quantile, rate
from generator.rules import Alert
from generator.site import Site

#: Reasons that a backend could not be reached or did not answer.
UNREACHED = "UpstreamFailure|Timeout"

#: Reasons that a client was not let in.
REFUSED = "JwtAuth|APIKeyAuth|BasicAuth|Oidc|ExtAuth|Authorization"


def alerts(site: Site) -> list[Alert]:
    """Return the alerts, most urgent subject first."""
    return [*_failures(site), *_slow(site)]


def _failures(site: Site) -> list[Alert]:
    gw, by = site.system("agentgateway"), site.identity
    name = f"{{{{ $labels.{site.labels.deployment} }}}}"
    every = gw["requests_total"]
    plain, gateway, backend = every.not_matching(protocol="llm|mcp"), (*by, "gateway"), (*by, "gateway", "backend")
    failed = plain.matching(status="5..").where_not(reason="NoHealthyBackend")
    unreached = every.matching(reason=UNREACHED)
    return [
        Alert(
            name="AgentgatewayHigh5xx",
            query=(rate(failed, by=gateway) / rate(plain, by=gateway))
            .above(site.limit("gateway_error_ratio"))
            .both(increase(failed, by=gateway).at_least(site.limit("gateway_error_floor"))),
            hold="5m",
            severity="critical",
            summary=f"{name}: {{{{ $value | humanizePercentage }}}} of the requests through {{{{ $labels.gateway }}}} fail.",
            description="Plain traffic; language models, MCP and routes without a backend have alerts of their own.",
            action="split the failures by reason and backend.",
            board="agentgateway_traffic",
        ),
        Alert(
            name="AgentgatewayNoHealthyBackend",
            query=moved(every.where(reason="NoHealthyBackend"), by=(*gateway, "route")).at_least(
                site.limit("gateway_no_backend")
            ),
            hold="2m",
            severity="critical",
            summary=f"{name}: {{{{ $labels.route }}}} on {{{{ $labels.gateway }}}} has no healthy backend ({{{{ $value | humanize }}}} requests in five minutes).",
            description="Every endpoint of the route was evicted or is gone, so its requests are answered at once with an error.",
            action="look at the endpoints of the route's backends.",
            board="agentgateway_traffic",
        ),
        Alert(
            name="AgentgatewayUpstreamFailures",
            query=(rate(unreached, by=backend) / rate(every, by=backend))
            .above(site.limit("gateway_upstream_ratio"))
            .both(increase(unreached, by=backend).at_least(site.limit("gateway_error_floor"))),
            over="10m",
            hold="10m",
            severity="warning",
            summary=f"{name}: {{{{ $value | humanizePercentage }}}} of the calls from {{{{ $labels.gateway }}}} to {{{{ $labels.backend }}}} do not get through.",
            description="The backend refuses connections, breaks them, or does not answer in time. Errors that it answers itself do not count.",
            action="look at the backend, at its name in DNS, at the network between.",
            board="agentgateway_traffic",
        ),
        Alert(
            name="AgentgatewayAuthFailures",
            query=rate(every.matching(reason=REFUSED), by=gateway).above(site.limit("gateway_auth_failures")),
            over="10m",
            hold="15m",
            severity="info",
            summary=f"{name}: {{{{ $labels.gateway }}}} refuses {{{{ $value | humanize }}}} requests a second for their credentials.",
            description="An expired signing key, a client with an old token, or an attack.",
            action="see which reason it is; compare the issuer's keys with those that the gateway has.",
            board="agentgateway_guardrails",
        ),
    ]


def _slow(site: Site) -> list[Alert]:
    gw, by = site.system("agentgateway"), (*site.identity, "gateway")
    name = f"{{{{ $labels.{site.labels.deployment} }}}}"
    latency, overhead = gw["request_duration_seconds"].where(protocol="http"), gw["request_processing_seconds"]
    slow, busy, floor = (
        site.limit("gateway_latency_p99"),
        site.limit("gateway_overhead_p99"),
        site.limit("gateway_slow_floor"),
    )
    return [
        Alert(
            name="AgentgatewayLatencyHigh",
            query=quantile(0.99, latency, by=by)
            .above(slow)
            .both(exceeded(latency, slow.value, by=by, unit="requests").at_least(floor)),
            over="10m",
            hold="10m",
            severity="warning",
            summary=f"{name}: one request in a hundred through {{{{ $labels.gateway }}}} takes longer than {{{{ $value | humanizeDuration }}}}.",
            description="Plain HTTP only: answers of models, MCP streams and TCP sessions last as long as they want.",
            action="is it the backend, or the gateway's own time? The board has both.",
            board="agentgateway_latency",
        ),
        Alert(
            name="AgentgatewayOverheadHigh",
            query=quantile(0.99, overhead, by=by)
            .above(busy)
            .both(exceeded(overhead, busy.value, by=by, unit="requests").at_least(floor)),
            over="10m",
            hold="10m",
            severity="warning",
            summary=f"{name}: {{{{ $labels.gateway }}}} itself takes {{{{ $value | humanizeDuration }}}} for one request in a hundred.",
            description="Its own time before the backend is called is below a millisecond by design. Calls of policies count into it: authorization, rate limits, processing, guardrails.",
            action="see which kind of outgoing call is slow; if none is, the processor is short.",
            board="agentgateway_latency",
        ),
    ]
