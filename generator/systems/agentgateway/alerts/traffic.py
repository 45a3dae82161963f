"""Traffic through agentgateway: errors, backends that are gone, slow answers, refused logins.

Language models and MCP have alerts of their own, because their failures are someone else's, and their answers last as
long as they want.
"""

from __future__ import annotations

from generator.config.site import Site
from generator.promql import exceeded, increase, increments, rate, tail
from generator.rules.rule import Alert, Because
from generator.systems.agentgateway.records import refused, unreached

#: Status of what is refused before a backend is chosen. The gateway counts it as plain HTTP, whatever the route is for.
REFUSAL = "401|403|429"


def alerts(site: Site) -> list[Alert]:
    """Return the alerts, most urgent subject first."""
    return [*_failures(site), *_slow(site)]


def _failures(site: Site) -> list[Alert]:
    gw, by = site.system("agentgateway"), site.identity
    name = f"{{{{ $labels.{site.labels.deployment} }}}}"
    every = gw["requests_total"]
    plain, gateway, backend = every.not_matching(protocol="llm|mcp"), (*by, "gateway"), (*by, "gateway", "backend")
    failed = plain.matching(status="5..").where_not(reason="NoHealthyBackend")
    lost = unreached(lambda part: rate(part, by=backend), every)
    return [
        Alert(
            name="AgentgatewayHigh5xx",
            query=(rate(failed, by=gateway) / rate(plain.not_matching(status=REFUSAL), by=gateway))
            .above(site.limit("gateway_error_ratio"))
            .both(increase(failed, by=gateway).at_least(site.limit("gateway_error_floor"))),
            hold="5m",
            severity="critical",
            summary=f"{name}: {{{{ $value | humanizePercentage }}}} of the requests through {{{{ $labels.gateway }}}} fail.",
            description="Plain traffic; language models, MCP and routes without a backend have alerts of their own. Refused logins and rate limits, of all protocols, are counted as plain traffic and left out: many of them hide no failure.",
            action="split the failures by reason and backend.",
            board="agentgateway_traffic",
        ),
        Alert(
            name="AgentgatewayNoHealthyBackend",
            query=increments(every.where(reason="NoHealthyBackend"), by=(*gateway, "route", "backend")).at_least(
                site.limit("gateway_no_backend")
            ),
            hold=site.timing.over(),  # as long as the window: a burst that is over does not page
            severity="critical",
            summary=f"{name}: {{{{ $labels.route }}}} on {{{{ $labels.gateway }}}} has no healthy backend ({{{{ $value | humanize }}}} requests in {site.timing.window_words()}).",
            description="Every endpoint of the route was evicted or is gone, its name does not resolve, or it has no backend at all: its requests are answered at once with an error.",
            action="look at the route's backends: their endpoints, their names in DNS.",
            board="agentgateway_traffic",
        ),
        Alert(
            name="AgentgatewayUpstreamFailures",
            query=(lost / rate(every, by=backend))
            .above(site.limit("gateway_upstream_ratio"))
            .both(
                unreached(lambda part: increase(part, by=backend), every).at_least(site.limit("gateway_error_floor"))
            ),
            over="10m",
            hold="10m",
            severity="warning",
            summary=f"{name}: {{{{ $value | humanizePercentage }}}} of the calls from {{{{ $labels.gateway }}}} to {{{{ $labels.backend }}}} do not get through.",
            description="The backend refuses connections, breaks them, or does not answer in time; an MCP server is gone. Errors that a backend answers itself do not count.",
            action="look at the backend and at the network between.",
            board="agentgateway_traffic",
            explained_by=(Because(("AgentgatewayNoHealthyBackend",), agree=("gateway", "backend")),),
        ),
        Alert(
            name="AgentgatewayAuthFailures",
            query=refused(lambda part: rate(part, by=gateway), every).above(site.limit("gateway_auth_failures")),
            over="10m",
            hold="15m",
            severity="info",
            summary=f"{name}: {{{{ $labels.gateway }}}} refuses {{{{ $value | humanize }}}} requests a second for their credentials.",
            description="An expired signing key, a client with an old token, a service that refuses everybody, or an attack. Answers of 401 and 403 that the gateway makes itself count: the verdict of an external service has no reason of its own.",
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
            query=tail(0.99, latency, slow, by=by).both(
                exceeded(latency, slow.value, by=by, unit="requests").at_least(floor)
            ),
            over="10m",
            hold="10m",
            severity="warning",
            summary=f"{name}: {{{{ $value | humanizePercentage }}}} of the requests through {{{{ $labels.gateway }}}} take longer than {slow.value:g} s.",
            description="Plain HTTP only: answers of models, MCP streams and TCP sessions last as long as they want.",
            action="is it the backend, or the gateway's own time? The board has both.",
            board="agentgateway_latency",
        ),
        Alert(
            name="AgentgatewayOverheadHigh",
            query=tail(0.99, overhead, busy, by=by).both(
                exceeded(overhead, busy.value, by=by, unit="requests").at_least(floor)
            ),
            over="10m",
            hold="10m",
            severity="warning",
            summary=f"{name}: {{{{ $labels.gateway }}}} itself takes longer than {busy.value:g} s for {{{{ $value | humanizePercentage }}}} of the requests.",
            description="Its own time before the backend is called is below a millisecond by design. Calls of policies count into it: authorization, rate limits, processing, guardrails.",
            action="see which kind of outgoing call is slow; if none is, the processor is short.",
            board="agentgateway_latency",
        ),
    ]
