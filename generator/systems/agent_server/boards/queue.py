"""Agent Server queue and workers: do runs wait, for how long, and are there free job slots?

For whoever answers a saturation or a stalled-queue alert. Queue depth is one number for the whole deployment; slots are
per process. Both refresh once a minute, so a shorter burst may not show.
"""

from __future__ import annotations

from generator.boards.layout import Board, Row, board, row
from generator.boards.panels import heat, lines, stat
from generator.config.site import Site
from generator.promql import buckets, level, observations, quantile, rate, share_above, total


def dashboard(site: Site) -> Board:
    """Build the board."""
    return board(
        site,
        "agent_server_queue",
        "Agent Server / Queue and workers",
        system="agent_server",
        about=__doc__ or "",
        rows=[_now(site), _depth(site), _wait(site), _workers(site), _before(site)],
    )


def _now(site: Site) -> Row:
    lg, by = site.system("agent_server"), site.identity
    return row(
        "Do runs wait?",
        stat("Waiting", level(lg["num_pending_runs"], by=by)),
        stat("Running", level(lg["num_running_runs"], by=by)),
        stat("Job slots", total(lg["workers_max"], by=by)),
        stat("Busy slots", total(lg["workers_active"], by=by)),
        stat("Free slots", total(lg["workers_available"], by=by)),
        stat(
            "Wait p95", quantile(0.95, lg["run_queue_wait_time_1st_attempt"], by=by), limit=site.limit("queue_wait_p95")
        ),
    )


def _depth(site: Site) -> Row:
    lg, by = site.system("agent_server"), site.identity
    pending, running = level(lg["num_pending_runs"], by=by), level(lg["num_running_runs"], by=by)
    busy = total(lg["workers_active"], by=by)
    return row(
        "How deep is the queue?",
        lines("Waiting runs", pending),
        lines("Running runs", running).noting("More running runs than busy slots for long: nobody executes them."),
        lines(
            "Waiting runs per job slot",
            pending.per(total(lg["workers_max"], by=by).above(0), "ratio"),
            limit=site.limit("backlog_slots"),
        ),
        lines("Busy share of the slots", busy / total(lg["workers_max"], by=by)),
    )


def _wait(site: Site) -> Row:
    lg = site.system("agent_server")
    first, retry = lg["run_queue_wait_time_1st_attempt"], lg["run_queue_wait_time_retry_attempt"]
    edge = site.objective("queue_wait").within
    return row(
        "How long do they wait?",
        lines(
            "Wait for the first pick-up",
            *(quantile(q, first) for q in (0.5, 0.95, 0.99)),
            limit=site.limit("queue_wait_p95"),
        ).noting("Recorded at the pick-up: a queue that stands still shows nothing here."),
        lines(f"Share that waited longer than {edge:g} ms", share_above(first, edge)),
        heat("Spread of waits", buckets(first)),
        lines("Wait for a later attempt", *(quantile(q, retry) for q in (0.5, 0.95))).noting(
            "Contains the execution of the earlier attempts."
        ),
        lines(
            "Pick-ups",
            observations(first, unit="runs").named("first attempt"),
            observations(retry, unit="runs").named("later attempt"),
        ),
    )


def _workers(site: Site) -> Row:
    lg, by = site.system("agent_server"), (site.labels.instance,)
    return row(
        "Which worker?",
        lines("Busy slots by process", total(lg["workers_active"], by=by), stack=True),
        lines("Free slots by process", total(lg["workers_available"], by=by), stack=True),
        lines("Failed fetches by process", rate(lg["failed_to_fetch_runs_counter"], by=by)),
    )


def _before(site: Site) -> Row:
    lg, by = site.system("agent_server"), site.identity
    return row(
        "Servers before 0.11.0",
        lines(
            "Wait of pending runs so far",
            level(lg["pending_runs_wait_time_max"], by=by).named("longest {{deployment}}"),
            level(lg["pending_unblocked_runs_wait_time_max"], by=by).named("longest, not blocked {{deployment}}"),
            level(lg["pending_runs_wait_time_med"], by=by).named("median {{deployment}}"),
        ).noting("Only servers before 0.11.0 have these; later ones record waits in a histogram."),
    )
