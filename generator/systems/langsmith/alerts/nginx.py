"""LangSmith's frontend: does its nginx answer, does it drop connections, does anybody come?

The exporter counts its own reads of the status page, so traffic is never nothing: it is held against last week's. An
exporter that gets an error instead of the status page may still say `nginx_up 1`; then the connections are missing.
"""

from __future__ import annotations

from generator.config.site import Site
from generator.promql import count, lowest, rate
from generator.rules.rule import Alert


def alerts(site: Site) -> list[Alert]:
    """Return the alerts, most urgent subject first."""
    ls, labels, identity = site.system("langsmith", on="langsmith"), site.labels, site.identity
    by = (*identity, labels.instance)
    name = f"{{{{ $labels.{labels.deployment} }}}}: the frontend"
    there = count(ls["nginx_connections_active"], by=by).above(0)
    dropped = rate(ls["nginx_connections_accepted"], by=by) - rate(ls["nginx_connections_handled"], by=by)
    requests = ls["nginx_http_requests_total"]
    before = rate(requests, by=identity, ago="7d")
    left = (rate(requests, by=identity) / before).below(site.limit("nginx_left"))
    return [
        Alert(
            name="LangSmithNginxDown",
            query=lowest(ls["nginx_up"], by=by).at_least(0).without(there),
            hold="3m",
            severity="critical",
            summary=f"{name} behind {{{{ $labels.{labels.instance} }}}} does not show its status page.",
            description="Nginx is down, or answers the status page with an error. The exporter itself answers.",
            action="open the user interface; look at the frontend's pod and at its nginx configuration.",
            board="langsmith_nginx",
        ),
        Alert(
            name="LangSmithNginxDroppingConnections",
            query=dropped.above(site.limit("nginx_dropped")),
            hold="10m",
            severity="warning",
            summary=f"{name} behind {{{{ $labels.{labels.instance} }}}} drops {{{{ $value | humanize }}}} connections a second.",
            description="Accepted and not handled: worker_connections is used up. Users see resets.",
            action="raise worker_connections, or add replicas of the frontend.",
            board="langsmith_nginx",
        ),
        Alert(
            name="LangSmithNginxTrafficZero",
            query=left.both(before.above(site.limit("nginx_usual"))),
            over="15m",
            hold="30m",
            severity="warning",
            summary=f"{name} gets {{{{ $value | humanizePercentage }}}} of last week's requests.",
            description="Nginx answers, but hardly anybody comes: the way to it is broken, or it is a holiday.",
            action="try the public address from outside; look at ingress, DNS and certificates.",
            board="langsmith_nginx",
        ),
    ]
