"""How an agentgateway behaves in virtual time: its traffic, its connections, its process and its control plane."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace

from generator.catalogue import Kind, Metric
from reference_server.agentgateway import page, traffic
from reference_server.agentgateway.traffic import BIND, PLACE
from reference_server.agentgateway.workload import CODE, DOCUMENTED, Work
from reference_server.services.draw import observe, times
from reference_server.services.model import Model, Process
from reference_server.settings import SettingsError

#: Which names the page has.
ERA = "AGENT_REFERENCE_ERA"

TAG = "1.5.0"
THREADS = 4

#: Edges of the documentation's histograms, of which it gives none: assumed, as those of the code's nearest metric.
_ASSUMED = {"bytes": tuple(float(4**n) for n in range(14)), "seconds": tuple(0.01 * 2**n for n in range(14))}

#: Type of an xDS resource to its share of the messages, and the bytes of one.
_RESOURCES = {
    "type.googleapis.com/agentgateway.dev.resource.Resource": (0.7, 2400),
    "type.googleapis.com/istio.workload.Address": (0.3, 300),
}

#: What the memory of a process is made of, as shares of its resident memory, and of the container's.
_PROCESS = {
    "process_rss": 1.0, "process_pss": 0.97, "process_private_dirty": 0.7, "process_private_clean": 0.2,
    "process_shared_clean": 0.06, "process_swap": 0.0,
}  # fmt: skip
_CGROUP = {
    "cgroup_usage": 1.25, "cgroup_working_set": 1.1, "cgroup_anon": 0.75, "cgroup_file": 0.3, "cgroup_kernel": 0.12,
    "cgroup_sock": 0.02, "cgroup_slab": 0.06,
}  # fmt: skip


def begin(process: Process, work: Work) -> None:
    """Put on the page what is there from the start: the build, the configuration, the process, limits that turned nobody away."""
    process.state["era"] = work.era
    if work.era != CODE:
        process.instruments.set("connections_active", 0)
        process.instruments.set("mcp_sessions_active", 0)
        return
    own = process.instruments
    own.set("build_info", 1, tag=TAG)
    own.set("config_synchronized", 1)
    own.set("substrate_request_parking_active", 0)
    own.add("requests_shed_total", 0, bind=BIND)
    own.add("downstream_connections_shed_total", 0, bind=BIND)
    _runtime(process, work, 0.5)


def tick(process: Process, work: Work, seconds: float, share: float) -> None:
    """Let a slice of time pass."""
    process.state["era"] = work.era
    traffic.plain(process, work, seconds, share)
    traffic.models(process, work, seconds, share)
    traffic.mcp(process, work, seconds, share)
    if work.era == CODE:
        _connected(process, work, seconds, share)
        _controlled(process, work, seconds, share)
        _routed(process, work, seconds, share)
        _runtime(process, work, share)
    else:
        process.instruments.add("connections_total", times(process, work.connections, seconds, share))
        process.instruments.set("connections_active", round(work.connections * share * 12))
        process.instruments.set("mcp_sessions_active", round(sum(work.mcp.values()) * share * 3))


def _connected(process: Process, work: Work, seconds: float, share: float) -> None:
    own, where = process.instruments, {**PLACE, "protocol": "https"}
    count = times(process, work.connections, seconds, share)
    if count:
        own.add("downstream_connections_total", count, **where)
        observe(process, "tls_handshake_duration_seconds", count, work.tls_seconds, 0.5, **where)
    load = sum((*work.http.values(), *work.mcp.values())) + 20 * sum(work.llm.values())
    own.add("downstream_received_bytes_total", round(load * seconds * share * 1_200), **where)
    own.add("downstream_sent_bytes_total", round(load * seconds * share * 3_500), **where)
    own.add("requests_shed_total", times(process, work.shed_requests, seconds, share), bind=BIND)
    own.add("downstream_connections_shed_total", times(process, work.shed_connections, seconds, share), bind=BIND)


def _controlled(process: Process, work: Work, seconds: float, share: float) -> None:
    own = process.instruments
    own.set("config_synchronized", float(work.config_current))
    broken = times(process, work.xds_errors, seconds, share)
    if broken:
        own.add("xds_connection_terminations_total", broken, reason="ConnectionError")
    over = times(process, 0.001, seconds, share)  # the controller ends a connection now and then: nothing is wrong
    if over:
        own.add("xds_connection_terminations_total", over, reason="Reconnect")
    for url, (ratio, size) in _RESOURCES.items():
        count = times(process, work.xds_messages * ratio, seconds, share)
        if count:
            own.add("xds_message_total", count, url=url)
            own.add("xds_message_bytes_total", count * size, url=url)


def _routed(process: Process, work: Work, seconds: float, share: float) -> None:
    count = times(process, work.substrate, seconds, share)
    process.instruments.set("substrate_request_parking_active", count)
    if count:
        labels = {"ate_router_outcome": "routed", "ate_router_resume": "running"}
        observe(process, "atenet_router_route_duration_seconds", count, 0.02, 0.6, **labels)


def _runtime(process: Process, work: Work, share: float) -> None:
    """Set what the runtime and the kernel show: tasks follow the open connections, memory follows the tasks."""
    own = process.instruments
    open_ = (work.connections * 12 + sum(work.llm.values()) * 10 + sum(work.mcp.values()) * 3) * share
    tasks = round(30 + open_)
    own.set("tokio_num_workers", THREADS)
    own.set("tokio_num_alive_tasks", tasks)
    own.set("tokio_global_queue_depth", round(tasks * 0.002 * process.chance.random()))
    resident = 45_000_000 + tasks * 40_000
    for name, ratio in {**_PROCESS, **_CGROUP}.items():
        own.set(name, round(resident * ratio))
    own.set("process_swap", 4096 * round(process.chance.random() * 3))


@functools.cache
def _edged(metric: Metric) -> Metric:
    """Return the metric with edges: the documentation gives none, so some must be assumed."""
    lacking = metric.kind is Kind.HISTOGRAM and not metric.buckets
    return replace(metric, buckets=_ASSUMED[metric.unit]) if lacking else metric


def metrics(_: str, known: tuple[Metric, ...]) -> tuple[Metric, ...]:
    """Return what a process records."""
    return tuple(_edged(metric) for metric in known)


def adapt(work: Work, environment: Mapping[str, str]) -> Work:
    """Return the workload in the era that the environment wants.

    Raises:
        SettingsError: There is no such era.

    """
    era = environment.get(ERA, "")
    if era not in ("", CODE, DOCUMENTED):
        raise SettingsError([f"{ERA} is {era!r}; wanted: {CODE} or {DOCUMENTED}"])
    return replace(work, era=era) if era else work


MODEL = Model(
    system="agentgateway",
    roles={"": 2},
    workload=Work,
    begin=begin,
    tick=tick,
    job=lambda _: "agentgateway",
    port=lambda _: 15020,
    metrics=metrics,
    prefix="agentgateway_",
    page=page.write,
    content_type=page.TEXT,
    routes=page.routes,
    adapt=adapt,
)
