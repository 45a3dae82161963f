"""Why an expression gives nothing, or no number: it is taken apart, and the parts are asked one by one.

A reason is always something that was looked up: a metric that is not there and why, a matcher that no series has, a
condition that nothing fulfils. Where all parts give something and the whole does not, there is no reason.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import promql_parser as pp

from generator.config.site import Site
from generator.config.timing import LOOK_BACK
from generator.lint.queries import catalogued
from generator.rules.rule import Record
from generator.units import seconds
from generator.validate import selectors
from generator.validate.evidence import Evidence
from generator.validate.existence import Existence
from generator.validate.numberless import Numberless
from generator.validate.prometheus import Prometheus
from generator.validate.recording_rules import Evaluated, RecordingRules, own
from generator.validate.syntax import COMPARISONS, Tree, tree
from generator.validate.unmatched import Unmatched
from generator.validate.verdict import Finding, State, empty, pending, wrong

#: Functions that need two samples in their range.
_PAIRS = frozenset({"rate", "increase", "irate", "delta", "idelta", "deriv", "predict_linear"})

#: Functions that give something whatever there is.
_ALWAYS = frozenset({"vector", "time", "scalar", "pi"})

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
        self._prometheus, self._evidence = prometheus, evidence
        self._known = catalogued(site)
        self._existence = Existence(prometheus)
        self._rules = RecordingRules(records, evaluated)
        self._numberless = Numberless(self._existence, self._rules)
        self._unmatched = Unmatched(site, evidence, self._existence)

    def nothing(self, expr: str, at: float | None = None) -> Finding:
        """Return why an expression gives no series.

        Args:
            expr: PromQL without variables.
            at: Unix seconds; None means now.

        Raises:
            ProbeError: Prometheus does not answer.

        """
        try:
            expression = tree(expr)
        except ValueError as error:
            return wrong(f"it is not PromQL: {error}", "correct the query")
        found = self._why(expression, at) or UNEXPLAINED
        if found is UNEXPLAINED:
            found = self._evidence.absence(found.why, found.fix)
        if found.state is State.WRONG and self._drops_nan():
            return self._numberless.why(expression, at) or found
        return found

    def _drops_nan(self) -> bool:
        """Say whether the server leaves out series without a number, as VictoriaMetrics does and Prometheus does not."""
        return not self._existence.any("vector(0) / 0", None)

    def no_number(self, expr: str, at: float | None = None) -> Finding:
        """Return why an expression gives series whose values are no numbers.

        Raises:
            ProbeError: Prometheus does not answer.

        """
        return self._numberless.why(tree(expr), at) or wrong("it gives NaN without a reason", "look at the query")

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
        if self._existence.any(part.text, at):
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
            return empty(f"{selectors.names(part)} is there, and it looks for the absence")
        for argument in part.node.args:
            found = self._why(part.of(argument), at)
            if not found and isinstance(argument, pp.SubqueryExpr):
                found = self._unstepped(part.of(argument), at)
            if found:
                return found
        if name in _PAIRS:
            (ranged, *_) = (a for a in part.node.args if isinstance(a, (pp.MatrixSelector, pp.SubqueryExpr)))
            if not self._existence.any(f"count_over_time({part.of(ranged).text}) > 1", at):
                return empty(f"{selectors.names(part)} has fewer than two samples within the range")
        return UNEXPLAINED

    def _unstepped(self, part: Tree, at: float | None) -> Finding | None:
        """Say that what a sub-query looks at has come since its last step; None when it was there at that step already."""
        node = part.node
        if not node.step or node.offset:
            return None
        # Steps are whole multiples of their length, in milliseconds.
        every = round(node.step.total_seconds() * 1000)
        last = round((at or time.time()) * 1000) // every * every / 1000
        if self._existence.any(part.of(node.expr).text, last):
            return None
        return pending(
            f"{selectors.names(part)} is looked at every {every / 1000:g} s here, and was not there yet the last time"
        )

    def _joined(self, part: Tree, at: float | None) -> Finding | None:  # noqa: PLR0911 - one per reason
        node, op = part.node, str(part.node.op)
        left, right = part.of(node.lhs), part.of(node.rhs)
        if op == "or":
            found = [f for f in (self._why(left, at), self._why(right, at)) if f]
            return _worst(found) or UNEXPLAINED
        left_reason = self._why(left, at)
        if left_reason:
            return left_reason
        if op == "unless":
            return empty(f"everything that it would show is left out by {selectors.names(right)}")
        right_reason = self._why(right, at)
        if right_reason:
            return right_reason
        if op == "and":
            return empty("no series fulfils both of its conditions")
        if op in COMPARISONS:
            limit = right.text if isinstance(right.bare().node, pp.NumberLiteral) else selectors.names(right)
            return empty(f"no value of {selectors.names(left)} is {op} {limit}")
        if any(isinstance(side.bare().node, pp.NumberLiteral) for side in (left, right)):
            return None  # a number fits every series, so what was looked for came meanwhile
        return self._evidence.absence(
            f"{selectors.names(left)} and {selectors.names(right)} both have series, but none with the same labels",
            "look at the labels of both sides",
        )

    def _selected(self, part: Tree, at: float | None) -> Finding | None:  # noqa: PLR0911 - one per reason
        ranged = isinstance(part.node, pp.MatrixSelector)
        if self._existence.any(f"present_over_time({part.text})" if ranged else part.text, at):
            return None
        (selector,) = part.selectors()
        matchers = selectors.literal(part, selector)
        if not selector.name:
            return empty(f"no series has {selectors.shown(matchers)}")
        if selector.offset and self._existence.any(selectors.text(selector.name, matchers), at):
            return empty(f"{selector.name} has no past of {selector.offset:g} s yet")
        records = self._rules.read_by(selector.name, matchers)
        metric = records[0].metric if records else self._known.get(selector.name)
        if metric is None:
            return wrong(f"{selector.name} is neither in the catalogue nor recorded by a rule", "correct the name")
        if records and not any(self._existence.any(own(r), at) for r in records):
            return _worst([self.unrecorded(r, at) for r in records]) or UNEXPLAINED
        if not self._existence.any(selector.name, at):
            return self._unmatched.unseen(metric, matchers)
        return self._unmatched.filtered(metric, selector, matchers, at)

    def lately(self, record: Record) -> tuple[float, float] | None:
        """Return how many series its last two evaluations recorded, and its interval in seconds; None for no series.

        Asked of what is recorded less often than the look-back is long, and so is not there in between; None for all else.

        Raises:
            ProbeError: Prometheus does not answer.

        """
        known = self._rules.evaluation(record)
        if not known or known[1] * self._evidence.scale <= seconds(LOOK_BACK):
            return None
        reach = math.ceil(2000 * known[1]) + 1
        found = self._prometheus.query(f"count(last_over_time({own(record)}[{reach}ms]))")
        return (found[0].values[0], known[1]) if found else None

    def unrecorded(self, record: Record, at: float | None = None) -> Finding:
        """Return why a recorded series is not there.

        Raises:
            ProbeError: Prometheus does not answer.

        """
        at = at or time.time() - ARRIVAL  # one moment for all that is asked: series are born meanwhile
        known = self._rules.evaluation(record)
        if known and not known[0]:
            return pending(f"{record.name}: its rule has not been evaluated yet; its interval is {known[1]:g} s")
        expr = tree(self._rules.expression(record))
        found = self._why(expr, at)
        if found is None and known:
            # What it records may have come after its last evaluation before that time, or have been written only then
            # with a time before it. What was there a whole interval earlier was not missed.
            last, interval = known
            times = (last, last - interval) if last <= at else (at - interval,)
            found = next((f for one in times if (f := self._why(expr, one))), None)
            if found:
                return empty(f"{record.name}: there was nothing to record yet at its last evaluation")
        if found is None and self._prometheus.query(f"count({own(record)})"):
            return empty(f"{record.name} was recorded for the first time just now")
        if found is None and (lately := self.lately(record)):
            return empty(f"{record.name} is recorded every {lately[1]:g} s, and read over ranges of more than that")
        if found is None:
            return self._evidence.absence(
                f"{record.name} is not recorded, although its rule would give something", "see rules and records"
            )
        return Finding(found.state, f"{record.name} is recorded from nothing: {found.why}", found.fix)


def _worst(found: Sequence[Finding]) -> Finding | None:
    """Put reasons together: what is wrong goes first, and otherwise each is told once; it is pending when one is."""
    for one in found:
        if one.state is State.WRONG:
            return one
    state = State.PENDING if any(f.state is State.PENDING for f in found) else State.EMPTY
    return Finding(state, "; ".join(dict.fromkeys(f.why for f in found))) if found else None
