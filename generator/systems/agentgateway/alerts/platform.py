"""The gateway itself: is it there, is its configuration current, do clients get through to it, does it still check prompts?

Its process tells no start time, so a counter that is born with its first event right after a start is not seen.
"""

from __future__ import annotations

from generator.config.site import Site
from generator.promql import increments, lowest, observed, occurrences, rate, surged, tail
from generator.promql.query import Query
from generator.rules import presence
from generator.rules.rule import SPARSE, Alert, Because, going_on

SUBJECT = presence.Subject(
    system="agentgateway",
    board="agentgateway_overview",
    outage="The gateway is inline, so all traffic through it is likely to fail too.",
    look="look at the pods, then ask port 15020 from inside their network.",
)


def alerts(site: Site) -> list[Alert]:
    """Return the alerts, most urgent subject first."""
    return [
        *presence.alerts(site, SUBJECT),
        *_guardrails(site),
        *_configuration(site),
        *_connections(site),
    ]


def _guardrails(site: Site) -> list[Alert]:
    gw, by = site.system("agentgateway"), (*site.identity, "phase")
    name = f"{{{{ $labels.{site.labels.deployment} }}}}"
    passed = occurrences(gw["guardrail_checks_total"].where(action="FailOpen"), by=by, clock=False)
    return [
        Alert(
            name="AgentgatewayGuardrailDown",
            query=passed.at_least(site.limit("gateway_fail_open")).both(going_on(passed)),
            over="10m",
            hold=site.timing.outlasting,
            keep=SPARSE,
            severity="critical",
            summary=f"{name}: a guardrail does not work, and traffic goes on passing unchecked ({{{{ $labels.phase }}}}).",
            description="Check after check fails, and the policy says to fail open: prompts or answers pass that nobody looks at. It still goes on: a burst that is over does not page.",
            action="look at the guardrail's endpoint; where unchecked traffic is not acceptable, set its failure mode to closed.",
            board="agentgateway_guardrails",
        ),
        Alert(
            name="AgentgatewayGuardrailFailOpen",
            query=passed.above(0),
            over="10m",
            hold="0s",
            severity="warning",
            summary=f"{name}: guardrails failed and let traffic pass unchecked ({{{{ $labels.phase }}}}).",
            description="The check itself did not work, and the policy says to fail open: a prompt or an answer passed that nobody looked at. Rejected and masked ones are the guardrail at work and do not count.",
            action="look at the guardrail's endpoint and its time-out; tell the owner of the policy what passed.",
            board="agentgateway_guardrails",
            explained_by=(Because(("AgentgatewayGuardrailDown",), agree=("phase",)),),
        ),
    ]


def _configuration(site: Site) -> list[Alert]:
    gw, each = site.system("agentgateway"), (*site.identity, site.labels.instance)
    name = f"{{{{ $labels.{site.labels.deployment} }}}}"
    lost = gw["xds_connection_terminations_total"].matching(reason="ConnectionError|Error")
    return [
        Alert(
            name="AgentgatewayConfigNotSynchronized",
            query=lowest(gw["config_synchronized"], by=each).equals(0),
            hold="5m",
            severity="warning",
            summary=f"{name}: {{{{ $labels.{site.labels.instance} }}}} could not load its configuration file.",
            description="The last reload failed and the configuration before it goes on being served; a restart now would not come up.",
            action="read the log line of the reload, correct the file.",
            board="agentgateway_control",
        ),
        Alert(
            name="AgentgatewayXdsErrors",
            query=increments(lost, by=each).above(site.limit("gateway_xds_terminations")),
            over="15m",
            hold="5m",
            severity="warning",
            summary=f"{name}: {{{{ $labels.{site.labels.instance} }}}} lost its control plane {{{{ $value | humanize }}}} times in {site.timing.window_words('15m')}.",
            description="The controller cannot be reached or refuses. The last configuration goes on being served, and changes do not arrive. Ordinary reconnects have other reasons and do not count.",
            action="look at the controller's pods and at what lies between.",
            board="agentgateway_control",
        ),
    ]


def _connections(site: Site) -> list[Alert]:
    gw, by = site.system("agentgateway"), site.identity
    name = f"{{{{ $labels.{site.labels.deployment} }}}}"
    tls, slow = gw["tls_handshake_duration_seconds"], site.limit("gateway_tls_p95")

    def opened(ago: str = "") -> Query:
        new, documented = gw["downstream_connections_total"], gw["connections_total"]
        return rate(new, by=by, ago=ago).otherwise(rate(documented, by=by, ago=ago))

    gateway = (*by, "gateway")
    return [
        Alert(
            name="AgentgatewayConnectionSurge",
            query=surged(opened, site.limit("gateway_connection_factor")).both(
                opened().above(site.limit("gateway_connections"))
            ),
            hold="10m",
            severity="warning",
            summary=f"{name}: clients open {{{{ $value | humanize }}}} times as many connections as usual.",
            description="Compared with the same time yesterday and a week ago. There is no gauge of open connections, so this is the sign of a storm.",
            action="find the client that does not keep its connections; see whether handshakes are slow already.",
            board="agentgateway_connections",
        ),
        Alert(
            name="AgentgatewayTlsHandshakeSlow",
            query=tail(0.95, tls, slow, by=gateway).both(
                observed(tls, by=gateway, unit="connections").at_least(site.limit("gateway_tls_floor"))
            ),
            over="10m",
            hold="10m",
            severity="warning",
            summary=f"{name}: {{{{ $value | humanizePercentage }}}} of the TLS handshakes with {{{{ $labels.gateway }}}} take longer than {slow.value:g} s.",
            description="Handshakes cost processor time on both sides and two round trips.",
            action="compare with new connections and with the processor of the gateway.",
            board="agentgateway_connections",
        ),
    ]
