"""The LangSight API: failing and slow requests, and spans that do not arrive.

`LangSightHighErrorRate` and `LangSightHighLatency` have the vendor's names. The vendor's first one divides over all
deployments at once and fires for a single failure; its second one takes a quantile of each series, so one slow request of
a rare path is enough, and compares it with 2 s, which is no bucket edge. Here both are by deployment, with floors of bad
requests, the first one only while requests still fail, and the second one at the next edge and without the routes that wait for a language model.

Series of a path and status are born at their first request, which `rate()` never sees: failures are counted by `occurrences`.
"""

from __future__ import annotations

from generator.config.site import Site
from generator.promql import earlier, exceeded, increase, least, occurrences, peak, tail
from generator.promql.query import Query
from generator.rules.rule import SPARSE, Alert, Because, going_on

#: Routes that may take long without being broken: they wait for a language model, or for every MCP server.
WAITING = "/api/(investigate|health/check|security/scan).*"

#: Both ways in for spans.
INGESTION = "/api/traces/.*"

#: How long without a batch is a pause; how long to look back for others, and how many looks must have seen batches.
PAUSE, STEADY, LOOKS = "5m", "2h", 12

#: A day and a week ago, and the end of the half hour that began a little later: where batches came before and none in it,
#: work ended at its usual time. Before is as long as the alert may last.
USUAL_END, LATER, BEFORE = "30m", {"1d": "23h15m", "7d": "6d23h15m"}, "3h"


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
            query=occurrences(rejected, by=by)
            .at_least(site.limit("langsight_rejected_batches"))
            .both(going_on(occurrences(rejected, by=by))),
            over="10m",
            hold=site.timing.outlasting,
            keep=SPARSE,
            severity="critical",
            summary=f"{name}: {{{{ $value | humanize }}}} batches of spans were rejected within {site.timing.window_words('10m')}.",
            description="What is counted is ClickHouse at its memory limit; every other failure of a database is an error that nobody counts. Spans of a rejected batch are lost unless the SDK sends it again. It still goes on: a burst that is over does not page.",
            action="look at the memory of ClickHouse and at its running queries and merges.",
            board="langsight_api",
        ),
        _limited(site),
        _interrupted(site),
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
            summary=f"{name}: no span has arrived for {site.timing.window_words('30m')}.",
            description="At this time yesterday and a week ago spans came. The counter does not see OTLP exports with current code; a deployment of OTLP alone never had any, so it is not told of.",
            action="look at the agents' SDK configuration, their API key, and the way to the API.",
            board="langsight_api",
        ),
    ]


def _limited(site: Site) -> Alert:
    limited = occurrences(
        site.system("langsight")["http_requests_total"].matching(path=INGESTION).where(status="429"),
        by=(*site.identity, "path"),
    )
    return Alert(
        name="LangSightIngestLimited",
        query=limited.at_least(site.limit("langsight_limited_batches")).both(going_on(limited)),
        over="10m",
        hold=site.timing.outlasting,
        keep=SPARSE,
        severity="warning",
        summary=f"{{{{ $labels.{site.labels.deployment} }}}}: {{{{ $value | humanize }}}} batches of spans to {{{{ $labels.path }}}} met a rate limit within {site.timing.window_words('10m')}.",
        description="Both ways in have a limit of their own for each key: 60 OTLP exports and 10,000 batches of the SDK a minute. Spans of a batch that is not sent again are lost.",
        action="let exporters send larger batches less often, or give each of them a key of its own.",
        board="langsight_api",
    )


def _interrupted(site: Site) -> Alert:
    """Failures of a database are errors that nobody counts: what shows is that batches which always came come no more."""
    ls, by = site.system("langsight"), (*site.identity, "path")
    http, up = ls["http_requests_total"], site.system("prometheus", on="langsight")["up"]
    stored = http.matching(path=INGESTION, status="2..")
    flow, steps = increase(stored, by=by).over(PAUSE).whether(0), site.timing.steps(STEADY, every=PAUSE)

    def ended(ago: str) -> Query:
        """Return where batches came until this time of day, and then no more."""
        over = increase(stored, by=by, ago=LATER[ago]).over(USUAL_END).equals(0)
        return over.both(increase(stored, by=by, ago=ago).over(BEFORE).above(0))

    others = increase(http.not_matching(path=INGESTION), by=site.identity).as_unit("none")
    alive = others.plus(peak(ls["active_sse_connections"], by=site.identity).as_unit("none"))
    return Alert(
        name="LangSightIngestionInterrupted",
        query=increase(stored, by=by, ago=STEADY)
        .over(USUAL_END)
        .at_least(site.limit("langsight_steady_batches"))
        .without(increase(stored, by=by).over(PAUSE).above(0))
        .both(flow.over_time("changes", steps).at_most(1))
        .both(flow.over_time("sum_over_time", steps).at_least(LOOKS))
        .without(ended("1d"))
        .without(ended("7d"))
        .among(least(up, by=site.identity).over(PAUSE).equals(1))
        .among(alive.above(0)),
        over="10m",
        hold="3m",
        severity="warning",
        summary=f"{{{{ $labels.{site.labels.deployment} }}}}: no batch of spans to {{{{ $labels.path }}}} is stored any more; in {site.timing.window_words(STEADY)} before there was no pause.",
        description="LangSight answers and has users, and what came all the time comes no more. Failures of ClickHouse or Postgres are not counted, so this is how an outage of theirs shows; agents that all stopped look the same. Not told where nothing came at this time of day yesterday or a week ago either.",
        action="ask /api/readiness, and send a batch by hand: a 500 is a database.",
        board="langsight_api",
        explained_by=(Because(("LangSightIngestRejected",)),),
    )


def _requests(site: Site) -> list[Alert]:
    ls, by = site.system("langsight"), site.identity
    name = f"{{{{ $labels.{site.labels.deployment} }}}}"
    http, slow = ls["http_requests_total"], site.limit("langsight_latency_p99")
    failed = http.matching(status="5..")
    duration = ls["http_request_duration_seconds"].not_matching(path=WAITING)
    return [
        Alert(
            name="LangSightHighErrorRate",
            query=(occurrences(failed, by=by) / occurrences(http, by=by))
            .above(site.limit("langsight_error_ratio"))
            .both(occurrences(failed, by=by).at_least(site.limit("langsight_error_floor")))
            .both(going_on(occurrences(failed, by=by))),
            hold=site.timing.outlasting,
            keep=SPARSE,
            severity="warning",
            summary=f"{name}: {{{{ $value | humanizePercentage }}}} of the requests fail.",
            description="Of the databases it sees one failure alone, ClickHouse at its memory limit: every other one is an exception that no handler catches, and those are not counted.",
            action="see which path fails; the log has the reason.",
            board="langsight_api",
            explained_by=(Because(("LangSightIngestRejected",)),),
        ),
        Alert(
            name="LangSightHighLatency",
            query=tail(0.99, duration, slow, by=by).both(
                exceeded(duration, slow.value, by=by, unit="requests").at_least(site.limit("langsight_slow_floor"))
            ),
            hold="5m",
            keep=SPARSE,
            severity="warning",
            summary=f"{name}: {{{{ $value | humanizePercentage }}}} of the requests take longer than {slow.value:g} s.",
            description="Routes that wait for a language model or check every MCP server are left out.",
            action="look at slow queries of ClickHouse, then at the load of Postgres.",
            board="langsight_api",
        ),
    ]
