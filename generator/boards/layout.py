"""Boards: rows of panels on Grafana's grid, with variables, links and annotations. Decides ids, never content."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, groupby, pairwise

from grafanalib import core as g

from generator.boards import grafana
from generator.boards.description import description, runbooks
from generator.boards.explore import links
from generator.boards.marks import marks
from generator.boards.panel import Panel
from generator.boards.panels import RATE_INTERVAL
from generator.boards.variables import DEEP, matchers, of_filters, of_labels, used
from generator.catalogue import Matcher, Metric
from generator.config.site import Site
from generator.promql.retention import within_retention
from generator.promql.scope import Scope, site_scope
from generator.rules.rule import board_uid
from generator.units import period, seconds


@dataclass(frozen=True, slots=True)
class Row:
    """A titled row of panels. A collapsed one runs no query until it is opened."""

    title: str
    panels: tuple[Panel, ...]
    collapsed: bool = False


#: What is left out of a file when nothing of it is left.
WHOLE = "the whole board"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that the configuration makes impossible.

    Attributes:
        where: The file in which it would be.
        what: The board, panel or rule.
        why: The reasons, each after the series that it holds for.
        missing: Series without which it is impossible, each with its reason.

    """

    where: str
    what: str
    why: str
    missing: tuple[tuple[str, str], ...] = ()


def left(where: str, what: str, missing: Iterable[tuple[str, str]]) -> LeftOut:
    """Return what is impossible because series are missing, each of them with its reason."""
    pairs = tuple(dict.fromkeys(missing))
    return LeftOut(where, what, why(pairs), pairs)


def why(missing: Iterable[tuple[str, str]]) -> str:
    """Return reasons as one text: `series, series: reason; series: reason`."""
    series: dict[str, list[str]] = {}
    for name, reason in dict.fromkeys(missing):
        series.setdefault(reason, []).append(name)
    return "; ".join(f"{', '.join(names)}: {reason}" for reason, names in series.items())


