"""LangSmith's sandboxes: is there room for another one, does each host hold its lease, and do guests answer?

For the operators of the hosts on which agents' code is executed. Rows follow a sandbox: a host with room, its start and stop,
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
        "Capacity and leases",
        lines("Lease age", peak(ls["langsmith_sandbox_host_lease_stale_seconds"], by=by),
              limit=site.limit("sandbox_lease_stale")).with_note(UNSEEN).normal("Some seconds.", "The host cannot reach the leader's store.", alert=("LangSmithSandboxLeaseStale", "LangSmithSandboxLeaseLost")),
        lines("CPU commitment", cpu(site), limit=site.limit("sandbox_cpu_commitment")).normal("Below 80 %.", "Add hosts.", alert="LangSmithSandboxCpuCommitted"),
        lines("Memory commitment", memory(site), limit=site.limit("sandbox_memory_commitment")).normal("Below 80 %.", "Add hosts.", alert="LangSmithSandboxMemoryCommitted"),
        lines("Live sandboxes by host", total(ls["langsmith_sandbox_host_live_sandboxes"], by=by), stack=True).normal("Even over the hosts."),
        lines("Hosts", level(ls["langsmith_sandbox_host_pool_ready_hosts"]).named("ready"),
              level(ls["langsmith_sandbox_host_pool_desired_replicas"]).named("desired"))
        .with_note("What is desired moves only while the autoscaler is at work.").normal("Ready as many as wanted."),
        lines("Hosts by build", count(ls["langsmith_sandbox_host_build_info"], by=("version",)), stack=True).normal("One build, two while one rolls out."),
        lines("CPU commitment by host", total(ls["langsmith_sandbox_host_assigned_cpu_millicores"], by=by))
        .with_note("Thousandths of a CPU.").normal("Even over the hosts."),
        lines("Leader changes", rate(ls["langsmith_sandbox_host_leader_transitions_total"], by=("event",))).normal("Close to 0."),
    )  # fmt: skip


def _lifecycle(site: Site) -> Row:
    ls = _hosts(site)
    done, took = ls["langsmith_sandbox_host_operations_total"], ls["langsmith_sandbox_host_operation_duration_seconds"]
    return row(
        "Lifecycle",
        lines("Operations by outcome", rate(done, by=("operation", "outcome"))).normal("Success above all."),
        lines("Failed operations by stage", rate(done, by=("failed_stage",))).with_note("Without a stage: none failed.").normal("None."),
        lines("Operation duration p95", quantile(0.95, took, by=("operation",))).normal("Each in a band of its own."),
        lines("Stage duration p95", quantile(0.95, ls["langsmith_sandbox_host_stage_duration_seconds"], by=("stage",))).normal("Each in a band of its own."),
        lines("Lock contention", rate(ls["langsmith_sandbox_host_ref_lock_contention_total"], by=("operation",))).normal("Close to 0."),
        lines("Lock wait p95", quantile(0.95, ls["langsmith_sandbox_host_ref_lock_wait_seconds"], by=("operation",))).normal("Close to 0."),
        lines("Idle sandboxes stopped", rate(ls["langsmith_sandbox_host_idle_stops_total"])).normal("In proportion to starts."),
        lines("Joined stops", rate(ls["langsmith_sandbox_host_joined_stops_total"], by=("mode",))).normal("Close to 0."),
        lines("VM exits by reason", rate(ls["langsmith_sandbox_host_vm_exits_total"], by=("reason",))).normal("Ordinary stops above all."),
        lines("VM lifetime p95", quantile(0.95, ls["langsmith_sandbox_host_vm_lifetime_seconds"], by=("outcome",))).normal("As long as sandboxes are used."),
    )  # fmt: skip


def _boot(site: Site) -> Row:
    ls = _hosts(site)
    provision = ls["langsmith_sandbox_host_startup_provision_duration_seconds"]
    clone = ls["langsmith_sandbox_host_clone_slot_wait_seconds"]
    return row(
        "Boot",
        lines("Boot time p95", quantile(0.95, ls["langsmith_sandbox_host_boot_to_ready_seconds"])).normal("Below some seconds."),
        lines("Boots by mode", rate(ls["langsmith_sandbox_host_boot_mode_total"], by=("mode",))).normal("A steady mix."),
        lines("Zygote captures", rate(ls["langsmith_sandbox_host_zygote_capture_total"], by=("outcome",))).normal("Success alone."),
        lines("Zygote capture duration p95", quantile(0.95, ls["langsmith_sandbox_host_zygote_capture_duration_seconds"])).normal("Steady."),
        lines("Clone queue wait p95", quantile(0.95, clone, by=("clone_type",))).normal("Close to 0."),
        lines("Host start duration p95 by step", quantile(0.95, provision, by=("step",))).with_note(
            "A host takes its steps once, before it is scraped: blank unless it takes one again."
        ).normal("Steady."),
    )  # fmt: skip


def _guests(site: Site) -> Row:
    ls, by = _hosts(site), (site.labels.instance,)
    route = ("route",)
    return row(
        "Guest requests",
        lines("Guest requests by status", rate(ls["langsmith_sandbox_host_guest_requests_total"], by=("status",))).normal("2xx above all."),
        lines("Guest request latency p95",
              quantile(0.95, ls["langsmith_sandbox_host_guest_request_duration_seconds"], by=route)).normal("Below a second."),
        lines("Guest requests in progress", total(ls["langsmith_sandbox_host_guest_requests_in_flight"], by=by)).normal("In proportion to requests."),
        lines("Rejected guest requests", rate(ls["langsmith_sandbox_host_guest_request_rejects_total"], by=("reason",))).normal("No line."),
        lines("Guest not found", rate(ls["langsmith_sandbox_host_guest_no_target_total"], by=route)).normal("Close to 0."),
        lines("Forwarded requests", rate(ls["langsmith_sandbox_host_forward_total"])).normal("Steady."),
        lines("Forward errors", rate(ls["langsmith_sandbox_host_forward_failures_total"], by=("reason",))).normal("No line."),
        lines("Commands", rate(ls["langsmith_sandbox_host_exec_commands_total"], by=("command_class", "transport"))).normal("In proportion to sandboxes."),
        lines("Command duration p95",
              quantile(0.95, ls["langsmith_sandbox_host_exec_command_duration_seconds"], by=("command_class",))).normal("As long as commands take."),
    )  # fmt: skip


def _resources(site: Site) -> Row:
    ls, by = _hosts(site), (site.labels.instance,)
    return row(
        "CPU, memory and network",
        lines("CPU usage by host", rate(ls["langsmith_sandbox_host_sandbox_cpu_seconds_total"], by=by)).with_note(
            "100 % is one CPU."
        ).normal("Below the cores of the host."),
        lines("CPU throttling", rate(ls["langsmith_sandbox_host_sandbox_cpu_throttled_seconds_total"]).named("held back"),
              rate(ls["langsmith_sandbox_host_sandbox_cpu_stall_seconds_total"]).named("waiting")).normal("Close to 0.", "Larger limits, or more hosts."),
        lines("Memory usage by host", total(ls["langsmith_sandbox_host_sandbox_memory_rss_bytes"], by=by)).normal("Below the memory of the host."),
        lines("Memory reclaimed by host", total(ls["langsmith_sandbox_host_sandbox_memory_returned_bytes"], by=by)).normal("Steady."),
        lines("Memory reclaimed per hint p95", quantile(0.95, ls["langsmith_sandbox_host_free_page_hint_reclaimed_bytes"])).normal("Steady."),
        lines("Network bytes", rate(ls["langsmith_sandbox_host_sandbox_network_receive_bytes_total"]).named("received"),
              rate(ls["langsmith_sandbox_host_sandbox_network_transmit_bytes_total"]).named("sent")).normal("In proportion to sandboxes."),
        lines("Dropped packets",
              rate(ls["langsmith_sandbox_host_sandbox_network_dropped_packets_total"], by=("direction",))).normal("No line."),
    )  # fmt: skip


def _egress(site: Site) -> Row:
    ls = _hosts(site)
    return row(
        "Egress",
        lines("Proxy requests", rate(ls["langsmith_sandbox_egress_proxy_requests_total"], by=("path",))).normal("A steady mix."),
        lines("Proxy rejections", rate(ls["langsmith_sandbox_egress_proxy_blocked_total"], by=("reason",))).with_note(
            "access_denied is a policy at work."
        ).normal("Policies at work alone."),
        lines("Proxy upstream errors", rate(ls["langsmith_sandbox_egress_proxy_upstream_failures_total"], by=("reason",))).normal("No line."),
        lines("Proxy bytes", rate(ls["langsmith_sandbox_egress_proxy_bytes_total"], by=("path", "direction"))).normal("In proportion to requests."),
        lines("Proxy upstream latency p95",
              quantile(0.95, ls["langsmith_sandbox_egress_proxy_mitm_upstream_duration_seconds"])).normal("Below a second."),
        lines("DNS queries by result", rate(ls["langsmith_sandbox_egress_dns_queries_total"], by=("rcode",))).normal("NOERROR above all."),
    )  # fmt: skip


def _failures(site: Site) -> Row:
    ls = _hosts(site)

    def failed(name: str, legend: str) -> Query:
        return rate(ls[f"langsmith_sandbox_host_{name}_total"]).named(legend)

    return row(
        "Errors",
        lines("Host errors", failed("lease_renew_failures", "renewal of the lease"),
              failed("sandbox_memory_sample_failures", "sample of memory"),
              failed("sandbox_network_sample_failures", "sample of the network")).normal("No line.", "Read the log of the host."),
        lines("Fallbacks", failed("boot_failure_memory_invalidation", "saved memory thrown away"),
              failed("zygote_unusable_fallback", "boot without a zygote"),
              failed("clone_slot_abandoned", "turn to clone abandoned"),
              failed("guest_log_dropped_entries", "log line dropped"),
              failed("pool_window_seeded", "autoscaler's window begun anew")).normal("Close to 0."),
        lines("Guest daemon restarts", rate(ls["langsmith_sandbox_host_guestd_recycle_total"])).normal("Close to 0."),
    )  # fmt: skip
