"""Runs and queue of the Agent Server: runs that nobody executes, that die again and again, that never end."""

from __future__ import annotations

from generator.promql import age, happened, increase, level, observed, rate, spikes
from generator.query import Query
from generator.records.agent_server import records
from generator.rules import Alert, recorded
from generator.site import Site


def alerts(site: Site) -> list[Alert]:
    """Return the alerts, most urgent subject first."""
    return [*_stalled(site), *_attempts(site), *_failures(site)]


def _stalled(site: Site) -> list[Alert]:
    lg, r, by = site.system("agent_server"), records(site), site.identity
    name = f"{{{{ $labels.{site.labels.deployment} }}}}"
    waiting = recorded(r["pending"], by=by).above(0)
    idle = recorded(r["running"], by=by).equals(0)
    return [
        Alert(
            name="AgentServerNoWorkers",
            query=waiting.both(idle).without(recorded(r["slots"], by=by).above(0)),
            hold="10m",
            severity="critical",
            summary=f"{name}: {{{{ $value | humanize }}}} runs wait and no process executes runs.",
            description="Nothing runs anywhere, and no worker answers a scrape: the queue tier is gone, not merely unscraped.",
            action="look at the queue deployment: image pull, crash loop, scaled to zero.",
            board="agent_server_queue",
        ),
        *_standing(site),
        Alert(
            name="AgentServerFetchRunsDown",
            query=rate(lg["failed_to_fetch_runs_counter"], by=by).above(site.limit("fetch_failures")),
            hold="5m",
            severity="critical",
            summary=f"{name}: workers fail to fetch runs at every pass, so nothing is executed.",
            description="The scheduler loop fails again and again: Postgres or Redis is out of reach of the workers.",
            action="follow the outage procedure of Postgres and Redis.",
            board="agent_server_queue",
        ),
        Alert(
            name="AgentServerFetchRunsFailing",
            query=happened(lg["failed_to_fetch_runs_counter"], by=by).above(0),
            over="5m",
            hold="5m",
            severity="warning",
            summary=f"{name}: workers fail to fetch runs from the queue.",
            description="Each failure is one pass of the scheduler loop in which no run could be claimed.",
            action="read the queue's log lines 'Background worker scheduler failed'; ask Redis and Postgres.",
            board="agent_server_queue",
        ),
    ]


def _standing(site: Site) -> list[Alert]:
    """A queue that stands still: it has pending runs and free slots, and nothing is picked up."""
    lg, r, by = site.system("agent_server"), records(site), site.identity
    name = f"{{{{ $labels.{site.labels.deployment} }}}}"
    waiting = recorded(r["pending"], by=by, over_time="min_over_time").above(0)
    free = recorded(r["slots_free"], by=by, over_time="min_over_time").above(0)
    idle = recorded(r["slots_busy"], by=by, over_time="max_over_time").equals(0)
    picked = observed(lg["run_queue_wait_time_1st_attempt"], by=by, unit="runs").above(0)
    still = waiting.both(free).both(idle).without(picked).over("15m")
    growing = recorded(r["pending"], by=by, over_time="delta").over("5m").at_worst("30m:5m").above(0)
    unblocked = site.system("exporters")["agent_server_pending_unblocked_wait_max_seconds"]
    return [
        Alert(
            name="AgentServerQueueStalledGrowing",
            query=still.both(growing),
            over="15m",
            hold="5m",
            severity="critical",
            summary=f"{name}: {{{{ $value | humanize }}}} runs wait, more arrive, slots are free and nothing is picked up.",
            description="The wait is recorded at the pick-up, so the latency objective is silent in this state.",
            action="restart the queue processes, then look at Redis and Postgres.",
            board="agent_server_queue",
        ),
        Alert(
            name="AgentServerQueueStalled",
            query=still,
            over="15m",
            hold="5m",
            severity="warning",
            summary=f"{name}: {{{{ $value | humanize }}}} runs wait, slots are free, and nothing was picked up for 15 minutes.",
            description="Runs that are scheduled for later look the same, so this does not page.",
            action="ask /metrics?format=json for pending_unblocked_runs_wait_time_max_secs: it tells a stall from scheduled runs.",
            board="agent_server_queue",
        ),
        Alert(
            name="AgentServerQueueStalledConfirmed",
            query=level(unblocked, by=by).above(300).both(recorded(r["slots_free"], by=by).above(0)),
            hold="5m",
            severity="critical",
            summary=f"{name}: a run that nothing blocks has waited {{{{ $value | humanizeDuration }}}} although slots are free.",
            description="The unblocked wait leaves out scheduled runs and runs behind their own thread. It works in-memory too.",
            action="restart the queue processes, then look at Redis and Postgres.",
            board="agent_server_queue",
            off="it needs a json_exporter that reads /metrics?format=json",
        ),
        Alert(
            name="AgentServerGhostRuns",
            query=_ghosts(site),
            hold="20m",
            severity="warning",
            summary=f"{name}: {{{{ $value | humanize }}}} runs are marked running and nobody executes them.",
            description="A crash left them behind. Twenty minutes are several heartbeats and sweeps, so they will not go by themselves.",
            action="list the runs with status running, cancel or restart them; look at heartbeats and Redis.",
            board="agent_server_queue",
        ),
    ]


def _ghosts(site: Site) -> Query:
    r, by = records(site), site.identity
    least = recorded(r["running"], by=by, over_time="min_over_time").over("10m")
    most = recorded(r["slots_busy"], by=by, over_time="max_over_time").over("10m").as_unit("runs")
    down = recorded(r["targets"], by=by) - recorded(r["targets_up"], by=by)
    return (least - most).above(0).without(down.above(0))


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
            query=happened(exceeded, by=by).at_least(3),
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
    abandoned = spikes(lg["run_abandoned_by_shutdown_counter"], by=by)
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
            summary=f"{name}: {{{{ $value | humanize }}}} runs were in flight when their process was stopped, within an hour.",
            description="Runs that still ended well are counted too, so a deploy shows here; this many means rollouts too often.",
            action="give the pods more time to end than BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS, and look at evictions.",
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
            query=happened(lg["graph_recursion_limit_error_counter"], by=by).at_least(10),
            over="1h",
            hold="0s",
            severity="info",
            summary=f"{name}: {{{{ $value | humanize }}}} runs hit the recursion limit within an hour.",
            description="An agent runs in circles: the agent's logic, not the infrastructure.",
            action="tell the team that owns the agent.",
            board="agent_server_runs",
        ),
    ]