@dataclass(frozen=True, slots=True)
class Board:
    """A laid-out board.

    Attributes:
        stem: Module stem and file stem.
        uid: Its uid.
        title: Its title.
        dashboard: The grafanalib dashboard.
        panels: The panels that are on it, in order.
        left_out: The panels that are not, and why.

    """

    stem: str
    uid: str
    title: str
    dashboard: grafana.Dashboard
    panels: tuple[Panel, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Every catalogue metric that some panel reads."""
        return tuple(m for panel in self.panels for q in panel.possible for m in q.metrics)


def row(title: str, *panels: Panel, collapsed: bool = False) -> Row:
    """Return a row of `panels`."""
    return Row(title, panels, collapsed)


def board(
    site: Site,
    stem: str,
    title: str,
    *,
    system: str,
    about: str,
    rows: Sequence[Row],
    variables: Sequence[str] = DEEP,
    fleet: bool = False,
    filters: Mapping[str, Metric] | None = None,
) -> Board:
    """Lay out a board.

    Args:
        site: The installation.
        stem: Stem of the module; the uid follows from it.
        title: The title.
        system: The system that it is about; empty when it is about all that are enabled.
        about: Which questions it answers, and for whom.
        rows: The rows, in the order in which one triages. A row that loses all its panels is left out.
        variables: Names of the variables, widest first; those at the end that no query uses are left out, and the
            role where the system has none.
        fleet: It opens with all deployments; others open with the first one.
        filters: Labels of series that have variables too, each with a metric that has the label.

    Returns:
        The board: its dashboard with numbered and placed panels, and what was left out with the reasons.

    """
    filters = filters or {}
    uid = board_uid(site, stem)
    variables = [name for name in variables if name != "role" or (system and site.catalogue.systems[system].roles)]
    narrowed = [Matcher(label, "=~", f"${label}") for label in filters]
    scope = site_scope(site, RATE_INTERVAL, *matchers(site, variables), *narrowed)
    where = f"dashboards/{stem}.json"
    rows = [replace(r, panels=tuple(_within_retention(site, p, scope) for p in r.panels)) for r in rows]
    left_out = [
        left(where, panel.title, (m for q in panel.queries for m in q.missing))
        for r in rows
        for panel in r.panels
        if panel.queries and not panel.possible
    ]
    laid_out = [(r, [p for p in r.panels if p.possible or not p.queries]) for r in rows]
    variables = used(variables, scope, [p for _, panels in laid_out for p in panels])
    placed = _place(site, [(r, panels) for r, panels in laid_out if panels], scope, stem, variables)
    tags = [*site.config.tags, system.replace("_", "-") or "overview"]
    dashboard = grafana.Dashboard(
        title=title,
        uid=uid,
        description=about,
        tags=tags,
        editable=True,
        refresh=site.config.refresh,
        time=g.Time(site.config.time_from, "now"),
        templating=g.Templating(
            [
                grafana.datasource_variable(),
                *of_labels(site, system, variables, fleet=fleet),
                *of_filters(site, variables, filters),
            ]
        ),
        annotations=g.Annotations(list(marks(site, system, variables, fleet=fleet))),
        links=list(_links(site, tags[-1] if system else tags[0])),
        panels=placed,
    )
    return Board(stem, uid, title, dashboard, tuple(p for _, panels in laid_out for p in panels), tuple(left_out))


def _within_retention(site: Site, panel: Panel, scope: Scope) -> Panel:
    """Return a panel whose queries that look back beyond the retention are impossible."""
    queries = tuple(within_retention(q, scope, site.timing.retention) for q in panel.queries)
    same = all(new is query for new, query in zip(queries, panel.queries, strict=True))
    return panel if same else replace(panel, queries=queries)


def _links(site: Site, tag: str) -> Iterator[g.DashboardLink]:
    yield g.DashboardLink(
        type="dashboards",
        tags=[tag],
        asDropdown=True,
        title="Boards",
        includeVars=True,
        keepTime=True,
        icon="external link",
    )
    config = site.config
    if "://" in config.runbook_base_url:
        yield g.DashboardLink(
            type="link",
            title="Runbooks",
            uri=config.runbook("index") if config.runbook_suffix == ".html" else config.runbook_base_url,
            icon="doc",
            targetBlank=True,
            tooltip="What to do when an alert fires",
        )


def _place(
    site: Site, rows: Sequence[tuple[Row, list[Panel]]], scope: Scope, stem: str, variables: Sequence[str]
) -> list[object]:
    """Return rows and panels, left to right. All panels of a line get the line's height: Grafana would pull the next line up."""
    out: list[object] = []
    top = 0
    for r, panels in rows:
        inner, bottom = _lines(site, panels, scope, stem, top + 1, variables)
        head = grafana.Row(
            title=r.title,
            id=_id(stem, r.title),
            collapsed=r.collapsed,
            gridPos=g.GridPos(h=1, w=grafana.WIDTH, x=0, y=top),
        )
        out.append(grafana.evolve(head, panels=inner) if r.collapsed else head)
        out += [] if r.collapsed else inner
        top = top + 1 if r.collapsed else bottom
    return out


def _lines(
    site: Site, panels: Sequence[Panel], scope: Scope, stem: str, top: int, variables: Sequence[str]
) -> tuple[list[object], int]:
    out: list[object] = []
    interval = period(seconds(site.timing.scrape))  # Grafana reads neither 1.5s nor 1m30s
    for line in map(_filled, _broken(panels)):
        height = max(panel.size[1] for panel in line)
        x = 0
        for panel in line:
            made = grafana.every(panel.make(panel.possible, scope, description(site, panel)), interval)
            if found := links(site, panel, made, variables):
                made.defaults["links"] = found
            made.links = [grafana.page(f"Runbook: {name}", url) for name, url in runbooks(site, panel)]
            made.id, made.gridPos = _id(stem, panel.title), g.GridPos(h=height, w=panel.size[0], x=x, y=top)
            out.append(made)
            x += panel.size[0]
        top += height
    return out, top


def _broken(panels: Sequence[Panel]) -> list[list[Panel]]:
    """Return panels as lines, in their order. Lines of panels of one width have as many each as they can, so that none has a lone one."""
    lines: list[list[Panel]] = []
    used = grafana.WIDTH
    for panel in panels:
        if used + panel.size[0] > grafana.WIDTH:
            lines.append([])
            used = 0
        lines[-1].append(panel)
        used += panel.size[0]
    out: list[list[Panel]] = []
    for width, same in groupby(lines, key=_width_of_all):
        found = list(same)
        alike = [panel for line in found for panel in line]
        out += _shared_out(alike, len(found)) if width else found
    return out


def _shared_out(panels: Sequence[Panel], number: int) -> list[list[Panel]]:
    """Return panels as a number of lines that differ by one panel at most, the longer ones first."""
    each, more = divmod(len(panels), number)
    ends = list(accumulate(each + (line < more) for line in range(number)))
    return [list(panels[begin:end]) for begin, end in pairwise((0, *ends))]


def _width_of_all(line: Sequence[Panel]) -> int:
    """Return the width that all panels of a line have, or 0."""
    widths = {panel.size[0] for panel in line}
    return widths.pop() if len(widths) == 1 else 0


def _filled(line: Sequence[Panel]) -> list[Panel]:
    """Return the panels of a line with what is left of it divided among the widest: a graph gains by it, a figure of one number does not."""
    widest = max(panel.size[0] for panel in line)
    growing = [place for place, panel in enumerate(line) if panel.size[0] == widest]
    each, more = divmod(grafana.WIDTH - sum(panel.size[0] for panel in line), len(growing))
    extra = {place: each + (number < more) for number, place in enumerate(growing)}
    return [panel.wide(panel.size[0] + extra.get(place, 0)) for place, panel in enumerate(line)]


def _id(stem: str, title: str) -> int:
    """Return an id that stays when panels are added, moved or removed: links and alerts may point at it."""
    return zlib.crc32(f"{stem}/{title}".encode()) % 900_000 + 100_000
