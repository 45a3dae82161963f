"""PromQL in, Datadog's query language out; what has no counterpart is refused with the reason.

| in PromQL | in Datadog | because |
| --- | --- | --- |
| `increase(c[w])`, also as the generator writes first events | `sum(last_w):sum:c{...}.as_count()` | counters arrive as what was added |
| `rate(c[w])` | the same, divided by the window | as above |
| `h_bucket{le="x"}` of a pushed histogram | `count(v: v<=x):h{...}` | it arrives as a distribution |
| a gauge that holds for d, above a limit | `min(last_d)`, below it `max(last_d)` | every value within d is beyond the limit |
| `and`, `or`, `unless` | `&&`, `||`, `!` of a composite monitor | both match by the same groups |
| `x / (y > 0)` | `x / y` | a quotient by 0 is nothing there |

Events of a window have no hold in Datadog: such a monitor tells up to `for` sooner.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import promql_parser as pp

from generator.outputs.datadog.condition import Asked, Checked, Condition, Joined, Not
from generator.outputs.datadog.naming import Series
from generator.units import number, period, seconds

#: Shortest window of a gauge: values arrive once a minute.
SHORTEST = "5m"

#: Seconds between two runs of the Agent's check, and most of its results that a monitor looks at.
CHECK_SECONDS, MOST_CHECKS = 15, 99

_COMPARISONS = frozenset({">", ">=", "<", "<=", "=="})
_ARITHMETIC = frozenset({"+", "-", "*", "/"})
_JOINED = {"and": "&&", "or": "||"}
#: An alternative of a pattern that a filter has, too: a text, and whatever follows it; `5..` is any text from 5 on there.
_LITERAL = re.compile(r"[\w/ :-]+(\.\*|\.+)?")

#: What the pattern of a bucket's edge may end with, so that both ways to write a whole number match.
_WHOLE = r"(\.0)?"


class UntranslatableError(Exception):
    """An expression has no counterpart in Datadog. The text is the reason."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value over time.

    Attributes:
        text: The query.
        window: Seconds over which events are summed; 0 for a gauge and for a number.
        per: What the sum is divided by, in seconds: the window of a rate, else 1.
        names: Metrics that it reads.
        constant: It is a number.

    """

    text: str
    window: float = 0
    per: float = 1
    names: tuple[str, ...] = ()
    constant: bool = False

    @property
    def whole(self) -> str:
        """The query with what it is divided by."""
        return self.text if self.per == 1 else f"({self.text} / {number(self.per)})"


@dataclass(frozen=True, slots=True)
class Translator:
    """Translates for one installation.

    Attributes:
        known: Series by their names in Prometheus.
        system: Namespace of what is scraped.
        tags: What labels are called; an empty name is a label that is not there, and is not grouped by.
        instance: The label that tells processes apart.
        held: Matchers that every selector of the system has, as label and value: the name of a metric says as much.
        scope: What every filter begins with, such as a variable of a dashboard.

    """

    known: Mapping[str, Series]
    system: str
    tags: Mapping[str, str]
    instance: str
    held: Sequence[tuple[str, str]]
    scope: str = ""

    def condition(self, text: str, hold: str) -> Condition:
        """Return what a monitor asks in place of an alert's expression.

        Args:
            text: The expression.
            hold: How long it must be true, as a duration.

        Raises:
            UntranslatableError: It has no counterpart.

        """
        return self._condition(pp.parse(text), hold)

    def series(self, text: str) -> Value:
        """Return the query of a graph in place of an expression.

        Raises:
            UntranslatableError: It has no counterpart.

        """
        node = pp.parse(text)
        if isinstance(node, pp.BinaryExpr) and str(node.op) == "and" and (most := _greatest(node.rhs)):
            value = self._value(node.lhs)
            return replace(value, text=f"top({value.text}, {most}, 'mean', 'desc')")
        return self._value(node)

    def _condition(self, node: Any, hold: str) -> Condition:
        match node:
            case pp.ParenExpr():
                return self._condition(node.expr, hold)
            case pp.BinaryExpr() if str(node.op) in {"and", "or", "unless"}:
                if node.modifier is not None and node.modifier.matching is not None:
                    raise UntranslatableError("a composite monitor joins by all groups, not by some of the labels")
                left, right = self._condition(node.lhs, hold), self._condition(node.rhs, hold)
                if str(node.op) == "unless":
                    return Joined("&&", (left, Not(right)))
                return Joined(_JOINED[str(node.op)], (left, right))
            case pp.BinaryExpr() if str(node.op) == "==" and (up := self._scraped(node)):
                return self._checked(*up, hold)
            case pp.BinaryExpr() if str(node.op) in _COMPARISONS and isinstance(node.rhs, pp.NumberLiteral):
                return _asked(self._value(node.lhs), str(node.op), node.rhs.val, hold)
            case pp.Call():
                raise UntranslatableError(f"there is no {node.func.name}() for a monitor")
        raise UntranslatableError("a monitor asks whether a value passes a limit, and this is no such comparison")

    def _scraped(self, node: Any) -> tuple[Any, Sequence[str]] | None:
        """Return the selector of `up` and the labels where an expression asks which process does not answer."""
        inner = _bare(node.lhs)
        if not (isinstance(inner, pp.AggregateExpr) and inner.modifier and isinstance(inner.expr, pp.VectorSelector)):
            return None
        asks = inner.expr.name == "up" and self.instance in inner.modifier.labels
        return (inner.expr, inner.modifier.labels) if asks else None

    def _checked(self, selector: Any, labels: Sequence[str], hold: str) -> Checked:
        texts = [
            _tag(self.tags.get(m.name, m.name) or m.name, str(m.op).rpartition(".")[2], m.value)
            for m in selector.matchers.matchers
            if (m.name, m.value) not in self.held
        ]
        if any(" " in text for text in texts):
            raise UntranslatableError("a monitor of checks has no choice between tags")
        named = tuple(name for label in labels if (name := self.tags.get(label, label)))
        times = min(max(round(seconds(hold) / CHECK_SECONDS), 1), MOST_CHECKS)
        return Checked(f"{self.system}.openmetrics.health", tuple(texts), named, times)

    def _value(self, node: Any) -> Value:
        match node:
            case pp.ParenExpr():
                return self._value(node.expr)
            case pp.NumberLiteral():
                return Value(number(node.val), constant=True)
            case pp.AggregateExpr():
                return self._aggregate(node)
            case pp.BinaryExpr() if str(node.op) in _ARITHMETIC:
                return self._computed(node, self._value)
            case pp.Call() if node.func.name == "histogram_quantile":
                return self._quantile(*node.args)
            case pp.Call():
                raise UntranslatableError(f"there is no {node.func.name}() over a grouped value")
        raise UntranslatableError("it takes one value where another one lacks")

    def _computed(self, node: Any, value: Callable[[Any], Value]) -> Value:
        if node.modifier is not None and node.modifier.matching is not None:
            raise UntranslatableError("it matches two groups by some of their labels")
        right = _unguarded(node.rhs) if str(node.op) == "/" else node.rhs
        return _arithmetic(value(node.lhs), str(node.op), value(right))

    def _each(self, node: Any, how: str, labels: Sequence[str]) -> Value:
        """Return what is computed with the gauges of each process: one group per process stands for the worst of them."""
        match node:
            case pp.ParenExpr():
                return self._each(node.expr, how, labels)
            case pp.NumberLiteral():
                return self._value(node)
            case pp.BinaryExpr() if str(node.op) in _ARITHMETIC:
                return self._computed(node, lambda inner: self._each(inner, how, labels))
            case pp.VectorSelector():
                return self._gauge(node, how, labels)
        raise UntranslatableError("it computes with single series before it groups them")

    def _gauge(self, selector: Any, how: str, labels: Sequence[str]) -> Value:
        found = self._found(selector)
        if not found.gauge:
            raise UntranslatableError("it reads a counter's total, and Datadog has what was added")
        name = self._name(found)
        return Value(f"{how}:{name}{self._filter(selector, found)}{self._by(labels)}", names=(name,))

    def _aggregate(self, node: Any) -> Value:
        how = str(node.op)
        labels = tuple(node.modifier.labels) if node.modifier else ()
        if how not in {"sum", "max", "min", "avg"}:
            raise UntranslatableError(f"Datadog has no {how}() of series")
        inner = _bare(node.expr)
        if isinstance(inner, pp.VectorSelector):
            return self._gauge(inner, how, labels)
        if how in {"max", "min"}:
            return self._each(inner, how, tuple(dict.fromkeys((*labels, self.instance))))
        if how != "sum":
            raise UntranslatableError("it computes with single series before it groups them")
        selector, window, per = _events(inner)
        return self._counted(selector, window, per, labels)

    def _counted(self, selector: Any, window: float, per: float, labels: Sequence[str]) -> Value:
        found = self._found(selector)
        if found.gauge:
            raise UntranslatableError("it reads how a gauge changes")
        name, by = self._name(found), self._by(labels)
        how = "sum"
        if found.pushed and found.suffix == "_sum":
            raise UntranslatableError("a distribution's sum is no count")
        if found.pushed and found.suffix:
            edge = _edge(selector, found) if found.suffix == "_bucket" else ""
            how = f"count(v: v<={edge})" if edge else "count"
        return Value(f"{how}:{name}{self._filter(selector, found)}{by}.as_count()", window, per, (name,))

    def _quantile(self, share: Any, inner: Any) -> Value:
        aggregated = _bare(inner)
        if not (isinstance(aggregated, pp.AggregateExpr) and isinstance(share, pp.NumberLiteral)):
            raise UntranslatableError("a quantile of something that is no histogram")
        selector, window, _ = _events(_bare(aggregated.expr))
        found = self._found(selector)
        if not found.pushed:
            raise UntranslatableError("a quantile needs a distribution, and the check sends buckets")
        grouped = aggregated.modifier.labels if aggregated.modifier else ()
        labels = [label for label in grouped if label != "le"]
        name = self._name(found)
        return Value(
            f"p{number(share.val * 100)}:{name}{self._filter(selector, found)}{self._by(labels)}", window, 1, (name,)
        )

    def _found(self, selector: Any) -> Series:
        name = selector.name or ""
        if found := self.known.get(name):
            return found
        if name.startswith("agentobs_"):
            raise UntranslatableError("it reads recorded series, which Prometheus alone has")
        if name in {"up", ""} or name.startswith("scrape_"):
            raise UntranslatableError("it reads what Prometheus says of its scrapes")
        raise UntranslatableError(f"{name} is no metric of the catalogue")

    def _name(self, found: Series) -> str:
        name = found.name(self.system)
        if not name:
            raise UntranslatableError(f"{found.metric.full_name} is not collected")
        return name

    def _filter(self, selector: Any, found: Series) -> str:
        texts = [self.scope] if self.scope else []
        for matcher in selector.matchers.matchers:
            op, label, value = str(matcher.op).rpartition(".")[2], matcher.name, matcher.value
            if (label, value) in self.held and op == "Equal":
                continue
            if label == "le":
                if not found.pushed:
                    texts.append(f"upper_bound:{float(_edge(selector, found))}")
                continue
            texts.append(_tag(self.tags.get(label, label) or label, op, value))
        return "{" + (" AND ".join(texts) or "*") + "}"

    def _by(self, labels: Sequence[str]) -> str:
        named = [self.tags.get(label, label) for label in labels]
        kept = ",".join(name for name in named if name)
        return f" by {{{kept}}}" if kept else ""


def _asked(value: Value, op: str, limit: float, hold: str) -> Asked:
    if value.constant:
        raise UntranslatableError("it compares a number")
    if value.window:
        return Asked("sum", _window(value.window), value.text, op, limit * value.per, value.names)
    window = max(hold, SHORTEST, key=seconds)
    if op == "==":
        if limit:
            raise UntranslatableError("a gauge that holds one value")
        op = "<="  # of what is never negative
    return Asked("max" if op.startswith("<") else "min", _window(seconds(window)), value.text, op, limit, value.names)


def _window(length: float) -> str:
    return period(length)


def _arithmetic(left: Value, op: str, right: Value) -> Value:
    if left.window != right.window and not (left.constant or right.constant):
        raise UntranslatableError("one monitor has one window, and this needs two, or events beside a gauge")
    names = tuple(dict.fromkeys((*left.names, *right.names)))
    window = left.window or right.window
    same = left.per == right.per and not (left.constant or right.constant)
    if same and op == "/":
        return Value(f"({left.text} / {right.text})", window, 1, names)
    if same and op in "+-":
        return Value(f"({left.text} {op} {right.text})", window, left.per, names)
    return Value(f"({left.whole} {op} {right.whole})", window, 1, names, left.constant and right.constant)


def _greatest(node: Any) -> int:
    """Return how many series an expression keeps that only chooses the greatest; 0 for any other."""
    inner = _bare(node)
    chosen = (
        isinstance(inner, pp.AggregateExpr) and str(inner.op) == "topk" and isinstance(inner.param, pp.NumberLiteral)
    )
    return int(inner.param.val) if chosen else 0


def _bare(node: Any) -> Any:
    while isinstance(node, pp.ParenExpr):
        node = node.expr
    return node


def _unguarded(node: Any) -> Any:
    """Return a divisor without the guard that it is above 0."""
    inner = _bare(node)
    guarded = isinstance(inner, pp.BinaryExpr) and str(inner.op) == ">" and isinstance(inner.rhs, pp.NumberLiteral)
    return inner.lhs if guarded and inner.rhs.val == 0 else node


def _events(node: Any) -> tuple[Any, float, float]:
    """Return the counter that an expression counts events of, the window in seconds, and what the count is divided by.

    Raises:
        UntranslatableError: It is no such expression.

    """
    if isinstance(node, pp.Call) and node.func.name in {"rate", "increase"}:
        ranged = node.args[0]
        if not isinstance(ranged, pp.MatrixSelector):
            raise UntranslatableError("it reads a subquery")
        if ranged.vector_selector.offset:
            raise UntranslatableError("it compares with the past, which a monitor does by other means")
        window = ranged.range.total_seconds()
        return ranged.vector_selector, window, window if node.func.name == "rate" else 1
    if isinstance(node, pp.Call):
        raise UntranslatableError(f"there is no {node.func.name}() of events")
    if isinstance(node, pp.BinaryExpr):
        return _first_events(node)
    raise UntranslatableError("it computes with single series before it groups them")


#: What the generator reads beside a counter to tell a series that was born from one that was found late.
_BESIDE = frozenset({"up", "process_start_time_seconds"})


def _first_events(node: Any) -> tuple[Any, float, float]:
    """Return what an expression counts that the generator writes for a counter born at its first event, or for one that moved.

    It is told by its parts: one increase, one rate beside it, and of other series only what tells a birth. Datadog is sent
    what was added, the first event included, so that all of it is one sum.
    """
    calls: list[Any] = []
    selectors: list[Any] = []
    _collect(node, calls, selectors)
    increases = [call for call in calls if call.func.name == "increase"]
    if len(increases) != 1 or {call.func.name for call in calls} - {"increase", "rate", "time"}:
        raise UntranslatableError("it computes with single series before it groups them")
    selector, window, _ = _events(increases[0])
    own = [one for one in selectors if one.name not in _BESIDE]
    if {_key(one) for one in own} != {_key(selector)} or str(node.op) not in {"and", "or"}:
        raise UntranslatableError("it computes with single series before it groups them")
    return selector, window, 1


def _collect(node: Any, calls: list[Any], selectors: list[Any]) -> None:
    match node:
        case pp.ParenExpr():
            _collect(node.expr, calls, selectors)
        case pp.BinaryExpr():
            _collect(node.lhs, calls, selectors)
            _collect(node.rhs, calls, selectors)
        case pp.Call():
            calls.append(node)
            for argument in node.args:
                _collect(argument, calls, selectors)
        case pp.MatrixSelector():
            selectors.append(node.vector_selector)
        case pp.VectorSelector():
            selectors.append(node)
        case pp.NumberLiteral():
            pass
        case _:
            raise UntranslatableError("it computes with single series before it groups them")


def _key(selector: Any) -> tuple[object, ...]:
    return selector.name, tuple(sorted((m.name, str(m.op), m.value) for m in selector.matchers.matchers))


def _edge(selector: Any, found: Series) -> str:
    """Return the bucket's edge that a matcher of `le` means.

    Raises:
        UntranslatableError: It means none, or several.

    """
    patterns = [m.value for m in selector.matchers.matchers if m.name == "le"]
    edges = [
        number(edge)
        for edge in found.metric.buckets
        if patterns and any(re.fullmatch(patterns[0], text) for text in (number(edge), str(float(edge))))
    ]
    if len(edges) != 1:
        raise UntranslatableError("it reads buckets that are no single edge")
    return edges[0]


def _tag(name: str, op: str, value: str) -> str:
    """Return a matcher as a part of a filter.

    Raises:
        UntranslatableError: It is a pattern that Datadog's filters do not have, or asks for an unset label.

    """
    if not value:
        raise UntranslatableError(f"it asks for series without {name}")
    values = [value] if op in {"Equal", "NotEqual"} else value.split("|")
    if op in {"Re", "NotRe"} and not all(_LITERAL.fullmatch(one) for one in values):
        raise UntranslatableError(f"a filter by tags has no pattern like {name}=~{value!r}")
    texts = [f"{name}:{_wild(one) if op in {'Re', 'NotRe'} else normal(one)}" for one in values]
    text = texts[0] if len(texts) == 1 else f"({' OR '.join(texts)})"
    return f"NOT {text}" if op in {"NotEqual", "NotRe"} else text


def _wild(pattern: str) -> str:
    """Return an alternative of a pattern as the value of a tag, with an asterisk for what may be anything at its end."""
    kept = pattern.rstrip(".*")
    return normal(kept) + ("*" if kept != pattern else "")


def normal(value: str) -> str:
    """Return the value of a tag as Datadog stores it: in lower case, an underscore for what it does not take."""
    return re.sub(r"[^\w\-:./]", "_", value.lower())
