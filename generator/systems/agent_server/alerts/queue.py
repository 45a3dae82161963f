"""Queue of the Agent Server: runs that nobody picks up, or that nobody executes."""

from __future__ import annotations

from generator.config.site import Site
from generator.promql import level, observed, occurrences, rate
from generator.promql.query import Query
from generator.rules.rule import SAMPLED, Alert, Because
from generator.systems.agent_server.records import levels

#: Roles that execute runs.
EXECUTING = "queue|combined"


def unworked(site: Site) -> tuple[Because, Because]:
    """Return what explains that runs wait: every process that would execute them is down, or there is none."""
    down = Because(("AgentServerAllTargetsDown",), where={site.labels.role: EXECUTING})
    return down, Because(("AgentServerNoWorkers",))


def alerts(site: Site) -> list[Alert]:
    """Return the alerts, most urgent subject first."""
    return [*_workers(site), *_standing(site), *_fetching(site)]


def _workers(site: Site) -> list[Alert]:
    now = levels(site, by=site.identity)
    name = f"{{{{ $labels.{site.labels.deployment} }}}}"
    waiting, idle = now["pending"].above(0), now["running"].equals(0)
    return [
        Alert(
            name="AgentServerNoWorkers",
            query=waiting.both(idle).without(now["slots"].above(0)),
            hold="10m",
            keep=SAMPLED,
            severity="critical",
            summary=f"{name}: {{{{ $value | humanize }}}} runs wait and no process executes runs.",
            description="Nothing runs anywhere, and no worker answers a scrape: the queue tier is gone, not merely unscraped.",
            action="look at the queue deployment: image pull, crash loop, scaled to zero.",
            board="agent_server_queue",
            explained_by=unworked(site)[:1],
        ),
    ]


def _standing(site: Site) -> list[Alert]:
    """A queue that stands still: it has pending runs and free slots, and nothing is picked up."""
    lg, by, now = site.system("agent_server"), site.identity, levels(site, by=site.identity)
    name, last = f"{{{{ $labels.{site.labels.deployment} }}}}", site.timing.steps("15m")
    waiting = now["pending"].over_time("min_over_time", last).above(0)
    free = now["slots_free"].over_time("min_over_time", last).above(0)
    idle = now["slots_busy"].over_time("max_over_time", last).equals(0)
    picked = observed(lg["run_queue_wait_time_1st_attempt"], by=by, unit="runs").above(0)
    still = waiting.both(free).both(idle).without(picked).over("15m")
    rise = now["pending"].over_time("delta", site.timing.steps("5m"))
    growing = rise.over_time("min_over_time", site.timing.steps("30m", every="5m")).above(0)
    unblocked = site.system("exporters", on="agent_server")["agent_server_pending_unblocked_wait_max_seconds"]
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
            explained_by=unworked(site),
        ),
        Alert(
            name="AgentServerQueueStalled",
            query=still,
            over="15m",
            hold="5m",
            severity="warning",
            summary=f"{name}: {{{{ $value | humanize }}}} runs wait, slots are free, and nothing was picked up for {site.timing.window_words('15m')}.",
            description="Runs that are scheduled for later look the same, so this does not page.",
            action="ask /metrics?format=json for pending_unblocked_runs_wait_time_max_secs: it tells a stall from scheduled runs.",
            board="agent_server_queue",
            explained_by=(
                *unworked(site),
                Because(("AgentServerQueueStalledGrowing", "AgentServerQueueStalledConfirmed")),
            ),
        ),
        Alert(
            name="AgentServerQueueStalledConfirmed",
            query=level(unblocked, by=by).above(300).both(now["slots_free"].above(0)),
            hold="5m",
            keep=SAMPLED,
            severity="critical",
            summary=f"{name}: a run that nothing blocks has waited {{{{ $value | humanizeDuration }}}} although slots are free.",
            description="The unblocked wait leaves out scheduled runs and runs behind their own thread. It works in-memory too.",
            action="restart the queue processes, then look at Redis and Postgres.",
            board="agent_server_queue",
            off="it needs a json_exporter that reads /metrics?format=json",
            explained_by=unworked(site),
        ),
        Alert(
            name="AgentServerGhostRuns",
            query=_ghosts(site),
            hold="20m",
            keep=SAMPLED,
            severity="warning",
            summary=f"{name}: {{{{ $value | humanize }}}} runs are marked running and nobody executes them.",
            description=f"A crash left them behind. For {site.timing.hold_words('20m')} no heartbeat or sweep took them away, so they will not go by themselves.",
            action="list the runs with status running, cancel or restart them; look at heartbeats and Redis.",
            board="agent_server_queue",
            explained_by=unworked(site),
        ),
    ]


def _ghosts(site: Site) -> Query:
    now, last = levels(site, by=site.identity), site.timing.steps("10m")
    least = now["running"].over_time("min_over_time", last)
    most = now["slots_busy"].over_time("max_over_time", last).as_unit("runs")
    down = now["targets"] - now["targets_up"]
    return (least - most).above(0).without(down.above(0))


def _fetching(site: Site) -> list[Alert]:
    lg, by = site.system("agent_server"), site.identity
    name = f"{{{{ $labels.{site.labels.deployment} }}}}"
    return [
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
            query=occurrences(lg["failed_to_fetch_runs_counter"], by=by).above(0),
            over="5m",
            hold=site.timing.over("5m"),  # as long as the window: one failed pass is no trouble
            severity="warning",
            summary=f"{name}: workers fail to fetch runs from the queue.",
            description="Each failure is one pass of the scheduler loop in which no run could be claimed.",
            action="read the queue's log lines 'Background worker scheduler failed'; ask Redis and Postgres.",
            board="agent_server_queue",
            explained_by=(Because(("AgentServerFetchRunsDown",)),),
        ),
    ]
