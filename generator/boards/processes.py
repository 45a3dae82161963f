"""What boards and alerts say about the targets of any system: scraped, alive, one process each, and at what cost."""

from __future__ import annotations

from collections.abc import Mapping

from generator.boards.layout import Row, row
from generator.boards.panels import Column, Shown, lines, stat, state, table
from generator.catalogue import Limit, Metric
from generator.config.site import Site
from generator.promql import count, falls, lowest, peak, rate, restarts, total
from generator.promql.query import Query

#: 1 is well and 0 is not.
THERE = Limit("there", 1, "none", "0 says that something does not answer, or did not load.")

#: One target or alert is one too many.
ANY = Limit("any", 1, "none", "Any.")

#: Words for the values of `up`.
UP = {"0": ("Down", "red"), "1": ("Up", "green")}


def each(site: Site, system: str) -> tuple[str, ...]:
    """Return the labels that tell the processes of a system apart, below its deployment."""
    role = (site.labels.role,) if site.catalogue.systems[system].roles else ()
    return (*role, site.labels.instance)


def in_turn(site: Site, system: str) -> Query:
    """Addresses whose start time fell within the window: several processes answer there in turn."""
    started = site.system("process", on=system)["process_start_time_seconds"]
    return falls(started, by=(*site.identity, site.labels.instance)).above(0)


def scraped(site: Site, system: str) -> tuple[Shown, ...]:
    """Panels: how many targets there are, and how many answer."""
    up = site.system("prometheus", on=system)["up"]
    return (stat("Targets", count(up)), stat("Targets up", total(up)))


def over_time(site: Site, system: str) -> Shown:
    """Panel: which target answered when; where several have one address, whether all did."""
    up = site.system("prometheus", on=system)["up"]
    return state("Targets over time", lowest(up, by=each(site, system)), UP)


def living(site: Site, system: str) -> tuple[Shown, ...]:
    """Panels: restarts and start times."""
    proc, by = site.system("process", on=system), each(site, system)
    started = proc["process_start_time_seconds"]
    return (
        lines(
            "Restarts at one address", restarts(started, by=by).over("1h"), limit=site.limit("restarts_per_hour")
        ).noting(f"Over {site.timing.said('1h')}."),
        lines("Started", peak(started, by=by) * 1000),
    )


def costing(site: Site, system: str) -> tuple[Shown, ...]:
    """Panels: series of the pages, and processor, memory and files of the processes."""
    up, proc, by = site.system("prometheus", on=system), site.system("process", on=system), each(site, system)
    used = peak(proc["process_open_fds"], by=by) / peak(proc["process_max_fds"], by=by)
    return (
        stat("Series", total(up["scrape_samples_post_metric_relabeling"])),
        lines(
            "Series by process",
            total(up["scrape_samples_post_metric_relabeling"], by=by),
            limit=site.limit("scrape_samples"),
        ),
        lines("Series before relabelling", total(up["scrape_samples_scraped"], by=by)),
        lines("New series", total(up["scrape_series_added"], by=by)),
        lines(
            "Scrape duration", peak(up["scrape_duration_seconds"], by=by), limit=site.limit("scrape_duration")
        ).noting("The page is rendered on the event loop: slow means blocked."),
        lines("Processor", rate(proc["process_cpu_seconds_total"], by=by)),
        lines("Memory", peak(proc["process_resident_memory_bytes"], by=by)),
        lines("Open files against the limit", used, limit=site.limit("open_descriptors")),
    )


def down(up: Metric | Query, by: tuple[str, ...] = ()) -> Query:
    """Return how many targets do not answer."""
    return (count(up, by=by).as_unit("none") - total(up, by=by)).about("Targets whose last scrape failed.")


def failed(requests: Metric, by: tuple[str, ...]) -> Query:
    """Return the share of requests whose label `status` is 5xx; 0 where none is."""
    every = rate(requests, by=by)
    return rate(requests.matching(status="5.."), by=by).filled(every) / every


def reached(site: Site, system: str) -> list[Column]:
    """Columns: how many targets each deployment has, and how many do not answer."""
    up, by = site.system("prometheus", on=system)["up"], site.identity
    return [Column("Targets", count(up, by=by)), Column("Down", down(up, by), limit=ANY)]


def alerts(site: Site, *systems: str, link: Mapping[str, str] | None = None) -> Shown:
    """Panel: a table of the alerts that fire, of some systems; without any, of all. `link` is label to URL, as in a table."""
    firing = count(site.firing(*systems), by=("severity", "alertname", *site.identity))
    column = Column("Series", firing.about("One row per firing alert."))
    return table("Firing alerts", [column], sort="severity", link=link)


def processes(site: Site, system: str) -> Row:
    """Row: a table of the processes of a deployment, the largest first."""
    up, proc, by = site.system("prometheus", on=system), site.system("process", on=system), each(site, system)
    return row(
        "Its processes",
        table(
            "Processes",
            [
                Column("Up", total(up["up"], by=by)),
                Column("Started", peak(proc["process_start_time_seconds"], by=by) * 1000),
                Column("Processor", rate(proc["process_cpu_seconds_total"], by=by)),
                Column("Memory", peak(proc["process_resident_memory_bytes"], by=by)),
                Column("Open files", peak(proc["process_open_fds"], by=by)),
                Column("Scrape took", peak(up["scrape_duration_seconds"], by=by), limit=site.limit("scrape_duration")),
            ],
            sort="Memory",
        ),
    )
