"""How an agentgateway behaves in virtual time: its traffic, its connections, its process and its control plane."""

from __future__ import annotations

import functools
import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from generator.catalogue import Kind, Metric, Versions
from reference_server.agentgateway import models, page, traffic
from reference_server.agentgateway.traffic import BIND, GATEWAY, PLACE, PLAIN, RAW
from reference_server.agentgateway.workload import CODE, DOCUMENTED, GatewayWorkload
from reference_server.core.rates.draw import observe, times
from reference_server.core.rates.model import Model, ServiceProcess
from reference_server.core.settings import SettingsError

#: Which names the page has.
ERA = "AGENT_REFERENCE_ERA"

#: Which version the gateway is: its page lacks what came later.
VERSION = "AGENT_REFERENCE_VERSION"

#: Labels that the configuration adds, as JSON: {"team": {"search": 0.7, "unknown": 0.3}}.
ATTRIBUTION = "AGENT_REFERENCE_ATTRIBUTION"

#: The oldest version whose page is played: those before say no reasons.
OLDEST = "0.10.1"

THREADS = 4

#: Combinations of added labels at most: each is traffic of its own.
MOST = 500

#: Edges of the documentation's histograms, of which it gives none: assumed, as those of the code's nearest metric.
_ASSUMED = {"bytes": tuple(float(4**n) for n in range(14)), "seconds": tuple(0.01 * 2**n for n in range(14))}

#: Listeners and their shares of the connections. One without TLS is chosen by each request, not by the connection.
LISTENERS = (
    ({**PLACE, "protocol": "https"}, 0.7),
    ({"bind": PLAIN, "gateway": "unknown", "listener": "unknown", "protocol": "http"}, 0.3),
)

#: Type of an xDS resource to its share of the messages, and the bytes of one.
_RESOURCES = {
    "type.googleapis.com/agentgateway.dev.resource.Resource": (0.7, 2400),
    "type.googleapis.com/istio.workload.Address": (0.3, 300),
}

#: What the memory of a process is made of, as shares of its resident memory, and of the container's.
_PROCESS = {
    "process_size": 0.0, "process_rss": 1.0, "process_pss": 0.97, "process_pss_dirty": 0.7, "process_private_dirty": 0.7,
    "process_private_clean": 0.2, "process_shared_clean": 0.06, "process_shared_dirty": 0.0, "process_referenced": 0.95,
    "process_anonymous": 0.7, "process_lazy_free": 0.0, "process_anon_huge_pages": 0.0, "process_shmem_huge_pages": 0.0,
    "process_shmem_pmd_mapped": 0.0, "process_file_pmd_mapped": 0.0, "process_shared_hugetlb": 0.0,
    "process_private_hugetlb": 0.0, "process_swap": 0.0, "process_swap_pss": 0.0, "process_locked": 0.0,
}  # fmt: skip
_CGROUP = {
    "cgroup_usage": 1.25, "cgroup_working_set": 1.1, "cgroup_anon": 0.75, "cgroup_inactive_anon": 0.6,
    "cgroup_active_anon": 0.15, "cgroup_file": 0.3, "cgroup_file_mapped": 0.08, "cgroup_active_file": 0.15,
    "cgroup_inactive_file": 0.15, "cgroup_shmem": 0.0, "cgroup_kernel": 0.12, "cgroup_kernel_stack": 0.01,
    "cgroup_pagetables": 0.02, "cgroup_percpu": 0.001, "cgroup_sock": 0.02, "cgroup_slab": 0.06,
    "cgroup_slab_reclaimable": 0.03, "cgroup_slab_unreclaimable": 0.03,
}  # fmt: skip

#: What the kernel counts for the container, a second: pages are mapped as tasks come, few files leave the cache.
_FAULTS = {
    "cgroup_pgfault_total": 40.0, "cgroup_pgmajfault_total": 0.002, "cgroup_workingset_refault_anon_total": 0.0,
    "cgroup_workingset_refault_file_total": 0.01, "cgroup_workingset_activate_anon_total": 0.0,
    "cgroup_workingset_activate_file_total": 0.002, "cgroup_workingset_restore_anon_total": 0.0,
    "cgroup_workingset_restore_file_total": 0.0,
}  # fmt: skip

