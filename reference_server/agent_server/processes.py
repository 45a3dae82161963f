"""One server process: its settings, job slots, pools, and the series that every Python process has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import UUID

from generator.catalogue import Kind, Metric
from reference_server.agent_server import versions
from reference_server.agent_server.workload import Faults, Topology
from reference_server.core.exposition import head, labelled, number, real_help
from reference_server.core.families import Key
from reference_server.core.instruments import Instruments
from reference_server.core.python import MAX_FDS, PYTHON

#: Memory of an idle server, and what a run adds; read off a 0.16.7 process under light load.
_IDLE_BYTES, _RUN_BYTES = 125_579_264.0, 3_500_000.0
_VIRTUAL_BYTES = 655_000_000.0

#: Share of a core that an idle server takes.
_IDLE_CPU = 0.01

_IDLE_FDS = 18

SDK = {
    "has_deepagents": "false",
    "service_name": "lsd_langgraph_api",
    "telemetry_sdk_language": "python",
    "telemetry_sdk_name": "opentelemetry",
}


@dataclass(slots=True)
class Pools:
    """Connections of one process. `waits` and `timeouts` are what the collector has not told yet.

    Attributes:
        size: Connections that the Postgres pool holds; it grows when needed and does not shrink.
        requests: Requests in progress, on average over the last slice of traffic.
        redis_peak: Most Redis connections ever in use; those not in use stay in the pool.

    """

    size: int = 4
    requests: float = 0.0
    waits: int = 0
    timeouts: int = 0
    redis_peak: int = 4


@dataclass(eq=False)
class Process:
    """One server process. `started` is in seconds since 1970; `life` grows with every start.

    Attributes:
        name: Its pod's name, which a restart in place keeps.
        role, runtime: As in the catalogue.
        settings: The variables that it was started with.
        up: Its port answers.
        accepting: It takes new work; not while it drains.
        leaving: It stops for good.
        shown: The start time on its page, in seconds since 1970 on the wall.
        active: Runs in its job slots.
        streams: Open connections to clients that follow a stream.
        idle: What waits for the last run to end.

    """

    name: str
    role: str
    settings: Topology
    metrics: tuple[Metric, ...]
    started: float
    faults: Faults = field(default_factory=Faults)
    revision: str = ""
    up: bool = False
    accepting: bool = False
    leaving: bool = False
    life: int = 0
    shown: float = 0.0
    active: dict[str, Any] = field(default_factory=dict)
    streams: int = 0
    fetches: int = -1
    idle: Callable[[], None] | None = None
    pools: Pools = field(default_factory=Pools)
    instruments: Instruments = field(init=False)
    instance_id: str = ""
    cpu_seconds: float = 0.0
    _settled: float = 0.0

    def __post_init__(self) -> None:
        self.revision = self.revision or self.settings.revision_id
        self.renew()

    @property
    def runtime(self) -> str:
        """The runtime, as in the catalogue."""
        return self.settings.runtime

    @property
    def executes(self) -> bool:
        """Whether it has job slots."""
        return self.role != "api"

    @property
    def serves(self) -> bool:
        """Whether users' requests go to it."""
        return self.role != "queue"

    @property
    def free(self) -> int:
        """Job slots that could take a run now."""
        ready = self.accepting and self.executes and self.fetches and not self.faults.wedged
        return self.settings.slots - len(self.active) if ready else 0

    def renew(self) -> None:
        """Forget everything that a process keeps in its memory."""
        self.instruments = Instruments(
            self.metrics,
            prefix=self.settings.prefix,
            constants={
                "deployment_type": self.settings.deployment_type,
                "project_id": self.settings.project_id,
                "revision_id": self.revision,
            },
            tier=self.settings.tier,
            unemitted=unemitted(self.metrics, self.settings, self.role),
            absent=versions.absent(self.settings.version, self.metrics),
        )
        self.pools = Pools()
        self.active, self.streams, self.fetches = {}, 0, -1
        self.cpu_seconds, self._settled = 0.0, self.started

    def begin(self, now: float, chance: Random, *, shown: float, started: float | None = None) -> None:
        """Start a new life at `now`; `shown` is the start time that its page tells for as long as it lives."""
        self.started, self.shown = now if started is None else started, shown
        self.life += 1
        self.renew()
        self._settled = now
        self.cpu_seconds = 6.0  # importing everything
        self.up = self.accepting = True
        self.instance_id = str(UUID(int=chance.getrandbits(128), version=4))
        self.instruments.add("server_started_counter")

    def work(self, seconds: float) -> None:
        """Spend processor time."""
        self.cpu_seconds += seconds

    def settle(self, now: float) -> None:
        """Spend what passes by itself until `now`: little when idle, a whole core while code blocks."""
        elapsed = max(0.0, now - self._settled)
        self.cpu_seconds += elapsed * (0.97 if self.faults.blocked_seconds else _IDLE_CPU)
        self._settled = now

    def postgres_in_use(self) -> int:
        """Postgres connections that are in use: one per run, one per request, and what stuck queries hold."""
        return min(
            self.settings.postgres_pool,
            self.faults.postgres_held + len(self.active) + round(self.pools.requests),
        )

    def redis_in_use(self) -> int:
        """Redis connections that are in use: two of the server's own, one per run and per stream."""
        used = min(self.settings.redis_pool, 2 + self.faults.redis_held + len(self.active) + self.streams)
        self.pools.redis_peak = max(self.pools.redis_peak, used)
        return used

    def page(self, now: float) -> bytes:
        """Write the page of a server of 0.11.0 or later."""
        exposure = "internal" if self.settings.expose_internal else "ui"
        text = "".join(
            head(name, kind, real_help("new")[name]) + "".join(f"{labelled(name, ls)} {number(v)}\n" for ls, v in rows)
            for name, kind, rows in self._python(now, exposure)
        )
        return text.encode() + self.instruments.text(exposure)

    def columns(self, now: float) -> tuple[tuple[Key, ...], list[float]]:
        """Return the series of the page and their values; the tuple stays the same object while no series is born."""
        exposure = "internal" if self.settings.expose_internal else "ui"
        keys, values = self.instruments.columns(exposure)
        python = self._python(now, exposure)
        known = self._prefixed
        if known is None or known[0] is not keys or known[1] != self.instance_id:
            own = tuple((n, tuple(sorted((k, v) for k, v in ls if v))) for n, _, rows in python for ls, _ in rows)
            known = self._prefixed = (keys, self.instance_id, own + keys)
        return known[2], [v for _, _, rows in python for _, v in rows] + values

    _prefixed: tuple[tuple[Key, ...], str, tuple[Key, ...]] | None = None

    def _python(
        self, now: float, exposure: str
    ) -> list[tuple[str, Kind, list[tuple[Iterable[tuple[str, str]], float]]]]:
        self.settle(now)
        work = self.cpu_seconds
        young, middle, old = 300 + int(work * 40), 27 + int(work * 4), 2 + int(work * 0.05)
        resident = _IDLE_BYTES + _RUN_BYTES * len(self.active)
        fds = min(
            MAX_FDS, _IDLE_FDS + self.pools.size + self.redis_in_use() + round(self.pools.requests) + self.streams
        )
        rows: list[tuple[str, Kind, list[tuple[Iterable[tuple[str, str]], float]]]] = [
            ("python_gc_objects_collected_total", Kind.COUNTER, _generations(young * 8, middle * 20, old * 20)),
            ("python_gc_objects_uncollectable_total", Kind.COUNTER, _generations(0, 0, 0)),
            ("python_gc_collections_total", Kind.COUNTER, _generations(young, middle, old)),
            ("python_info", Kind.GAUGE, [(PYTHON.items(), 1.0)]),
            ("process_virtual_memory_bytes", Kind.GAUGE, [((), _VIRTUAL_BYTES + resident)]),
            ("process_resident_memory_bytes", Kind.GAUGE, [((), resident)]),
            ("process_start_time_seconds", Kind.GAUGE, [((), round(self.shown, 2))]),
            ("process_cpu_seconds_total", Kind.COUNTER, [((), round(work, 2))]),
            ("process_open_fds", Kind.GAUGE, [((), float(fds))]),
            ("process_max_fds", Kind.GAUGE, [((), float(MAX_FDS))]),
        ]
        if self.instruments.shows(exposure):
            rows.append(("target_info", Kind.INFO, [(self.resource().items(), 1.0)]))
        return rows

    def resource(self) -> Mapping[str, str]:
        """Return the labels of `target_info` of its version."""
        found = SDK | {
            "api_version": self.settings.version,
            "deployment_type": self.settings.deployment_type,
            "host_id": self.name,
            "k8s_deployment_name": self.settings.project_name,
            "k8s_pod_name": self.name,
            "project_id": self.settings.project_id,
            "service_instance_id": self.instance_id,
            "telemetry_sdk_version": versions.sdk(self.settings.version),
        }
        return versions.target_labels(self.settings.version, found)


def unemitted(metrics: Iterable[Metric], settings: Topology, role: str) -> frozenset[str]:
    """Return the names that a process of this role and version never records."""
    out = set()
    for metric in metrics:
        emission = metric.emission.get("new")
        roles = emission.roles.get(settings.runtime, ()) if emission else ()
        later = settings.era == "new" and versions.lacks(settings.version, metric)
        if role not in roles or later or (metric.switch == "async_publish_queue" and not settings.async_publish_queue):
            out.add(metric.name)
    return frozenset(out)


def _generations(*values: float) -> list[tuple[Iterable[tuple[str, str]], float]]:
    return [((("generation", str(g)),), float(v)) for g, v in enumerate(values)]
