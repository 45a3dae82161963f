"""agentgateway connections and TLS: do clients get through, and does a client open far too many?

For the on-call who answers a connection alert. There is no gauge of open connections in the code: new ones a second are what is
known.
"""

from __future__ import annotations

from generator.boards.layout import Board, Row, board, row
from generator.boards.panels import heat, lines, stat
from generator.boards.tables import Column, table
from generator.config.site import Site
from generator.promql import buckets, level, observations, quantile, rate

#: Why lines are told apart by address.
BIND = (
    "A listener without TLS is chosen by each request, so its connections name no gateway; the address is always known."
)

#: When bytes are counted.
CLOSED = "Counted when a connection ends: long streams show as one step then."


def dashboard(site: Site) -> Board:
    """Build the board."""
    return board(
        site,
        "agentgateway_connections",
        "agentgateway / Connections and TLS",
        system="agentgateway",
        about=__doc__ or "",
        rows=[_now(site), _clients(site), _tls(site), _listeners(site)],
    )


def _now(site: Site) -> Row:
    gw = site.system("agentgateway")
    tls = gw["tls_handshake_duration_seconds"]
    return row(
        "Status",
        stat(
            "New connections", rate(gw["downstream_connections_total"]).otherwise(rate(gw["connections_total"]))
        ).normal("In proportion to clients.", alert="AgentgatewayConnectionSurge"),
        stat("Shed connections", rate(gw["downstream_connections_shed_total"])).normal("0.", "Add replicas."),
        stat("TLS handshake p95", quantile(0.95, tls), limit=site.limit("gateway_tls_p95")).normal(
            "Below 100 ms.", "Too little CPU, or a network far away.", alert="AgentgatewayTlsHandshakeSlow"
        ),
        stat("Received bytes", rate(gw["downstream_received_bytes_total"]))
        .with_note(CLOSED)
        .normal("The shape of your days."),
        stat("Sent bytes", rate(gw["downstream_sent_bytes_total"])).with_note(CLOSED).normal("The shape of your days."),
        stat("Open connections", level(gw["connections_active"])).normal("In proportion to clients."),
    )


def _clients(site: Site) -> Row:
    gw = site.system("agentgateway")
    opened, by = gw["downstream_connections_total"], (site.labels.instance,)
    return row(
        "Clients",
        lines(
            "New connections over time", rate(opened).otherwise(rate(gw["connections_total"])).named("connections")
        ).normal(
            "Close to the day before.", "Clients without keep-alive, or a scan.", alert="AgentgatewayConnectionSurge"
        ),
        lines("New connections by address", rate(opened, by=("bind", "protocol")))
        .with_note(BIND)
        .normal("A steady mix."),
        lines("New connections by process", rate(opened, by=by).otherwise(rate(gw["connections_total"], by=by))).normal(
            "Even over the processes.", "Uneven: the load balancer before them."
        ),
        lines("Shed connections by address", rate(gw["downstream_connections_shed_total"], by=("bind",)))
        .with_note("Closed at once by the limit of open connections.")
        .normal("No line.", "Add replicas."),
        lines("Received bytes by address", rate(gw["downstream_received_bytes_total"], by=("bind",)))
        .with_note(CLOSED)
        .normal("A steady mix."),
        lines("Sent bytes by address", rate(gw["downstream_sent_bytes_total"], by=("bind",)))
        .with_note(CLOSED)
        .normal("A steady mix."),
    )


def _tls(site: Site) -> Row:
    tls, limit = site.system("agentgateway")["tls_handshake_duration_seconds"], site.limit("gateway_tls_p95")
    return row(
        "TLS",
        lines("TLS handshake quantiles", *(quantile(q, tls) for q in (0.5, 0.95, 0.99)), limit=limit).normal(
            "p99 within some times the median.", "Too little CPU.", alert="AgentgatewayTlsHandshakeSlow"
        ),
        lines("TLS handshake p95 by gateway", quantile(0.95, tls, by=("gateway", "listener")), limit=limit).normal(
            "Each in a band of its own.", alert="AgentgatewayTlsHandshakeSlow"
        ),
        lines("TLS handshake rate", observations(tls, by=("gateway",), unit="connections")).normal(
            "Close to new connections.", "Clients that do not resume sessions."
        ),
        heat("TLS handshake distribution", buckets(tls)).normal(
            "One band low in the picture.", "A band above is clients far away, or too little CPU."
        ),
    )


def _listeners(site: Site) -> Row:
    gw, by = site.system("agentgateway"), ("gateway", "bind", "listener", "protocol")
    return row(
        "Connections by listener",
        table(
            "Listeners",
            [
                Column("Connections/s", rate(gw["downstream_connections_total"], by=by)),
                Column("Received/s", rate(gw["downstream_received_bytes_total"], by=by)),
                Column("Sent/s", rate(gw["downstream_sent_bytes_total"], by=by)),
                Column(
                    "Handshake p95",
                    quantile(0.95, gw["tls_handshake_duration_seconds"], by=by),
                    limit=site.limit("gateway_tls_p95"),
                ),
            ],
            sort="Connections/s",
        ).normal("A steady mix.", "Sort by connections: is the first one expected?"),
        collapsed=True,
    )
