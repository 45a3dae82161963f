"""Agent Server telemetry: is everything scraped, which roles and versions answer, which switches are off?

For readers who see an empty panel and want to know why, and for those who pay for the series. Off, broken and zero look
different here.
"""

from __future__ import annotations

from generator.boards.layout import Board, Row, board, row
from generator.boards.panels import lines, stat
from generator.boards.processes import resource_panels, restart_panels, target_counts, uptime
from generator.boards.tables import Column, table
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
    targets, answering = target_counts(site, "agent_server")
    return row(
        "Targets and scrapes",
        targets,
        stat("Targets by role", count(up["up"], by=(labels.role,))).normal("As many as processes run in each role."),
        answering,
        stat("Queue depth sources", count(lg["num_pending_runs"]))
        .with_note(
            "Processes that serve the API on Postgres. None: that tier is not scraped, or the runtime is in-memory."
        )
        .normal(
            "As many as processes that serve the API.",
            "None: that role is not scraped.",
            alert="AgentServerApiTierNotScraped",
        ),
        stat("Job slot sources", count(lg["workers_max"]))
        .with_note("Processes that execute runs. None: that tier is not scraped.")
        .normal("As many as workers.", "None: that role is not scraped.", alert="AgentServerQueueTierNotScraped"),
        stat("Pool sources", count(lg["pg_pool_max"]))
        .with_note("Processes on Postgres. None: in-memory runtime.")
        .normal("As many as processes on Postgres."),
        uptime(site, "agent_server"),
    )


def _switches(site: Site) -> Row:
    lg, by = site.system("agent_server"), site.identity
    return row(
        "Exposure and versions",
        stat(
            "Tier 1 metrics",
            rate(lg["run_attempt_started_counter"]).about(
                "Rate per second of a metric of tier 1: attempts that started"
            ),
        )
        .with_note("Nothing here while runs go: EXPOSE_INTERNAL_METRICS_PROMETHEUS is off, or workers are not scraped.")
        .normal("Above 0 while runs go.", alert="AgentServerInternalMetricsNotExposed"),
        stat("Tier 2 metrics", starts(lg["server_started_counter"]))
        .with_note("Nothing here: METRIC_MAX_EMITTING_TIER is 1, or internal metrics are off.")
        .normal("As many as processes.", alert="AgentServerEmittingTierTooLow"),
        stat("Tier 3 metrics", rate(lg["protocol_v2_event_emitted_counter"]))
        .with_note("Nothing here: METRIC_MAX_EMITTING_TIER is below 3, or no client uses event streams.")
        .normal("Above 0 while clients use event streams."),
        stat("Publish queue slots", level(lg["publish_queue_availability"]))
        .with_note("Nothing here: FF_ASYNC_PUBLISH_QUEUE is off, as it is by default.")
        .normal("Empty: it is off by default. Else close to its size."),
        table(
            "Versions",
            [Column("Processes", count(lg["target_info"], by=(*by, "api_version")))],
            headers={"api_version": "Version"},
        )
        .wide(24, 6)
        .normal("One version in each deployment, two while one rolls out.", "Two for long: a rollout that hangs."),
        table(
            "Revisions",
            [Column("Processes", count(lg["workers_max"], by=(*by, "revision_id", "deployment_type")))],
            headers={"revision_id": "Revision"},
        )
        .wide(24, 6)
        .normal("One revision in each deployment, two while one rolls out.", "Two for long: a rollout that hangs."),
    )


def _life(site: Site) -> Row:
    lg, by = site.system("agent_server"), (site.labels.role, site.labels.instance)
    restarted, started = restart_panels(site, "agent_server")
    return row(
        "Uptime and restarts",
        restarted,
        lines("Stop requests", increase(lg["server_requested_to_stop_counter"], by=by))
        .with_note("Only a queue process still answers scrapes while it drains.")
        .normal("Only at rollouts.", "Read the events of the orchestrator: evictions, a node that drains."),
        started,
    )


def _cost(site: Site) -> Row:
    return row("Resources and scrape cost", *resource_panels(site, "agent_server"))
