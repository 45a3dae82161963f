"""Runs and queue of the Agent Server: runs that nobody executes, that die again and again, that never end."""

from __future__ import annotations

from generator.promql import happened, increase, rate, restarts
from generator.records.agent_server import records
from generator.rules import Alert, recorded
from generator.site import Site


def alerts(site: Site) -> list[Alert]:
    """Return the alerts, most urgent subject first."""
    return [*_stalled(site), *_attempts(site), *_failures(site)]


def _stalled(site: Site) -> list[Alert]:
    lg, r, by = site.system("agent_server"), records(site), site.identity
    name = f"{{{{ $labels.{site.labels.deployment} }}}}"
    waiting = recorded(r["pending"], by=by, over_time="min_over_time").over("10m").above(0)
    idle = recorded(r["running"], by=by, over_time="max_over_time").over("10m").equals(0)
    return [
        Alert(
            name="AgentServerNoWorkers",
            query=waiting.both(idle).without(recorded(r["slots"], by=by).above(0)),
            hold="2m",
            severity="critical",
            summary=f"{name}: {{{{ $value | humanize }}}} runs wait and no process executes runs.",
            description="Nothing runs anywhere, and no worker answers a scrape: the queue tier is gone, not merely unscraped.",
            action="look at the queue deployment: image pull, crash loop, scaled to zero.",
            board="agent_server_queue",
        ),
        Alert(
            name="AgentServerFetchRunsFailing",
            query=happened(lg["failed_to_fetch_runs_counter"], by=by).above(0),
            over="10m",
            hold="5m",
            severity="warning",
            summary=f"{name}: workers fail to fetch runs from the queue.",
            description="Each failure is one pass of the scheduler loop in which no run could be claimed.",
            action="read the queue's log lines 'Background worker scheduler failed'; ask Redis and Postgres.",
            board="agent_server_queue",
        ),
    ]


def _attempts(site: Site) -> list[Alert]:
    lg, by = site.system("agent_server"), site.identity
    name = f"{{{{ $labels.{site.labels.deployment} }}}}"
    exceeded = lg["run_exceed_max_attempts_at_start_counter"]
    return [
        Alert(
            name="AgentServerRunExceededMaxAttempts",
            query=happened(exceeded, by=by).above(0),
            over="30m",
            hold="0s",
            severity="warning",
            summary=f"{name}: a run used up its attempts without ever ending.",
            description="The process that executed it died or lost its heartbeat more often than BG_JOB_MAX_RETRIES allows.",
            action="look for processes killed for memory or by probes, then find the run and delete it.",
            board="agent_server_runs",
        ),
        Alert(
            name="AgentServerPoisonRuns",
            query=increase(exceeded, by=by).at_least(3),
            over="30m",
            hold="0s",
            severity="critical",
            summary=f"{name}: {{{{ $value | humanize }}}} runs used up their attempts within 30 minutes.",
            description="Several runs kill their workers: the fleet restarts all the time, and good runs are retried with them.",
            action="find the runs and delete them; roll back the last change of the graph.",
            board="agent_server_runs",
        ),
        Alert(
            name="AgentServerSetStatusErrors",
            query=happened(lg["run_set_status_error_counter"], by=by).above(0),
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
    share = rate(retriable, by=by).per(rate(attempts, by=by), "ratio").above(site.limit("retriable_failure_ratio"))
    enough = increase(retriable, by=by).at_least(site.limit("retriable_failure_floor"))
    return [
        Alert(
            name="AgentServerRetriableFailuresHigh",
            query=share.both(enough).without(restarts(started, by=by).above(0)),
            over="15m",
            hold="10m",
            severity="warning",
            summary=f"{name}: {{{{ $value | humanizePercentage }}}} of the attempts fail and are tried again.",
            description="Trouble of Postgres or Redis shows here before runs fail for good. Silent while processes restart: a deploy cancels runs too.",
            action="ask /ok?check_db=1 for the broken dependency.",
            board="agent_server_runs",
        ),
        Alert(
            name="AgentServerRunTimeouts",
            query=happened(lg["run_failed_after_retry_counter"].where(status="timeout"), by=by).above(0),
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
            query=increase(lg["graph_recursion_limit_error_counter"], by=by).at_least(10),
            over="1h",
            hold="0s",
            severity="info",
            summary=f"{name}: {{{{ $value | humanize }}}} runs hit the recursion limit within an hour.",
            description="An agent runs in circles: the agent's logic, not the infrastructure.",
            action="tell the team that owns the agent.",
            board="agent_server_runs",
        ),
    ]
