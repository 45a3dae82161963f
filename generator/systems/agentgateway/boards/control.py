"""agentgateway control plane and process: is the configuration current, which build runs, is there memory and time left?

For an operator who changed something and wonders whether it arrived, and for those who size the pods.
"""

from __future__ import annotations

from generator.boards import colours
from generator.boards import processes as targets
from generator.boards.layout import Board, Row, board, row
from generator.boards.panels import lines, stat, state
from generator.boards.tables import Column, table
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
        "Status",
        stat("Running processes", count(gw["build_info"]).about("Processes that answer with a build.")).normal(
            "As many as are deployed."
        ),
        stat(
            "Scraped processes", total(up["up"]).as_unit("instances").about("Processes that answered the last scrape.")
        ).normal("As many as run.", alert="AgentgatewayTargetDown"),
        stat("Config loaded", lowest(gw["config_synchronized"]), limit=targets.THERE, bad="below")
        .with_note(
            "0: the last reload of some process failed, and its configuration before it is served. Always 1 where a control plane configures the gateway."
        )
        .normal(
            "1 on every process.",
            "Read the log of the process: it names the line.",
            alert="AgentgatewayConfigNotSynchronized",
        ),
        stat(
            "Control plane errors",
            rate(gw["xds_connection_terminations_total"].matching(reason="ConnectionError|Error")),
        ).normal("0.", "Is the controller up?", alert="AgentgatewayXdsErrors"),
        stat("xDS messages", rate(gw["xds_message_total"])).normal("Some at each change."),
        stat("Queue depth of tasks", total(gw["tokio_global_queue_depth"])).normal("Close to 0.", "Too little CPU."),
    )


def _configuration(site: Site) -> Row:
    gw, instance = site.system("agentgateway"), site.labels.instance
    words = {"1": ("current", colours.GOOD), "0": ("last reload failed", colours.CRITICAL)}
    return row(
        "Configuration",
        state("Configuration state by process", lowest(gw["config_synchronized"], by=(instance,)), words).normal(
            "Loaded throughout.",
            "Read the log of the process: it names the line.",
            alert="AgentgatewayConfigNotSynchronized",
        ),
        lines("Control plane disconnects by reason", rate(gw["xds_connection_terminations_total"], by=("reason",)))
        .with_note("Reconnect and Complete are ordinary.")
        .normal("Reconnect and Complete alone.", "Is the controller up?", alert="AgentgatewayXdsErrors"),
        lines(
            "Control plane disconnects by process", rate(gw["xds_connection_terminations_total"], by=(instance,))
        ).normal("Even over the processes.", "One alone: its network.", alert="AgentgatewayXdsErrors"),
        lines("xDS messages by type", rate(gw["xds_message_total"], by=("url",))).normal(
            "Some at each change.", "Steady many: something in the cluster changes all the time."
        ),
        lines("xDS bytes by type", rate(gw["xds_message_bytes_total"], by=("url",))).normal("Some at each change."),
    )


def _processes(site: Site) -> Row:
    gw, up, by = site.system("agentgateway"), site.system("prometheus", on="agentgateway"), (site.labels.instance,)
    return row(
        "Processes",
        lines(
            "Processes by build", count(gw["build_info"], by=("tag",)).about("Processes by the build that they run.")
        ).normal("One build, two while one rolls out."),
        lines("Running tasks", total(gw["tokio_num_alive_tasks"], by=by))
        .with_note("Grows with open connections and streams; the nearest to a gauge of them.")
        .normal("In proportion to connections.", "A slope is streams that are never closed."),
        lines("Queue depth of tasks by process", total(gw["tokio_global_queue_depth"], by=by))
        .with_note("More than a few, steadily: the processor is short.")
        .normal("Close to 0.", "Too little CPU."),
        table(
            "Resources by process",
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
        ).normal(
            "All up, none far from the others.", "One alone: read its log, restart it.", alert="AgentgatewayTargetDown"
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
        lines("Container working set", peak(gw["cgroup_working_set"], by=by))
        .with_note("What the kernel kills by when it reaches the limit of the pod.")
        .normal("Flat after the first hours.", "A slope is a leak: compare with the memory limit."),
        lines("Container memory usage", peak(gw["cgroup_usage"], by=by)).normal("Flat after the first hours."),
        lines("Container memory by kind", *(total(gw[name]).named(word) for name, word in kinds.items())).normal(
            "Anonymous memory makes the most of it."
        ),
        lines("Memory usage", peak(gw["process_rss"], by=by)).normal(
            "Flat after the first hours.", "A slope is a leak: compare with the memory limit."
        ),
        lines("Process memory by kind", *(total(gw[name]).named(word) for name, word in shares.items()))
        .wide(24)
        .normal("Private memory makes the most of it."),
        lines("Major page faults", total(rate(gw["cgroup_pgmajfault_total"])).named("major faults")).normal(
            "0.", "The memory limit is too low."
        ),
        lines(
            "Refaulted pages",
            total(rate(gw["cgroup_workingset_refault_file_total"])).named("files"),
            total(rate(gw["cgroup_workingset_refault_anon_total"])).named("anonymous"),
        )
        .with_note(
            "The kernel gave up what was needed again: the limit of the pod is too low, before anything is killed."
        )
        .normal("0.", "The memory limit is too low."),
        collapsed=True,
    )
