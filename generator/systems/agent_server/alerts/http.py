"""HTTP API of the Agent Server: errors and slow answers on routes that do not hold a run."""

from __future__ import annotations

from generator.config.site import Site
from generator.promql import increase, observations, rate, share_above
from generator.rules.rule import SPARSE, Alert
from generator.systems.agent_server.records import RUN_HOLDING, served


def alerts(site: Site) -> list[Alert]:
    """Return the alerts, most urgent subject first."""
    lg, by = site.system("agent_server"), site.identity
    name = f"{{{{ $labels.{site.labels.deployment} }}}}"
    http = served(lg["http_requests_total"])
    errors = http.matching(status="5..")
    latency = lg["http_requests_latency"].not_matching(path=RUN_HOLDING)
    slow = site.limit("http_slow_edge")
    return [
        Alert(
            name="AgentServerHttp5xxRatio",
            query=(rate(errors, by=by) / rate(http, by=by))
            .above(site.limit("http_error_ratio"))
            .both(increase(errors, by=by).at_least(site.limit("http_error_floor"))),
            hold="5m",
            keep=SPARSE,
            severity="critical",
            summary=f"{name}: {{{{ $value | humanizePercentage }}}} of the HTTP requests fail.",
            description="The plain alternative to the error budget.",
            action="split the errors by path and status.",
            board="agent_server_http",
            off="AgentServerAvailabilityBurn1h says it better; enable it where no error budget is kept",
        ),
        Alert(
            name="AgentServerApiLatencyHigh",
            query=share_above(latency, slow.value, by=by)
            .above(site.limit("http_slow_ratio"))
            .both(observations(latency, by=by, unit="requests").above(0.05)),
            over="10m",
            hold="10m",
            keep=SPARSE,
            severity="warning",
            summary=f"{name}: {{{{ $value | humanizePercentage }}}} of the API requests take longer than {slow.value:g} ms.",
            description="Routes that hold the connection for a run are left out, so runs are not the reason.",
            action="look at the Postgres pool, at blocking code in the graph, at Postgres itself.",
            board="agent_server_http",
        ),
        Alert(
            name="AgentServerAuthRejections",
            query=rate(lg["http_requests_total"].where(path="").matching(status="401|403"), by=by).above(1),
            over="10m",
            hold="15m",
            severity="info",
            summary=f"{name}: {{{{ $value | humanize }}}} requests a second are refused for their credentials.",
            description="Sustained refusals are an expired key of a client, or a scan. They carry no path.",
            action="find the client and renew its key.",
            board="agent_server_http",
        ),
    ]
