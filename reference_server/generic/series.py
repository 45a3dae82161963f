"""Which series a generic system has: the metrics of a role in the newest version, and the label sets of each.

Every value that the catalogue lists occurs; where it knows a bound only, a few values are made up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from random import Random

from generator.catalogue import Kind, Label, Metric, System

#: Most label sets of one metric, unless one of its labels has more values.
MOST_SETS = 24

#: Values that are made up for a label without a list, and for one that has many.
FEW, MANY = 2, 5

#: Edges of a histogram whose own are not known. Source: the defaults of Prometheus' client libraries.
EDGES = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

#: Values of labels that mean trouble, which is rare.
_BAD = re.compile(
    r"[45]\d\d|[45]xx|.*(err|fail|timeout|timed_out|reject|denied|drop|abort|cancel|evict|unavail|unhealthy).*"
)
_RARE = 0.002

#: The pages that a client library makes by itself: their labels are known to `core.rates.python`.
PYTHON = frozenset({"process", "python"})

LabelSet = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Series:
    """One label set of a metric, and its share of what happens to the metric."""

    labels: LabelSet
    share: float


def metrics_of(system: System, role: str, known: tuple[Metric, ...]) -> tuple[Metric, ...]:
    """Return what a process of a role exposes in the newest version, ready to be recorded.

    Constant labels become labels as any other, with one value; a histogram without known edges has usual ones.
    """
    era = [era.name for era in system.eras.values() if not era.until][:1]
    return tuple(_recordable(m) for m in known if _exposed(m, role, era, own=m.system == system.name))


def _exposed(metric: Metric, role: str, eras: list[str], *, own: bool) -> bool:
    if metric.until or (metric.unscrapeable and (not metric.hidden_roles or role in metric.hidden_roles)):
        return False
    emissions = [e for era, e in metric.emission.items() if not own or era in eras]
    roles = {r for e in emissions if e.born != "never" for found in e.roles.values() for r in found}
    return bool(roles & {role, "any"}) or (bool(roles) and not role)


def _recordable(metric: Metric) -> Metric:
    if metric.system in PYTHON:
        return metric
    constant = {n: replace(lb, values=(lb.values or (f"{n}-1",))[:1]) for n, lb in metric.constant_labels.items()}
    own = {n: replace(lb, values=lb.values or _made_up(lb)) for n, lb in metric.labels.items() if not lb.until}
    buckets = EDGES if metric.kind is Kind.HISTOGRAM and not metric.buckets else metric.buckets
    return replace(metric, labels={**constant, **own}, constant_labels={}, buckets=buckets)


def _made_up(label: Label) -> tuple[str, ...]:
    return tuple(f"{label.name}-{n + 1}" for n in range(MANY if label.many else FEW))


def series_of(metric: Metric) -> tuple[Series, ...]:
    """Return the label sets of a recordable metric, with every value in one of them; of an info metric the first."""
    values = {name: label.values for name, label in metric.labels.items()}
    sets = [tuple(zip(values, found, strict=True)) for found in _combined(metric.name, values)]
    sets = sets[:1] if metric.kind is Kind.INFO else sets
    weights = [prod(_weight(value, values[name]) for name, value in one) for one in sets]
    return tuple(Series(one, weight / sum(weights)) for one, weight in zip(sets, weights, strict=True))


def _combined(name: str, values: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    if prod(map(len, values.values())) <= MOST_SETS:
        yield from product(*values.values())
        return
    chance = Random(name)  # noqa: S311 - the same choice each time
    columns = [chance.sample(found, len(found)) for found in values.values()]
    most = max(MOST_SETS, *map(len, columns))
    chosen = {tuple(column[n % len(column)] for column in columns): None for n in range(max(map(len, columns)))}
    for _ in range(4 * most):
        if len(chosen) >= most:
            break
        chosen[tuple(map(chance.choice, columns))] = None
    yield from chosen


def _weight(value: str, among: tuple[str, ...]) -> float:
    """Return how usual a value is: the first ones are the most usual, and what means trouble is rare."""
    return _RARE if _BAD.fullmatch(value.lower()) else 1 / (1 + among.index(value))
