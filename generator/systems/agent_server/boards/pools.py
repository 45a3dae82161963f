"""Agent Server pools: are there connections left to Postgres and Redis, and which process uses them up?

For the on-call who answers a pool alert. In use is size less idle for Postgres, but size itself for Redis: the server's own
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
        "Saturation of pools",
        stat("Postgres pool usage", postgres, limit=site.limit("pg_pool_used")).normal(
            "Below 70 %.", "Look for slow queries.", alert="AgentServerPgPoolNearlyFull"
        ),
        stat("Redis pool usage", redis, limit=site.limit("redis_pool_used")).normal(
            "Below 60 %.", "Count the open streams.", alert="AgentServerRedisPoolNearlyFull"
        ),
        stat("Postgres pool errors", rate(lg["pg_pool_requests_errors_total"])).normal(
            "0.", "Is Postgres reachable, and has it connections left?", alert="AgentServerPgPoolErrors"
        ),
        stat(
            "Postgres pool queue", rate(lg["pg_pool_requests_queued_total"]), limit=site.limit("pg_pool_queueing")
        ).normal("Close to 0.", "The pool is too small, or Postgres slow.", alert="AgentServerPgPoolQueueing"),
        stat("Postgres connections", total(lg["pg_pool_size"]))
        .with_note("All processes together: compare with max_connections.")
        .normal(
            "Below max_connections of Postgres, with room for a rollout.",
            "Lower the pool size per process, or put a pooler before Postgres.",
        ),
        stat("Redis connections", total(lg["redis_pool_size"])).normal("Below maxclients of Redis."),
        bars("Postgres pool usage by process", by_instance[0], limit=site.limit("pg_pool_used"))
        .wide(12)
        .normal(
            "Even over the processes.",
            "One process alone holds transactions open: find its runs.",
            alert="AgentServerPgPoolNearlyFull",
        ),
        bars("Redis pool usage by process", by_instance[1], limit=site.limit("redis_pool_used"))
        .wide(12)
        .normal(
            "Even over the processes.", "One process alone holds streams open.", alert="AgentServerRedisPoolNearlyFull"
        ),
    )


def _postgres(site: Site) -> Row:
    lg, by = site.system("agent_server"), (site.labels.instance,)
    return row(
        "Postgres",
        lines("Postgres pool usage over time", _used(site, *by)[0], limit=site.limit("pg_pool_used")).normal(
            "Below 70 %.", "Compare with requests and slow queries of that time.", alert="AgentServerPgPoolNearlyFull"
        ),
        lines(
            "Postgres connections: max, open, idle",
            total(lg["pg_pool_max"]).named("most allowed"),
            total(lg["pg_pool_size"]).named("open"),
            total(lg["pg_pool_available"]).named("idle"),
        ).normal("Some idle at any time.", "None idle: the pools are used up."),
        lines(
            "Postgres pool queue by process",
            rate(lg["pg_pool_requests_queued_total"], by=by),
            limit=site.limit("pg_pool_queueing"),
        )
        .with_note("Steps once a minute.")
        .normal("Close to 0.", "The pool is too small, or Postgres slow.", alert="AgentServerPgPoolQueueing"),
        lines("Postgres pool errors by process", rate(lg["pg_pool_requests_errors_total"], by=by))
        .with_note("Steps once a minute.")
        .normal("0.", "All processes at once: Postgres itself.", alert="AgentServerPgPoolErrors"),
    )


def _redis(site: Site) -> Row:
    lg, by = site.system("agent_server"), (site.labels.instance,)
    return row(
        "Redis",
        lines("Redis pool usage over time", _used(site, *by)[1], limit=site.limit("redis_pool_used")).normal(
            "Below 60 %.", "Compare with the open streams of that time.", alert="AgentServerRedisPoolNearlyFull"
        ),
        lines(
            "Redis connections: max, in use, idle",
            total(lg["redis_pool_max"]).named("most allowed"),
            total(lg["redis_pool_size"]).named("in use"),
            total(lg["redis_pool_available"]).named("idle"),
        ).normal("Some idle at any time.", "None idle: raise REDIS_MAX_CONNECTIONS."),
    )
