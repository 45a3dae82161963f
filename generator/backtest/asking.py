"""From what the operator asks for to a report: which alerts of the bundle, over which time, at which thresholds."""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from generator.backtest import rules, sweep
from generator.backtest.figures import lasting
from generator.backtest.incidents import Incident, Outcome, outcomes
from generator.backtest.journal import Journal
from generator.backtest.plan import Cost
from generator.backtest.prepared import Options
from generator.backtest.run import Backtest
from generator.backtest.server import BudgetError, History
from generator.backtest.trial import Trial
from generator.bundle import Bundle, Kind, build
from generator.config.checks.thresholds import thresholds
from generator.errors import GeneratorError, Problem, nearest
from generator.lint.queries import catalogued
from generator.outputs import documents
from generator.source import Document
from generator.units import number, seconds
from generator.validate.evidence import CERTAIN
from generator.validate.probe import ProbeError
from generator.validate.prometheus import Prometheus

Say = Callable[[str], None]

#: What a swept threshold changes of a bundle here.
_KINDS: tuple[Kind, ...] = ("rules",)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a backtest is asked for.

    Attributes:
        start, end: The time, in unix seconds.
        alerts: Names or patterns (`AgentServer*`); all without any.
        threshold, values: A key of `thresholds:` and the values to try it at; none for no sweep.
        incidents: Real ones.
        full: Find also what is pending for less than its `for`.
        inline: Read no recorded series.
        budget: Most samples that the server may read.
        plan: Say what it would cost, and end there.

    """

    start: float
    end: float
    alerts: tuple[str, ...] = ()
    threshold: str = ""
    values: tuple[float, ...] = ()
    incidents: tuple[Incident, ...] = ()
    full: bool = False
    inline: bool = False
    budget: float = math.inf
    plan: bool = False

    @property
    def seconds(self) -> float:
        """How long the time is."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Report:
    """What came of it.

    Attributes:
        url: The server.
        asked: What was asked for.
        cost: What the plan said.
        throughout: Alerts that have to be asked at every evaluation: they have no `for`, and nothing cheaper says when to look.
        trials: The alerts in the order of the files; none for a plan alone.
        outcomes: What became of the incidents.
        sweep: The threshold at its values, if one was asked for.
        away: When Prometheus itself was away, in unix seconds.
        broken: Why some alerts are not there; empty when all are.
        queries, samples: What was asked, and what the server says that it read for that.
        victoria: It is VictoriaMetrics.

    """

    url: str
    asked: Asked
    cost: Cost
    throughout: tuple[str, ...] = ()
    trials: tuple[Trial, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    sweep: sweep.Sweep | None = None
    away: tuple[tuple[float, float], ...] = ()
    broken: str = ""
    queries: int = 0
    samples: int = 0
    victoria: bool = False


def backtest(
    bundle: Bundle, prometheus: Prometheus, asked: Asked, answers: Journal, report: Say, planned: Say
) -> Report:
    """Try the bundle's alerts over a server's past.

    Args:
        bundle: What the configuration makes.
        prometheus: The server.
        asked: What to look at.
        answers: Answers of this run that are known already, and where new ones go.
        report: Is told what is going on.
        planned: Is told what it will cost, before it costs that.

    Returns:
        A report: what the alerts would have done and the values tried; of a plan (`asked.plan`), its cost alone.

    Raises:
        GeneratorError: An alert or a threshold is not there, or the plan is beyond the budget.
        ProbeError: The server does not answer.

    """
    history = History(prometheus, answers, asked.budget)
    sets = _sets(bundle, asked)
    history.recognise()
    phases = _phases(prometheus)
    options = Options(
        asked.start, asked.end, frozenset({*bundle.site.labels.every, "job", *(m.label for m in bundle.site.selectors)}),
        seconds(bundle.site.timing.scrape) / bundle.time_scale, asked.full, asked.inline, phases, _born(bundle),
    )  # fmt: skip
    tests = [(value, Backtest(history, found, options)) for value, found in sets]
    prepared = []
    for _, test in tests:
        try:
            prepared.append(test.prepare(report))
        except BudgetError:
            raise GeneratorError([_beyond("looking what there is takes more samples than --budget")]) from None
    cost = sum((one.cost for one in prepared), Cost(0, 0))
    count = sum(len(found.alerts) for _, found in sets)
    planned(
        f"{count} alerts over {lasting(asked.seconds)}: {cost.queries:,} queries, about {cost.samples:,.0f} samples "
        f"at most before the closer look; {history.queries:,} queries and {history.samples:,} samples for what there is"
    )
    throughout = tuple(r.alert.name for r in prepared[0].ready if r.look <= r.alert.interval)
    if asked.plan:
        return Report(
            prometheus.probe.url, asked, cost, throughout, queries=history.queries, samples=history.samples,
        )  # fmt: skip
    if cost.samples > asked.budget:
        raise GeneratorError(
            [_beyond(f"the plan is about {cost.samples:,.0f} samples, and --budget {asked.budget:,.0f}")]
        )
    steps, broken = [], []
    trials: Sequence[Trial] = ()
    for (value, test), ready in zip(tests, prepared, strict=True):
        found, over = test.run(ready, report)
        broken += [over] if over else []
        if value is None:
            trials = found
        elif not over:
            steps.append(sweep.step(value, found, asked.incidents))
    swept = None
    if asked.threshold:
        limit = bundle.site.limit(asked.threshold)
        swept = sweep.sweep(asked.threshold, limit.unit, limit.value, asked.seconds, steps)
    return Report(
        prometheus.probe.url, asked, cost, throughout, tuple(trials), tuple(outcomes(asked.incidents, trials)), swept,
        tuple((max(a, asked.start), min(b, asked.end)) for a, b in prepared[0].scrapes.away if b > asked.start), "; ".join(dict.fromkeys(broken)), history.queries, history.samples,
        history.victoria,
    )  # fmt: skip


def _beyond(what: str) -> Problem:
    fix = "raise it, or ask for fewer alerts (--alert) or days (--since)"
    return Problem("--budget", 1, what, fix)


def _sets(bundle: Bundle, asked: Asked) -> list[tuple[float | None, rules.Rules]]:
    """Return the rules as they are, under None, and by value those that a swept threshold changes."""
    present = chosen(_rules(bundle), asked.alerts)
    sets: list[tuple[float | None, rules.Rules]] = [(None, present)]
    if not asked.threshold:
        return sets
    limits = bundle.site.catalogue.limits
    if asked.threshold not in limits:
        fix = nearest(asked.threshold, list(limits), otherwise="see thresholds in docs/configuration.md")
        raise GeneratorError([Problem("--sweep", 1, f"unknown threshold {asked.threshold!r}", fix)])
    for value in asked.values:
        document = Document("--sweep", {"thresholds": {asked.threshold: value}}, {})
        if wrong := list(thresholds(document, bundle.site.catalogue)):
            raise GeneratorError(wrong)
    swept = {value: _rules(_at(bundle, asked.threshold, value)) for value in asked.values}
    texts: dict[tuple[str, str], set[str]] = {}
    for found in (present, *swept.values()):
        for alert in found.alerts:
            texts.setdefault((alert.name, alert.severity), set()).add(alert.expr)
    moving = {name for (name, _), several in texts.items() if len(several) > 1}
    if not moving:
        what = f"no alert of this bundle changes with {asked.threshold} between {', '.join(map(number, asked.values))}"
        raise GeneratorError(
            [Problem("--sweep", 1, what, "give at least two values, and enable its system and alerts")]
        )
    for value, found in swept.items():
        sets.append((value, replace(found, alerts=tuple(a for a in found.alerts if a.name in moving))))
    if not asked.alerts:
        sets[0] = (None, replace(present, alerts=tuple(a for a in present.alerts if a.name in moving)))
    return sets


def _at(bundle: Bundle, threshold: str, value: float) -> Bundle:
    config = bundle.site.config
    site = replace(bundle.site, config=replace(config, thresholds={**config.thresholds, threshold: value}))
    return replace(build(site, kinds=_KINDS), time_scale=bundle.time_scale)


def _rules(bundle: Bundle) -> rules.Rules:
    interval = bundle.site.timing.evaluation
    if bundle.time_scale != 1:
        from generator.outputs import timescale

        interval = timescale.duration(interval, bundle.time_scale)
    return rules.read(documents.rules(bundle), interval)


def chosen(found: rules.Rules, names: Sequence[str]) -> rules.Rules:
    """Return the rules with the named alerts alone.

    Raises:
        GeneratorError: A name or pattern has no alert.

    """
    if not names:
        return found
    known = [a.name for a in found.alerts]
    problems = [
        Problem("--alert", 1, f"no alert is called {name!r}", nearest(name, known, otherwise="see agentobs list rules"))
        for name in names
        if not fnmatch.filter(known, name)
    ]
    if problems:
        raise GeneratorError(problems)
    wanted = {one for name in names for one in fnmatch.filter(known, name)}
    return replace(found, alerts=tuple(a for a in found.alerts if a.name in wanted))


def _phases(prometheus: Prometheus) -> Mapping[str, float]:
    """Return when the server evaluates the groups that it has, within their interval; none where it does not say."""
    try:
        groups = prometheus.groups()
    except ProbeError:
        return {}
    return {g.name: math.fmod(g.last_evaluation, g.interval) for g in groups if g.last_evaluation and g.interval}


def _born(bundle: Bundle) -> Mapping[str, str]:
    """Return of series that exist only after an event what they wait for, by name."""
    return {
        series: "appears with its first event, so either there was none, or nothing here exposes it"
        for series, metric in catalogued(bundle.site).items()
        if metric.emission and not {e.born for e in metric.emission.values()} <= CERTAIN
    }
