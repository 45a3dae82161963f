"""What a deployment looks like, what its users do, and what is wrong with it: frozen values, no behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

#: Variables of the real server that a restart may change, as fields of `Topology`.
SETTINGS = ("expose_internal", "tier", "prefix", "era", "slots", "buffer_events", "async_publish_queue")


@dataclass(frozen=True, slots=True)
class Autoscale:
    """KEDA's trigger on the queue tier: one pod per `target` pending runs, between `minimum` and `maximum`."""

    minimum: int = 1
    maximum: int = 10
    target: int = 10
    broken: bool = False


@dataclass(frozen=True, slots=True)
class Topology:
    """Processes of one deployment, and the variables that they were started with.

    Attributes:
        runtime: postgres, or inmem, which has combined processes only.
        combined, api, queue: Processes of each role.
        slots: N_JOBS_PER_WORKER, of each process that executes runs.
        stats_interval: STATS_INTERVAL_SECS.
        tick_spread: Seconds between the collector ticks of one process and the next.
        era: new (0.11.0 and later) or old.
        expose_internal, tier, prefix: What of the metrics is on the page, and under which name.
        deployment_type, project_id, project_name, revision_id, version: Identity.
        job_timeout, max_retries, grace: Limits of a run and of the drain, seconds but for the retries.
        kill_grace: terminationGracePeriodSeconds of the pods.
        startup: Seconds from a start until the port answers.
        age: How long the processes have run when the simulation begins, seconds.
        buffer_events: LSD_PROTOCOL_V2_BUFFER_SIZE.
        async_publish_queue: FF_ASYNC_PUBLISH_QUEUE.
        publish_queue: LSD_PUBLISH_QUEUE_SIZE.
        postgres_pool, redis_pool: Upper bounds of the pools of one process.
        autoscale: How the queue tier scales; None when it does not.

    """

    runtime: str = "postgres"
    combined: int = 0
    api: int = 2
    queue: int = 2
    slots: int = 10
    stats_interval: float = 60.0
    tick_spread: float = 7.0
    era: str = "new"
    expose_internal: bool = True
    tier: int = 2
    prefix: str = "lg_api_"
    deployment_type: str = ""
    project_id: str = ""
    project_name: str = ""
    revision_id: str = "r1"
    version: str = "0.16.7"
    job_timeout: float = 86_400.0
    max_retries: int = 3
    grace: float = 180.0
    kill_grace: float = 180.0
    startup: float = 8.0
    age: float = 3_600.0
    buffer_events: int = 10_000
    async_publish_queue: bool = False
    publish_queue: int = 512
    postgres_pool: int = 150
    redis_pool: int = 2_000
    autoscale: Autoscale | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of run, and how such runs end.

    Attributes:
        weight: Its share of the arrivals, relative to the other kinds.
        seconds: Median time that an attempt takes.
        spread: Of that time: standard deviation of its logarithm; 0 takes the same time always.
        threads: Runs of this kind share so many threads, and block each other there; 0 gives each run its own.
        route: How runs arrive: background, wait, stream.
        after: Seconds for which a run is scheduled ahead, at most; drawn evenly unless `after_exact`.
        after_exact: Every run is scheduled exactly `after` seconds ahead.
        errors, recursion, retriable, hangs, poison: Shares that fail in user code, at the recursion limit, in a way
            that is tried again, not at all before the time limit, or take their process with them.
        interrupted, rolled_back: Shares that a client cancels.
        events: Stream events that a run publishes.
        viewers: Clients that follow a run's event stream (protocol version 2).
        sleepers: Clients that lose a run's stream when it begins, and come back to resume after `sleep_seconds`.
        delta_reads: Reads of delta channels per run.

    """

    weight: float = 1.0
    seconds: float = 5.0
    spread: float = 0.5
    threads: int = 0
    route: str = "stream"
    after: float = 0.0
    after_exact: bool = False
    errors: float = 0.0
    recursion: float = 0.0
    retriable: float = 0.0
    hangs: float = 0.0
    poison: float = 0.0
    interrupted: float = 0.0
    rolled_back: float = 0.0
    events: int = 12
    viewers: int = 0
    sleepers: int = 0
    delta_reads: int = 0


#: Runs of a chat agent, of a pipeline without a reader, and of one whose readers use the event stream.
KINDS: Mapping[str, Kind] = {
    "chat": Kind(weight=6, seconds=4, errors=0.002),
    "background": Kind(weight=3, seconds=8, route="background", errors=0.002),
    "session": Kind(weight=1, seconds=12, route="background", events=40, viewers=1),
}


@dataclass(frozen=True, slots=True)
class Workload:
    """What the users of one deployment do.

    Attributes:
        http_rps: Requests per second that hold no run.
        probe_rps: Load-balancer probes, `GET /`.
        rejected_rps: Requests with a bad key (401).
        scanner_rps: Requests of a scanner: unknown paths, odd verbs.
        untemplated_rps: Requests to routes that put an identifier into their path.
        runs_per_minute: Arrivals of runs.
        kinds: Kinds of runs by name.
        wave: Share by which the arrivals swing up and down within an hour, 0 to 1.
        cut_seconds: Mean time after which something cuts a client's event stream; 0 for never. The client comes back.
        sleeps_per_hour: Clients that lose their WebSocket connection and come back to resume.
        sleep_seconds: Mean time that they are away.

    """

    http_rps: float = 2.0
    probe_rps: float = 0.2
    rejected_rps: float = 0.0
    scanner_rps: float = 0.0
    untemplated_rps: float = 0.0
    runs_per_minute: float = 20.0
    kinds: Mapping[str, Kind] = field(default_factory=lambda: KINDS)
    wave: float = 0.0
    cut_seconds: float = 0.0
    sleeps_per_hour: float = 0.0
    sleep_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Faults:
    """What is wrong, as one process sees it. The defaults are: nothing.

    Attributes:
        postgres: ok, slow, or down (statistics fail, attempts fail and are tried again, /ok says so).
        postgres_seconds: Median time of a request while Postgres is slow.
        postgres_held: Connections of the process's pool that stuck queries hold.
        postgres_timeouts: Checkouts per minute that time out while the pool is full.
        redis: ok, slow, or down (no wake-ups, no pub/sub).
        redis_held: Connections of the process's Redis pool that something holds.
        publish_seconds: Median time of a publish while Redis is slow.
        pubsub: ok, or down (publishing is tried again for 60 s, then the rest of the stream is lost).
        fetch_failures: Share of scheduler passes that fail.
        stats_frozen: The statistics of queue and pools fail; gauges keep their values.
        status_write_failures: Share of put-backs to pending that fail.
        sweeper_off: Nobody looks for runs whose process died.
        http_errors: Status to the share of requests that end so.
        model_failures: Share of runs that fail because their model provider does.
        slowness: Factor on execution times.
        blocked_seconds: For how long blocking code holds the event loop each time; 0 when none does.
        blocked_luck: Share of scrapes that fall between two blocked pieces and are quick.
        wedged: The worker loop has stopped; nothing is fetched and nothing is counted.
        partitioned: Prometheus cannot reach the process; users can.
        pruned_seeds: Share of delta-channel reads whose seed is gone.

    """

    postgres: str = "ok"
    postgres_seconds: float = 0.8
    postgres_held: int = 0
    postgres_timeouts: float = 0.0
    redis: str = "ok"
    redis_held: int = 0
    publish_seconds: float = 0.3
    pubsub: str = "ok"
    fetch_failures: float = 0.0
    stats_frozen: bool = False
    status_write_failures: float = 0.0
    sweeper_off: bool = False
    http_errors: Mapping[str, float] = field(default_factory=dict)
    model_failures: float = 0.0
    slowness: float = 1.0
    blocked_seconds: float = 0.0
    blocked_luck: float = 0.0
    wedged: bool = False
    partitioned: bool = False
    pruned_seeds: float = 0.0


@dataclass(frozen=True, slots=True)
class Monitoring:
    """What Prometheus sees of the deployment.

    Attributes:
        roles: Roles whose processes it discovers; empty when discovery finds nothing.
        hidden: Processes that it has not discovered.
        load_balancer: It scrapes one address in front of the API processes.
        running: Prometheus itself runs.

    """

    roles: tuple[str, ...] = ("combined", "api", "queue")
    hidden: tuple[str, ...] = ()
    load_balancer: bool = False
    running: bool = True


def topology(changes: Mapping[str, Any], base: Topology | None = None) -> Topology:
    """Return `base` with `changes`, in the form of the scenario files."""
    values = dict(changes)
    if values.get("autoscale") is not None:
        values["autoscale"] = Autoscale(**values["autoscale"])
    return replace(base or Topology(), **values)


def workload(changes: Mapping[str, Any], base: Workload | None = None) -> Workload:
    """Return `base` with `changes`. `kinds` replaces all kinds; a kind that is already there is changed, not replaced."""
    base = base or Workload()
    values = dict(changes)
    if "kinds" in values:
        known = {**KINDS, **base.kinds}
        values["kinds"] = {name: replace(known.get(name, Kind()), **kind) for name, kind in values["kinds"].items()}
    return replace(base, **values)


def faults(changes: Mapping[str, Any], base: Faults) -> Faults:
    """Return `base` with `changes`."""
    return replace(base, **changes)


def monitoring(changes: Mapping[str, Any], base: Monitoring) -> Monitoring:
    """Return `base` with `changes`."""
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in changes.items()}
    return replace(base, **values)


def names(kind: type[Topology | Kind | Workload | Faults | Monitoring | Autoscale]) -> tuple[str, ...]:
    """Name every field, for the schema's test."""
    return tuple(f.name for f in fields(kind))
