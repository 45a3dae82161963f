"""LangSmith services: is everything up, which service is slow or piles up requests, and is a database to blame?

For the on-call for a self-hosted LangSmith; the overview of the system. Top to bottom: what fires and what is
down, then traffic and latency by service, then the work inside. Names of services are the roles of the scrape.
"""

from __future__ import annotations

from generator.boards import processes as targets
from generator.boards.layout import Board, Row, board, row
from generator.boards.panels import lines, stat
from generator.boards.tables import Column, table
from generator.config.site import Site
from generator.promql import count, level, lowest, mean, observations, peak, quantile, rate, total, volume
from generator.promql.query import Query
from generator.systems.langsmith.alerts.services import SERVICES

UNSEEN = "Nobody has seen this page of a real service; name and type are those of the vendor's own boards."


def dashboard(site: Site) -> Board:
    """Build the board."""
    return board(
        site,
        "langsmith_services",
        "LangSmith / Services",
        system="langsmith",
        about=__doc__ or "",
        rows=[_now(site), _which(site), _traffic(site), _latency(site), _work(site)],
    )


def _share_up(site: Site, *by: str) -> Query:
    up = site.system("prometheus", on="langsmith")["up"].matching(**{site.labels.role: SERVICES})
    return total(up, by=by).per(count(up, by=by), "ratio").about("Share of the services' processes that answer.")


def _now(site: Site) -> Row:
    ls = site.system("langsmith", on="langsmith")
    up = site.system("prometheus", on="langsmith")["up"]
    return row(
        "Status",
        stat("Services up", _share_up(site), limit=site.limit("langsmith_services_up"), bad="below").normal(
            "100 %.", "Open the processes by role.", alert="LangSmithServiceDegraded"
        ),
        stat(
            "ClickHouse up",
            lowest(up.where(**{site.labels.role: "clickhouse"})),
            limit=targets.THERE,
            bad="below",
        ).normal("1.", alert="LangSmithClickHouseDown"),
        stat("Postgres up", level(ls["pg_up"]), limit=targets.THERE, bad="below").normal(
            "1.", alert="LangSmithPostgresDown"
        ),
        stat("Redis up", level(ls["redis_up"]), limit=targets.THERE, bad="below").normal(
            "1.", alert="LangSmithRedisDown"
        ),
        stat("nginx up", level(ls["nginx_up"]), limit=targets.THERE, bad="below").normal(
            "1.", alert="LangSmithNginxDown"
        ),
        stat("Queue depth", peak(ls["langsmith_queue_pending"]), limit=site.limit("langsmith_queue_pending"))
        .with_note("The longest queue.")
        .normal("Close to 0.", "Open the board LangSmith / Ingest queue.", alert="LangSmithIngestQueueBacklog"),
    )


def _which(site: Site) -> Row:
    up, ls = site.system("prometheus", on="langsmith"), site.system("langsmith", on="langsmith")
    role = (*site.identity, site.labels.role)
    return row(
        "Alerts and targets",
        targets.firing_alerts(site, "langsmith"),
        table(
            "Processes by role",
            [
                Column("Processes", count(up["up"], by=role)),
                Column("Up", total(up["up"], by=role)),
                Column("Requests/s", rate(ls["langsmith_http_requests_total"], by=role)),
                Column("In progress", level(ls["langsmith_http_requests_in_progress"], by=role)),
                Column("Scrape took", peak(up["scrape_duration_seconds"], by=role)),
            ],
            sort="Requests/s",
        ).normal("All up.", "Read the end of the log of the process that is down."),
        targets.uptime_by_role(site, "langsmith"),
    )


def _traffic(site: Site) -> Row:
    ls, labels = site.system("langsmith", on="langsmith"), site.labels
    requests, busy = ls["langsmith_http_requests_total"], ls["langsmith_http_requests_in_progress"]
    return row(
        "Requests",
        lines("Request rate by service", rate(requests, by=(labels.role,)))
        .with_note(UNSEEN)
        .normal("The shape of your days."),
        lines("Request rate by process", rate(requests, by=(labels.role, labels.instance))).normal(
            "Even over the processes."
        ),
        lines("Request rate by status", rate(requests, by=("status",)).named("status {{status}}"))
        .with_note("A line without a number: the counter has no status label, and no alert can tell errors.")
        .normal("2xx above all.", "5xx: read the log of the service on top."),
        lines(
            "Requests in progress by service", level(busy, by=(labels.role,)), limit=site.limit("langsmith_in_progress")
        ).normal("Close to 0.", "The service, or the database behind it, is slow.", alert="LangSmithRequestsPilingUp"),
        lines("Requests in progress by process", level(busy, by=(labels.role, labels.instance))).normal(
            "Even over the processes.", "One alone: restart it.", alert="LangSmithRequestsPilingUp"
        ),
        lines("Received bytes by service", volume(ls["langsmith_http_requests_size_bytes"], by=(labels.role,))).normal(
            "The shape of your days."
        ),
    )


def _latency(site: Site) -> Row:
    latency = site.system("langsmith", on="langsmith")["langsmith_http_requests_latency_seconds"]
    limit = site.limit("langsmith_http_p99")
    return row(
        "Latency",
        lines("p99 latency by service", quantile(0.99, latency, by=("app_name",)), limit=limit)
        .with_note("Never above the last bucket edge, and nobody has seen the edges: hold it against the mean.")
        .normal("Each in a band of its own.", "Open the paths.", alert="LangSmithHttpLatencyHigh"),
        lines(
            "Mean latency by service", mean(latency, by=("app_name",)), limit=site.limit("langsmith_http_mean")
        ).normal("Each in a band of its own.", "Open the paths.", alert="LangSmithHttpLatencyHigh"),
        lines("Latency quantiles", *(quantile(q, latency) for q in (0.5, 0.95, 0.99))).normal(
            "p99 within some times the median."
        ),
        table(
            "Paths",
            [
                Column("Requests/s", observations(latency, by=("app_name", "path"), unit="requests")),
                Column("Mean", mean(latency, by=("app_name", "path"))),
                Column("p95", quantile(0.95, latency, by=("app_name", "path"))),
            ],
            sort="Mean",
            headers={"app_name": "Service"},
        ).normal("No path far from its usual time.", "Sort by p95."),
    )


def _work(site: Site) -> Row:
    ls, by = site.system("langsmith", on="langsmith"), (site.labels.instance,)
    used, idle = ls["langsmith_pg_pool_used"], ls["langsmith_pg_pool_idle"]
    prefetch = ls["smith_prefetch_traces_time"]
    return row(
        "Pools and prefetch",
        lines("Postgres pool: in use, idle", mean(used).named("in use"), mean(idle).named("idle"))
        .with_note(UNSEEN)
        .normal("Some idle.", alert="LangSmithPgPoolBusy"),
        lines(
            "Postgres pool usage",
            mean(used, by=by) / (mean(used, by=by) + mean(idle, by=by)),
            limit=site.limit("langsmith_pg_pool"),
        ).normal("Below 70 %.", "Slow queries, or a pool too small.", alert="LangSmithPgPoolBusy"),
        lines("Trace prefetch time", *(quantile(q, prefetch, by=("hit",)) for q in (0.5, 0.95)))
        .with_note("The unit is not known.")
        .normal("Steady."),
    )
