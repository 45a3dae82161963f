"""Why an expression gives nothing, or no number: it is taken apart, and the parts are asked one by one.

A reason is always something that was looked up: a metric that is not there and why, a matcher that no series has, a
condition that nothing fulfils. Where all parts give something and the whole does not, there is no reason.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import promql_parser as pp

from generator.catalogue import Metric
from generator.config.site import Site
from generator.config.timing import LOOK_BACK
from generator.lint.expression import Matcher, Selector
from generator.rules.rule import Record
from generator.units import seconds
from generator.validate.evidence import CERTAIN, Evidence, required
from generator.validate.forms import DROPPED
from generator.validate.prometheus import Prometheus
from generator.validate.syntax import COMPARISONS, Tree, nodes, tree
from generator.validate.verdict import Finding, State, empty, pending, wrong

_SIGNS = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}

#: Functions that need two samples in their range.
_PAIRS = frozenset({"rate", "increase", "irate", "delta", "idelta", "deriv", "predict_linear"})

#: Functions that give something whatever there is.
_ALWAYS = frozenset({"vector", "time", "scalar", "pi"})

#: When the rule of a recorded series was evaluated last, in unix seconds (0 for never), and its interval; None if unknown.
Evaluated = Callable[[str], tuple[float, float] | None]

#: Seconds in which a sample may still be on its way from a scrape into an answer.
ARRIVAL = 1.0

UNEXPLAINED = wrong(
    "it gives nothing, although everything that it reads is there",
    "look at the query: labels that never match, or a filter that lets nothing through",
)


class Explainer:
    """Says why expressions give nothing. Safe to use from several threads."""

    def __init__(
        self,
        site: Site,
        prometheus: Prometheus,
        evidence: Evidence,
        records: Sequence[tuple[Record, str]] = (),
        evaluated: Evaluated = lambda _: None,
    ) -> None:
        """Prepare.

        Args:
            site: The installation.
            prometheus: Whom to ask.
            evidence: What is there.
            records: The recording rules of the bundle, each with its expression as it stands in the rule file.
            evaluated: Tells when the rule of a recorded series was evaluated last.

        """
        self._site, self._prometheus, self._evidence, self._evaluated = site, prometheus, evidence, evaluated
        self._known = catalogued(site)
        self._records: dict[str, list[Record]] = {}
        self._expressions = {(r.name, tuple(r.labels.items())): expr for r, expr in records}
        for record, _ in records:
            self._records.setdefault(record.name, []).append(record)
        self._there: dict[tuple[str, float | None], bool] = {}
        self._telling = {m.label for name in site.config.systems for m in site.target_matchers(name)}

    def nothing(self, expr: str, at: float | None = None) -> Finding:
        """Say why an expression gives no series.

        Args:
            expr: PromQL without variables.
            at: Unix seconds; None means now.

        Raises:
            ProbeError: Prometheus does not answer.

        """
        try:
            whole = tree(expr)
        except ValueError as error:
            return wrong(f"it is not PromQL: {error}", "correct the query")
        found = self._why(whole, at) or UNEXPLAINED
        if found is UNEXPLAINED:
            found = self._evidence.absence(found.why, found.fix)
        if found.state is State.WRONG and self._drops_nan():
            return self._hollow(whole, at) or found
        return found

    def _drops_nan(self) -> bool:
        """Say whether the server leaves out series without a number, as VictoriaMetrics does and Prometheus does not."""
        return not self._any("vector(0) / 0", None)

    def no_number(self, expr: str, at: float | None = None) -> Finding:
        """Say why an expression gives series whose values are no numbers.

        Raises:
            ProbeError: Prometheus does not answer.

        """
        return self._hollow(tree(expr), at) or wrong("it gives NaN without a reason", "look at the query")

    def _hollow(self, whole: Tree, at: float | None, through: frozenset[str] = frozenset()) -> Finding | None:
        """Say which division or quantile has nothing below it, if one has; also in what a rule recorded."""
        for node in nodes(whole.node):
            if isinstance(node, pp.BinaryExpr) and str(node.op) == "/":
                below = whole.of(node.rhs)
                if below.selectors() and not self._any(f"({below.text}) > 0 or ({below.text}) < 0", at):
                    found = self._recorded(below, at, through)
                    return found or empty(f"nothing happened in the window: {_names(below)} gives 0 to divide by")
            if isinstance(node, pp.Call) and node.func.name == "histogram_quantile":
                buckets = whole.of(node.args[1])
                if not self._any(f"({buckets.text}) > 0", at):
                    return empty(f"nothing was observed in the window: {_names(buckets)}")
        return self._recorded(whole, at, through) or self._said(whole, at)

    def _said(self, whole: Tree, at: float | None) -> Finding | None:
        """Say which series has no number on its own page, if one has: an exporter that could not find it out."""
        for node in nodes(whole.node):
            inner = node.vector_selector if isinstance(node, pp.MatrixSelector) else node
            if isinstance(inner, pp.VectorSelector):
                text = whole.of(inner).text
                if self._any(f"{text} != {text}", at):
                    return empty(f"the page itself gives NaN: {_names(whole.of(inner))}")
        return None

    def _recorded(self, part: Tree, at: float | None, through: frozenset[str]) -> Finding | None:
        """Say why what a part reads was recorded without a number, if a rule did so."""
        for node in nodes(part.node):
            if not isinstance(node, pp.VectorSelector):
                continue
            ((selector,), text) = part.of(node).selectors(), part.of(node).text
            matchers = [Matcher(m.label, m.op, part.literal(m.value)) for m in selector.matchers]
            for record in _meant(self._records.get(selector.name, []), matchers):
                expr = self._expressions[record.name, tuple(record.labels.items())]
                if expr in through or self._any(f"{text} == {text}", at):
                    continue
                found = self._hollow(tree(expr), self._moment(record, at), through | {expr})
                if found:
                    return replace(found, why=f"{record.name} has no value: {found.why}")
        return None

    def _moment(self, record: Record, at: float | None) -> float | None:
        """Return when a record was evaluated last, where that is known and before the time that is asked about."""
        known = self._evaluated(record.name)
        return known[0] if known and known[0] and (at is None or known[0] <= at) else at

    def _any(self, expr: str, at: float | None) -> bool:
        """Say whether an instant vector has a series."""
        key = (expr, at)
        if key not in self._there:
            self._there[key] = bool(self._prometheus.query(f"count({expr})", at))
        return self._there[key]

    def _why(self, part: Tree, at: float | None) -> Finding | None:  # noqa: PLR0911 - one per kind of node
        """Say why a part is empty; None when it is not, or when there is no reason."""
        node = part.node
        match node:
            case pp.ParenExpr() | pp.UnaryExpr():
                return self._why(part.of(node.expr), at)
            case pp.NumberLiteral() | pp.StringLiteral():
                return None
            case pp.VectorSelector() | pp.MatrixSelector():
                return self._selected(part, at)
            case pp.SubqueryExpr():
                return self._why(part.of(node.expr), at)
        if isinstance(node, pp.Call) and node.func.name in _ALWAYS:
            return None
        if self._any(part.text, at):
            return None
        match node:
            case pp.AggregateExpr():
                return self._why(part.of(node.expr), at) or UNEXPLAINED
            case pp.Call():
                return self._called(part, at)
            case pp.BinaryExpr():
                return self._joined(part, at)
        return None

    def _called(self, part: Tree, at: float | None) -> Finding:
        name = part.node.func.name
        if name in ("absent", "absent_over_time"):
            return empty(f"{_names(part)} is there, and it looks for the absence")
        for argument in part.node.args:
            found = self._why(part.of(argument), at)
            if found:
                return found
        if name in _PAIRS:
            (ranged, *_) = (a for a in part.node.args if isinstance(a, (pp.MatrixSelector, pp.SubqueryExpr)))
            if not self._any(f"count_over_time({part.of(ranged).text}) > 1", at):
                return empty(f"{_names(part)} has fewer than two samples within the range")
        return UNEXPLAINED

    def _joined(self, part: Tree, at: float | None) -> Finding | None:  # noqa: PLR0911 - one per reason
        node, op = part.node, str(part.node.op)
        left, right = part.of(node.lhs), part.of(node.rhs)
        if op == "or":
            found = [f for f in (self._why(left, at), self._why(right, at)) if f]
            return _worst(found) or UNEXPLAINED
        found_left = self._why(left, at)
        if found_left:
            return found_left
        if op == "unless":
            return empty(f"everything that it would show is left out by {_names(right)}")
        found_right = self._why(right, at)
        if found_right:
            return found_right
        if op == "and":
            return empty("no series fulfils both of its conditions")
        if op in COMPARISONS:
            limit = right.text if isinstance(right.bare().node, pp.NumberLiteral) else _names(right)
            return empty(f"no value of {_names(left)} is {op} {limit}")
        if any(isinstance(side.bare().node, pp.NumberLiteral) for side in (left, right)):
            return None  # a number fits every series, so what was looked for came meanwhile
        return self._evidence.absence(
            f"{_names(left)} and {_names(right)} both have series, but none with the same labels",
            "look at the labels of both sides",
        )

    def _selected(self, part: Tree, at: float | None) -> Finding | None:  # noqa: PLR0911 - one per reason
        ranged = isinstance(part.node, pp.MatrixSelector)
        if self._any(f"present_over_time({part.text})" if ranged else part.text, at):
            return None
        (selector,) = part.selectors()
        matchers = [Matcher(m.label, m.op, part.literal(m.value)) for m in selector.matchers]
        if not selector.name:
            return empty(f"no series has {_shown(matchers)}")
        if selector.offset and self._any(_text(selector.name, matchers), at):
            return empty(f"{selector.name} has no past of {selector.offset:g} s yet")
        records = _meant(self._records.get(selector.name, []), matchers)
        metric = records[0].metric if records else self._known.get(selector.name)
        if metric is None:
            return wrong(f"{selector.name} is neither in the catalogue nor recorded by a rule", "correct the name")
        if records and not any(self._any(_own(r), at) for r in records):
            return _worst([self.unrecorded(r, at) for r in records]) or UNEXPLAINED
        if not self._any(selector.name, at):
            return self._unseen(metric, matchers)
        return self._filtered(metric, selector, matchers, at)

    def _unseen(self, metric: Metric, matchers: Sequence[Matcher]) -> Finding:
        system = self._of(matchers)
        if metric.system == "process" and not system:
            system = next(
                (name for name in self._evidence.processes if "process" in self._site.catalogue.systems[name].pages), ""
            )
        if metric.system == "prometheus" and metric.name != "ALERTS" and not system:
            system = next(iter(self._evidence.processes), "")
        found = self._evidence.forms.dropped(metric, system or metric.system) or self._evidence.reason(metric, system)
        return Finding(found.state, f"{metric.full_name}: {found.why}", found.fix)

    def lately(self, record: Record) -> tuple[float, float] | None:
        """Return how many series its last two evaluations recorded, and its interval in seconds; None for no series.

        Asked of what is recorded less often than the look-back is long, and so is not there in between; None for all else.

        Raises:
            ProbeError: Prometheus does not answer.

        """
        known = self._evaluated(record.name)
        if not known or known[1] * self._evidence.scale <= seconds(LOOK_BACK):
            return None
        reach = math.ceil(2000 * known[1]) + 1
        found = self._prometheus.query(f"count(last_over_time({_own(record)}[{reach}ms]))")
        return (found[0].values[0], known[1]) if found else None

    def unrecorded(self, record: Record, at: float | None = None) -> Finding:
        """Say why a recorded series is not there.

        Raises:
            ProbeError: Prometheus does not answer.

        """
        at = at or time.time() - ARRIVAL  # one moment for all that is asked: series are born meanwhile
        known = self._evaluated(record.name)
        if known and not known[0]:
            return pending(f"{record.name}: its rule has not been evaluated yet; its interval is {known[1]:g} s")
        expr = tree(self._expressions[record.name, tuple(record.labels.items())])
        found = self._why(expr, at)
        if found is None and known:
            # What it records may have come after its last evaluation before that time, or have been written only then
            # with a time before it. What was there a whole interval earlier was not missed.
            last, interval = known
            times = (last, last - interval) if last <= at else (at - interval,)
            found = next((f for one in times if (f := self._why(expr, one))), None)
            if found:
                return empty(f"{record.name}: there was nothing to record yet at its last evaluation")
        if found is None and self._prometheus.query(f"count({_own(record)})"):
            return empty(f"{record.name} was recorded for the first time just now")
        if found is None and (lately := self.lately(record)):
            return empty(f"{record.name} is recorded every {lately[1]:g} s, and read over ranges of more than that")
        if found is None:
            return self._evidence.absence(
                f"{record.name} is not recorded, although its rule would give something", "see rules and records"
            )
        return Finding(found.state, f"{record.name} is recorded from nothing: {found.why}", found.fix)

    def _filtered(self, metric: Metric, selector: Selector, matchers: Sequence[Matcher], at: float | None) -> Finding:
        """Say which matchers leave nothing of a metric that is there."""
        system = self._of(matchers)
        if system and not self._evidence.processes[system].scraped:
            return empty(f"no target of the system {system} is scraped")
        name = selector.name
        of_target = {*self._site.labels.every, *self._site.config.selectors, *self._telling}
        own = [m for m in matchers if m.label not in of_target]
        chosen = [m for m in matchers if m.label in of_target]
        strange = [
            m.label for m in own if m.label != "le" and m.label not in {**metric.labels, **metric.constant_labels}
        ]
        if strange:
            return wrong(
                f"{name} has no label {strange[0]!r}", f"it has {', '.join(metric.labels) or 'none of its own'}"
            )
        if own and self._any(_text(name, chosen), at):
            return self._unmatched(metric, name, own, chosen, at)
        if metric.emission and not self._any(_text(name, [m for m in chosen if m.label in self._telling]), at):
            return self._unseen(metric, matchers)
        return self._unchosen(metric, name, chosen, at)

    def _of(self, matchers: Sequence[Matcher]) -> str:
        """Return the system to whose targets these matchers hold a selector; empty for none of those that are judged."""
        asked = {(m.label, _SIGNS[m.op], m.value) for m in matchers}
        return next(
            (
                n
                for n in self._evidence.processes
                if {(m.label, m.op, m.value) for m in self._site.target_matchers(n)} <= asked
            ),
            "",
        )

    def _unmatched(
        self, metric: Metric, name: str, own: Sequence[Matcher], chosen: Sequence[Matcher], at: float | None
    ) -> Finding:
        for matcher in own:
            if matcher.label == "le":
                return wrong(f"no bucket of {name} has {_shown([matcher])}", DROPPED)
            label = metric.labels.get(matcher.label) or metric.constant_labels[matcher.label]
            if matcher.op == "Equal" and matcher.value and label.values and matcher.value not in label.values:
                return wrong(
                    f"{matcher.label} of {name} is never {matcher.value!r}", f"use one of {', '.join(label.values)}"
                )
            some = Matcher(matcher.label, "NotEqual", "")
            if required(metric, label) and not self._any(_text(name, [*chosen, some]), at):
                return wrong(
                    f"no series of {name} has the label {matcher.label}",
                    "see whether metric_relabel_configs of its scrape job drops the label",
                )
        if name == "ALERTS":
            return empty(f"no alert is there with {_shown(own)}")
        return empty(f"nothing of the kind has happened yet: no series of {name} has {_shown(own)}")

    def _unchosen(self, metric: Metric, name: str, chosen: Sequence[Matcher], at: float | None) -> Finding:
        emitters = self._evidence.emitters(metric) if metric.emission else frozenset({"any"})
        role = self._site.labels.role
        if "any" not in emitters:
            held = [
                *(m for m in chosen if m.label != self._site.labels.system),
                Matcher(role, "Re", "|".join(sorted(emitters))),
            ]
            if not self._any(_text("up", held), at):
                return empty(
                    f"{name} comes from the role {' or '.join(sorted(emitters))}, and none is chosen: {_shown(chosen)}"
                )
        elif asked := [m for m in chosen if m.label == role and (m.op, m.value) != ("Re", ".*")]:
            everywhere = [m for m in chosen if m.label == self._site.labels.system or m.label in self._telling]
            if not self._any(_text("up", [*everywhere, *asked]), at):
                return empty(f"no process is scraped that has {_shown(asked)}")
        if metric.emission and {e.born for e in metric.emission.values()} <= CERTAIN:
            on = next((m.value for m in chosen if m.label == self._site.labels.system), "")
            young = self._evidence.unticked(metric, metric.system) or self._evidence.partial(metric, on)
            if young:
                return Finding(young.state, f"{name} is not there for {_shown(chosen)}: {young.why}")
            return self._evidence.absence(
                f"{name} is missing for {_shown(chosen)}, although other targets have it",
                "look at the /metrics of these targets",
            )
        return empty(f"{name} is there, but not for {_shown(chosen)}")


def catalogued(site: Site) -> Mapping[str, Metric]:
    """Return every series that a scrape can bring, with its metric, under this site's prefixes."""
    names = sorted(site.catalogue.systems, key=lambda n: bool((c := site.config.systems.get(n)) and c.enabled))
    return {series: m for name in names for m in site.system(name) for series in m.series}


