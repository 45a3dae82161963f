"""LangSmith's ClickHouse: does it take inserts, do queries succeed, has it memory, and since when not?

For whoever answers an alert on ClickHouse. All traces live there; what it refuses waits in Redis.
"""

from __future__ import annotations

from generator.boards.layout import Board, Row, board, row
from generator.boards.panels import lines, stat
from generator.config.site import Site
from generator.promql import each, increase, peak, rate, total
from generator.systems.langsmith.alerts.clickhouse import disk


def dashboard(site: Site) -> Board:
    """Build the board."""
    return board(
        site,
        "langsmith_clickhouse",
        "LangSmith / ClickHouse",
        system="langsmith",
        about=__doc__ or "",
        rows=[_now(site), _inserts(site), _queries(site), _server(site)],
    )


def _now(site: Site) -> Row:
    ls, up = site.system("langsmith", on="langsmith"), site.system("prometheus", on="langsmith")["up"]
    failed, every = ls["ClickHouseProfileEvents_FailedQuery"], ls["ClickHouseProfileEvents_Query"]
    return row(
        "Is it bad?",
        stat("Servers up", total(up.where(**{site.labels.role: "clickhouse"}))),
        stat("Failed queries", rate(failed) / rate(every), limit=site.limit("clickhouse_failed_ratio")),
        stat(
            f"Inserts refused in {site.timing.said()}",
            increase(ls["ClickHouseProfileEvents_RejectedInserts"]).over(site.timing.window),
            limit=site.limit("clickhouse_rejected_inserts"),
        ),
        stat("Read-only tables", total(ls["ClickHouseMetrics_ReadonlyReplica"])),
        stat("Memory in use", total(ls["ClickHouseMetrics_MemoryTracking"])),
        stat("Runs since", peak(ls["ClickHouseAsyncMetrics_Uptime"])).noting("The server that runs longest."),
    )


def _inserts(site: Site) -> Row:
    ls, by = site.system("langsmith", on="langsmith"), (site.labels.instance,)
    return row(
        "Inserts",
        lines("Refused", rate(ls["ClickHouseProfileEvents_RejectedInserts"], by=by)).noting("Too many parts."),
        lines("Slowed down", rate(ls["ClickHouseProfileEvents_DelayedInserts"], by=by)).noting(
            "What comes before refusals."
        ),
    )


def _queries(site: Site) -> Row:
    ls, by = site.system("langsmith", on="langsmith"), (site.labels.instance,)
    failed, every = ls["ClickHouseProfileEvents_FailedQuery"], ls["ClickHouseProfileEvents_Query"]
    return row(
        "Do queries succeed?",
        lines("Queries", rate(every, by=by)),
        lines("Failed", rate(failed, by=by)),
        lines("Failed share", rate(failed, by=by) / rate(every, by=by), limit=site.limit("clickhouse_failed_ratio")),
        lines("At once", peak(ls["ClickHouseMetrics_Query"], by=by), limit=site.limit("clickhouse_queries")),
        lines("Memory limits hit", rate(ls["ClickHouseProfileEvents_QueryMemoryLimitExceeded"], by=by)),
    )


def _server(site: Site) -> Row:
    ls, by = site.system("langsmith", on="langsmith"), (site.labels.instance,)
    return row(
        "The server",
        lines("Memory", peak(each(ls["ClickHouseMetrics_MemoryTracking"]), by=by)),
        lines("Disk in use", disk(site, by), limit=site.limit("clickhouse_disk")).noting(
            "Of the file system of the disk named default."
        ),
        lines("Uptime", peak(ls["ClickHouseAsyncMetrics_Uptime"], by=by)).noting("Falls at a restart."),
        lines("Sessions with Keeper", peak(ls["ClickHouseMetrics_ZooKeeperSession"], by=by)).noting(
            "0 where nothing is replicated; more than 1 is a fault."
        ),
        lines("Read-only tables by server", total(ls["ClickHouseMetrics_ReadonlyReplica"], by=by)),
    )
