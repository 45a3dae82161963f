"""Judging running servers by what the bundle promises: one verdict per item. Only asks, unless scenarios are driven."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from generator.validate import alertmanager, grafana, metrics, panels, rules, scenarios, targets
from generator.validate.context import Context
from generator.validate.prepare import Options, prepared
from generator.validate.probe import GoneError, ProbeError
from generator.validate.report import FORMATS, Outcome
from generator.validate.verdict import Verdict, failed, wrong

__all__ = [
    "CHECKS",
    "FORMATS",
    "Check",
    "Context",
    "Options",
    "Outcome",
    "ProbeError",
    "Verdict",
    "failed",
    "prepared",
    "run",
]


@dataclass(frozen=True, slots=True)
class Check:
    """A family of checks: the category of its verdicts, and the function that makes them."""

    category: str
    judge: Callable[[Context], Iterable[Verdict]]

    @property
    def about(self) -> str:
        """What it holds: the first line of the function's docstring."""
        return (self.judge.__doc__ or "").strip().split("\n")[0]


#: Every family, in the order in which it is judged: what scenarios fired is there for annotations to show.
CHECKS: tuple[Check, ...] = (
    Check("targets", targets.targets),
    Check("metrics", metrics.metrics),
    Check("variables", panels.variables),
    Check("panels", panels.shown),
    Check("rules", rules.rules),
    Check("records", rules.records),
    Check("alertmanager", alertmanager.alertmanager),
    Check("grafana", grafana.grafana),
    Check("scenarios", scenarios.scenarios),
    Check("annotations", panels.annotated),
)


def run(context: Context, checks: Sequence[Check] = CHECKS) -> Iterator[Verdict]:
    """Yield one verdict after another, fit to be shown: without secrets and control characters.

    Raises:
        GoneError: A server stopped answering; what was judged so far stands.

    """
    for check in checks:
        try:
            for verdict in check.judge(context):
                yield verdict.changed(context.clean)
        except GoneError:
            raise
        except ProbeError as error:
            yield wrong(error.what, error.fix).of(check.category, f"all {check.category}").changed(context.clean)
