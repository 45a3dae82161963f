"""The LangSight API: failing and slow requests, and spans that do not arrive.

`LangSightHighErrorRate` and `LangSightHighLatency` have the vendor's names. The vendor's first one divides over all
deployments at once and fires for a single failure; its second one takes a quantile of each series, so one slow request of
a rare path is enough, and compares it with 2 s, which is no bucket edge. Here both are by deployment, with floors of bad
requests, the first one only while requests still fail, and the second one at the next edge and without the routes that wait for a language model.

Series of a path and status are born at their first request, which `rate()` never sees: failures are counted by `happened`.
"""

from __future__ import annotations

from generator.promql import earlier, exceeded, happened, increase, quantile
from generator.rules import SPARSE, Alert
from generator.site import Site

#: Routes that may take long without being broken: they wait for a language model, or for every MCP server.
WAITING = "/api/(investigate|health/check|security/scan).*"

#: Both ways in for spans.
INGESTION = "/api/traces/.*"


def alerts(site: Site) -> list[Alert]:
    """Return the alerts, most urgent subject first."""
    return [*_ingestion(site), *_requests(site)]


def _ingestion(site: Site) -> list[Alert]:
    ls, by = site.system("langsight"), site.identity
    name = f"{{{{ $labels.{site.labels.deployment} }}}}"
    rejected = ls["http_requests_total"].matching(path=INGESTION, status="5..")
    spans, usual = ls["spans_ingested_total"], site.limit("langsight_usual_spans")
    up = site.system("prometheus", on="langsight")["up"]
    return [
        Alert(
            name="LangSightIngestRejected",
            query=happened(rejected, by=by)
            .at_least(site.limit("langsight_rejected_batches"))
            .both(happened(rejected, by=by).over("4m").above(0)),
            over="10m",
            hold="5m",
            keep=SPARSE,
            severity="critical",
            summary=f"{name}: {{{{ $value | humanize }}}} batches of spans were rejected within ten minutes.",
            description="The usual 503 is ClickHouse at its memory limit. Spans of a rejected batch are lost unless the SDK sends it again. It still goes on: a burst that is over does not page.",
            action="look at the memory of ClickHouse and at its running queries and merges.",
            board="langsight_api",
        ),
        Alert(
            name="LangSightIngestionStopped",
            query=increase(spans, by=by)
            .equals(0)
            .both(increase(spans, by=by, ago="1d").above(usual))
            .both(increase(spans, by=by, ago="7d").above(usual))
            .both(earlier(up, "45m", by=by).above(0)),
            over="30m",
            hold="15m",
            severity="warning",
            summary=f"{name}: no span has arrived for half an hour.",
            description="At this time yesterday and a week ago spans came. The counter does not see OTLP exports with current code; a deployment of OTLP alone never had any, so it is not told of.",
            action="look at the agents' SDK configuration, their API key, and the way to the API.",
            board="langsight_api",
        ),
    ]


def _requests(site: Site) -> list[Alert]:
    ls, by = site.system("langsight"), site.identity
    name = f"{{{{ $labels.{site.labels.deployment} }}}}"
    http, slow = ls["http_requests_total"], site.limit("langsight_latency_p99")
    failed = http.matching(status="5..")
    duration = ls["http_request_duration_seconds"].not_matching(path=WAITING)
    return [
        Alert(
            name="LangSightHighErrorRate",
            query=(happened(failed, by=by) / happened(http, by=by))
            .above(site.limit("langsight_error_ratio"))
            .both(happened(failed, by=by).at_least(site.limit("langsight_error_floor")))
            .both(happened(failed, by=by).over("4m").above(0)),
            hold="5m",
            keep=SPARSE,
            severity="warning",
            summary=f"{name}: {{{{ $value | humanizePercentage }}}} of the requests fail.",
            description="Blind to exceptions that no handler catches: the code does not count those. What it sees are answers such as the 503 of a database that does not take part.",
            action="ask /api/readiness; it names the storage that does not answer.",
            board="langsight_api",
        ),
        Alert(
            name="LangSightHighLatency",
            query=quantile(0.99, duration, by=by)
            .above(slow)
            .both(exceeded(duration, slow.value, by=by, unit="requests").at_least(site.limit("langsight_slow_floor"))),
            hold="5m",
            keep=SPARSE,
            severity="warning",
            summary=f"{name}: one request in a hundred takes longer than {{{{ $value | humanizeDuration }}}}.",
            description="Routes that wait for a language model or check every MCP server are left out.",
            action="look at slow queries of ClickHouse, then at the load of Postgres.",
            board="langsight_api",
        ),
    ]
