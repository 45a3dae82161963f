"""Agent Server runs: do they succeed, how do they fail, and how long do they take?

For whoever answers a run-failure alert, and for the teams whose agents run here. Top to bottom: outcomes, kinds of
failure, durations, then the rare events that each deserve a look.
"""

from __future__ import annotations

from generator.boards.layout import Board, Row, board, row
from generator.boards.panels import heat, lines, stat
from generator.config.site import Site
from generator.promql import buckets, increase, mean, observations, quantile, rate, spikes


def dashboard(site: Site) -> Board:
    """Build the board."""
    return board(
        site,
        "agent_server_runs",
        "Agent Server / Runs",
        system="agent_server",
        about=__doc__ or "",
        rows=[_outcomes(site), _failures(site), _durations(site), _rare(site)],
    )


def _outcomes(site: Site) -> Row:
    lg = site.system("agent_server")
    attempts = rate(lg["run_attempt_started_counter"])
    succeeded = rate(lg["run_success_counter"]).filled(attempts)
    failed = rate(lg["run_failed_after_retry_counter"]).filled(attempts)
    canceled = rate(lg["run_canceled_by_request_counter"]).filled(attempts)
    return row(
        "Do runs succeed?",
        stat("Failed share", failed / (failed + succeeded)),
        stat("Succeeded", succeeded),
        stat("Failed for good", failed),
        stat("Attempts started", attempts),
        stat("Attempts tried again", rate(lg["run_failed_retriable_counter"]).filled(attempts)),
        stat("Cancelled", canceled),
        lines(
            "Outcomes",
            succeeded.named("succeeded"),
            failed.named("failed"),
            canceled.named("cancelled"),
            stack=True,
        ),
        lines(
            "Attempts by outcome",
            observations(lg["run_execution_latency"], by=("status",), unit="attempts"),
            stack=True,
        ),
    )


def _failures(site: Site) -> Row:
    lg = site.system("agent_server")
    attempts = rate(lg["run_attempt_started_counter"])
    retriable = rate(lg["run_failed_retriable_counter"]).filled(attempts)
    return row(
        "How do they fail?",
        lines("Failed runs by kind", rate(lg["run_failed_after_retry_counter"], by=("status",))).noting(
            "Errors of user code fail at the first attempt; no retry is needed to land here."
        ),
        lines(
            "Share of attempts tried again",
            retriable.per(attempts, "ratio"),
            limit=site.limit("retriable_failure_ratio"),
        ),
        lines("Cancelled runs by fate", rate(lg["run_canceled_by_request_counter"], by=("status",))).noting(
            "A user's wish, not a failure."
        ),
        lines("Recursion limit", rate(lg["graph_recursion_limit_error_counter"])).noting(
            "Part of the failed runs; the agent's logic."
        ),
    )


def _durations(site: Site) -> Row:
    execution = site.system("agent_server")["run_execution_latency"]
    good = execution.where(status="success")
    return row(
        "How long do they take?",
        lines(
            "Execution of successful attempts",
            *(quantile(q, good) for q in (0.5, 0.95, 0.99)),
            limit=site.limit("run_execution_p95"),
        ),
        lines("Mean execution by outcome", mean(execution, by=("status",))),
        heat("Spread of execution times", buckets(good)).wide(24),
    )


def _rare(site: Site) -> Row:
    lg, by = site.system("agent_server"), (site.labels.role, site.labels.instance)
    return row(
        "Rare events, each worth a look",
        lines("Attempts used up", increase(lg["run_exceed_max_attempts_at_start_counter"], by=by)),
        lines("Abandoned by a shutdown", spikes(lg["run_abandoned_by_shutdown_counter"], by=by)).noting(
            "Counts runs in flight when the process was told to stop, those that still ended well included."
        ),
        lines("Status could not be written", increase(lg["run_set_status_error_counter"], by=by)),
        lines("Delta channel reads", rate(lg["delta_channel_read_counter"], by=("seed_kind",))).noting(
            "'missing' may mean lost state."
        ),
        lines("Delta channel reads past the bound", rate(lg["delta_channel_walk_past_bound_counter"])),
        lines(
            "Checkpoints replayed per delta channel",
            *(quantile(q, lg["delta_channel_replay_depth"]) for q in (0.5, 0.95, 0.99)),
        ),
    )
