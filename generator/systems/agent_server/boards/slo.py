"""Agent Server objectives: how much error budget is left, and how fast does it burn?

For those who decide between features and reliability, and for the on-call who wants to know what an alert costs. Reads
recorded series only.
"""

from __future__ import annotations

from generator.boards.layout import Board, Row, board, row
from generator.boards.panels import lines, stat
from generator.boards.tables import Column, table
from generator.boards.variables import WIDE
from generator.config.site import Site
from generator.config.timing import words
from generator.promql import peak
from generator.promql.query import Query
from generator.systems.agent_server.records import OBJECTIVES, drawn, error_share, flow

#: What the names of an objective's alerts begin with.
_ALERTS = {
    "http_availability": "AgentServerAvailability",
    "run_success": "AgentServerRunSuccess",
    "queue_wait": "AgentServerQueueWait",
}


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
        f"Error budgets left of {words(site.timing.period)}",
        *(
            stat(f"{name}: budget", _worst(site, slo), limit=site.limit("budget_left"), bad="below")
            .wide(8)
            .with_note(f"Of the worst deployment. Prometheus must keep samples for {words(site.timing.period)}.")
            .normal("Well above 0.", "Spend it on nothing risky before it recovers.", alert=f"{_ALERTS[slo]}Burn3d")
            for slo, name in OBJECTIVES.items()
        ),
        table("Error budgets by deployment", columns).normal(
            "Well above 0.", "Open the row of the objective that is red; put off risky rollouts of that deployment."
        ),
    )


def _objective(site: Site, slo: str) -> Row:
    objective = site.objective(slo)
    within = f" within {objective.within:g} ms" if objective.within else ""
    possible = [burn.long for burn in site.timing.burns(objective.budget) if not burn.missing]
    fastest = possible[0] if possible else site.timing.window
    return row(
        f"{OBJECTIVES[slo]}: {objective.objective:g} %{within}",
        lines(
            f"{OBJECTIVES[slo]}: error ratio by window",
            *(_share(site, slo, w).named(w) for w in drawn(site)),
        ).normal(
            f"Below {objective.budget:.4g}, the budget.",
            "The shortest window tells whether it goes on.",
            alert=f"{_ALERTS[slo]}Burn6h",
        ),
        lines(f"{OBJECTIVES[slo]}: burn rate over {words(fastest)}", _burn(site, slo, fastest)).normal(
            "Below 1, which uses up the budget exactly in the period.",
            "Roll back, or add capacity.",
            alert=f"{_ALERTS[slo]}Burn1h",
        ),
        lines(
            f"{OBJECTIVES[slo]}: events",
            flow(site, slo, "total", by=site.identity).named("all {{deployment}}"),
            flow(site, slo, "bad", by=site.identity).named("bad {{deployment}}"),
        ).normal("Few bad ones among all.", "With few events in all, a single bad one weighs much."),
        lines(
            f"{OBJECTIVES[slo]}: error budget left",
            _budget_left(site, slo),
            limit=site.limit("budget_left"),
            bad="below",
            floor=False,
        ).normal(
            "Well above 0; it recovers as bad events leave the period.",
            "Put off risky rollouts.",
            alert=f"{_ALERTS[slo]}Burn3d",
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
