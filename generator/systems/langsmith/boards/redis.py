"""LangSmith's Redis: is it there, has it memory left, does it evict keys or refuse clients?

For the on-call who answers an alert on Redis. Traces queue there before they are stored, so a key that is evicted may be one.
"""

from __future__ import annotations

from generator.boards import processes as targets
from generator.boards.layout import Board, Row, board, row
from generator.boards.panels import lines, stat, state
from generator.boards.tables import Column, table
from generator.config.site import Site
from generator.promql import count, increase, level, peak, rate
from generator.promql.query import Query


def dashboard(site: Site) -> Board:
    """Build the board."""
    return board(
        site,
        "langsmith_redis",
        "LangSmith / Redis",
        system="langsmith",
        about=__doc__ or "",
        rows=[_now(site), _memory(site), _clients(site)],
    )


def _memory_used(site: Site, *by: str) -> Query:
    ls = site.system("langsmith", on="langsmith")
    return (peak(ls["redis_memory_used_bytes"], by=by) / peak(ls["redis_memory_max_bytes"], by=by).above(0)).about(
        "Share of the memory in use; nothing where Redis has no maximum."
    )


def _now(site: Site) -> Row:
    ls, by = site.system("langsmith", on="langsmith"), (site.labels.instance,)
    return row(
        "Status",
        stat("Redis up", level(ls["redis_up"]), limit=targets.THERE, bad="below").normal(
            "1.", alert="LangSmithRedisDown"
        ),
        stat("Memory usage", _memory_used(site), limit=site.limit("redis_memory")).normal(
            "Below 70 %.", "Let the queue drain, then raise maxmemory.", alert="LangSmithRedisMemoryHigh"
        ),
        stat("Evicted keys", increase(ls["redis_evicted_keys_total"]).over("10m")).normal(
            "0.", "Set noeviction, raise maxmemory.", alert="LangSmithRedisEvictions"
        ),
        stat(
            "Rejected connections",
            increase(ls["redis_rejected_connections_total"]).over(site.timing.window),
        ).normal("0.", "Raise maxclients.", alert="LangSmithRedisRejectedConnections"),
        stat("Clients", peak(ls["redis_connected_clients"])).normal("In proportion to processes."),
        stat("Blocked clients", peak(ls["redis_blocked_clients"]))
        .with_note("Consumers of a queue wait like this.")
        .normal("As many as workers that wait for work."),
        table(
            "Servers",
            [Column("Servers", count(ls["redis_instance_info"], by=(*by, "redis_version", "maxmemory_policy")))],
        )
        .with_note("With another policy than noeviction, memory at the maximum is an ordinary state and keys are lost.")
        .normal("maxmemory_policy is noeviction.", "With another one Redis evicts entries of the queue."),
        state("Uptime of Redis", level(ls["redis_up"], by=by), targets.UP).normal(
            "Up throughout.", alert="LangSmithRedisDown"
        ),
    )


def _memory(site: Site) -> Row:
    ls, by = site.system("langsmith", on="langsmith"), (site.labels.instance,)
    return row(
        "Memory and evictions",
        lines("Memory used and max", peak(ls["redis_memory_used_bytes"], by=by).named("in use"),
              peak(ls["redis_memory_max_bytes"], by=by).named("most allowed, 0 is no limit")).normal("Used far below the maximum.", "Let the queue drain, then raise maxmemory.", alert="LangSmithRedisMemoryHigh"),
        lines("Memory usage over time", _memory_used(site, *by), limit=site.limit("redis_memory")).normal("Below 70 %.", "Let the queue drain, then raise maxmemory.", alert="LangSmithRedisMemoryHigh"),
        lines("Evicted keys over time", rate(ls["redis_evicted_keys_total"], by=by)).with_note(
            "Stays at nothing under noeviction, where writes fail instead."
        ).normal("No line.", "Set noeviction, raise maxmemory.", alert="LangSmithRedisEvictions"),
    )  # fmt: skip


def _clients(site: Site) -> Row:
    ls, by = site.system("langsmith", on="langsmith"), (site.labels.instance,)
    return row(
        "Connections",
        lines("Clients and max clients", peak(ls["redis_connected_clients"], by=by).named("connected"),
              peak(ls["redis_config_maxclients"], by=by).named("most allowed")).with_note(
            "A managed Redis may not tell the maximum."
        ).normal("Far below the maximum."),
        lines("Blocked clients over time", peak(ls["redis_blocked_clients"], by=by)).normal("As many as workers that wait for work."),
        lines("Rejected connections over time", rate(ls["redis_rejected_connections_total"], by=by)).normal("No line.", "Raise maxclients.", alert="LangSmithRedisRejectedConnections"),
    )  # fmt: skip
