"""LangSmith's sandboxes: is there room for another one, does each host hold its lease, and do guests answer?

For whoever runs the hosts on which agents' code is executed. Rows follow a sandbox: a host with room, its start and stop,
what it is asked, what it uses, where it may go; then what hosts fail at. A part that is off by default; nobody here has
seen its pages.
"""

from __future__ import annotations

from generator.boards.layout import Board, Row, board, row
from generator.boards.panels import lines
from generator.config.site import Site, View
from generator.promql import count, level, peak, quantile, rate, total
from generator.promql.query import Query
from generator.systems.langsmith.alerts.sandboxes import cpu, memory

UNSEEN = "Name and labels are those of the vendor's own boards; nobody here has seen such a page."


def dashboard(site: Site) -> Board:
    """Build the board."""
    return board(
        site,
        "langsmith_sandboxes",
        "LangSmith / Sandboxes",
        system="langsmith",
        about=__doc__ or "",
        rows=[
            _room(site),
            _lifecycle(site),
            _boot(site),
            _guests(site),
            _resources(site),
            _egress(site),
            _failures(site),
        ],
    )


def _hosts(site: Site) -> View:
    return site.system("langsmith", on="langsmith")


def _room(site: Site) -> Row:
    ls, by = _hosts(site), (site.labels.instance,)
    return row(
        "Is there room, and is each host one of the pool?",
        lines("Since the last renewal of the lease", peak(ls["langsmith_sandbox_host_lease_stale_seconds"], by=by),
              limit=site.limit("sandbox_lease_stale")).noting(UNSEEN),
        lines("CPU of the pool that is promised", cpu(site), limit=site.limit("sandbox_cpu_commitment")),
        lines("Memory of the hosts that is promised", memory(site), limit=site.limit("sandbox_memory_commitment")),
        lines("Live sandboxes by host", total(ls["langsmith_sandbox_host_live_sandboxes"], by=by), stack=True),
        lines("Hosts", level(ls["langsmith_sandbox_host_pool_ready_hosts"]).named("ready"),
              level(ls["langsmith_sandbox_host_pool_desired_replicas"]).named("desired"))
        .noting("What is desired moves only while the autoscaler is at work."),
        lines("Hosts by build", count(ls["langsmith_sandbox_host_build_info"], by=("version",)), stack=True),
        lines("CPU promised by host", total(ls["langsmith_sandbox_host_assigned_cpu_millicores"], by=by))
        .noting("Thousandths of a CPU."),
        lines("Changes of the leader", rate(ls["langsmith_sandbox_host_leader_transitions_total"], by=("event",))),
    )  # fmt: skip


def _lifecycle(site: Site) -> Row:
    ls = _hosts(site)
    done, took = ls["langsmith_sandbox_host_operations_total"], ls["langsmith_sandbox_host_operation_duration_seconds"]
    return row(
        "Do sandboxes start and stop?",
        lines("Operations", rate(done, by=("operation", "outcome"))),
        lines("Where operations fail", rate(done, by=("failed_stage",))).noting("Without a stage: none failed."),
        lines("Time of an operation, p95", quantile(0.95, took, by=("operation",))),
        lines("Time of a stage, p95", quantile(0.95, ls["langsmith_sandbox_host_stage_duration_seconds"], by=("stage",))),
        lines("Locks found taken", rate(ls["langsmith_sandbox_host_ref_lock_contention_total"], by=("operation",))),
        lines("Wait for a lock, p95", quantile(0.95, ls["langsmith_sandbox_host_ref_lock_wait_seconds"], by=("operation",))),
        lines("Idle ones stopped", rate(ls["langsmith_sandbox_host_idle_stops_total"])),
        lines("Stops that joined another", rate(ls["langsmith_sandbox_host_joined_stops_total"], by=("mode",))),
        lines("Ends of machines", rate(ls["langsmith_sandbox_host_vm_exits_total"], by=("reason",))),
        lines("Life of a machine, p95", quantile(0.95, ls["langsmith_sandbox_host_vm_lifetime_seconds"], by=("outcome",))),
    )  # fmt: skip


def _boot(site: Site) -> Row:
    ls = _hosts(site)
    provision = ls["langsmith_sandbox_host_startup_provision_duration_seconds"]
    clone = ls["langsmith_sandbox_host_clone_slot_wait_seconds"]
    return row(
        "How do they boot?",
        lines("From boot to ready, p95", quantile(0.95, ls["langsmith_sandbox_host_boot_to_ready_seconds"])),
        lines("Boots by mode", rate(ls["langsmith_sandbox_host_boot_mode_total"], by=("mode",))),
        lines("Captures of a zygote", rate(ls["langsmith_sandbox_host_zygote_capture_total"], by=("outcome",))),
        lines("Time of a capture, p95", quantile(0.95, ls["langsmith_sandbox_host_zygote_capture_duration_seconds"])),
        lines("Wait for a turn to clone, p95", quantile(0.95, clone, by=("clone_type",))),
        lines("A host's own start by step, p95", quantile(0.95, provision, by=("step",))).noting(
            "A host takes its steps once, before it is scraped: blank unless it takes one again."
        ),
    )  # fmt: skip


