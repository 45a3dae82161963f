"""Agent Server runs: do they succeed, how do they fail, and how long do they take?

For the on-call who answers a run-failure alert, and for the teams whose agents run here. Top to bottom: outcomes, kinds of
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
        "Outcomes",
        stat("Failed run ratio", failed / (failed + succeeded)).normal(
            "What your agents' code makes it; steady.", "Open failed runs by kind.", alert="AgentServerRunSuccessBurn1h"
        ),
        stat("Successful runs", succeeded).normal("As many as clients start."),
        stat("Failed runs", failed).normal("Few.", "Open failed runs by kind."),
        stat("Attempts", attempts).normal("Close to the rate of runs: most succeed at the first attempt."),
        stat("Retries", rate(lg["run_failed_retriable_counter"]).filled(attempts)).normal(
            "Close to 0.", "Open the retry ratio; a deployment that rolls out causes some."
        ),
        stat("Cancelled runs", canceled).normal("What users cancel."),
        lines(
            "Runs by outcome",
            succeeded.named("succeeded"),
            failed.named("failed"),
            canceled.named("cancelled"),
            stack=True,
        ).normal(
            "Nearly all succeed.",
            "Failures that rise with a rollout: roll back. Without: a model, a tool or the database.",
        ),
        lines(
            "Attempts by outcome",
            observations(lg["run_execution_latency"], by=("status",), unit="attempts"),
            stack=True,
        ).normal("Nearly all with status success.", "Compare with the retries."),
    )


def _failures(site: Site) -> Row:
    lg = site.system("agent_server")
    attempts = rate(lg["run_attempt_started_counter"])
    retriable = rate(lg["run_failed_retriable_counter"]).filled(attempts)
    return row(
        "Failures and retries",
        lines("Failed runs by kind", rate(lg["run_failed_after_retry_counter"], by=("status",)))
        .with_note("Errors of user code fail at the first attempt; no retry is needed to land here.")
        .normal(
            "One or two kinds, steady.",
            "timeout: agents too slow for their limit; error: read the traces of one run.",
            alert="AgentServerRunTimeouts",
        ),
        lines(
            "Retry ratio",
            retriable.per(attempts, "ratio"),
            limit=site.limit("retriable_failure_ratio"),
        ).normal(
            "Below 1 %.",
            "Look for workers that restart and for Postgres errors.",
            alert="AgentServerRetriableFailuresHigh",
        ),
        lines("Cancelled runs by result", rate(lg["run_canceled_by_request_counter"], by=("status",)))
        .with_note("A user's wish, not a failure.")
        .normal("In proportion to traffic.", "A rise at one time is one client that gives up: are its runs slow?"),
        lines("Recursion limit errors", rate(lg["graph_recursion_limit_error_counter"]))
        .with_note("Part of the failed runs; the agent's logic.")
        .normal(
            "0.", "Find the graph that loops; raise its limit only if it has reason.", alert="AgentServerRecursionLimit"
        ),
    )


def _durations(site: Site) -> Row:
    execution = site.system("agent_server")["run_execution_latency"]
    good = execution.where(status="success")
    return row(
        "Execution time",
        lines(
            "Execution time of successful attempts",
            *(quantile(q, good) for q in (0.5, 0.95, 0.99)),
            limit=site.limit("run_execution_p95"),
        ).normal(
            "As long as your agents take; steady.",
            "Compare the latency of models and tools in the traces.",
            alert="AgentServerRunExecutionSlow",
        ),
        lines("Mean execution time by outcome", mean(execution, by=("status",))).normal(
            "Failures end sooner than successes.", "Failures that take long are time-outs."
        ),
        heat("Execution time distribution", buckets(good))
        .wide(24)
        .normal(
            "One or two bands, one for each kind of agent.",
            "A new band at the top is a model or a tool that became slow.",
        ),
    )


def _rare(site: Site) -> Row:
    lg, by = site.system("agent_server"), (site.labels.role, site.labels.instance)
    return row(
        "Rare events",
        lines("Runs out of attempts", increase(lg["run_exceed_max_attempts_at_start_counter"], by=by)).normal(
            "0.",
            "Find what kills the worker that runs them.",
            alert=("AgentServerRunExceededMaxAttempts", "AgentServerPoisonRuns"),
        ),
        lines("Runs in flight at shutdown", spikes(lg["run_abandoned_by_shutdown_counter"], by=by))
        .with_note("Counts runs in flight when the process was told to stop, those that still ended well included.")
        .normal("Only at rollouts.", "Give workers more time to drain.", alert="AgentServerRunsAbandonedHigh"),
        lines("Status write errors", increase(lg["run_set_status_error_counter"], by=by)).normal(
            "0.", "Check Postgres: such a run stays as running.", alert="AgentServerSetStatusErrors"
        ),
        lines("Delta channel reads", rate(lg["delta_channel_read_counter"], by=("seed_kind",)))
        .with_note("'missing' may mean lost state.")
        .normal(
            "No line for missing.",
            "Check the checkpointer's database for lost rows.",
            alert="AgentServerDeltaChannelSeedMissing",
        ),
        lines("Delta channel reads past the bound", rate(lg["delta_channel_walk_past_bound_counter"])).normal(
            "0.", "Long chains make reads slow: write full snapshots more often."
        ),
        lines(
            "Checkpoints replayed per channel",
            *(quantile(q, lg["delta_channel_replay_depth"]) for q in (0.5, 0.95, 0.99)),
        ).normal("Some tens.", "Long chains make reads slow: write full snapshots more often."),
    )
