"""The gateway itself: is it there, is its configuration current, do clients get through to it, does it still check prompts?

Its process tells no start time, so a counter that is born with its first event right after a start is not seen.
"""

from __future__ import annotations

from generator.promql import happened, lowest, moved, observed, quantile, rate, surged, total
from generator.query import Query
from generator.rules import Alert
from generator.site import Site


def alerts(site: Site) -> list[Alert]:
    """Return the alerts, most urgent subject first."""
    gw, by = site.system("agentgateway"), site.identity
    name = f"{{{{ $labels.{site.labels.deployment} }}}}"
    up = site.system("prometheus", on="agentgateway")["up"]
    open_ = gw["guardrail_checks_total"].where(action="FailOpen")
    return [
        Alert(
            name="AgentgatewayTargetDown",
            query=total(up, by=by).equals(0),
            hold="3m",
            severity="critical",
            summary=f"{name}: no gateway process answers.",
            description="Every scrape of the deployment fails. The gateway is inline, so all traffic through it is likely to fail too. One process of several that is replaced does not count.",
            action="look at the pods, then ask port 15020 from inside their network.",
            board="agentgateway_overview",
        ),
        Alert(
            name="AgentgatewayGuardrailFailOpen",
            query=happened(open_, by=(*by, "phase"), clock=False).above(0),
            over="10m",
            hold="5m",
            severity="critical",
            summary=f"{name}: guardrails failed and let traffic pass unchecked ({{{{ $labels.phase }}}}).",
            description="The check itself did not work, and the policy says to fail open: prompts or answers passed that nobody looked at. Rejected and masked ones are the guardrail at work and do not count.",
            action="look at the guardrail's endpoint; where unchecked traffic is not acceptable, set its failure mode to closed.",
            board="agentgateway_guardrails",
        ),
        *_configuration(site),
        *_connections(site),
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
            query=moved(lost, by=each).above(site.limit("gateway_xds_terminations")),
            over="15m",
            hold="5m",
            severity="warning",
            summary=f"{name}: {{{{ $labels.{site.labels.instance} }}}} lost its control plane {{{{ $value | humanize }}}} times in a quarter of an hour.",
            description="The controller cannot be reached or refuses. The last configuration goes on being served, and changes do not arrive. Ordinary reconnects have other reasons and do not count.",
            action="look at the controller's pods and at what lies between.",
            board="agentgateway_control",
        ),
    ]


def _connections(site: Site) -> list[Alert]:
    gw, by = site.system("agentgateway"), site.identity
    name = f"{{{{ $labels.{site.labels.deployment} }}}}"
    tls = gw["tls_handshake_duration_seconds"]

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
            description="Compared with the same hour yesterday and a week ago. There is no gauge of open connections, so this is the sign of a storm.",
            action="find the client that does not keep its connections; see whether handshakes are slow already.",
            board="agentgateway_connections",
        ),
        Alert(
            name="AgentgatewayTlsHandshakeSlow",
            query=quantile(0.95, tls, by=gateway)
            .above(site.limit("gateway_tls_p95"))
            .both(observed(tls, by=gateway, unit="connections").at_least(site.limit("gateway_tls_floor"))),
            over="10m",
            hold="10m",
            severity="warning",
            summary=f"{name}: one TLS handshake in twenty with {{{{ $labels.gateway }}}} takes longer than {{{{ $value | humanizeDuration }}}}.",
            description="Handshakes cost processor time on both sides and two round trips.",
            action="compare with new connections and with the processor of the gateway.",
            board="agentgateway_connections",
        ),
    ]
