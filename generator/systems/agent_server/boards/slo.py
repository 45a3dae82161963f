"""Agent Server objectives: how much error budget is left, and how fast does it burn?

For whoever decides between features and reliability, and for the on-call who wants to know what an alert costs. Reads
recorded series only.
"""

from __future__ import annotations

from generator.boards.layout import WIDE, Board, Row, board, row
from generator.boards.panels import Column, lines, stat, table
from generator.config.site import Site
from generator.config.timing import words
from generator.promql import peak
from generator.promql.query import Query
from generator.systems.agent_server.records import OBJECTIVES, drawn, error_share, flow


def dashboard(site: Site) -> Board:
    """Build the board."""
    return board(
        site,
        "agent_server_slo",
        "Agent Server / Objectives and error budgets",
        system="agent_server",
        about=__doc__ or "",
        variables=WIDE,
        fleet=True,
        rows=[_left(site), *(_objective(site, slo) for slo in OBJECTIVES)],
    )


def _left(site: Site) -> Row:
    columns = [
        Column(f"{name}: budget left", _budget_left(site, slo), limit=site.limit("budget_left"), bad="below")
        for slo, name in OBJECTIVES.items()
    ]
    return row(
        f"How much budget is left of {words(site.timing.period)}?",
        *(
            stat(f"{name}: worst budget", _worst(site, slo), limit=site.limit("budget_left"), bad="below")
            .wide(8)
            .noting(f"Prometheus must keep samples for {words(site.timing.period)}.")
            for slo, name in OBJECTIVES.items()
        ),
        table("Budgets", columns),
    )


def _objective(site: Site, slo: str) -> Row:
    objective = site.objective(slo)
    within = f" within {objective.within:g} ms" if objective.within else ""
    possible = [burn.long for burn in site.timing.burns(objective.budget) if not burn.missing]
    fastest = possible[0] if possible else site.timing.window
    return row(
        f"{OBJECTIVES[slo]}: {objective.objective:g} %{within}",
        lines(
            f"{OBJECTIVES[slo]}: share of bad events by window",
            *(_share(site, slo, w).named(w) for w in drawn(site)),
        ).noting(f"The budget is {objective.budget:.4g} of all events."),
        lines(f"{OBJECTIVES[slo]}: burn rate over {words(fastest)}", _burn(site, slo, fastest)).noting(
            "1 uses up the budget exactly in the period."
        ),
        lines(
            f"{OBJECTIVES[slo]}: events",
            flow(site, slo, "total", by=site.identity).named("all {{deployment}}"),
            flow(site, slo, "bad", by=site.identity).named("bad {{deployment}}"),
        ),
        lines(
            f"{OBJECTIVES[slo]}: budget left",
            _budget_left(site, slo),
            limit=site.limit("budget_left"),
            bad="below",
            floor=False,
        ),
    )


def _share(site: Site, slo: str, window: str) -> Query:
    return peak(error_share(site, slo, window))


def _burn(site: Site, slo: str, window: str) -> Query:
    return (error_share(site, slo, window) * (1 / site.objective(slo).budget)).as_unit("none")


def _budget_left(site: Site, slo: str) -> Query:
    return (error_share(site, slo, site.timing.period) * (1 / site.objective(slo).budget)).complement()


def _worst(site: Site, slo: str) -> Query:
    return (peak(error_share(site, slo, site.timing.period)) * (1 / site.objective(slo).budget)).complement()
