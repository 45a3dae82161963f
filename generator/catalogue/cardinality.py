"""How many series a metric has: from how many values each of its labels has, and which of these occur together.

The numbers of values are the catalogue's own, or those of the operator. Of a process; nothing here knows of a fleet.

Labels that go with one another (`follows`) have together as many combinations as the one with most values: a route has one
backend. The others multiply. A `rare` label has one usual value, and each further one is met beside a share of the rest's
combinations (`spread`), one at least: most routes never answer most status codes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from math import prod

from generator.catalogue.metric import Kind, Label, Metric
from generator.catalogue.system import Assumption, System

#: Values of a label of which the catalogue tells no number.
UNKNOWN_VALUES = 10

#: Buckets of a histogram whose edges are not known: those of the client library for Python, the last one included; for Go it has 12.
UNKNOWN_BUCKETS = 15

#: The assumption that every system has: the share of combinations beside which a further value of a rare label is met.
#: No page of a busy server grounds it: after minutes of test traffic it was 0.02 to 0.06 on HTTP metrics of real servers, where
#: each failure was met once, and 0.26 on methods and resources of MCP.
SPREAD = Assumption("spread", 0.2, "assumed without data: each further status code is met on one route in five")

Has = Callable[[str, str], bool]


@dataclass(frozen=True, slots=True)
class Numbers:
    """How many values labels have, by the name of the assumption; what is not in it is the catalogue's own."""

    given: Mapping[str, float]
    has: Has = lambda _since, _until: True


def assumption_of(label: Label) -> str:
    """Return the name under which the number of a label's values is assumed: that which the catalogue gives it, or its own."""
    return label.count if isinstance(label.count, str) else label.name


def assumptions(system: System) -> Mapping[str, Assumption]:
    """Return every number that an operator may set for a system, by name; of several labels of one name the most."""
    found: dict[str, Assumption] = {SPREAD.name: SPREAD}
    for metric in system.metrics:
        for label in metric.labels.values() if metric.kind is not Kind.INFO else ():
            name = assumption_of(label)
            one = system.cardinality.get(name) or Assumption(name, usual(label, metric), _why(label))
            if name not in found or found[name].value < one.value:
                found[name] = one
    return found | dict(system.cardinality)


def usual(label: Label, metric: Metric) -> int:
    """Return how many values the catalogue says that a label has, where no assumption of the system is named for it."""
    if isinstance(label.count, int) and label.count:
        return label.count
    if metric.kind is Kind.INFO:
        return 1
    return len(label.values) + label.optional if label.values else UNKNOWN_VALUES


def _why(label: Label) -> str:
    if label.values and not label.count:
        return "every value that the catalogue knows"
    if label.count:
        return label.bound or "of the values that the catalogue knows"
    return f"no number in the catalogue, so {UNKNOWN_VALUES} stands for it: {label.bound}"


def values_of(system: System, metric: Metric, label: Label, numbers: Numbers) -> float:
    """Return how many values a label has, no more than the closed set of them that there is; those of an info metric go with it."""
    if metric.kind is Kind.INFO:
        return usual(label, metric)
    name = assumption_of(label)
    known = sum(numbers.has(label.values_since.get(value, ""), "") for value in label.values) + label.optional
    named = system.cardinality.get(name)
    value = numbers.given.get(name, named.value if named else usual(label, metric))
    return min(value, known) if label.values else value


def combinations(system: System, metric: Metric, numbers: Numbers, only: Collection[str] | None = None) -> int:
    """Return how many combinations of label values a metric has on one process, once everything has happened.

    Args:
        system: The system of the catalogue that has the metric.
        metric: The metric; without labels it has one.
        numbers: How many values labels have; 0 for what never happens.
        only: Labels that are told apart; all of them without.

    """
    labels = [one for one in metric.labels.values() if numbers.has(one.since, one.until)]
    if not all(values_of(system, metric, one, numbers) for one in labels):
        return 0
    distinct = [one for one in labels if only is None or one.name in only]
    common, further = usual_and_further(
        distinct, metric, lambda group: max(values_of(system, metric, one, numbers) for one in group)
    )
    spread = numbers.given.get(SPREAD.name, system.cardinality.get(SPREAD.name, SPREAD).value)
    found = common + sum(n * max(1.0, spread * common) for n in further)
    return round(min(common * prod(n + 1 for n in further), found))


def usual_and_further(
    labels: Collection[Label], metric: Metric, values: Callable[[Collection[Label]], float]
) -> tuple[float, list[float]]:
    """Return how many combinations some labels have while each rare one has its usual value, and how many further values these have.

    Args:
        labels: Labels of the metric.
        metric: It.
        values: Tells how many combinations labels have that go with one another.

    """
    common: float = 1
    further = []
    for group in _groups(labels, metric.labels):
        if any(one.rare for one in group):
            further.append(values(group) - 1)
        else:
            common *= values(group)
    return common, further


def spreads(metric: Metric) -> bool:
    """Say whether the number of a metric's series depends on `spread`."""
    return any(one.rare for one in metric.labels.values()) and len(metric.labels) > 1


def _groups(labels: Collection[Label], every: Mapping[str, Label]) -> Iterator[list[Label]]:
    """Yield labels that go with one another, also by way of one that is not told apart."""
    found: dict[str, list[Label]] = {}
    for label in labels:
        found.setdefault(_leader(label, every), []).append(label)
    yield from found.values()


def _leader(label: Label, every: Mapping[str, Label]) -> str:
    """Return the label that a label goes with in the end; one that the metric lacks leads too, and of a ring the first by name."""
    seen = [label.name]
    while seen[-1] in every and (following := every[seen[-1]].follows):
        if following in seen:
            return min(seen[seen.index(following) :])
        seen.append(following)
    return seen[-1]


def series_each(system: System, metric: Metric) -> int:
    """Return how many series a metric has for one combination of label values."""
    buckets = len(metric.buckets) + 1 if metric.buckets else UNKNOWN_BUCKETS
    found = sum(buckets if part == "_bucket" else 1 for part in metric.parts)
    counted = metric.kind in (Kind.COUNTER, Kind.HISTOGRAM, Kind.SUMMARY) and metric.system == system.name
    return found + metric.quantiles + (system.created and counted)


def series_count(system: System, metric: Metric, numbers: Numbers) -> int:
    """Return how many series a metric has on one process, once everything has happened."""
    return combinations(system, metric, numbers) * series_each(system, metric)
