"""Error budgets of the Agent Server: page when a budget is gone within hours, write a ticket when within days.

Good and bad events are those of `generator.records.agent_server`. Each pair of windows has a floor of bad events, so
that one failure in a quiet night cannot page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from generator.limits import Limit
from generator.records.agent_server import error_share, records
from generator.rules import SPARSE, Alert, Record, recorded
from generator.site import Site
from generator.slo import BURNS, Burn
from generator.units import seconds


@dataclass(frozen=True, slots=True)
class _Budget:
    """One objective: its name in alerts, what its floor counts (bad or total events), its floor, what to say and do."""

    slo: str
    stem: str
    counted: str
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
    rules = records(site)
    return [_alert(site, rules, budget, burn) for budget in _BUDGETS for burn in BURNS]


def _alert(site: Site, rules: Mapping[str, Record], budget: _Budget, burn: Burn) -> Alert:
    objective = site.objective(budget.slo)
    limit = Limit(f"{budget.slo}_burn", min(burn.factor * objective.budget, 1), "ratio", "factor times budget")
    floor = site.limit(budget.floor)
    rates = rules[f"{budget.slo} {budget.counted}"]
    events = recorded(rates, by=site.identity, over_time="sum_over_time").over(burn.long)
    enough = (events * seconds(site.config.evaluation_interval)).at_least(floor.value * burn.floor)
    long, short = (error_share(site, budget.slo, w).above(limit) for w in (burn.long, burn.short))
    deployment = f"{{{{ $labels.{site.labels.deployment} }}}}"
    return Alert(
        name=f"AgentServer{budget.stem}Burn{burn.long}",
        query=long.both(short).both(enough),
        hold=burn.hold,
        keep=SPARSE if seconds(burn.short) <= seconds("30m") else None,  # the others look back for hours
        severity=burn.severity,
        summary=f"{deployment}: {{{{ $value | humanizePercentage }}}} {budget.summary} over {burn.long}.",
        description=(
            f"The objective is {objective.objective:g} %; at this pace the error budget of {site.config.slo_period} "
            f"burns {burn.factor:g} times too fast, over {burn.long} and over {burn.short}."
        ),
        action=budget.action,
        board=budget.board,
        labels={"slo": budget.slo},
    )
