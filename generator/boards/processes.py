"""What boards and alerts say about the targets of any system: scraped, alive, one process each, and at what cost."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce

from generator.boards import colours
from generator.boards.layout import Row, row
from generator.boards.panel import Panel
from generator.boards.panels import lines, stat, state
from generator.boards.tables import Column, table
from generator.catalogue import Limit, Metric
from generator.config.site import Site
from generator.promql import count, falls, lowest, peak, rate, restarts, total
from generator.promql.query import Query
from generator.rules import presence

#: 1 is well and 0 is not.
THERE = Limit("there", 1, "none", "0 says that something does not answer, or did not load.")

#: One target or alert is one too many.
ANY = Limit("any", 1, "none", "Any.")

#: Words for the values of `up`.
UP = {"0": ("Down", colours.CRITICAL), "1": ("Up", colours.GOOD)}


def each(site: Site, system: str) -> tuple[str, ...]:
    """Return the labels that tell the processes of a system apart, below its deployment."""
    role = (site.labels.role,) if site.catalogue.systems[system].roles else ()
    return (*role, site.labels.instance)


def shared_addresses(site: Site, system: str) -> Query:
    """Addresses whose start time fell within the window: several processes answer there in turn."""
    started = site.system("process", on=system)["process_start_time_seconds"]
    return falls(started, by=(*site.identity, site.labels.instance)).above(0)


def target_counts(site: Site, system: str) -> tuple[Panel, ...]:
    """Panels: how many targets there are, and how many answer."""
    up = site.system("prometheus", on=system)["up"]
    return (
        stat("Targets", count(up).about("Targets that are scraped.")).normal(
            "As many as processes run.",
            "Compare with the orchestrator.",
            alert=f"{presence.stem(site, system)}TargetsMissing",
        ),
        stat("Targets up", total(up).about("Targets that answered the last scrape.")).normal(
            "As many as targets.", alert=f"{presence.stem(site, system)}TargetDown"
        ),
    )


def uptime_by_role(site: Site, system: str) -> Panel:
    """Panel: when all processes of a role answered, for a system of so many that a lane for each would be too thin to read."""
    up = site.system("prometheus", on=system)["up"]
    answered = lowest(up, by=(site.labels.role,)).about("Whether every scrape of every process of a role was answered.")
    return (
        state("Uptime by role", answered, UP)
        .wide(24, 12)
        .normal(
            "Up, with short gaps at rollouts.",
            "Read the end of the log of the process that is down.",
            alert=f"{presence.stem(site, system)}TargetDown",
        )
    )


def uptime(site: Site, system: str) -> Panel:
    """Panel: which target answered when; where several have one address, whether all did."""
    up = site.system("prometheus", on=system)["up"]
    answered = lowest(up, by=each(site, system)).about("Whether every scrape of a target was answered.")
    return state("Uptime of targets", answered, UP).normal(
        "Up, with short gaps at rollouts.",
        "Read the end of the process's log.",
        alert=f"{presence.stem(site, system)}TargetDown",
    )


def restart_panels(site: Site, system: str) -> tuple[Panel, ...]:
    """Panels: restarts and start times."""
    proc, by = site.system("process", on=system), each(site, system)
    started = proc["process_start_time_seconds"]
    loop = "AgentServerRestartLoop" if system == "agent_server" else ()
    return (
        lines("Restarts at one address", restarts(started, by=by).over("1h"), limit=site.limit("restarts_per_hour"))
        .with_note(f"Over {site.timing.window_words('1h')}.")
        .normal(
            "0 but for rollouts.",
            "Read the end of the log before the restart: out of memory, or a failed probe.",
            alert=loop,
        ),
        table(
            "Starts of processes",
            [
                Column("Start time", peak(started, by=by) * 1000),
                Column("Restarts", restarts(started, by=by).over("1h"), limit=site.limit("restarts_per_hour")),
            ],
            sort="Start time",
        )
        .with_note(f"Restarts over {site.timing.window_words('1h')}.")
        .normal("All at the last rollout.", "One that is later than the others restarted by itself."),
    )


def resource_panels(site: Site, system: str, *, process: bool = True) -> tuple[Panel, ...]:
    """Panels: series of the pages, and processor, memory and files of the processes where they tell of these."""
    up, proc, by = site.system("prometheus", on=system), site.system("process", on=system), each(site, system)
    used = peak(proc["process_open_fds"], by=by) / peak(proc["process_max_fds"], by=by)
    large, blocked, files = (
        (f"AgentServer{what}" if system == "agent_server" else ())
        for what in ("ScrapeTooLarge", "EventLoopBlocked", "FileDescriptorsHigh")
    )
    page = (
        stat("Series", total(up["scrape_samples_post_metric_relabeling"])).normal(
            "Steady; grows with processes.", "Open series by process."
        ),
        lines(
            "Series by process",
            total(up["scrape_samples_post_metric_relabeling"], by=by),
            limit=site.limit("scrape_samples"),
        ).normal(
            "Flat after the first hours.",
            "A label whose values grow: list the largest names in Prometheus' TSDB status.",
            alert=large,
        ),
        lines("Series before relabelling", total(up["scrape_samples_scraped"], by=by)).normal(
            "As many as after relabelling.", "What is above that is dropped by metric_relabel_configs."
        ),
        lines("New series", total(up["scrape_series_added"], by=by)).normal(
            "Close to 0 but for starts.", "A label whose values come and go."
        ),
        lines(
            "Scrape duration", peak(up["scrape_duration_seconds"], by=by), limit=site.limit("scrape_duration")
        ).normal("Below half a second.", "A large page, or a process that is too busy to write it.", alert=blocked),
    )
    if not process:
        return page
    return (
        *page,
        lines("CPU usage", rate(proc["process_cpu_seconds_total"], by=by)).normal(
            "Below the processor's limit; one Python process fills one core.", "Profile the process, or add replicas."
        ),
        lines("Memory usage", peak(proc["process_resident_memory_bytes"], by=by)).normal(
            "Flat after the first hours.", "A slope is a leak: compare with the memory limit of the container."
        ),
        lines("Open file descriptors, share of limit", used, limit=site.limit("open_descriptors")).normal(
            "Below 50 %.", "Look for connections that are never closed, then raise the limit.", alert=files
        ),
    )


def targets_down(up: Metric | Query, by: tuple[str, ...] = ()) -> Query:
    """Return how many targets do not answer."""
    return (count(up, by=by).as_unit("none") - total(up, by=by)).about("Targets whose last scrape failed.")


def error_ratio(requests: Metric, by: tuple[str, ...]) -> Query:
    """Return the share of requests whose label `status` is 5xx; 0 where none is."""
    every = rate(requests, by=by)
    return rate(requests.matching(status="5.."), by=by).filled(every) / every


def target_columns(site: Site, system: str) -> list[Column]:
    """Columns: how many targets each deployment has, and how many do not answer."""
    up, by = site.system("prometheus", on=system)["up"], site.identity
    return [
        Column("Targets", count(up, by=by).about("Targets that are scraped.")),
        Column("Down", targets_down(up, by), limit=ANY, alert=f"{presence.stem(site, system)}TargetDown"),
    ]


def firing_alerts(site: Site, *systems: str, link: Mapping[str, str] | None = None) -> Panel:
    """Return a table of the alerts that fire, of some systems, most severe first; without any system, of all.

    The severity is a number, because words sort by their letters. `link` is label to URL, as in a table.
    """
    firing, by = site.firing(*systems), ("severity", "alertname", *site.identity)
    ranked = [peak(firing.where(severity=name), by=by) * rank for rank, name in enumerate(colours.SEVERITY, 1)]
    severity = reduce(Query.otherwise, ranked).about("1 is critical and pages, 2 is a warning, 3 is for information.")
    words = {str(rank): (name, colour) for rank, (name, colour) in enumerate(colours.SEVERITY.items(), 1)}
    columns = [
        Column("Severity", severity, words=words),
        Column("Series", count(firing, by=by).about("One row per firing alert.")),
    ]
    page = site.config.runbook("${__data.fields.alertname}")
    runbook = {"alertname": page} if "://" in page else {}
    return table(
        "Firing alerts", columns, sort="Severity", link={**runbook, **(link or {})}, hidden=["severity"]
    ).normal(
        "Empty, but for the watchdog.", "Open the runbook of the most severe one: docs/runbooks has one for each alert."
    )


def process_table(site: Site, system: str) -> Row:
    """Row: a table of the processes of a deployment, the largest first."""
    up, proc, by = site.system("prometheus", on=system), site.system("process", on=system), each(site, system)
    return row(
        "Processes",
        table(
            "Resources by process",
            [
                Column("Up", total(up["up"], by=by).about("Whether the last scrape was answered.")),
                Column("Start time", peak(proc["process_start_time_seconds"], by=by) * 1000),
                Column("CPU usage", rate(proc["process_cpu_seconds_total"], by=by)),
                Column("Memory usage", peak(proc["process_resident_memory_bytes"], by=by)),
                Column("Open files", peak(proc["process_open_fds"], by=by)),
                Column(
                    "Scrape duration", peak(up["scrape_duration_seconds"], by=by), limit=site.limit("scrape_duration")
                ),
            ],
            sort="Memory usage",
        ).normal(
            "All up, none far from the others.", "One alone: read its log, restart it. All alike: what they share."
        ),
    )