def _guests(site: Site) -> Row:
    ls, by = _hosts(site), (site.labels.instance,)
    route = ("route",)
    return row(
        "Do guests answer?",
        lines("Requests to guests", rate(ls["langsmith_sandbox_host_guest_requests_total"], by=("status",))),
        lines("Time of a request, p95",
              quantile(0.95, ls["langsmith_sandbox_host_guest_request_duration_seconds"], by=route)),
        lines("Requests in flight", total(ls["langsmith_sandbox_host_guest_requests_in_flight"], by=by)),
        lines("Refused", rate(ls["langsmith_sandbox_host_guest_request_rejects_total"], by=("reason",))),
        lines("No such guest on the host", rate(ls["langsmith_sandbox_host_guest_no_target_total"], by=route)),
        lines("Handed on to another host", rate(ls["langsmith_sandbox_host_forward_total"])),
        lines("Could not be handed on", rate(ls["langsmith_sandbox_host_forward_failures_total"], by=("reason",))),
        lines("Commands", rate(ls["langsmith_sandbox_host_exec_commands_total"], by=("command_class", "transport"))),
        lines("Time of a command, p95",
              quantile(0.95, ls["langsmith_sandbox_host_exec_command_duration_seconds"], by=("command_class",))),
    )  # fmt: skip


def _resources(site: Site) -> Row:
    ls, by = _hosts(site), (site.labels.instance,)
    return row(
        "What do they use?",
        lines("CPU by host", rate(ls["langsmith_sandbox_host_sandbox_cpu_seconds_total"], by=by)).noting(
            "100 % is one CPU."
        ),
        lines("CPU that was wanting", rate(ls["langsmith_sandbox_host_sandbox_cpu_throttled_seconds_total"]).named("held back"),
              rate(ls["langsmith_sandbox_host_sandbox_cpu_stall_seconds_total"]).named("waiting")),
        lines("Memory by host", total(ls["langsmith_sandbox_host_sandbox_memory_rss_bytes"], by=by)),
        lines("Memory given back", total(ls["langsmith_sandbox_host_sandbox_memory_returned_bytes"], by=by)),
        lines("Given back by one hint, p95", quantile(0.95, ls["langsmith_sandbox_host_free_page_hint_reclaimed_bytes"])),
        lines("Network", rate(ls["langsmith_sandbox_host_sandbox_network_receive_bytes_total"]).named("received"),
              rate(ls["langsmith_sandbox_host_sandbox_network_transmit_bytes_total"]).named("sent")),
        lines("Dropped packets",
              rate(ls["langsmith_sandbox_host_sandbox_network_dropped_packets_total"], by=("direction",))),
    )  # fmt: skip


def _egress(site: Site) -> Row:
    ls = _hosts(site)
    return row(
        "Where do they go?",
        lines("Requests through the proxy", rate(ls["langsmith_sandbox_egress_proxy_requests_total"], by=("path",))),
        lines("Refused by the proxy", rate(ls["langsmith_sandbox_egress_proxy_blocked_total"], by=("reason",))).noting(
            "access_denied is a policy at work."
        ),
        lines("Failed behind the proxy", rate(ls["langsmith_sandbox_egress_proxy_upstream_failures_total"], by=("reason",))),
        lines("Bytes through the proxy", rate(ls["langsmith_sandbox_egress_proxy_bytes_total"], by=("path", "direction"))),
        lines("Time of a server behind the proxy, p95",
              quantile(0.95, ls["langsmith_sandbox_egress_proxy_mitm_upstream_duration_seconds"])),
        lines("Look-ups by code", rate(ls["langsmith_sandbox_egress_dns_queries_total"], by=("rcode",))),
    )  # fmt: skip


def _failures(site: Site) -> Row:
    ls = _hosts(site)

    def failed(name: str, legend: str) -> Query:
        return rate(ls[f"langsmith_sandbox_host_{name}_total"]).named(legend)

    return row(
        "What fails on the hosts?",
        lines("Failures", failed("lease_renew_failures", "renewal of the lease"),
              failed("sandbox_memory_sample_failures", "sample of memory"),
              failed("sandbox_network_sample_failures", "sample of the network")),
        lines("What is done without", failed("boot_failure_memory_invalidation", "saved memory thrown away"),
              failed("zygote_unusable_fallback", "boot without a zygote"),
              failed("clone_slot_abandoned", "turn to clone abandoned"),
              failed("guest_log_dropped_entries", "log line dropped"),
              failed("pool_window_seeded", "autoscaler's window begun anew")),
        lines("Restarts of the daemon in a guest", rate(ls["langsmith_sandbox_host_guestd_recycle_total"])),
    )  # fmt: skip
