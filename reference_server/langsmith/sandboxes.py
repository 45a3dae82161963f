"""Sandbox hosts: what each of them shows. Nobody has seen such a page; names and labels are those of the vendor's boards."""

from __future__ import annotations

from reference_server.core.rates.draw import observe, part, times
from reference_server.core.rates.model import ServiceProcess
from reference_server.langsmith.workload import LangSmithWorkload

#: Rates per second of the hosts of a few teams: starts and stops, requests to guests, commands, requests and look-ups outward.
OPERATIONS, REQUESTS, COMMANDS, OUTWARD, LOOKUPS = 0.4, 20.0, 3.0, 6.0, 9.0

#: What one host has: thousandths of a CPU, MiB; and seconds between two renewals of its lease.
CPU_MILLICORES, MEMORY_MIB, RENEWAL_SECONDS = 32_000, 131_072, 15.0

_HOST, _EGRESS = "langsmith_sandbox_host_", "langsmith_sandbox_egress_"

#: Counters of what goes wrong now and then on an ordinary day, too, and how often a second on all hosts.
_NOW_AND_THEN = (
    "boot_failure_memory_invalidation", "clone_slot_abandoned", "guest_log_dropped_entries", "guestd_recycle",
    "pool_window_seeded", "sandbox_memory_sample_failures", "sandbox_network_sample_failures", "zygote_unusable_fallback",
)  # fmt: skip
RARE = 0.005


def tick(process: ServiceProcess, workload: LangSmithWorkload, seconds: float, share: float) -> None:
    """Let a slice of time pass on one host; the first one leads the pool."""
    _begun(process)
    _lease(process, workload, seconds)
    _room(process, workload)
    if process.number == 0:
        _pool(process, workload, share)
    _lifecycle(process, seconds, share)
    _guests(process, seconds, share)
    _used(process, seconds, share)
    for name in _NOW_AND_THEN:
        process.instruments.add(f"{_HOST}{name}_total", times(process, RARE, seconds, share))
    _egress(process, seconds, share)


def _begun(process: ServiceProcess) -> None:
    """Show what a start leaves behind, once."""
    if process.state.get("begun"):
        return
    process.state["begun"] = True
    own = process.instruments
    own.set(f"{_HOST}build_info", 1, version="0.16.0")
    own.add(f"{_HOST}leader_transitions_total", int(process.number == 0), event="acquired")
    observe(process, f"{_HOST}startup_provision_duration_seconds", 1, 6.0, step="mount", outcome="success")


