"""The telemetry of a system: is every process scraped, and what do its series cost?"""

from __future__ import annotations

from generator.boards import processes
from generator.boards.layout import Board, board, row
from generator.config.site import Site


def dashboard(site: Site, system: str) -> Board:
    """Build the board."""
    known = site.catalogue.systems[system]
    own = "process" in known.pages
    return board(
        site,
        f"{system}_telemetry",
        f"{known.title} / Telemetry health",
        system=system,
        about=f"Is every process of {known.title} scraped, and at what cost? For readers who see an empty panel.",
        rows=[
            row("Scraping", *processes.target_counts(site, system), processes.uptime(site, system)),
            *([row("Processes", *processes.restart_panels(site, system))] if own else []),
            row("Cost", *processes.resource_panels(site, system, process=own)),
        ],
    )
