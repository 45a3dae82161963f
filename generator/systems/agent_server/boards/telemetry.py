"""Agent Server telemetry: is everything scraped, which roles and versions answer, which switches are off?

For whoever sees an empty panel and wants to know why, and for whoever pays for the series. Off, broken and zero look
different here.
"""

from __future__ import annotations

from generator.boards.layout import Board, Row, board, row
from generator.boards.panels import Column, lines, stat, table
from generator.boards.processes import costing, living, over_time, scraped
from generator.config.site import Site
from generator.promql import count, increase, level, rate, starts


def dashboard(site: Site) -> Board:
    """Build the board."""
    return board(
        site,
        "agent_server_telemetry",
        "Agent Server / Telemetry health",
        system="agent_server",
        about=__doc__ or "",
        rows=[_targets(site), _switches(site), _life(site), _cost(site)],
    )


def _targets(site: Site) -> Row:
    up, labels = site.system("prometheus", on="agent_server"), site.labels
    lg = site.system("agent_server")
    targets, answering = scraped(site, "agent_server")
    return row(
        "Is everything scraped?",
        targets,
        stat("Targets by role", count(up["up"], by=(labels.role,))),
        answering,
        stat("Queue depth reported by", count(lg["num_pending_runs"])).noting(
            "Processes that serve the API on Postgres. None: that tier is not scraped, or the runtime is in-memory."
        ),
        stat("Job slots reported by", count(lg["workers_max"])).noting(
            "Processes that execute runs. None: that tier is not scraped."
        ),
        stat("Pools reported by", count(lg["pg_pool_max"])).noting("Processes on Postgres. None: in-memory runtime."),
        over_time(site, "agent_server"),
    )


def _switches(site: Site) -> Row:
    lg, by = site.system("agent_server"), site.identity
    return row(
        "Which switches are on, which versions run?",
        stat("Internal metrics, tier 1", rate(lg["run_attempt_started_counter"])).noting(
            "Nothing here while runs go: EXPOSE_INTERNAL_METRICS_PROMETHEUS is off, or workers are not scraped."
        ),
        stat("Tier 2", starts(lg["server_started_counter"])).noting(
            "Nothing here: METRIC_MAX_EMITTING_TIER is 1, or internal metrics are off."
        ),
        stat("Tier 3", rate(lg["protocol_v2_event_emitted_counter"])).noting(
            "Nothing here: METRIC_MAX_EMITTING_TIER is below 3, or no client uses event streams."
        ),
        stat("Publish queue", level(lg["publish_queue_availability"])).noting(
            "Nothing here: FF_ASYNC_PUBLISH_QUEUE is off, as it is by default."
        ),
        table("Versions", [Column("Processes", count(lg["target_info"], by=(*by, "api_version")))]).wide(12),
        table(
            "Revisions", [Column("Processes", count(lg["workers_max"], by=(*by, "revision_id", "deployment_type")))]
        ).wide(12),
    )


def _life(site: Site) -> Row:
    lg, by = site.system("agent_server"), (site.labels.role, site.labels.instance)
    return row(
        "Do processes live?",
        *living(site, "agent_server"),
        lines("Asked to stop", increase(lg["server_requested_to_stop_counter"], by=by)).noting(
            "Only a queue process still answers scrapes while it drains."
        ),
    )


def _cost(site: Site) -> Row:
    return row("What does scraping cost?", *costing(site, "agent_server"))
