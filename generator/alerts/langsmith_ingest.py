"""LangSmith's queues: are traces taken in faster than they are stored?

The depths come from JSON pages by way of a json_exporter; without one these alerts have nothing to look at.
"""

from __future__ import annotations

from generator.promql import falls, growth, least, level
from generator.rules import Alert, Because
from generator.site import Site


def alerts(site: Site) -> list[Alert]:
    """Return the alerts, most urgent subject first."""
    pending, by = site.system("langsmith", on="langsmith")["langsmith_queue_pending"], (*site.identity, "queue")
    name = f"{{{{ $labels.{site.labels.deployment} }}}}: the queue {{{{ $labels.queue }}}}"
    limit = site.limit("langsmith_queue_growth")
    growing = growth(pending, by=by).above(limit)
    # In the evening fewer traces come, and those that wait still do: what is worked on falls now and then.
    standing = (
        growth(pending, by=by)
        .at_least(0)
        .both(least(pending, by=by).above(limit))
        .both(falls(pending, by=by).equals(0))
    )
    return [
        Alert(
            name="LangSmithIngestStalled",
            query=growing.both(least(pending, by=by).above(0)).either(standing),
            over="15m",
            hold="15m",
            severity="critical",
            summary=f"{name} grew by {{{{ $value | humanize }}}} entries in {site.timing.said('15m')} and was never empty.",
            description="Traces come in and are not stored. They wait in Redis, whose memory is what limits the time left.",
            action="look at the ingest-queue's pods, at ClickHouse's inserts, and at how much memory Redis has left.",
            board="langsmith_ingest",
        ),
        Alert(
            name="LangSmithIngestQueueBacklog",
            query=level(pending, by=by).above(site.limit("langsmith_queue_pending")),
            hold="15m",
            severity="critical",
            summary=f"{name} has {{{{ $value | humanize }}}} entries waiting.",
            description=f"More than ten times what the workers at full scale are meant to have, for {site.timing.held('15m')}.",
            action="are the workers at their maximum, and does ClickHouse take inserts?",
            board="langsmith_ingest",
            explained_by=(Because(("LangSmithIngestStalled",), agree=("queue",)),),
        ),
    ]
