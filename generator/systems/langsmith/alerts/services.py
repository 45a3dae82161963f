"""LangSmith services: does each of them answer, in time, and is anybody watching?

A service is an outage when fewer than half of its processes answer; a single process, or an exporter in front of a
database, is a ticket. Latency is told by quantile and by mean, because nobody has seen the bucket edges: a quantile never
exceeds the last one, a mean needs none.

Exporters of other systems' databases print the same names, so every query of this system is held to its targets.
"""

from __future__ import annotations

from generator.config.site import Site
from generator.promql import count, increase, level, mean, observations, observed, quantile, rate, total
from generator.rules import presence
from generator.rules.rule import CRASHING, Alert, Because
from generator.units import seconds

#: Roles of LangSmith itself; the others are databases and exporters.
SERVICES = "backend|platform-backend|playground|host-backend|ingest-queue"

#: Exporters in front of databases: without one, nobody notices but the monitoring.
EXPORTERS = "frontend-nginx|postgres|redis|queue-depth"


def subject(site: Site) -> presence.Subject:
    """Return what is told of its targets: each service counts for itself, ClickHouse has an alert of its own."""
    role, instance = site.labels.role, site.labels.instance
    return presence.Subject(
        system="langsmith",
        board="langsmith_services",
        outage="Without backend or platform-backend nothing is shown and traces are refused, without ingest-queue none is stored; the playground only runs prompts.",
        look="look at the pods of the service: crash loop, image, memory, a database that it waits for.",
        roles=SERVICES,
        down="10m",
        all_down="5m",
        explained_by=(
            Because(("LangSmithServiceDegraded",), agree=(role,)),
            Because(("LangSmithClickHouseDown",), agree=(role, instance)),
        ),
    )


def alerts(site: Site) -> list[Alert]:
    """Return the alerts, most urgent subject first."""
    return [*_targets(site), *_http(site), *_work(site)]


def _targets(site: Site) -> list[Alert]:
    up, labels, by = site.system("prometheus", on="langsmith")["up"], site.labels, site.identity
    name = f"{{{{ $labels.{labels.deployment} }}}}: {{{{ $labels.{labels.role} }}}}"
    services, by_role = up.matching(**{labels.role: SERVICES}), (*by, labels.role)
    answering = total(services, by=by_role).per(count(services, by=by_role), "ratio")
    return [
        *presence.alerts(site, subject(site)),
        Alert(
            name="LangSmithServiceDegraded",
            query=answering.below(site.limit("langsmith_services_up")).both(answering.above(0)),
            hold="5m",
            keep=CRASHING,
            severity="critical",
            summary=f"{name} answers on {{{{ $value | humanizePercentage }}}} of its processes.",
            description="Most processes of a service fail their scrapes, for longer than a rollout takes: the rest bears more than twice its load.",
            action="look at the pods of the service: crash loop, image, memory, a database that it waits for.",
            board="langsmith_services",
        ),
        presence.vanished(site, subject(site), what="Exporter", roles=EXPORTERS, severity="warning"),
    ]


