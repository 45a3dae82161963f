"""LangSmith's ClickHouse, where all traces are: does it answer, does it take inserts, do queries succeed?

Its counters are on the page from the start of the server, at 0, so an increase misses nothing.
"""

from __future__ import annotations

from generator.config.site import Site
from generator.promql import increase, increments, least, peak, rate, total
from generator.promql.query import Query
from generator.rules.rule import Alert, Because


def alerts(site: Site) -> list[Alert]:
    """Return the alerts, most urgent subject first."""
    return [*_inserts(site), *_queries(site), *_room(site)]


def _name(site: Site) -> str:
    return f"{{{{ $labels.{site.labels.deployment} }}}}: ClickHouse at {{{{ $labels.{site.labels.instance} }}}}"


def _inserts(site: Site) -> list[Alert]:
    ls, labels, name = site.system("langsmith", on="langsmith"), site.labels, _name(site)
    by = (*site.identity, labels.instance)
    up = site.system("prometheus", on="langsmith")["up"].where(**{labels.role: "clickhouse"})
    return [
        Alert(
            name="LangSmithClickHouseDown",
            query=total(up, by=(*site.identity, labels.role, labels.instance)).equals(0),
            hold="3m",
            severity="critical",
            summary=f"{name} does not answer.",
            description="No trace can be stored or read. New ones wait in Redis as long as it has memory.",
            action="look at the pod and at its volume; a full disk is the usual reason.",
            board="langsmith_clickhouse",
        ),
        Alert(
            name="LangSmithClickHouseRejectedInserts",
            query=increments(ls["ClickHouseProfileEvents_RejectedInserts"], by=by).above(
                site.limit("clickhouse_rejected_inserts")
            ),
            hold=site.timing.over(),  # as long as the window: a burst that is over does not page
            severity="critical",
            summary=f"{name} refused {{{{ $value | humanize }}}} inserts within {site.timing.window_words()}.",
            description="A partition has too many parts: merges do not keep up, and traces come back to the queue.",
            action="look at the number of parts, at free disk, and at who inserts in small batches.",
            board="langsmith_clickhouse",
        ),
        Alert(
            name="LangSmithClickHouseReadonlyReplica",
            query=total(ls["ClickHouseMetrics_ReadonlyReplica"], by=by).above(0),
            hold="5m",
            severity="critical",
            summary=f"{name} has {{{{ $value }}}} read-only tables.",
            description="A replicated table without its Keeper takes no inserts. A single server has none of these.",
            action="ask Keeper: is it up, and can this server reach it?",
            board="langsmith_clickhouse",
        ),
        Alert(
            name="LangSmithClickHouseDelayedInserts",
            query=increments(ls["ClickHouseProfileEvents_DelayedInserts"], by=by).above(
                site.limit("clickhouse_delayed_inserts")
            ),
            hold="5m",
            severity="warning",
            summary=f"{name} slowed down {{{{ $value | humanize }}}} inserts within {site.timing.window_words()}.",
            description="Parts pile up; refusals follow if merges do not catch up.",
            action="look at the number of parts and at the disk's throughput.",
            board="langsmith_clickhouse",
            explained_by=(Because(("LangSmithClickHouseRejectedInserts",), agree=(labels.instance,)),),
        ),
    ]


def _queries(site: Site) -> list[Alert]:
    ls, name = site.system("langsmith", on="langsmith"), _name(site)
    by = (*site.identity, site.labels.instance)
    failed, every = ls["ClickHouseProfileEvents_FailedQuery"], ls["ClickHouseProfileEvents_Query"]
    return [
        Alert(
            name="LangSmithClickHouseQueryFailures",
            query=(rate(failed, by=by) / rate(every, by=by))
            .above(site.limit("clickhouse_failed_ratio"))
            .both(increase(failed, by=by).above(site.limit("clickhouse_failed_floor"))),
            over="10m",
            hold="10m",
            severity="warning",
            summary=f"{name} fails {{{{ $value | humanizePercentage }}}} of its queries.",
            description="Pages of traces stay empty or show errors. Bad ad hoc queries are counted too.",
            action="read system.query_log for the exceptions, most frequent first.",
            board="langsmith_clickhouse",
        ),
        Alert(
            name="LangSmithClickHouseMemoryLimit",
            query=increments(ls["ClickHouseProfileEvents_QueryMemoryLimitExceeded"], by=by).above(
                site.limit("clickhouse_memory_exceeded")
            ),
            over="10m",
            hold="5m",
            severity="warning",
            summary=f"{name}: queries hit their memory limit {{{{ $value | humanize }}}} times within {site.timing.window_words('10m')}.",
            description="Users see pages of traces fail, usually those of long time ranges.",
            action="find the queries in system.query_log; give the server more memory or the users shorter ranges.",
            board="langsmith_clickhouse",
        ),
    ]


def _room(site: Site) -> list[Alert]:
    """What the vendor's checklist for production bounds: the disk, and queries at once."""
    ls, by, name = site.system("langsmith", on="langsmith"), (*site.identity, site.labels.instance), _name(site)
    return [
        Alert(
            name="LangSmithClickHouseDiskFilling",
            query=disk(site, by).above(site.limit("clickhouse_disk")),
            hold="15m",
            severity="warning",
            summary=f"{name} has {{{{ $value | humanizePercentage }}}} of its disk in use.",
            description="Merges need free room to finish; a full disk stops inserts, and traces wait in Redis.",
            action="what grows: traces, or ClickHouse's own logs? Shorten their retention, or enlarge the volume.",
            board="langsmith_clickhouse",
        ),
        Alert(
            name="LangSmithClickHouseQueriesPilingUp",
            query=least(ls["ClickHouseMetrics_Query"], by=by).above(site.limit("clickhouse_queries")),
            hold="5m",
            severity="warning",
            summary=f"{name} has had more than {{{{ $value | humanize }}}} queries at once for {site.timing.window_words()}.",
            description="Queries come faster than they end: pages are slow, and at the server's own maximum new ones are refused.",
            action="look for the slow ones in system.processes; who sends them?",
            board="langsmith_clickhouse",
        ),
    ]


def disk(site: Site, by: tuple[str, ...]) -> Query:
    """Return the share of the default disk that is in use."""
    ls = site.system("langsmith", on="langsmith")
    used, size = ls["ClickHouseAsyncMetrics_DiskUsed_default"], ls["ClickHouseAsyncMetrics_DiskTotal_default"]
    return peak(used, by=by) / peak(size, by=by)
