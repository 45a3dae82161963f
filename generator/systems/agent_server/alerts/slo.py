"""Error budgets of the Agent Server: page when a budget is gone within hours, write a ticket when within days.

Good and bad events are those of `generator.systems.agent_server.records`. Each pair of windows has a floor of bad events, so
that one failure in a quiet night cannot page.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from generator.catalogue import Limit
from generator.config.site import Site
from generator.config.timing import Burn, words
from generator.rules.rule import SPARSE, Alert, Because
from generator.systems.agent_server.alerts.queue import unworked
from generator.systems.agent_server.records import error_share, happenings
from generator.units import seconds


@dataclass(frozen=True, slots=True)
class _Budget:
    """One objective: its name in alerts, what its floor counts (bad or total events), its floor, what to say and do."""

    slo: str
    stem: str
    counted: Literal["bad", "total"]
    floor: str
    board: str
    summary: str
    action: str


_BUDGETS = (
    _Budget(
        "http_availability", "Availability", "bad", "http_error_floor", "agent_server_http",
        "of its HTTP requests fail with a 5xx status",
        "split the errors by path and status. All paths: Postgres or the core, ask /ok?check_db=1. One path: its code.",
    ),
    _Budget(
        "run_success", "RunSuccess", "bad", "run_failure_floor", "agent_server_runs",
        "of its runs fail for good",
        "read the log lines 'Background run failed', compare time-outs and recursion errors, ask the model provider's status.",
    ),
    _Budget(
        "queue_wait", "QueueWait", "total", "queue_wait_floor", "agent_server_queue",
        "of its runs wait too long for a job slot",
        "are all slots busy? Then add queue replicas or N_JOBS_PER_WORKER. If not, look for runs queued behind their own thread.",
    ),
)  # fmt: skip


def alerts(site: Site) -> list[Alert]:
    """Return one alert per objective and pair of windows."""
    return [_alert(site, budget, burn) for budget in _BUDGETS for burn in _burns(site, budget)]


def _burns(site: Site, budget: _Budget) -> tuple[Burn, ...]:
    return site.timing.burns(site.objective(budget.slo).budget)


def _alert(site: Site, budget: _Budget, burn: Burn) -> Alert:
    objective = site.objective(budget.slo)
    limit = Limit(f"{budget.slo}_burn", burn.factor * objective.budget, "ratio", "factor times budget")
    floor = site.limit(budget.floor)
    enough = happenings(site, budget.slo, budget.counted, burn.long).at_least(floor.value * burn.floor)
    deployment = f"{{{{ $labels.{site.labels.deployment} }}}}"
    name = f"AgentServer{budget.stem}Burn{burn.long}"
    if burn.missing:
        query = replace(enough, missing=((name, burn.missing),))
    else:
        long, short = (error_share(site, budget.slo, w).above(limit) for w in (burn.long, burn.short))
        query = long.both(short).both(enough)
    return Alert(
        name=name,
        query=query,
        hold=burn.hold,
        keep=SPARSE if seconds(burn.short) <= seconds("30m") else None,  # the others look back for hours
        severity=burn.severity,
        summary=f"{deployment}: {{{{ $value | humanizePercentage }}}} {budget.summary} over {words(burn.long)}.",
        description=(
            f"The objective is {objective.objective:g} %; its error budget of {words(site.timing.period)} burns at more than "
            f"{burn.factor:g} times the pace at which it lasts, over {words(burn.long)} and over {words(burn.short)}."
        ),
        action=budget.action,
        board=budget.board,
        labels={"slo": budget.slo},
        explained_by=(*_faster(site, budget, burn), *(unworked(site) if budget.slo == "queue_wait" else ())),
    )


def _faster(site: Site, budget: _Budget, burn: Burn) -> tuple[Because, ...]:
    """Return the pages of the same budget that explain a ticket."""
    pages = [
        f"AgentServer{budget.stem}Burn{other.long}" for other in _burns(site, budget) if other.severity == "critical"
    ]
    return (Because(tuple(pages), agree=("slo",)),) if burn.severity == "warning" else ()
