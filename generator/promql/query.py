"""What a query is: an expression to be, its unit, its labels, and what it stands on. Arithmetic on queries.

A query does not know where it runs: the panel or rule that runs it hands in a `Scope` with the range window and the
matchers that every selector gets. One query so serves a panel and an alert, and the two cannot differ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from generator.catalogue import Limit, Metric
from generator.errors import QueryError
from generator.promql.memo import Memo
from generator.promql.scope import Scope
from generator.promql.wording import Reading, sentence
from generator.units import number


@dataclass(frozen=True, slots=True)
class Query:
    """An expression to be.

    Whatever combines or compares two of them raises a QueryError where their units or labels do not fit, or where a limit is
    no bucket edge of a quantile.

    Attributes:
        build: Scope in, PromQL out.
        unit: Unit of the result: a catalogue unit, `x/s` for a rate, `ratio` for a share.
        labels: Labels of the result, in the order of the legend.
        reading: What it means, in words.
        metrics: The catalogue metrics that it reads.
        legend: Grafana legend.
        missing: Why the configuration makes it impossible, as (series, reason); empty when it is possible.
        edges: Bucket edges, in `unit`, where the result is a quantile.
        compound: It is a binary expression, so an operand of another one needs parentheses.
        recorded: It reads recorded series, which have identity labels only.
        limits: Names of the limits that it is compared with.

    """

    build: Callable[[Scope], str]
    unit: str
    labels: tuple[str, ...]
    reading: Reading
    metrics: tuple[Metric, ...]
    legend: str = ""
    missing: tuple[tuple[str, str], ...] = ()
    edges: tuple[float, ...] = ()
    compound: bool = False
    recorded: bool = False
    limits: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Build the text once where several ask for it in one scope."""
        if not isinstance(self.build, Memo):
            object.__setattr__(self, "build", Memo(self.build))

    def named(self, legend: str) -> Query:
        """Return the query with another legend."""
        return replace(self, legend=legend)

    @property
    def help(self) -> str:
        """What it means, as a sentence."""
        return str(self.reading)

    def about(self, text: str) -> Query:
        """Return the query with another sentence about what it means."""
        return replace(self, reading=sentence(text).grouped(self.reading.by))

    def as_unit(self, unit: str) -> Query:
        """Return the query in another unit of the same size: a busy slot is a run."""
        return replace(self, unit=unit)

    def over(self, window: str) -> Query:
        """Return the query with a range window of its own, whatever the scope says."""
        build = self.build
        return replace(self, build=lambda scope: build(scope.over(window)), reading=self.reading.within(window))

    def __add__(self, other: Query) -> Query:
        """Sum of two queries of one unit."""
        return replace(self._same_unit("+", other), reading=self.reading.pair("{} plus {}", other.reading))

    def __sub__(self, other: Query) -> Query:
        """Difference of two queries of one unit."""
        return replace(self._same_unit("-", other), reading=self.reading.pair("{} less {}", other.reading))

    def __truediv__(self, other: Query) -> Query:
        """Share that this query has of `other`, both of one unit. Nothing by nothing is NaN, which no comparison passes."""
        share = self.reading.share(other.reading)
        return replace(self._same_unit("/", other), unit="ratio", edges=(), reading=share)

    def __mul__(self, factor: float) -> Query:
        """Multiple of the query."""
        text = self.operand
        return replace(self, build=lambda scope: f"{factor:g} * {text(scope)}", compound=True)

    def complement(self) -> Query:
        """1 less the query, which is a share."""
        text = self.operand
        left = self.reading.of("1 less: {}")
        return replace(self, build=lambda scope: f"1 - {text(scope)}", compound=True, reading=left)

    def or_zero(self) -> Query:
        """Return the query with 0 where there is no series at all; only for a query without labels, where that is the truth.

        Raises:
            QueryError: The query has labels.

        """
        if self.labels:
            raise QueryError(
                f"0 for a query by ({', '.join(self.labels)})",
                "drop the labels, or show nothing where there is nothing",
            )
        text = self.operand
        return replace(self, build=lambda scope: f"{text(scope)} or vector(0)", compound=True)

    def either(self, other: Query) -> Query:
        """What is in this query or in `other`, by labels; the values may mean different things, so they have no unit."""
        return replace(self._combine("or", other), unit="none", edges=())

    def whether(self, value: float) -> Query:
        """1 where the query is above `value`, and 0 where it is not; it has no unit."""
        text = self.operand
        return replace(
            self, build=lambda scope: f"{text(scope)} > bool {number(value)}", unit="none", compound=True, edges=()
        )

    def over_time(self, function: str, range_: str) -> Query:
        """Return `function` over the values of the query at every step of a range, `30m:5m`; least and greatest keep its unit."""
        text = self.build
        return replace(self, build=lambda scope: f"{function}(({text(scope)})[{range_}])", compound=False)

    def at_best(self, range_: str) -> Query:
        """Greatest value over a range of evaluations, `5m:30s`: what a series that comes and goes reached."""
        text = self.build
        return replace(self, build=lambda scope: f"max_over_time(({text(scope)})[{range_}])", compound=False)

    def usual(self, range_: str, before: str) -> Query:
        """Median over a range of evaluations, `7d:1h`, that ended `before` ago: what is ordinary, whatever happened for less than half of it."""
        text = self.build
        return replace(
            self,
            build=lambda scope: f"quantile_over_time(0.5, ({text(scope)})[{range_}] offset {before})",
            compound=False,
        )

    def filled(self, base: Query) -> Query:
        """Return the query with 0 where there is no series but `base` has one with the same labels.

        A counter is born at its first event; where `base` shows that its process is watched, no series means none yet.
        A `base` that the configuration makes impossible fills nothing.
        """
        if base.missing:
            return self
        joined = self._combine("or", replace(base, build=(base * 0).build, compound=True))
        return replace(joined, unit=self.unit, metrics=self.metrics, missing=self.missing, edges=())

    def plus(self, other: Query) -> Query:
        """Sum of two queries of one unit and the same labels, where a series that only one of them has counts whole."""
        both = self._same_unit("or", other)
        left, right, by = self.operand, other.operand, f" by ({', '.join(self.labels)})" if self.labels else ""

        def build(scope: Scope) -> str:
            added = f'label_replace({right(scope)}, "part", "second", "", "")'  # so that both are kept
            return f"sum{by} (\n{indented(f'{left(scope)}{chr(10)}or{chr(10)}{added}')}\n)"

        reading = self.reading.pair("{}, or {}", other.reading)
        return replace(both, build=build, compound=False, edges=(), reading=reading)

    def per(self, other: Query, unit: str) -> Query:
        """Quotient of two queries of different units, in `unit`."""
        reading = self.reading.pair("{}, divided by {}", other.reading)
        return replace(self._combine("/", other), unit=unit, edges=(), reading=reading)

    def above(self, limit: Limit | float) -> Query:
        """Keep what is greater than `limit`, in the query's unit."""
        return self._compare(">", limit)

    def at_least(self, limit: Limit | float) -> Query:
        """Keep what is `limit` or more, in the query's unit."""
        return self._compare(">=", limit)

    def below(self, limit: Limit | float) -> Query:
        """Keep what is less than `limit`, in the query's unit."""
        return self._compare("<", limit)

    def at_most(self, limit: Limit | float) -> Query:
        """Keep what is `limit` or less, in the query's unit."""
        return self._compare("<=", limit)

    def equals(self, value: float) -> Query:
        """Keep what is exactly `value`."""
        return self._compare("==", value)

    def both(self, other: Query) -> Query:
        """Keep what has a partner with the same labels in `other`; values stay."""
        return replace(self._combine("and", other), unit=self.unit, edges=self.edges)

    def without(self, other: Query) -> Query:
        """Keep what has no partner with the same labels in `other`; values stay. Impossible when `other` is."""
        return replace(self._combine("unless", other), unit=self.unit, edges=self.edges)

    def without_any(self, other: Query) -> Query:
        """Keep everything while there is nothing at all in `other`, whatever its labels; values stay. Impossible when `other` is."""
        left, right = self.operand, other.operand
        return replace(
            self,
            build=lambda scope: f"{left(scope)}\nunless on ()\n{right(scope)}",
            metrics=(*self.metrics, *(m for m in other.metrics if m not in self.metrics)),
            missing=(*self.missing, *(m for m in other.missing if m not in self.missing)),
            compound=True,
            recorded=self.recorded or other.recorded,
            limits=(*self.limits, *other.limits),
        )

    def among(self, other: Query) -> Query:
        """Return what belongs to something in `other`, whose labels are some of this query's; values stay.

        Raises:
            QueryError: `other` has a label that this query lacks.

        """
        if lost := [label for label in other.labels if label not in self.labels]:
            what = f"a query by ({', '.join(self.labels)}) among one by ({', '.join(other.labels)})"
            raise QueryError(what, f"drop {', '.join(lost)} from the second one, or keep it in the first")
        left, right, on = self.operand, other.operand, ", ".join(other.labels)
        return replace(
            self,
            build=lambda scope: f"{left(scope)}\nand on ({on})\n{right(scope)}",
            metrics=(*self.metrics, *(m for m in other.metrics if m not in self.metrics)),
            missing=(*self.missing, *(m for m in other.missing if m not in self.missing)),
            compound=True,
            recorded=self.recorded or other.recorded,
            limits=(*self.limits, *other.limits),
        )

    def otherwise(self, other: Query) -> Query:
        """Take `other` where this query has no partner with the same labels. An impossible one of the two is left out."""
        if other.missing:
            return self
        if self.missing:
            return other
        return replace(self._same_unit("or", other), edges=())

    def operand(self, scope: Scope) -> str:
        """Return the text, in parentheses where an operator next to it would tear it apart."""
        text = self.build(scope)
        return f"(\n{indented(text)}\n)" if self.compound and "\n" in text else f"({text})" if self.compound else text

    def _same_unit(self, op: str, other: Query) -> Query:
        if self.unit != other.unit:
            raise QueryError(f"{op!r} of {self.unit} and {other.unit}", "bring both to one unit first")
        return self._combine(op, other)

    def _combine(self, op: str, other: Query) -> Query:
        if set(self.labels) != set(other.labels):
            what = f"{op!r} of a query by ({', '.join(self.labels)}) and one by ({', '.join(other.labels)})"
            raise QueryError(what, "group both by the same labels, or nothing matches")
        left, right = self.operand, other.operand
        return replace(
            self,
            build=lambda scope: f"{left(scope)}\n{op}\n{right(scope)}",
            metrics=(*self.metrics, *(m for m in other.metrics if m not in self.metrics)),
            missing=(*self.missing, *(m for m in other.missing if m not in self.missing)),
            compound=True,
            recorded=self.recorded or other.recorded,
            limits=(*self.limits, *other.limits),
        )

    def _compare(self, op: str, limit: Limit | float) -> Query:
        value = limit.value if isinstance(limit, Limit) else float(limit)
        if isinstance(limit, Limit) and limit.unit != self.unit:
            raise QueryError(
                f"a query in {self.unit} is compared with {limit.name}, in {limit.unit}", "compare like with like"
            )
        if self.edges and value not in self.edges[:-1]:
            edges = ", ".join(number(e) for e in self.edges[:-1])
            what = f"{number(value)} is no bucket edge of {self.metrics[0].full_name} below its last one"
            raise QueryError(what, f"use one of {edges}")
        text = self.operand
        limits = (*self.limits, limit.name) if isinstance(limit, Limit) else self.limits
        return replace(
            self, build=lambda scope: f"{text(scope)} {op} {number(value)}", compound=True, edges=(), limits=limits
        )


def indented(text: str) -> str:
    """Return a text of several lines, each two spaces further in."""
    return "\n".join(f"  {line}" for line in text.splitlines())
