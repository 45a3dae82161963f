"""LangSmith's ClickHouse: does it take inserts, do queries succeed, has it memory, and since when not?

For the on-call who answers an alert on ClickHouse. All traces live there; what it refuses waits in Redis.
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
        "Status",
        stat("Servers up", total(up.where(**{site.labels.role: "clickhouse"}))).normal(
            "As many as are deployed.", alert="LangSmithClickHouseDown"
        ),
        stat("Query error ratio", rate(failed) / rate(every), limit=site.limit("clickhouse_failed_ratio")).normal(
            "Below 1 %.", "Read system.query_log for exceptions.", alert="LangSmithClickHouseQueryFailures"
        ),
        stat(
            "Rejected inserts",
            increase(ls["ClickHouseProfileEvents_RejectedInserts"]).over(site.timing.window),
            limit=site.limit("clickhouse_rejected_inserts"),
        ).normal("0.", "Too many parts: fewer, larger batches.", alert="LangSmithClickHouseRejectedInserts"),
        stat("Read-only tables", total(ls["ClickHouseMetrics_ReadonlyReplica"])).normal(
            "0.", "Is Keeper up?", alert="LangSmithClickHouseReadonlyReplica"
        ),
        stat("Memory usage", total(ls["ClickHouseMetrics_MemoryTracking"])).normal(
            "Below the server's limit.", alert="LangSmithClickHouseMemoryLimit"
        ),
        stat("Uptime", peak(ls["ClickHouseAsyncMetrics_Uptime"]))
        .with_note("The server that runs longest.")
        .normal("Grows."),
    )


def _inserts(site: Site) -> Row:
    ls, by = site.system("langsmith", on="langsmith"), (site.labels.instance,)
    return row(
        "Inserts",
        lines("Rejected inserts by server", rate(ls["ClickHouseProfileEvents_RejectedInserts"], by=by))
        .with_note("Too many parts.")
        .normal("No line.", "Too many parts: fewer, larger batches.", alert="LangSmithClickHouseRejectedInserts"),
        lines("Delayed inserts by server", rate(ls["ClickHouseProfileEvents_DelayedInserts"], by=by))
        .with_note("What comes before refusals.")
        .normal("No line.", "Too many parts: fewer, larger batches.", alert="LangSmithClickHouseDelayedInserts"),
    )


def _queries(site: Site) -> Row:
    ls, by = site.system("langsmith", on="langsmith"), (site.labels.instance,)
    failed, every = ls["ClickHouseProfileEvents_FailedQuery"], ls["ClickHouseProfileEvents_Query"]
    return row(
        "Query performance",
        lines("Query rate", rate(every, by=by)).normal("The shape of your days."),
        lines("Query errors", rate(failed, by=by)).normal(
            "Close to 0.", "Read system.query_log for exceptions.", alert="LangSmithClickHouseQueryFailures"
        ),
        lines(
            "Query error ratio by server",
            rate(failed, by=by) / rate(every, by=by),
            limit=site.limit("clickhouse_failed_ratio"),
        ).normal("Below 1 %.", "Read system.query_log for exceptions.", alert="LangSmithClickHouseQueryFailures"),
        lines(
            "Concurrent queries", peak(ls["ClickHouseMetrics_Query"], by=by), limit=site.limit("clickhouse_queries")
        ).normal("Some tens.", "Find slow queries in system.processes.", alert="LangSmithClickHouseQueriesPilingUp"),
        lines("Memory limit exceeded", rate(ls["ClickHouseProfileEvents_QueryMemoryLimitExceeded"], by=by)).normal(
            "0.", "Find the query in system.query_log.", alert="LangSmithClickHouseMemoryLimit"
        ),
    )


def _server(site: Site) -> Row:
    ls, by = site.system("langsmith", on="langsmith"), (site.labels.instance,)
    return row(
        "Saturation and uptime",
        lines("Memory usage by server", peak(each(ls["ClickHouseMetrics_MemoryTracking"]), by=by)).normal(
            "Below the server's limit.", alert="LangSmithClickHouseMemoryLimit"
        ),
        lines("Disk usage", disk(site, by), limit=site.limit("clickhouse_disk"))
        .with_note("Of the file system of the disk named default.")
        .normal("Below 60 %.", "Set a shorter TTL, or enlarge the disk.", alert="LangSmithClickHouseDiskFilling"),
        lines("Uptime by server", peak(ls["ClickHouseAsyncMetrics_Uptime"], by=by))
        .with_note("Falls at a restart.")
        .normal("Grows.", "A fall is a restart: out of memory?"),
        lines("Keeper sessions", peak(ls["ClickHouseMetrics_ZooKeeperSession"], by=by))
        .with_note("0 where nothing is replicated; more than 1 is a fault.")
        .normal("1 where tables are replicated, else 0."),
        lines("Read-only tables by server", total(ls["ClickHouseMetrics_ReadonlyReplica"], by=by)).normal(
            "No line.", "Is Keeper up?", alert="LangSmithClickHouseReadonlyReplica"
        ),
    )
