"""Capacity of the Agent Server: job slots, connection pools, slow runs. They fire before the queue grows."""

from __future__ import annotations

from generator.config.site import Site
from generator.promql import age, average, increments, observed, peak, rate, tail, total, typical
from generator.rules.rule import SAMPLED, SPARSE, Alert, Because, Keep, going_on
from generator.systems.agent_server.alerts.queue import unworked
from generator.systems.agent_server.records import levels

#: A backlog drains when it would be gone within so many times the window over which its fall is seen: two hours.
WINDOWS_TO_DRAIN = 8

#: For a backlog that neither grows nor shrinks for long.
SWAYING = Keep("15m", "a backlog that stands still goes up and down a little, and its way down is no end of it")


def alerts(site: Site) -> list[Alert]:
    """Return the alerts, most urgent subject first."""
    return [*_slots(site), *_pools(site), *_slow(site), *_process(site)]


def _slots(site: Site) -> list[Alert]:
    now = levels(site, by=site.identity)
    name = f"{{{{ $labels.{site.labels.deployment} }}}}"
    pending, last = now["pending"], site.timing.steps("15m")
    standing = pending.over_time("min_over_time", last).above(0)
    gained = pending.over_time("delta", last)
    worked_on = (now["slots_busy"] / now["slots"].above(0)).over_time("avg_over_time", last)
    stuck = (pending + gained * WINDOWS_TO_DRAIN).above(0).both(worked_on.above(site.limit("backlog_busy")))
    per_slot = pending.per(now["slots"].above(0), "none")
    return [
        Alert(
            name="AgentServerWorkersSaturated",
            query=pending.above(0).both(now["slots_free"].at_most(0)),
            hold="5m",
            keep=SAMPLED,
            severity="warning",
            summary=f"{name}: all job slots are busy and {{{{ $value | humanize }}}} runs wait.",
            description="Every run that arrives now waits for another one to end. Full slots without a backlog are efficient and stay silent.",
            action="add queue replicas or raise N_JOBS_PER_WORKER; more API replicas do not help.",
            board="agent_server_queue",
            explained_by=(Because(("AgentServerNoWorkers",)),),
        ),
        Alert(
            name="AgentServerBacklogNotDraining",
            query=per_slot.above(site.limit("backlog_slots")).both(standing).both(gained.above(0).either(stuck)),
            hold="15m",  # as long as the window of the growth: one step up is not growth
            keep=SWAYING,
            severity="critical",
            summary=f"{name}: {{{{ $value | humanize }}}} runs wait per job slot, and the backlog does not drain.",
            description=(
                "The autoscaler adds workers at one waiting run per slot; this backlog is far above. It grows, or the slots are full and "
                "it falls so slowly that it would take hours. Runs that wait for their time, with free slots, do not count."
            ),
            action="read the autoscaler's events and its maximum of replicas, then the number of database connections.",
            board="agent_server_queue",
            explained_by=(Because(("AgentServerNoWorkers",)),),
        ),
    ]


def _pools(site: Site) -> list[Alert]:
    lg, by, now = site.system("agent_server"), site.identity, levels(site, by=site.identity)
    name = f"{{{{ $labels.{site.labels.deployment} }}}}"
    failed = increments(lg["pg_pool_requests_errors_total"], by=by)
    return [
        Alert(
            name="AgentServerPgPoolErrors",
            query=failed.above(site.limit("pg_pool_errors")).both(going_on(failed)),
            over="10m",
            hold=site.timing.outlasting,
            keep=SPARSE,
            severity="critical",
            summary=f"{name}: {{{{ $value | humanize }}}} requests for a Postgres connection failed within {site.timing.window_words('10m')}.",
            description="A request without a connection fails for its user, or leaves a run behind. It still goes on: a failover that is over does not page.",
            action="is Postgres reachable, and is its max_connections used up by replicas times pool size?",
            board="agent_server_pools",
        ),
        Alert(
            name="AgentServerPgPoolNearlyFull",
            query=now["pg_used"].above(site.limit("pg_pool_used")),
            hold="10m",
            keep=SAMPLED,
            severity="warning",
            summary=f"{name}: a process uses {{{{ $value | humanizePercentage }}}} of its Postgres pool.",
            description="In use is pool size less idle connections. Requests queue when the pool is used up.",
            action="look for slow queries, then compare replicas times LANGGRAPH_POSTGRES_POOL_MAX_SIZE with max_connections.",
            board="agent_server_pools",
            explained_by=(Because(("AgentServerPgPoolErrors",)),),
        ),
        Alert(
            name="AgentServerPgPoolQueueing",
            query=rate(lg["pg_pool_requests_queued_total"], by=by).above(site.limit("pg_pool_queueing")),
            over="10m",  # the counter steps once a minute
            hold="10m",
            severity="warning",
            summary=f"{name}: {{{{ $value | humanize }}}} requests a second wait for a Postgres connection.",
            description="A cold start queues a handful; a sustained rate means that the pool is too small or Postgres too slow.",
            action="raise LANGGRAPH_POSTGRES_POOL_MAX_SIZE, or find what is slow in Postgres.",
            board="agent_server_pools",
            explained_by=(Because(("AgentServerPgPoolErrors",)),),
        ),
        Alert(
            name="AgentServerRedisPoolNearlyFull",
            query=now["redis_used"].above(site.limit("redis_pool_used")),
            hold="10m",
            keep=SAMPLED,
            severity="warning",
            summary=f"{name}: a process uses {{{{ $value | humanizePercentage }}}} of its Redis pool.",
            description="Each stream holds connections; a used-up pool breaks streaming and the wake-up of workers.",
            action="count the open streams, then raise REDIS_MAX_CONNECTIONS or the Redis server's own cap.",
            board="agent_server_pools",
        ),
    ]


