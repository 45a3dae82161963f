"""agentgateway control plane and process: is the configuration current, which build runs, is there memory and time left?

For whoever changed something and wonders whether it arrived, and for whoever sizes the pods.
"""

from __future__ import annotations

from generator.boards import processes as targets
from generator.boards.layout import Board, Row, board, row
from generator.boards.panels import Column, lines, stat, state, table
from generator.config.site import Site
from generator.promql import count, lowest, peak, rate, total


def dashboard(site: Site) -> Board:
    """Build the board."""
    return board(
        site,
        "agentgateway_control",
        "agentgateway / Control plane and process",
        system="agentgateway",
        about=__doc__ or "",
        rows=[_now(site), _configuration(site), _processes(site), _memory(site)],
    )


def _now(site: Site) -> Row:
    gw, up = site.system("agentgateway"), site.system("prometheus", on="agentgateway")
    return row(
        "Is it current?",
        stat("Running", count(gw["build_info"]).about("Processes that answer with a build.")),
        stat("Scraped", total(up["up"]).as_unit("instances").about("Processes that answered the last scrape.")),
        stat("Configuration loaded", lowest(gw["config_synchronized"]), limit=targets.THERE, bad="below").noting(
            "0: the last reload of some process failed, and its configuration before it is served. Always 1 where a control plane configures the gateway."
        ),
        stat(
            "Lost control planes",
            rate(gw["xds_connection_terminations_total"].matching(reason="ConnectionError|Error")),
        ),
        stat("Messages of the control plane", rate(gw["xds_message_total"])),
        stat("Tasks that wait", total(gw["tokio_global_queue_depth"])),
    )


def _configuration(site: Site) -> Row:
    gw, instance = site.system("agentgateway"), site.labels.instance
    words = {"1": ("current", "green"), "0": ("last reload failed", "red")}
    return row(
        "Configuration",
        state("Local configuration", lowest(gw["config_synchronized"], by=(instance,)), words),
        lines(
            "Ended connections to the control plane", rate(gw["xds_connection_terminations_total"], by=("reason",))
        ).noting("Reconnect and Complete are ordinary."),
        lines("Ended connections by process", rate(gw["xds_connection_terminations_total"], by=(instance,))),
        lines("Messages by type", rate(gw["xds_message_total"], by=("url",))),
        lines("Bytes of messages by type", rate(gw["xds_message_bytes_total"], by=("url",))),
    )


def _processes(site: Site) -> Row:
    gw, up, by = site.system("agentgateway"), site.system("prometheus", on="agentgateway"), (site.labels.instance,)
    return row(
        "Processes",
        lines(
            "Processes by build", count(gw["build_info"], by=("tag",)).about("Processes by the build that they run.")
        ),
        lines("Tasks alive", total(gw["tokio_num_alive_tasks"], by=by)).noting(
            "Grows with open connections and streams; the nearest to a gauge of them."
        ),
        lines("Tasks that wait for a thread", total(gw["tokio_global_queue_depth"], by=by)).noting(
            "More than a few, steadily: the processor is short."
        ),
        table(
            "Every process",
            [
                Column("Up", total(up["up"], by=by)),
                Column("Threads", total(gw["tokio_num_workers"], by=by)),
                Column("Tasks", total(gw["tokio_num_alive_tasks"], by=by)),
                Column("Memory", peak(gw["process_rss"], by=by)),
                Column("Scrape took", peak(up["scrape_duration_seconds"], by=by), limit=site.limit("scrape_duration")),
                Column(
                    "Samples",
                    peak(up["scrape_samples_post_metric_relabeling"], by=by),
                    limit=site.limit("scrape_samples"),
                ),
            ],
            sort="Memory",
        ),
    )


def _memory(site: Site) -> Row:
    gw, by = site.system("agentgateway"), (site.labels.instance,)
    kinds = {
        "cgroup_anon": "anonymous", "cgroup_file": "files", "cgroup_kernel": "kernel", "cgroup_sock": "sockets",
        "cgroup_slab": "slabs",
    }  # fmt: skip
    shares = {
        "process_pss": "resident, shared in proportion", "process_private_dirty": "own, written",
        "process_private_clean": "own, not written", "process_shared_clean": "shared", "process_swap": "swapped out",
    }  # fmt: skip
    return row(
        "Memory",
        lines("Working set of the container", peak(gw["cgroup_working_set"], by=by)).noting(
            "What the kernel kills by when it reaches the limit of the pod."
        ),
        lines("Memory of the container", peak(gw["cgroup_usage"], by=by)),
        lines("What the containers' memory is", *(total(gw[name]).named(word) for name, word in kinds.items())),
        lines("Resident memory of the process", peak(gw["process_rss"], by=by)),
        lines("What the processes' memory is", *(total(gw[name]).named(word) for name, word in shares.items())).wide(
            24
        ),
        lines("Page faults that read a disk", total(rate(gw["cgroup_pgmajfault_total"]))),
        lines(
            "Pages that had to come back",
            total(rate(gw["cgroup_workingset_refault_file_total"])).named("files"),
            total(rate(gw["cgroup_workingset_refault_anon_total"])).named("anonymous"),
        ).noting(
            "The kernel gave up what was needed again: the limit of the pod is too low, before anything is killed."
        ),
        collapsed=True,
    )
