"""Agent Server HTTP API: which route fails, which is slow, and since when?

For the on-call who answers an availability or latency alert. Failed runs are not HTTP errors: a run that fails answers 200.
"""

from __future__ import annotations

from generator.boards.layout import Board, Row, board, row
from generator.boards.panels import heat, lines, stat
from generator.boards.tables import Column, table
from generator.config.site import Site
from generator.promql import buckets, mean, quantile, rate, share_above
from generator.systems.agent_server.records import RUN_HOLDING, served


def dashboard(site: Site) -> Board:
    """Build the board."""
    return board(
        site,
        "agent_server_http",
        "Agent Server / HTTP API",
        system="agent_server",
        about=__doc__ or "",
        rows=[_now(site), _errors(site), _latency(site), _routes(site), _rest(site)],
    )


def _now(site: Site) -> Row:
    lg = site.system("agent_server")
    http, latency = served(lg["http_requests_total"]), lg["http_requests_latency"].not_matching(path=RUN_HOLDING)
    every = rate(http)
    edge = site.limit("http_slow_edge").value
    return row(
        "Status",
        stat("Requests", every).normal("Your clients' usual traffic; nothing at all is a broken client or route."),
        stat(
            "5xx ratio", rate(http.matching(status="5..")).filled(every) / every, limit=site.limit("http_error_ratio")
        ).normal(
            "Below 1 %.",
            "Open 5xx rate by route, then the log of the worst route.",
            alert="AgentServerAvailabilityBurn1h",
        ),
        stat("4xx ratio", rate(http.matching(status="4..")).filled(every) / every).normal(
            "Steady: clients that poll for what is not there yet answer for some.",
            "Open 4xx rate by route; one route that rises is one client's new release.",
        ),
        stat("API p95", quantile(0.95, latency)).normal(
            "Below a second; routes that hold a run are left out.", "Open p95 by route."
        ),
        stat(f"Slower than {edge:g} ms", share_above(latency, edge), limit=site.limit("http_slow_ratio")).normal(
            "Below 1 %.", "Look at the Postgres pool first, then for blocking code.", alert="AgentServerApiLatencyHigh"
        ),
        stat(
            "Auth failures", rate(lg["http_requests_total"].where(path="").matching(status="401|403")).filled(every)
        ).normal("Close to 0.", "Find the client whose key expired, or who scans.", alert="AgentServerAuthRejections"),
    )


def _errors(site: Site) -> Row:
    http = served(site.system("agent_server")["http_requests_total"])
    return row(
        "Errors",
        lines("Request rate by status", rate(http, by=("status",)), stack=True).normal(
            "2xx above all; 4xx in a steady band."
        ),
        lines("5xx rate by route", rate(http.matching(status="5.."), by=("method", "path", "status"))).normal(
            "No line.", "Read the log of the route on top.", alert="AgentServerAvailabilityBurn1h"
        ),
        lines("4xx rate by route", rate(http.matching(status="4.."), by=("method", "path", "status"))).normal(
            "Few routes in a steady band.", "422 and 400 are a client's request, 404 and 409 often ordinary polling."
        ),
        lines("5xx rate by process", rate(http.matching(status="5.."), by=(site.labels.instance,))).normal(
            "No line.", "One process alone: restart it. All alike: what they share, Postgres or Redis."
        ),
    )


def _latency(site: Site) -> Row:
    latency = site.system("agent_server")["http_requests_latency"]
    api, holding = (
        latency.not_matching(path=RUN_HOLDING),
        latency.matching(path=RUN_HOLDING).where_not(path="").where_not(path="/"),
    )
    return row(
        "Latency",
        lines("Latency quantiles", *(quantile(q, api) for q in (0.5, 0.95, 0.99))).normal(
            "p99 within some times the median.",
            "Open p95 by route; all routes at once is the pool or the event loop.",
            alert="AgentServerApiLatencyHigh",
        ),
        lines("p95 by route", quantile(0.95, api, by=("method", "path"))).normal(
            "Each route in a band of its own.",
            "Compare with its requests: a route that is slow and rare hardly matters.",
        ),
        heat("Latency distribution", buckets(api)).normal(
            "One dark band low in the picture.",
            "A second band above is one route, or time spent in waiting for a connection.",
        ),
        lines("Mean latency of routes that hold a run", mean(holding, by=("method", "path")))
        .with_note("Their latency is the run's: slow is not broken.")
        .normal("As long as the runs.", "Judge it by the board Agent Server / Runs."),
    )


def _routes(site: Site) -> Row:
    lg, by = site.system("agent_server"), ("method", "path")
    http, latency = (
        served(lg["http_requests_total"]),
        lg["http_requests_latency"].where_not(path="").where_not(path="/"),
    )
    return row(
        "Requests by route",
        table(
            "Routes",
            [
                Column("Requests/s", rate(http, by=by)),
                Column("5xx/s", rate(http.matching(status="5.."), by=by).filled(rate(http, by=by))),
                Column("4xx/s", rate(http.matching(status="4.."), by=by).filled(rate(http, by=by))),
                Column("Mean", mean(latency, by=by)),
                Column("p95", quantile(0.95, latency, by=by)),
            ],
            sort="Requests/s",
        )
        .wide(24, 12)
        .normal(
            "No red in the columns of 4xx and 5xx that rises.",
            "Sort by 5xx/s or p95; the worst route is the one to read the log of.",
        ),
    )


def _rest(site: Site) -> Row:
    http = site.system("agent_server")["http_requests_total"]
    return row(
        "Unknown URLs, authentication failures, probes",
        lines("Unknown URLs and auth failures", rate(http.where(path=""), by=("status",)))
        .with_note("They carry no path, so they cannot grow the number of series.")
        .normal(
            "Close to 0.",
            "404 is a scan or a wrong URL of a client; 401 and 403 are keys.",
            alert="AgentServerAuthRejections",
        ),
        lines("Probe rate", rate(http.where(path="/"), by=("method", "status"))).normal(
            "As many as load balancers and the kubelet send.",
            "A status other than 200 takes the process out of service.",
        ),
        collapsed=True,
    )