#: What reads 0 on the page of a real gateway, too. Swap is drawn.
STILL = frozenset(name for name, amount in {**_PROCESS, **_CGROUP, **_FAULTS}.items() if not amount) - {"process_swap"}


def begin(process: ServiceProcess, work: GatewayWorkload) -> None:
    """Put on the page what is there from the start: the build, the configuration, the process, limits that turned nobody away."""
    process.state.update(era=work.era, version=work.version)
    process.instruments.unemitted = page.unshown(process.instruments.metrics, work.era, work.version)
    traffic.age(process, work.version)
    if work.era != CODE:
        process.instruments.set("connections_active", 0)
        process.instruments.set("mcp_sessions_active", 0)
        return
    own = process.instruments
    own.set("build_info", 1, tag=work.version)
    own.set("config_synchronized", 1)
    own.set("substrate_request_parking_active", 0)
    own.add("requests_shed_total", 0, bind=BIND)
    own.add("downstream_connections_shed_total", 0, bind=BIND)
    _runtime(process, work, 0.0, 0.5)


def tick(process: ServiceProcess, work: GatewayWorkload, seconds: float, share: float) -> None:
    """Let a slice of time pass."""
    if (process.state.get("era"), process.state.get("version")) != (work.era, work.version):
        process.instruments.unemitted = page.unshown(process.instruments.metrics, work.era, work.version)
        for name in process.instruments.unemitted:
            process.instruments.drop(name)
    if work.era == CODE and process.state.get("version") != work.version:
        process.instruments.drop("build_info")
        process.instruments.set("build_info", 1, tag=work.version)
        traffic.age(process, work.version)
    process.state.update(era=work.era, version=work.version)
    process.instruments.beside = "route"
    for added, portion in _attributed(work.attribution):
        process.instruments.added = added
        traffic.plain(process, work, seconds, share * portion)
        models.models(process, work, seconds, share * portion)
        traffic.mcp(process, work, seconds, share * portion)
    process.instruments.added = {}
    if work.era == CODE:
        _connected(process, work, seconds, share)
        _controlled(process, work, seconds, share)
        _routed(process, work, seconds, share)
        _runtime(process, work, seconds, share)
    else:
        process.instruments.add("connections_total", times(process, work.connections, seconds, share))
        process.instruments.set("connections_active", round(work.connections * share * 12))
        process.instruments.set("mcp_sessions_active", round(sum(work.mcp.values()) * share * 3))


def _attributed(attribution: Mapping[str, Mapping[str, float]]) -> Iterator[tuple[dict[str, str], float]]:
    """Yield every combination of the added labels with its share of the traffic; without any, all of it."""
    for values in itertools.product(*(shares.items() for shares in attribution.values())):
        labels = dict(zip(attribution, (value for value, _ in values), strict=True))
        yield labels, math.prod(share for _, share in values)


def _connected(process: ServiceProcess, work: GatewayWorkload, seconds: float, share: float) -> None:
    own = process.instruments
    load = sum((*work.http.values(), *work.mcp.values())) + 20 * sum(work.llm.values())
    carried: dict[str, float] = process.state.setdefault("carried", {})
    sessions = work.answers.get("tcp-session", 0.0)
    raw = (
        {"bind": RAW, "gateway": GATEWAY, "listener": "raw", "protocol": "tcp"},
        sessions / max(work.connections, 1.0),
    )
    for where, ratio in (*LISTENERS, *((raw,) if sessions else ())):
        carried[where["bind"]] = carried.get(where["bind"], 0.0) + load * ratio * seconds * share
        count = times(process, work.connections * ratio, seconds, share)
        if not count:
            continue  # what open connections carry is counted when they end
        passed = carried.pop(where["bind"])
        own.add("downstream_connections_total", count, **where)
        own.add("downstream_received_bytes_total", round(passed * 1_200), **where)
        own.add("downstream_sent_bytes_total", round(passed * 3_500), **where)
        if where["protocol"] == "https":
            observe(process, "tls_handshake_duration_seconds", count, work.tls_seconds, 0.5, **where)
    own.add("requests_shed_total", times(process, work.shed_requests, seconds, share), bind=BIND)
    own.add("downstream_connections_shed_total", times(process, work.shed_connections, seconds, share), bind=BIND)


