"""LangSight telemetry: is every process scraped, with the right token, one at a time, and at what cost?

For readers who see an empty panel and want to know why, and for those who pay for the series.
"""

from __future__ import annotations

from generator.boards.layout import Board, Row, board, row
from generator.boards.panel import Panel
from generator.boards.panels import lines, stat
from generator.boards.processes import resource_panels, restart_panels, target_counts, uptime
from generator.config.site import Site
from generator.promql import count, distinct, falls, present


def dashboard(site: Site) -> Board:
    """Build the board."""
    restarted, started = restart_panels(site, "langsight")
    return board(
        site,
        "langsight_telemetry",
        "LangSight / Telemetry health",
        system="langsight",
        about=__doc__ or "",
        rows=[
            _targets(site),
            _paths(site),
            row("Uptime and restarts", restarted, _turns(site), started),
            row("Resources and scrape cost", *resource_panels(site, "langsight")),
        ],
    )


def _targets(site: Site) -> Row:
    ls = site.system("langsight")
    return row(
        "Targets and scrapes",
        *target_counts(site, "langsight"),
        stat("LangSight pages", count(ls["active_sse_connections"]))
        .with_note("Fewer than targets up: another program answers there.")
        .normal("As many as targets up.", "Another program answers at that address."),
        stat("Health check series", present(ls["health_checks_total"]))
        .with_note("None with current code, which counts no health checks.")
        .normal("Empty: no known version counts health checks."),
        uptime(site, "langsight").with_note(
            "Down for good after a change of secrets: the token is wrong (401), or none is configured (404)."
        ),
    )


def _paths(site: Site) -> Row:
    ls, limit = site.system("langsight"), site.limit("langsight_paths")
    http = ls["http_requests_total"]
    return row(
        "Cardinality",
        lines("Number of paths", distinct(http, "path", by=site.identity), limit=limit)
        .with_note(
            "Raw URLs but for hex identifiers. A path costs one series per method and status, and thirteen of the histogram."
        )
        .normal(
            "Flat after the first days.",
            "Raw URLs in the label: upgrade, or drop the label.",
            alert="LangSightPathCardinality",
        ),
        lines("Request series by method", present(http, by=("method",))).normal(
            "Flat after the first days.", "A scanner that tries methods."
        ),
    )


def _turns(site: Site) -> Panel:
    started = site.system("process", on="langsight")["process_start_time_seconds"]
    return (
        lines(
            "Several processes at one address",
            falls(started, by=(site.labels.instance,)).over("15m"),
        )
        .with_note(
            f"How often a start time fell within {site.timing.window_words('15m')}. Above 0: LANGSIGHT_WORKERS is above 1, or a load balancer."
        )
        .normal("0.", "Set LANGSIGHT_WORKERS=1 and scrape each process by itself.", alert="LangSightMultiWorkerScrape")
    )
