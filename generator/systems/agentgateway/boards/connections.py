"""agentgateway connections and TLS: do clients get through, and is somebody opening far too many?

For whoever answers a connection alert. There is no gauge of open connections in the code: new ones a second are what is
known.
"""

from __future__ import annotations

from generator.boards.layout import Board, Row, board, row
from generator.boards.panels import Column, heat, lines, stat, table
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
        "Do clients get through?",
        stat("New connections", rate(gw["downstream_connections_total"]).otherwise(rate(gw["connections_total"]))),
        stat("Shed connections", rate(gw["downstream_connections_shed_total"])),
        stat("TLS handshake p95", quantile(0.95, tls), limit=site.limit("gateway_tls_p95")),
        stat("Received", rate(gw["downstream_received_bytes_total"])).noting(CLOSED),
        stat("Sent", rate(gw["downstream_sent_bytes_total"])).noting(CLOSED),
        stat("Open connections", level(gw["connections_active"])),
    )


def _clients(site: Site) -> Row:
    gw = site.system("agentgateway")
    opened, by = gw["downstream_connections_total"], (site.labels.instance,)
    return row(
        "Clients",
        lines("New connections, all", rate(opened).otherwise(rate(gw["connections_total"])).named("connections")),
        lines("New connections by address", rate(opened, by=("bind", "protocol"))).noting(BIND),
        lines("New connections by process", rate(opened, by=by).otherwise(rate(gw["connections_total"], by=by))),
        lines("Shed connections by address", rate(gw["downstream_connections_shed_total"], by=("bind",))).noting(
            "Closed at once by the limit of open connections."
        ),
        lines("Received by address", rate(gw["downstream_received_bytes_total"], by=("bind",))).noting(CLOSED),
        lines("Sent by address", rate(gw["downstream_sent_bytes_total"], by=("bind",))).noting(CLOSED),
    )


def _tls(site: Site) -> Row:
    tls, limit = site.system("agentgateway")["tls_handshake_duration_seconds"], site.limit("gateway_tls_p95")
    return row(
        "TLS",
        lines("Handshakes", *(quantile(q, tls) for q in (0.5, 0.95, 0.99)), limit=limit),
        lines("Handshake p95 by gateway", quantile(0.95, tls, by=("gateway", "listener")), limit=limit),
        lines("Handshakes a second", observations(tls, by=("gateway",), unit="connections")),
        heat("Spread of handshakes", buckets(tls)),
    )


def _listeners(site: Site) -> Row:
    gw, by = site.system("agentgateway"), ("gateway", "bind", "listener", "protocol")
    return row(
        "Every listener",
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
        ),
        collapsed=True,
    )