def _lease(process: ServiceProcess, workload: LangSmithWorkload, seconds: float) -> None:
    """Renew the lease, or fail to, as any host but the leader may."""
    own = process.instruments
    lost = workload.sandbox_lease_failing and process.number > 0
    stale = process.state.get("stale", 0.0) + seconds
    process.state["stale"] = stale if lost else stale % RENEWAL_SECONDS
    failed = int(stale // RENEWAL_SECONDS) - int((stale - seconds) // RENEWAL_SECONDS) if lost else 0
    own.add(f"{_HOST}lease_renew_failures_total", failed)
    own.set(f"{_HOST}lease_stale_seconds", process.state["stale"])


def _room(process: ServiceProcess, workload: LangSmithWorkload) -> None:
    own = process.instruments
    own.set(f"{_HOST}live_sandboxes", round(20 * workload.sandbox_memory_committed))
    own.set(f"{_HOST}assigned_cpu_millicores", round(CPU_MILLICORES * workload.sandbox_cpu_committed))
    own.set(f"{_HOST}assigned_memory_mib", round(MEMORY_MIB * workload.sandbox_memory_committed))
    own.set(f"{_HOST}capacity_memory_mib", MEMORY_MIB)
    own.set(f"{_HOST}sandbox_memory_rss_bytes", round(MEMORY_MIB * 2**20 * workload.sandbox_memory_committed * 0.6))
    own.set(f"{_HOST}sandbox_memory_returned_bytes", round(MEMORY_MIB * 2**20 * 0.05))


def _pool(process: ServiceProcess, workload: LangSmithWorkload, share: float) -> None:
    own, hosts = process.instruments, round(1 / share)
    own.set(f"{_HOST}pool_ready_hosts", hosts)
    own.set(f"{_HOST}pool_desired_replicas", hosts)
    own.set(f"{_HOST}pool_capacity_cpu_millicores", CPU_MILLICORES * hosts)
    own.set(f"{_HOST}pool_assigned_cpu_millicores", round(CPU_MILLICORES * hosts * workload.sandbox_cpu_committed))


def _lifecycle(process: ServiceProcess, seconds: float, share: float) -> None:
    own = process.instruments
    for operation, median in (("start", 0.6), ("stop", 0.3)):
        count = times(process, OPERATIONS, seconds, share)
        labels = {"operation": operation}
        own.add(f"{_HOST}operations_total", count, **labels, outcome="success")
        observe(process, f"{_HOST}operation_duration_seconds", count, median, **labels, outcome="success")
        observe(process, f"{_HOST}stage_duration_seconds", count, median / 2, **labels, stage="prepare")
        taken = part(process.chance, count, 0.1)
        own.add(f"{_HOST}ref_lock_contention_total", taken, **labels)
        observe(process, f"{_HOST}ref_lock_wait_seconds", count, 0.01, **labels)
        if operation == "start":
            own.add(f"{_HOST}boot_mode_total", count, mode="zygote")
            captured = part(process.chance, count, 0.1)
            own.add(f"{_HOST}zygote_capture_total", captured, outcome="success")
            observe(process, f"{_HOST}zygote_capture_duration_seconds", captured, 4.0)
            observe(process, f"{_HOST}boot_to_ready_seconds", count, 0.4)
            observe(process, f"{_HOST}clone_slot_wait_seconds", count, 0.02, clone_type="memory")
            continue
        own.add(f"{_HOST}idle_stops_total", part(process.chance, count, 0.7))
        own.add(f"{_HOST}joined_stops_total", part(process.chance, count, 0.05), mode="graceful")
        own.add(f"{_HOST}vm_exits_total", count, reason="stopped")
        observe(process, f"{_HOST}vm_lifetime_seconds", count, 900.0, outcome="success")


def _guests(process: ServiceProcess, seconds: float, share: float) -> None:
    own = process.instruments
    count, commands = times(process, REQUESTS, seconds, share), times(process, COMMANDS, seconds, share)
    own.add(f"{_HOST}guest_requests_total", count, status="200", route="proxy")
    observe(process, f"{_HOST}guest_request_duration_seconds", count, 0.05, route="proxy")
    own.set(f"{_HOST}guest_requests_in_flight", times(process, REQUESTS, 0.05, share))
    own.add(f"{_HOST}guest_request_rejects_total", part(process.chance, count, 0.001), reason="limit")
    own.add(f"{_HOST}guest_no_target_total", part(process.chance, count, 0.001), route="proxy")
    own.add(f"{_HOST}forward_total", part(process.chance, count, 0.1))
    own.add(f"{_HOST}forward_failures_total", part(process.chance, count, 0.001), reason="dial")
    own.add(f"{_HOST}exec_commands_total", commands, command_class="shell", transport="http")
    observe(process, f"{_HOST}exec_command_duration_seconds", commands, 0.8, command_class="shell")


def _used(process: ServiceProcess, seconds: float, share: float) -> None:
    own = process.instruments
    own.add(f"{_HOST}sandbox_cpu_seconds_total", 12.0 * seconds * share)
    own.add(f"{_HOST}sandbox_cpu_throttled_seconds_total", 0.2 * seconds * share)
    own.add(f"{_HOST}sandbox_cpu_stall_seconds_total", 0.1 * seconds * share)
    own.add(f"{_HOST}sandbox_network_receive_bytes_total", round(2.0e6 * seconds * share))
    own.add(f"{_HOST}sandbox_network_transmit_bytes_total", round(4.0e5 * seconds * share))
    own.add(f"{_HOST}sandbox_network_dropped_packets_total", times(process, 0.1, seconds, share), direction="ingress")
    observe(process, f"{_HOST}free_page_hint_reclaimed_bytes", times(process, 0.5, seconds, share), 6.0e7)


def _egress(process: ServiceProcess, seconds: float, share: float) -> None:
    own = process.instruments
    count = times(process, OUTWARD, seconds, share)
    own.add(f"{_EGRESS}proxy_requests_total", count, path="mitm")
    own.add(f"{_EGRESS}proxy_blocked_total", part(process.chance, count, 0.02), reason="access_denied")
    own.add(f"{_EGRESS}proxy_upstream_failures_total", part(process.chance, count, 0.002), reason="dial")
    own.add(f"{_EGRESS}proxy_bytes_total", 30_000 * count, path="mitm", direction="down")
    observe(process, f"{_EGRESS}proxy_mitm_upstream_duration_seconds", count, 0.2)
    own.add(f"{_EGRESS}dns_queries_total", times(process, LOOKUPS, seconds, share), rcode="NOERROR")
