"""SmithDB, LangSmith's own store, where it is installed: what the vendor's board draws red at the first event.

A part that is off by default (`systems: langsmith: parts: [smithdb]`). Nobody here has seen its pages, nor when a series
is born, so a counter that was not there before counts by its value.
"""

from __future__ import annotations

from generator.config.site import Site
from generator.promql import observed, occurrences
from generator.promql.query import Query
from generator.rules.rule import Alert


def alerts(site: Site) -> list[Alert]:
    """Return the alerts, most urgent subject first."""
    ls, by = site.system("langsmith", on="langsmith"), site.identity
    store = ls["object_store_op_duration"].where(result="error")
    return [
        _failing(
            site,
            "LangSmithSmithDBFlushFailures",
            occurrences(ls["ingest_flush_count"].where(status="failure"), by=by, clock=False).at_least(
                site.limit("smithdb_flush_failures")
            ),
            "could not flush what it took in",
            "What is not flushed is in the memory of ingestion alone, and goes with it.",
            "read ingestion's log: which operation on the object store failed?",
        ),
        _failing(
            site,
            "LangSmithSmithDBObjectStoreErrors",
            observed(store, by=by, unit="requests").at_least(site.limit("smithdb_object_store_errors")),
            "had operations on its object store fail",
            "All of SmithDB's data is there: flushes, queries and compactions fail or are tried again.",
            "is it one operation or all of them? Look at credentials, quota and throttling of the bucket.",
        ),
        _failing(
            site,
            "LangSmithSmithDBCompactionFailures",
            occurrences(ls["compaction_job_completion"].where(status="failure"), by=by, clock=False).at_least(
                site.limit("smithdb_compaction_failures")
            ),
            "had compactions fail",
            "Small segments stay, so queries read more and more of them.",
            "read the compaction workers' log; memory is the usual reason.",
        ),
        _failing(
            site,
            "LangSmithSmithDBFanoutLimit",
            occurrences(ls["query_fanout_limit_exceeded_total"], by=by, clock=False).at_least(
                site.limit("smithdb_fanout_refusals")
            ),
            "refused queries that would read too many partitions",
            "A query asked for more than one may read, or compaction is behind.",
            "which type of query is it, and does the compaction queue grow?",
        ),
    ]


def _failing(site: Site, name: str, failed: Query, does: str, description: str, action: str) -> Alert:
    return Alert(
        name=name,
        query=failed,
        over="15m",
        hold="5m",
        severity="warning",
        summary=f"{{{{ $labels.{site.labels.deployment} }}}}: SmithDB {does}: {{{{ $value | humanize }}}} within {site.timing.window_words('15m')}.",
        description=description,
        action=action,
        board="langsmith_smithdb",
    )
