"""Runs of the Agent Server: runs that die again and again, that are cut short, that never end."""

from __future__ import annotations

from generator.config.site import Site
from generator.promql import age, gains, increase, occurrences, rate
from generator.rules.rule import Alert, Because


def alerts(site: Site) -> list[Alert]:
    """Return the alerts, most urgent subject first."""
    return [*_attempts(site), *_failures(site)]


def _attempts(site: Site) -> list[Alert]:
    lg, by = site.system("agent_server"), site.identity
    name = f"{{{{ $labels.{site.labels.deployment} }}}}"
    exceeded = lg["run_exceed_max_attempts_at_start_counter"]
    return [
        Alert(
            name="AgentServerRunExceededMaxAttempts",
            query=occurrences(exceeded, by=by).above(0),
            over="30m",
            hold="0s",
            severity="warning",
            summary=f"{name}: a run used up its attempts without ever ending.",
            description="The process that executed it died or lost its heartbeat more often than BG_JOB_MAX_RETRIES allows.",
            action="look for processes killed for memory or by probes, then find the run and delete it.",
            board="agent_server_runs",
            explained_by=(Because(("AgentServerPoisonRuns",)),),
        ),
        Alert(
            name="AgentServerPoisonRuns",
            query=occurrences(exceeded, by=by).at_least(3),
            over="30m",
            hold="0s",
            severity="critical",
            summary=f"{name}: {{{{ $value | humanize }}}} runs used up their attempts within {site.timing.window_words('30m')}.",
            description="Several runs kill their workers: the fleet restarts all the time, and good runs are retried with them.",
            action="find the runs and delete them; roll back the last change of the graph.",
            board="agent_server_runs",
        ),
        Alert(
            name="AgentServerSetStatusErrors",
            query=occurrences(lg["run_set_status_error_counter"], by=by).above(0),
            over="15m",
            hold="0s",
            severity="warning",
            summary=f"{name}: a run could not be put back to pending.",
            description="It stays 'running' although nobody executes it, until the sweeper finds it.",
            action="ask Postgres, then look for runs that run for too long.",
            board="agent_server_runs",
        ),
    ]


def _failures(site: Site) -> list[Alert]:
    lg, by = site.system("agent_server"), site.identity
    name = f"{{{{ $labels.{site.labels.deployment} }}}}"
    retriable, attempts = lg["run_failed_retriable_counter"], lg["run_attempt_started_counter"]
    started = site.system("process", on="agent_server")["process_start_time_seconds"]
    abandoned = gains(lg["run_abandoned_by_shutdown_counter"], site.timing.step, by=by)
    many = abandoned.above(site.limit("abandoned_runs"))
    share_abandoned = abandoned.per(increase(attempts, by=by), "ratio").above(site.limit("abandoned_ratio"))
    share = rate(retriable, by=by).per(rate(attempts, by=by), "ratio").above(site.limit("retriable_failure_ratio"))
    enough = increase(retriable, by=by).at_least(site.limit("retriable_failure_floor"))
    return [
        Alert(
            name="AgentServerRetriableFailuresHigh",
            query=share.both(enough).without(age(started, by=by).over("5m").below(900)),
            over="15m",
            hold="10m",
            severity="warning",
            summary=f"{name}: {{{{ $value | humanizePercentage }}}} of the attempts fail and are tried again.",
            description="Trouble of Postgres or Redis shows here before runs fail for good. Silent while processes restart: a deploy cancels runs too.",
            action="ask /ok?check_db=1 for the broken dependency.",
            board="agent_server_runs",
        ),
        Alert(
            name="AgentServerRunsAbandonedHigh",
            query=many.both(share_abandoned),
            over="1h",
            hold="0s",
            severity="warning",
            summary=f"{name}: {{{{ $value | humanize }}}} runs were in flight when their process was stopped, within {site.timing.window_words('1h')}.",
            description="Runs that still ended well are counted too, so a deploy shows here; this many means rollouts too often.",
            action="give the pods more time to end than BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS, and look at evictions.",
            board="agent_server_runs",
        ),
        Alert(
            name="AgentServerRunTimeouts",
            query=occurrences(lg["run_failed_after_retry_counter"].where(status="timeout"), by=by).above(0),
            over="1h",
            hold="0s",
            severity="warning",
            summary=f"{name}: a run was stopped by the wall-clock limit.",
            description="BG_JOB_TIMEOUT_SECS is a day by default, so this run hung for that long. A time-out inside user code is an error, not this.",
            action="find the run and what it waited for; lower BG_JOB_TIMEOUT_SECS.",
            board="agent_server_runs",
        ),
        Alert(
            name="AgentServerRecursionLimit",
            query=occurrences(lg["graph_recursion_limit_error_counter"], by=by).at_least(10),
            over="1h",
            hold="0s",
            severity="info",
            summary=f"{name}: {{{{ $value | humanize }}}} runs hit the recursion limit within {site.timing.window_words('1h')}.",
            description="An agent runs in circles: the agent's logic, not the infrastructure.",
            action="tell the team that owns the agent.",
            board="agent_server_runs",
        ),
    ]
