"""Agent Server pools: are there connections left to Postgres and Redis, and which process uses them up?

For whoever answers a pool alert. In use is size less idle for Postgres, but size itself for Redis: the server's own
terms differ. All figures are per process and refresh once a minute.
"""

from __future__ import annotations

from generator.boards.layout import Board, Row, board, row
from generator.boards.panels import bars, lines, stat
from generator.config.site import Site
from generator.promql import each, peak, rate, total
from generator.promql.query import Query


def dashboard(site: Site) -> Board:
    """Build the board."""
    return board(
        site,
        "agent_server_pools",
        "Agent Server / Postgres and Redis pools",
        system="agent_server",
        about=__doc__ or "",
        rows=[_now(site), _postgres(site), _redis(site)],
    )


def _used(site: Site, *by: str) -> tuple[Query, Query]:
    lg = site.system("agent_server")
    postgres = (each(lg["pg_pool_size"]) - each(lg["pg_pool_available"])) / each(lg["pg_pool_max"]).above(0)
    redis = each(lg["redis_pool_size"]) / each(lg["redis_pool_max"]).above(0)
    return (
        peak(postgres, by=by).about("Share of the Postgres pool in use, fullest process."),
        peak(redis, by=by).about("Share of the Redis pool in use, fullest process."),
    )


def _now(site: Site) -> Row:
    lg = site.system("agent_server")
    postgres, redis = _used(site)
    by_instance = _used(site, site.labels.instance)
    return row(
        "Are there connections left?",
        stat("Postgres, fullest process", postgres, limit=site.limit("pg_pool_used")),
        stat("Redis, fullest process", redis, limit=site.limit("redis_pool_used")),
        stat("Failed Postgres requests", rate(lg["pg_pool_requests_errors_total"])),
        stat(
            "Waiting Postgres requests", rate(lg["pg_pool_requests_queued_total"]), limit=site.limit("pg_pool_queueing")
        ),
        stat("Postgres connections", total(lg["pg_pool_size"])).noting(
            "All processes together: compare with max_connections."
        ),
        stat("Redis connections", total(lg["redis_pool_size"])),
        bars("Postgres pool by process", by_instance[0], limit=site.limit("pg_pool_used")).wide(12),
        bars("Redis pool by process", by_instance[1], limit=site.limit("redis_pool_used")).wide(12),
    )


def _postgres(site: Site) -> Row:
    lg, by = site.system("agent_server"), (site.labels.instance,)
    return row(
        "Postgres",
        lines("Postgres pool in use", _used(site, *by)[0], limit=site.limit("pg_pool_used")),
        lines(
            "Connections, all processes",
            total(lg["pg_pool_max"]).named("most allowed"),
            total(lg["pg_pool_size"]).named("open"),
            total(lg["pg_pool_available"]).named("idle"),
        ),
        lines(
            "Requests that waited",
            rate(lg["pg_pool_requests_queued_total"], by=by),
            limit=site.limit("pg_pool_queueing"),
        ).noting("Steps once a minute."),
        lines("Requests that failed", rate(lg["pg_pool_requests_errors_total"], by=by)).noting("Steps once a minute."),
    )


def _redis(site: Site) -> Row:
    lg, by = site.system("agent_server"), (site.labels.instance,)
    return row(
        "Redis",
        lines("Redis pool in use", _used(site, *by)[1], limit=site.limit("redis_pool_used")),
        lines(
            "Redis connections, all processes",
            total(lg["redis_pool_max"]).named("most allowed"),
            total(lg["redis_pool_size"]).named("in use"),
            total(lg["redis_pool_available"]).named("idle"),
        ),
    )