def _controlled(process: ServiceProcess, work: GatewayWorkload, seconds: float, share: float) -> None:
    own = process.instruments
    own.set("config_synchronized", float(work.config_current))
    broken = times(process, work.xds_errors, seconds, share)
    if broken:
        own.add("xds_connection_terminations_total", broken, reason="ConnectionError")
    over = times(process, work.xds_reconnects, seconds, share)
    if over:
        own.add("xds_connection_terminations_total", over, reason="Reconnect")
    for url, (ratio, size) in _RESOURCES.items():
        count = times(process, work.xds_messages * ratio, seconds, share)
        if count:
            own.add("xds_message_total", count, url=url)
            own.add("xds_message_bytes_total", count * size, url=url)


def _routed(process: ServiceProcess, work: GatewayWorkload, seconds: float, share: float) -> None:
    count = times(process, work.substrate, seconds, share)
    process.instruments.set("substrate_request_parking_active", count)
    if count:
        labels = {"ate_router_outcome": "routed", "ate_router_resume": "running"}
        observe(process, "atenet_router_route_duration_seconds", count, 0.02, 0.6, **labels)


def _runtime(process: ServiceProcess, work: GatewayWorkload, seconds: float, share: float) -> None:
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
    for name, rate in _FAULTS.items():
        own.add(name, times(process, rate, seconds))
    own.set("process_swap", 4096 * round(process.chance.random() * 3))


@functools.cache
def _edged(metric: Metric) -> Metric:
    """Return the metric with edges: the documentation gives none, so some must be assumed."""
    lacking = metric.kind is Kind.HISTOGRAM and not metric.buckets
    return replace(metric, buckets=_ASSUMED[metric.unit]) if lacking else metric


def metrics(_: str, known: tuple[Metric, ...]) -> tuple[Metric, ...]:
    """Return what a process records."""
    return tuple(_edged(metric) for metric in known)


def adapt(work: GatewayWorkload, environment: Mapping[str, str]) -> GatewayWorkload:
    """Return the workload in the era and the version that the environment wants.

    Raises:
        SettingsError: There is no such era, or the version is none.

    """
    era, version = environment.get(ERA, "") or work.era, environment.get(VERSION, "") or work.version
    wrong = [] if era in (CODE, DOCUMENTED) else [f"{ERA} is {era!r}; wanted: {CODE} or {DOCUMENTED}"]
    if not re.fullmatch(r"\d+(\.\d+)+", version) or not Versions(version, version).has(OLDEST):
        wrong.append(f"{VERSION} is {version!r}; wanted: a version from {OLDEST} on, such as 1.4.1")
    attribution = work.attribution
    if text := environment.get(ATTRIBUTION, ""):
        attribution, why = _shares(text)
        wrong += [f"{ATTRIBUTION} is {text[:80]!r}: {why}"] if why else []
    if wrong:
        raise SettingsError(wrong)
    return replace(work, era=era, version=version, attribution=attribution)


def _shares(text: str) -> tuple[Mapping[str, Mapping[str, float]], str]:
    """Return the shares of each label's values, or why the text says none."""
    wanted = 'wanted: JSON of labels with the shares of their values, such as {"team": {"search": 0.7, "unknown": 0.3}}'
    try:
        found = json.loads(text)
        shares = {
            str(label): {str(value): float(share) for value, share in values.items()} for label, values in found.items()
        }
    except (ValueError, TypeError, AttributeError, RecursionError):
        return {}, wanted
    for label, values in shares.items():
        if not re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", label):
            return {}, f"{label[:40]!r} is no name of a label"
        if not all(0 < share <= 1 for share in values.values()) or not math.isclose(sum(values.values()), 1):
            return {}, f"the shares of {label} have to be above 0 and 1 together"
    if math.prod(len(values) for values in shares.values()) > MOST:
        return {}, f"at most {MOST} combinations are played"
    return shares, ""


MODEL = Model(
    system="agentgateway",
    roles={"": 2},
    workload=GatewayWorkload,
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
    still=STILL,
)
