"""LangSmith's queues: are traces taken in faster than they are stored, and how late are they?

The depth of the queue of ingestion is on platform-backend's own page; the depths of the others come from JSON pages by
way of a json_exporter. How late runs are stored is what ingest-queue tells. Each alert reads what is there.
"""

from __future__ import annotations

from collections.abc import Callable

from generator.catalogue import Metric
from generator.config.site import Site
from generator.promql import add_label, falls, growth, least, level, mean, observed, quantile
from generator.promql.query import Query
from generator.rules.rule import Alert, Because


def drained(site: Site) -> Metric:
    """Return the depths of the queues that workers empty, read from JSON; without adhoc where nobody empties it on purpose."""
    pending = site.system("langsmith", on="langsmith")["langsmith_queue_pending"]
    own = site.config.systems["langsmith"]
    return pending if "adhoc_drained" in own.switches else pending.where_not(queue="adhoc")


def alerts(site: Site) -> list[Alert]:
    """Return the alerts, most urgent subject first."""
    name = f"{{{{ $labels.{site.labels.deployment} }}}}: the queue {{{{ $labels.queue }}}}"
    limit = site.limit("langsmith_queue_pending")
    return [
        Alert(
            name="LangSmithIngestStalled",
            query=_each_queue(site, lambda pending, by: _stalled(site, pending, by)),
            over="15m",
            hold="15m",
            severity="critical",
            summary=f"{name} grew by {{{{ $value | humanize }}}} entries in {site.timing.window_words('15m')} and was never empty.",
            description="Traces come in and are not stored. They wait in Redis, whose memory is what limits the time left.",
            action="look at the ingest-queue's pods, at ClickHouse's inserts, and at how much memory Redis has left.",
            board="langsmith_ingest",
        ),
        Alert(
            name="LangSmithIngestQueueBacklog",
            query=_each_queue(site, lambda pending, by: level(pending, by=by).above(limit)),
            hold="15m",
            severity="critical",
            summary=f"{name} has {{{{ $value | humanize }}}} entries waiting.",
            description=f"More than ten times what the workers at full scale are meant to have, for {site.timing.hold_words('15m')}.",
            action="are the workers at their maximum, and does ClickHouse take inserts?",
            board="langsmith_ingest",
            explained_by=(Because(("LangSmithIngestStalled",), agree=("queue",)),),
        ),
        _late(site),
    ]


def _each_queue(site: Site, made: Callable[[Metric, tuple[str, ...]], Query]) -> Query:
    """Return a query of a queue's depth for each queue: that of ingestion by either of its two gauges, which agree."""
    own = site.system("langsmith", on="langsmith")["langsmith_asynq_ingestion_queue_pending"]
    pending = add_label(made(own, site.identity), "queue", "ingestion")
    return pending.otherwise(made(drained(site), (*site.identity, "queue")))


def _stalled(site: Site, pending: Metric, by: tuple[str, ...]) -> Query:
    limit = site.limit("langsmith_queue_growth")
    growing = growth(pending, by=by).above(limit)
    # In the evening fewer traces come, and those that wait still do: what is worked on falls now and then.
    standing = (
        growth(pending, by=by)
        .at_least(0)
        .both(least(pending, by=by).above(limit))
        .both(falls(pending, by=by).equals(0))
    )
    return growing.both(least(pending, by=by).above(0)).either(standing)


def _late(site: Site) -> Alert:
    latency = site.system("langsmith", on="langsmith")["langsmith_ingestion_e2e_latency_seconds"]
    by, limit = (*site.identity, "store"), site.limit("langsmith_ingest_delay")
    return Alert(
        name="LangSmithIngestLate",
        query=quantile(0.95, latency, by=by)
        .above(limit)
        .otherwise(mean(latency, by=by).above(limit))
        .both(observed(latency, by=by, unit="runs").at_least(site.limit("langsmith_ingest_floor"))),
        hold="10m",
        severity="warning",
        summary=f"{{{{ $labels.{site.labels.deployment} }}}}: runs are in {{{{ $labels.store }}}} {{{{ $value | humanizeDuration }}}} after they came in.",
        description="One run in twenty is that late, or the mean is where the quantile cannot show it. What is not stored at all is not counted.",
        action="is it the wait for a worker, or the time that the worker takes? The board has both.",
        board="langsmith_ingest",
        explained_by=(Because(("LangSmithIngestStalled", "LangSmithIngestQueueBacklog", "LangSmithClickHouseDown")),),
    )