def _meant(records: Sequence[Record], matchers: Sequence[Matcher]) -> Sequence[Record]:
    """Return the rules of one name whose own labels a selector asks for; all of them where it asks for none that is known."""
    wanted = {m.label: m.value for m in matchers if m.op == "Equal"}
    return [r for r in records if all(wanted.get(k, v) == v for k, v in r.labels.items())] or records


def _own(record: Record) -> str:
    """Return the selector of what one rule records."""
    return _text(record.name, [Matcher(k, "Equal", v) for k, v in record.labels.items()])


def _worst(found: Sequence[Finding]) -> Finding | None:
    """Put reasons together: what is wrong goes first, and otherwise each is told once; it is pending when one is."""
    for one in found:
        if one.state is State.WRONG:
            return one
    state = State.PENDING if any(f.state is State.PENDING for f in found) else State.EMPTY
    return Finding(state, "; ".join(dict.fromkeys(f.why for f in found))) if found else None


def _names(part: Tree) -> str:
    names = list(dict.fromkeys(s.name or "{}" for s in part.selectors()))
    return ", ".join(names) or part.text


def _shown(matchers: Sequence[Matcher]) -> str:
    return ", ".join(f'{m.label}{_SIGNS[m.op]}"{m.value}"' for m in matchers)


def _text(name: str, matchers: Sequence[Matcher]) -> str:
    def quoted(value: str) -> str:
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'"{escaped}"'

    listed = ", ".join(f"{m.label}{_SIGNS[m.op]}{quoted(m.value)}" for m in matchers)
    return f"{name}{{{listed}}}" if listed else name
