"""Agent Server queue and workers: do runs wait, for how long, and are there free job slots?

For the on-call who answers a saturation or a stalled-queue alert. Queue depth is one number for the whole deployment; slots are
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
        "Status",
        stat("Queue depth", level(lg["num_pending_runs"], by=by)).normal(
            "Close to 0 while slots are free.", "Open saturation.", alert="AgentServerBacklogNotDraining"
        ),
        stat("Running runs", level(lg["num_running_runs"], by=by)).normal(
            "No more than busy slots.", alert="AgentServerGhostRuns"
        ),
        stat("Job slots", total(lg["workers_max"], by=by)).normal(
            "Workers times N_JOBS_PER_WORKER.", "None: no worker is scraped.", alert="AgentServerNoWorkers"
        ),
        stat("Busy slots", total(lg["workers_active"], by=by)).normal(
            "Below all slots.", alert="AgentServerWorkersSaturated"
        ),
        stat("Free slots", total(lg["workers_available"], by=by)).normal(
            "Above 0.", "Add workers, or raise N_JOBS_PER_WORKER.", alert="AgentServerWorkersSaturated"
        ),
        stat(
            "Wait p95", quantile(0.95, lg["run_queue_wait_time_1st_attempt"], by=by), limit=site.limit("queue_wait_p95")
        ).normal("Below a second while slots are free.", "Add job slots.", alert="AgentServerQueueWaitExtreme"),
    )


def _depth(site: Site) -> Row:
    lg, by = site.system("agent_server"), site.identity
    pending, running = level(lg["num_pending_runs"], by=by), level(lg["num_running_runs"], by=by)
    busy = total(lg["workers_active"], by=by)
    return row(
        "Queue depth and saturation",
        lines("Queue depth over time", pending).normal(
            "Peaks that drain within minutes.", alert=("AgentServerBacklogNotDraining", "AgentServerQueueStalled")
        ),
        lines("Running runs over time", running)
        .with_note("More running runs than busy slots for long: nobody executes them.")
        .normal("Follows the busy slots.", alert="AgentServerGhostRuns"),
        lines(
            "Queue depth per job slot",
            pending.per(total(lg["workers_max"], by=by).above(0), "none"),
            limit=site.limit("backlog_slots"),
        ).normal(
            "Below 1: the autoscaler adds workers at one.",
            "Read the autoscaler's events and its maximum of replicas.",
            alert="AgentServerBacklogNotDraining",
        ),
        lines("Saturation of job slots", busy / total(lg["workers_max"], by=by)).normal(
            "Below 80 %, with room for a burst.", "Add workers.", alert="AgentServerWorkersSaturated"
        ),
    )


def _wait(site: Site) -> Row:
    lg = site.system("agent_server")
    first, retry = lg["run_queue_wait_time_1st_attempt"], lg["run_queue_wait_time_retry_attempt"]
    edge = site.objective("queue_wait").within
    return row(
        "Queue wait",
        lines(
            "Queue wait quantiles",
            *(quantile(q, first) for q in (0.5, 0.95, 0.99)),
            limit=site.limit("queue_wait_p95"),
        )
        .with_note("Recorded at the pick-up: a queue that stands still shows nothing here.")
        .normal("Below a second while slots are free.", "Add job slots.", alert="AgentServerQueueWaitExtreme"),
        lines(f"Waits longer than {edge:g} ms", share_above(first, edge)).normal(
            "Within the error budget of the objective.",
            "Open the board Agent Server / Objectives.",
            alert="AgentServerQueueWaitBurn1h",
        ),
        heat("Queue wait distribution", buckets(first)).normal(
            "One band at the bottom.", "A band that climbs is a queue that does not drain."
        ),
        lines("Queue wait of retries", *(quantile(q, retry) for q in (0.5, 0.95)))
        .with_note("Contains the execution of the earlier attempts.")
        .normal("As long as an attempt takes, and its back-off."),
        lines(
            "Pick-up rate",
            observations(first, unit="runs").named("first attempt"),
            observations(retry, unit="runs").named("later attempt"),
        ).normal(
            "First attempts as many as new runs; few later ones.",
            "Many later ones: open the retries on the board Agent Server / Runs.",
        ),
    )


def _workers(site: Site) -> Row:
    lg, by = site.system("agent_server"), (site.labels.instance,)
    return row(
        "Workers",
        lines("Busy slots by process", total(lg["workers_active"], by=by), stack=True).normal(
            "Even over the workers.", "One worker at 0 for long: is it stuck, or new?"
        ),
        lines("Free slots by process", total(lg["workers_available"], by=by), stack=True).normal(
            "Above 0 on some worker.", "Add workers.", alert="AgentServerWorkersSaturated"
        ),
        lines("Fetch errors by process", rate(lg["failed_to_fetch_runs_counter"], by=by)).normal(
            "0.", "Check Postgres from that worker.", alert=("AgentServerFetchRunsFailing", "AgentServerFetchRunsDown")
        ),
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
        )
        .with_note("Only servers before 0.11.0 have these; later ones record waits in a histogram.")
        .normal("The longest within some seconds.", "Add workers, and upgrade the server."),
    )
