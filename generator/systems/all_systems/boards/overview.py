"""All systems at once: is each of them well, and where to look next?

For the on-call and does not know yet which system it is. One row per system that is enabled: its targets, its
firing alerts, the golden signals of its deployments, and the way to its own first board.
"""

from __future__ import annotations

from collections.abc import Sequence

from generator.boards import colours, processes
from generator.boards.layout import Board, Row, board, row
from generator.boards.panel import Panel
from generator.boards.panels import stat, text
from generator.boards.tables import table
from generator.boards.variables import WIDE
from generator.catalogue import Limit, Metric
from generator.config.site import Site
from generator.promql import count, distinct, several
from generator.promql.query import Query
from generator.rules import presence
from generator.rules.rule import board_uid
from generator.systems import registry
from generator.systems.registry import Declared


def dashboard(site: Site) -> Board:
    """Build the board."""
    here = registry.declared(site)
    return board(
        site,
        "overview",
        "All systems",
        system="",
        about=__doc__ or "",
        variables=WIDE,
        fleet=True,
        rows=[_everything(site, here), *(_row(site, part) for part in here)],
    )


def _everything(site: Site, here: Sequence[Declared]) -> Row:
    up = several.up(site, [part.system for part in here])
    firing = site.firing()
    return row(
        "Status",
        stat(
            "Systems scraped", distinct(up, site.labels.system).about("Systems of which some target is scraped.")
        ).normal("As many as are enabled.", "Look for the one without a row below."),
        stat("Targets", count(up).about("Targets of all systems.")).normal("As many as processes run."),
        stat("Targets down", processes.targets_down(up), limit=processes.ANY, hot=colours.WARNING).normal(
            "0.", "The rows below tell of which system."
        ),
        stat("Firing: critical", _number(firing, "critical"), limit=_alerts(processes.ANY)).normal(
            "0.", "Open the runbook of each, below."
        ),
        stat("Firing: warning", _number(firing, "warning"), limit=_alerts(processes.ANY), hot=colours.WARNING).normal(
            "0.", "A ticket is enough."
        ),
        stat("Firing: info", _number(firing, "info")).normal("Any: they page nobody."),
        processes.firing_alerts(site),
    )


def _row(site: Site, part: Declared) -> Row:
    title = site.catalogue.systems[part.system].title
    name = title.removesuffix(" services")  # else all that one reads of the titles is the system
    up = site.system("prometheus", on=part.system)["up"]
    firing = site.firing(part.system)
    absent = f"Empty when no {title} is scraped: set `systems: {{{part.system}: {{enabled: false}}}}` in bundle.yaml where there is none."
    return row(
        title,
        stat(f"{name}: targets", count(up).about(f"Targets of {title}."))
        .with_note(absent)
        .normal("As many as processes run.")
        .wide(5),
        stat(
            f"{name}: down",
            processes.targets_down(up).about(f"Targets of {title} whose last scrape failed."),
            limit=processes.ANY,
        )
        .with_note(absent)
        .normal("0.", alert=f"{presence.stem(site, part.system)}TargetDown")
        .wide(5),
        stat(f"{name}: critical", _number(firing, "critical", title), limit=_alerts(processes.ANY))
        .normal("0.", "Open the runbook of each, in the table above.")
        .wide(5),
        stat(
            f"{name}: warnings",
            _number(firing, "warning", title),
            limit=_alerts(processes.ANY),
            hot=colours.WARNING,
        )
        .normal("0.", "A ticket is enough.")
        .wide(5),
        _link(site, part, name).with_note(f"The first board of {title}. {absent}").wide(4, 4),
        table(
            f"{name}: deployments",
            part.columns(site) if part.columns else processes.target_columns(site, part.system),
            link=_open(site, part),
        )
        .wide(24, 6)
        .with_note(absent)
        .normal("No cell in red or orange.", "Open the deployment with such a cell."),
    )


def _number(firing: Metric, severity: str, title: str = "") -> Query:
    found = count(firing.where(severity=severity)).as_unit("alerts")
    return found.or_zero().about(f"Firing alerts of the severity {severity}{title and f', about {title}'}.")


def _alerts(limit: Limit) -> Limit:
    return Limit(limit.name, limit.value, "alerts", limit.why)


def _link(site: Site, part: Declared, title: str) -> Panel:
    """Say where to look next."""
    url = f"/d/{board_uid(site, part.first)}?var-datasource=${{datasource}}&${{__url_time_range}}"
    return text(f"{title}: boards", f"### [Open {title}]({url})")


def _open(site: Site, part: Declared) -> dict[str, str]:
    """Return the link of a deployment's cell."""
    cells = [f'var-{name}=${{__data.fields["{label}"]}}' for name, label in zip(WIDE, site.identity, strict=True)]
    query = "&".join((*cells, "var-datasource=${datasource}", "${__url_time_range}"))
    return {site.labels.deployment: f"/d/{board_uid(site, part.first)}?{query}"}
