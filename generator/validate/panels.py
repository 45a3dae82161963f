"""Every variable, panel query and annotation of every board, executed as Grafana would, and what comes back."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import promql_parser as pp

from generator.boards.layout import Board
from generator.lint.queries import catalogued
from generator.promql.query import Query
from generator.units import seconds
from generator.validate.context import Context
from generator.validate.explain import Explainer
from generator.validate.pool import spread
from generator.validate.probe import AbsentError, GoneError, ProbeError, SlowError
from generator.validate.prometheus import Series
from generator.validate.syntax import Tree, tree
from generator.validate.variables import PIXELS, Choice, Window, choices, filled
from generator.validate.verdict import Finding, Verdict, empty, ok, wrong

#: Values that are asked for of a graph: enough to see whether there are any, over the whole range of the board.
POINTS = 30

#: The shortest range that is looked at, in seconds.
SHORTEST = 300.0

#: How far beyond its bounds a value may be for rounding alone.
ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Shot:
    """One query to execute.

    Attributes:
        category: panels or annotations.
        item: What it is called in a verdict.
        expr: With variables.
        instant: It asks for the newest value only.
        query: What it was built from; None for an annotation.
        floor: Negative values are implausible.
        interval: Least step of its own, a duration; without, the time between two scrapes.
        points: By which Grafana divides the range.

    """

    category: str
    item: str
    expr: str
    instant: bool
    query: Query | None
    floor: bool = True
    interval: str = ""
    points: int = PIXELS


def variables(context: Context) -> Iterator[Verdict]:
    """Every variable of every board has values, or its label is one that nobody has to have."""
    for verdicts in spread(lambda board: list(_variables(context, board)), context.boards()):
        yield from verdicts


def shown(context: Context) -> Iterator[Verdict]:
    """Every query of every panel returns plausible data, or there is a reason why it shows nothing."""
    yield from _executed(context, "panels")


def annotated(context: Context) -> Iterator[Verdict]:
    """Every annotation of every board returns data, or there is a reason why it shows nothing, until this moment."""
    for found in context.prometheus.query("time()"):
        yield from _executed(replace(context, now=found.values[-1]), "annotations")


def _variables(context: Context, board: Board) -> Iterator[Verdict]:
    item = board.title
    try:
        for choice in choices(_json(context, board), context.prometheus, window(context)):
            item = f"{board.title} / ${choice.name}"
            yield _variable(context, choice).of("variables", item)
    except GoneError:
        raise
    except (ProbeError, ValueError) as error:
        yield wrong(str(error)).of("variables", item)


def _variable(context: Context, choice: Choice) -> Finding:
    if choice.values:
        return ok(f"{len(choice.values)} to choose from")
    labels = context.site.labels
    scraped = [name for name, processes in context.evidence.processes.items() if processes.scraped]
    if not scraped:
        return empty("no target of the bundle is scraped; see targets")
    if choice.label in (labels.cluster, labels.namespace):
        return empty(f"no target has the label {choice.label}; All means those without it too")
    if not context.prometheus.query(f"count({choice.selector})"):
        return empty("no target of the board's system is scraped")
    if choice.label == labels.role and all(r == frozenset({""}) for r in _roles(context)):
        return empty("the system's processes have no roles")
    return wrong(
        f"no target has the label {choice.label}", "correct the labels of the scrape configuration; see targets"
    )


def _roles(context: Context) -> list[frozenset[str]]:
    return [processes.roles for processes in context.evidence.processes.values() if processes.scraped]


def window(context: Context) -> Window:
    """Return what boards are looked at over: their own range, as far back as Prometheus can have data."""
    length = seconds(context.site.config.time_from.removeprefix("now-"))
    if context.started:
        length = min(length, max(SHORTEST, context.now - context.started))
    return Window(context.now, length, context.scrape_seconds)


def shots(board: Board, data: Mapping[str, Any]) -> Iterator[Shot]:
    """Yield every query of a board: its panels in order, then its annotations."""
    made = {p["title"]: p for top in data["panels"] for p in (top, *top.get("panels", ()))}
    for shown in board.panels:
        panel = made[shown.title]
        for query, target in zip(shown.possible, panel.get("targets", ()), strict=True):
            several = f" / {target['refId']}" if len(shown.possible) > 1 else ""
            lines = panel["type"] == "timeseries"
            floor = not lines or "min" in panel["fieldConfig"]["defaults"]
            yield Shot(
                "panels",
                f"{board.title} / {shown.title}{several}",
                target["expr"],
                bool(target.get("instant")),
                query,
                floor,
                str(target.get("interval") or ""),
                int(panel.get("maxDataPoints") or PIXELS),
            )
    for annotation in data["annotations"]["list"]:
        if "expr" in annotation:
            yield Shot(
                "annotations", f"{board.title} / {annotation['name']}", annotation["expr"], instant=False, query=None,
                interval=str(annotation.get("target", {}).get("interval") or ""),
            )  # fmt: skip


def _executed(context: Context, category: str) -> Iterator[Verdict]:
    todo = []
    for board in context.boards():
        data = _json(context, board)
        try:
            chosen = list(choices(data, context.prometheus, window(context)))
        except GoneError:
            raise
        except (ProbeError, ValueError):
            chosen = []  # told by the check of variables; what needs one fails below
        todo += [(shot, chosen) for shot in shots(board, data) if shot.category == category]
    judge = Judge(context)
    yield from spread(lambda pair: judge.verdict(*pair), todo)


def _json(context: Context, board: Board) -> Mapping[str, Any]:
    found: Mapping[str, Any] = context.files[f"dashboards/{board.stem}.json"]
    return found


class Judge:
    """Executes queries and judges what comes back. Safe to use from several threads."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._window = window(context)
        self._explainer = explainer(context)
        self._units = {name: m.unit for name, m in catalogued(context.site).items()}
        self._units |= {
            r.name: r.metric.unit for groups in context.bundle.rules.values() for g in groups for r in g.records
        }

    def verdict(self, shot: Shot, chosen: Sequence[Choice]) -> Verdict:
        """Return the verdict on one query, which is executed.

        Raises:
            GoneError: The server stopped answering.
            AbsentError: It has no such endpoint.

        """
        try:
            return self._finding(shot, chosen).of(shot.category, shot.item)
        except GoneError:
            raise
        except AbsentError:
            raise
        except SlowError as error:
            return wrong(f"the query takes too long: {error.what}", error.fix).of(shot.category, shot.item)
        except (ProbeError, ValueError) as error:
            return wrong(f"the query fails: {error}", "look at the query").of(shot.category, shot.item)

    def _finding(self, shot: Shot, chosen: Sequence[Choice]) -> Finding:
        expr = filled(shot.expr, {c.name: c.value for c in chosen}, self._over(shot))
        series = self._run(shot, expr)
        now = self._newest(shot, series)
        if not now:
            return self._blank(shot, expr, chosen)
        if all(math.isnan(v) for v in now):
            return self._explainer.no_number(expr, self._window.end)
        return self._plausible(shot, expr, [v for s in series for v in s.values]) or ok(f"{len(series)} series")

    def _newest(self, shot: Shot, series: Sequence[Series]) -> list[float]:
        """Return what is shown of now: the values at the end of the window. An annotation is about the whole of it."""
        if shot.category == "annotations":
            return [v for s in series for v in s.values]
        return [s.values[-1] for s in series if s.newest > self._window.end - self._step / 2]

    @property
    def _step(self) -> float:
        """Seconds between two values of a graph, in whole milliseconds: the last one is at the end of the window."""
        return max(1, math.floor(self._window.length * 1000 / POINTS)) / 1000

    def _over(self, shot: Shot) -> Window:
        return self._window.for_query(shot.interval, shot.points)

    def _run(self, shot: Shot, expr: str) -> list[Series]:
        prometheus, end = self._context.prometheus, self._window.end
        if shot.instant:
            return prometheus.query(expr, end)
        return prometheus.query_range(expr, end - self._step * POINTS, end, self._step)

    def _blank(self, shot: Shot, expr: str, chosen: Sequence[Choice]) -> Finding:
        finding = self._explainer.nothing(expr, self._window.end)
        wide = filled(shot.expr, {c.name: c.every for c in chosen}, self._over(shot))
        if wide != expr and self._newest(shot, self._run(shot, wide)):
            narrow = ", ".join(f"{c.name} {c.value}" for c in chosen if c.value != c.every)
            return replace(finding, why=f"for {narrow}: {finding.why}; others show data")
        return finding

    def _plausible(self, shot: Shot, expr: str, values: Sequence[float]) -> Finding | None:
        """Say what is implausible about values, if anything is."""
        numbers = [v for v in values if not math.isnan(v)]
        if any(math.isinf(v) for v in numbers):
            return wrong("it shows an infinite value", "look at what it divides by")
        expression = tree(expr)
        low, high = min(numbers), max(numbers)
        if low < -ROUNDING and shot.floor and not _signed(expression):
            return wrong(f"it shows {low:g}, and what it measures cannot be negative", "look at the query")
        if shot.query and shot.query.unit == "ratio" and high > 1 + ROUNDING and self._share(expression):
            return wrong(f"it shows a share of {high:g}, more than the whole", "look at both sides of the division")
        return None

    def _share(self, expression: Tree) -> bool:
        """Say whether a ratio is a share of a whole: both sides of its division have one unit, and nothing multiplies it."""
        node = expression.bare().node
        if isinstance(node, pp.BinaryExpr) and str(node.op) in "*/" and _by_number(node):
            return False
        if not (isinstance(node, pp.BinaryExpr) and str(node.op) == "/"):
            return True
        sides = [
            {self._units.get(s.name, "") for s in expression.of(side).selectors()} for side in (node.lhs, node.rhs)
        ]
        return bool(sides[0] & sides[1])


def _by_number(node: pp.BinaryExpr) -> bool:
    return isinstance(node.lhs, pp.NumberLiteral) or isinstance(node.rhs, pp.NumberLiteral)


def _signed(expression: Tree) -> bool:
    """Say whether an expression may be negative by what it is: a difference at its outermost, or a slope."""
    node = expression.bare().node
    while isinstance(node, (pp.AggregateExpr, pp.ParenExpr)):
        node = node.expr
    if isinstance(node, pp.Call):
        return node.func.name in ("deriv", "delta", "idelta", "predict_linear")
    return isinstance(node, pp.BinaryExpr) and str(node.op) == "-"


def explainer(context: Context) -> Explainer:
    """Return what says why a query of this validation gives nothing."""
    listed = {
        (r["record"], tuple((r.get("labels") or {}).items())): r["expr"]
        for g in context.groups()
        for r in g["rules"]
        if "record" in r
    }
    records = [
        (r, listed[r.name, tuple(r.labels.items())])
        for groups in context.bundle.rules.values() for g in groups for r in g.records
    ]  # fmt: skip
    return Explainer(context.site, context.prometheus, context.evidence, records, context.evaluated)