def _http(site: Site) -> list[Alert]:
    ls, by, labels = site.system("langsmith", on="langsmith"), site.identity, site.labels
    name = f"{{{{ $labels.{labels.deployment} }}}}"
    app, by_role = (*by, "app_name"), (*by, labels.role)
    latency, requests = ls["langsmith_http_requests_latency_seconds"], ls["langsmith_http_requests_total"]
    slow = quantile(0.99, latency, by=app).above(site.limit("langsmith_http_p99"))
    slow_mean = mean(latency, by=app).above(site.limit("langsmith_http_mean"))
    busy = observations(latency, by=app, unit="requests").above(site.limit("langsmith_http_floor"))
    now = level(ls["langsmith_http_requests_in_progress"], by=by_role)
    # Samples have to be kept for the offset too.
    week = min("7d", f"{seconds(site.timing.retention) // 3600 - 1:.0f}h", key=seconds)
    failed = requests.matching(status="5..")
    return [
        Alert(
            name="LangSmithHttpErrors",
            query=(rate(failed, by=by_role) / rate(requests, by=by_role))
            .above(site.limit("langsmith_http_error_ratio"))
            .both(increase(failed, by=by_role).at_least(site.limit("langsmith_http_error_floor"))),
            hold="5m",
            severity="critical",
            summary=f"{name}: {{{{ $labels.{labels.role} }}}} fails {{{{ $value | humanizePercentage }}}} of its requests.",
            description="The server's own errors; a client's mistakes are not counted.",
            action="read the service's log, then the state of Postgres, ClickHouse and Redis.",
            board="langsmith_services",
            off="nobody has seen whether the counter has a status label; look at your own page first",
        ),
        Alert(
            name="LangSmithHttpLatencyHigh",
            query=slow.otherwise(slow_mean).both(busy),
            hold="10m",
            severity="warning",
            summary=f"{name}: {{{{ $labels.app_name }}}} takes {{{{ $value | humanizeDuration }}}} for a request.",
            description="One request in a hundred takes that long, or the mean does where the quantile cannot show it.",
            action="find the slow path, then look at ClickHouse and Postgres.",
            board="langsmith_services",
            explained_by=(Because(("LangSmithClickHouseDown", "LangSmithPostgresDown")),),
        ),
        Alert(
            name="LangSmithRequestsPilingUp",
            query=now.above(site.limit("langsmith_in_progress")).both(
                (now / now.usual(site.timing.steps(week, every="1h"), "10m")).above(
                    site.limit("langsmith_in_progress_growth")
                )
            ),
            hold="10m",
            severity="warning",
            summary=f"{name}: {{{{ $labels.{labels.role} }}}} is answering {{{{ $value }}}} requests at once, many times the usual number.",
            description="Requests come in faster than they are answered; the usual number is the median of the week before, which days of trouble do not move.",
            action="find the slow dependency: latency by path, then ClickHouse, Postgres, Redis.",
            board="langsmith_services",
            explained_by=(
                Because(("LangSmithServiceDegraded",), agree=(labels.role,)),
                Because(("LangSmithClickHouseDown", "LangSmithPostgresDown")),
            ),
        ),
    ]


def _work(site: Site) -> list[Alert]:
    ls, by = site.system("langsmith", on="langsmith"), site.identity
    name = f"{{{{ $labels.{site.labels.deployment} }}}}"
    used, idle = mean(ls["langsmith_pg_pool_used"], by=by), mean(ls["langsmith_pg_pool_idle"], by=by)
    feedback = ls["langsmith_feedback_upsert_latency_seconds"]
    return [
        Alert(
            name="LangSmithPgPoolBusy",
            query=(used / (used + idle)).above(site.limit("langsmith_pg_pool")),
            hold="15m",
            severity="warning",
            summary=f"{name}: {{{{ $value | humanizePercentage }}}} of the Postgres pool are in use on average.",
            description="From samples of the pool, so its worst moment is fuller: requests wait for a connection.",
            action="look for slow statements in Postgres, then at the number of replicas times their pools.",
            board="langsmith_services",
            explained_by=(Because(("LangSmithPostgresDown",)),),
        ),
        Alert(
            name="LangSmithFeedbackSlow",
            query=quantile(0.95, feedback, by=by)
            .above(site.limit("langsmith_feedback_p95"))
            .both(observed(feedback, by=by, unit="requests").at_least(10)),
            over="15m",
            hold="30m",
            severity="info",
            summary=f"{name}: one feedback in twenty takes longer than {{{{ $value | humanizeDuration }}}} to store.",
            description="Feedback is stored beside the traces; nobody waits for it, but evaluations fall behind.",
            action="look at ClickHouse's inserts.",
            board="langsmith_ingest",
            explained_by=(Because(("LangSmithClickHouseDown",)),),
        ),
    ]