def _slow(site: Site) -> list[Alert]:
    lg, by = site.system("agent_server"), site.identity
    name = f"{{{{ $labels.{site.labels.deployment} }}}}"
    wait, execution = lg["run_queue_wait_time_1st_attempt"], lg["run_execution_latency"].where(status="success")
    waited, taken = site.limit("queue_wait_p95"), site.limit("run_execution_p95")
    floor = site.limit("observation_floor")
    return [
        Alert(
            name="AgentServerQueueWaitExtreme",
            query=tail(0.95, wait, waited, by=by).both(observed(wait, by=by, unit="runs").at_least(floor)),
            over="10m",
            hold="5m",
            keep=SPARSE,
            severity="critical",
            summary=f"{name}: {{{{ $value | humanizePercentage }}}} of the runs wait longer than {waited.value / 1000:g} s for a job slot.",
            description="Users have long noticed. The wait is recorded when a run is picked up, so the queue still moves.",
            action="add job slots as for saturation, and tell the users.",
            board="agent_server_queue",
            explained_by=unworked(site),
        ),
        Alert(
            name="AgentServerRunExecutionSlow",
            query=tail(0.95, execution, taken, by=by).both(observed(execution, by=by, unit="runs").at_least(floor)),
            over="30m",
            hold="15m",
            severity="warning",
            summary=f"{name}: {{{{ $value | humanizePercentage }}}} of the successful runs take longer than {taken.value / 1000:g} s.",
            description="Long runs hold their job slots; agents differ by orders of magnitude, so set the limit to yours.",
            action="compare model and tool latency in the traces; look for blocking code.",
            board="agent_server_runs",
        ),
    ]


def _process(site: Site) -> list[Alert]:
    lg, by = site.system("agent_server"), (*site.identity, site.labels.instance)
    up, proc = site.system("prometheus", on="agent_server"), site.system("process", on="agent_server")
    name = f"{{{{ $labels.{site.labels.deployment} }}}}: {{{{ $labels.{site.labels.instance} }}}}"
    # Most scrapes of the last ones: one that falls between two blocked pieces is quick.
    slow = typical(up["scrape_duration_seconds"], by=by).over("3m").above(site.limit("scrape_duration"))
    started = proc["process_start_time_seconds"]
    alive = (
        average(up["up"], by=by).over("5m").above(0).as_unit("none").both(age(started, by=by).over("5m").above(1200))
    )
    flapping = average(up["up"], by=by).over("15m").below(0.8).both(alive)
    busy, slots = total(lg["workers_active"], by=by), total(lg["workers_max"], by=by).above(0)
    half_idle = busy.above(0).both((busy / slots).below(site.limit("cpu_bound_busy")))
    files = peak(proc["process_open_fds"], by=by) / peak(proc["process_max_fds"], by=by).above(0)
    return [
        Alert(
            name="AgentServerEventLoopBlocked",
            query=slow.either(flapping),
            hold="4m",
            keep=SAMPLED,
            severity="warning",
            summary=f"{name} is slow to render its metrics page, or misses scrapes without a restart.",
            description="The page is rendered on the event loop that serves requests, so something in a graph blocks it.",
            action="find synchronous calls in the graph code and move them to a thread.",
            board="agent_server_telemetry",
        ),
        Alert(
            name="AgentServerCpuBoundWorker",
            query=rate(proc["process_cpu_seconds_total"], by=by).above(site.limit("worker_cpu")).both(half_idle),
            over="10m",
            hold="15m",
            keep=SAMPLED,
            severity="warning",
            summary=f"{name} fills a processor core while most of its job slots are free.",
            description="One Python thread fills one core. With free slots this is blocking code, not load.",
            action="profile the process; lower N_JOBS_PER_WORKER or move the computation out of the event loop.",
            board="agent_server_telemetry",
        ),
        Alert(
            name="AgentServerFileDescriptorsHigh",
            query=files.above(site.limit("open_descriptors")),
            hold="10m",
            keep=SAMPLED,
            severity="warning",
            summary=f"{name} uses {{{{ $value | humanizePercentage }}}} of its file descriptors.",
            description="Each stream and each pooled connection is one; at the limit new connections fail.",
            action="raise the limit of the process, then look for connections that are never closed.",
            board="agent_server_telemetry",
        ),
    ]
