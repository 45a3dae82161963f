"""One metric of one process: its label sets, their values, and how they are written. Knows nothing of what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

from generator.catalogue import Kind, Metric
from generator.errors import nearest
from reference_server.core.exposition import Labels, edges, number

#: Below it a count is written as a whole number and ".0"; above, Go's exponents begin.
_PLAIN = 1_000_000

#: One series as a database stores it: name, and the labels that are not empty, in alphabetical order.
Key = tuple[str, Labels]


class InstrumentError(Exception):
    """A metric, label or value that the catalogue does not know. The text is `what; fix`."""


@dataclass(frozen=True, slots=True)
class Buckets:
    """A histogram's value: observations per bucket (not cumulative, `+Inf` last), their sum and number.

    A summary's is one without quantiles: a single count.
    """

    counts: tuple[int, ...]
    sum: float
    count: int


class Cell:
    """One label set of one metric. `text` and `row` are what it was last written as; None after a change."""

    __slots__ = ("counts", "edges", "form", "keys", "labels", "row", "text", "value")

    def __init__(self, labels: Labels, edges: int, counts: int) -> None:
        self.labels = labels
        self.value: float = 0.0  # of a histogram or summary: the sum
        self.counts = [0] * counts
        self.edges = edges  # buckets that are shown: a summary counts and shows none
        self.form = ""
        self.keys: tuple[Key, ...] = ()
        self.text: str | None = None
        self.row: tuple[float, ...] | None = None


class Family:
    """One metric with its label sets, in the order in which they were first touched."""

    __slots__ = ("cells", "edges", "label_names", "metric", "name", "own")

    def __init__(self, metric: Metric, name: str) -> None:
        self.metric = metric
        self.name = name
        self.cells: dict[Labels, Cell] = {}
        self.edges = edges(metric) if metric.kind is Kind.HISTOGRAM else ()
        self.own = frozenset(metric.labels)
        self.label_names: set[str] = set()


def series_of(family: Family, labels: Labels) -> list[tuple[str, Labels]]:
    """Return name and labels of every series of one label set, in the order of the page."""
    if family.metric.kind not in (Kind.HISTOGRAM, Kind.SUMMARY):
        return [(family.name, labels)]
    buckets = [(family.name + "_bucket", (*labels, ("le", edge))) for edge in family.edges]
    return [*buckets, (family.name + "_count", labels), (family.name + "_sum", labels)]


def write(cell: Cell) -> str:
    """Return the lines of one label set."""
    if not cell.counts:
        text = cell.form % number(cell.value)
    else:
        below = tuple(accumulate(cell.counts))
        count = below[-1]
        if count < _PLAIN:
            text = cell.form % (*below[: cell.edges], count, number(cell.value))
        else:
            buckets = map(number, below[: cell.edges])
            text = cell.form.replace(" %d.0\n", " %s\n") % (*buckets, number(count), number(cell.value))
    cell.text = text
    return text


def row_of(cell: Cell) -> tuple[float, ...]:
    """Return the values of the series of one label set."""
    if cell.counts:
        below = tuple(map(float, accumulate(cell.counts)))
        cell.row = (*below[: cell.edges], below[-1], cell.value)
    else:
        cell.row = (cell.value,)
    return cell.row


def check(metric: Metric, labels: Mapping[str, str]) -> None:
    """Check that a metric has these labels with these values, and that none is missing.

    Raises:
        InstrumentError: It has not.

    """
    for name, value in labels.items():
        label = metric.labels.get(name)
        if label is None:
            fix = nearest(name, list(metric.labels), otherwise=f"it has {', '.join(metric.labels) or 'no labels'}")
            raise InstrumentError(f"{metric.name} has no label {name!r}; {fix}")
        if label.values and value not in label.values:
            raise InstrumentError(
                f"label {name!r} of {metric.name} is never {value!r}; use one of {', '.join(label.values)}"
            )
    needed = (n for n, label in metric.labels.items() if not (label.optional or label.since or label.until))
    lacking = [n for n in needed if n not in labels]
    if lacking:
        raise InstrumentError(f"{metric.name} lacks the label {lacking[0]!r}; give it a value")
