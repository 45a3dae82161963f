"""What a metrics page shows: the names of its series, with the labels of each. Read from a text, or told by a Prometheus."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path

from generator import infer
from generator.catalogue import Metric

#: Bytes of a page at most. A server of the catalogue has a megabyte; what is twenty times as large is something else.
LARGEST = 20_000_000

#: Values of one label of one series name that are kept: more than that is only counted as many.
MOST_VALUES = 100

#: What a family's name may lack of the names of its series.
_ENDS = ("", "_total", "_info", "_bucket", "_count", "_sum")


@dataclass(frozen=True, slots=True)
class Page:
    """The series of one process.

    Attributes:
        source: The file, address or target that has it.
        series: Names of series to the labels that some of them have, each with values, `MOST_VALUES` at most.
        types: Names of families to the type that the page tells; none for one that it does not.
        empty: Names of families that are announced without a series.
        scraped: It was stored by a Prometheus, which drops labels without a value.

    """

    source: str
    series: Mapping[str, Mapping[str, AbstractSet[str]]]
    types: Mapping[str, str] = field(default_factory=dict)
    empty: frozenset[str] = frozenset()
    scraped: bool = False

    def shows(self, metric: Metric, prefix: str) -> bool:
        """Say whether some series of a metric is there under a prefix."""
        return any(name in self.series for name in names(metric, prefix))

    def labels(self, metric: Metric, prefix: str) -> Mapping[str, AbstractSet[str]]:
        """Return the labels of a metric's series, each with values; none where it is not there."""
        out: dict[str, set[str]] = {}
        for name in names(metric, prefix):
            for label, values in self.series.get(name, {}).items():
                out.setdefault(label, set()).update(values)
        return out

    def announces(self, metric: Metric, prefix: str) -> bool:
        """Say whether the page has the head of a metric's family and no series of it."""
        full = full_name(metric, prefix)
        return not {full, full.removesuffix("_total"), full.removesuffix("_info")}.isdisjoint(self.empty)

    def type_of(self, name: str) -> str:
        """Return the type of the family that a series belongs to; empty where the page does not tell one."""
        found = (self.types.get(name.removesuffix(end)) for end in _ENDS if name.endswith(end))
        return next((kind for kind in found if kind), "")


def full_name(metric: Metric, prefix: str) -> str:
    """Return the name of a metric where its system's names begin with `prefix`."""
    return (prefix if metric.prefix else "") + metric.base


def names(metric: Metric, prefix: str) -> list[str]:
    """Return the names of a metric's series where its system's names begin with `prefix`."""
    return [full_name(metric, prefix) + part for part in metric.parts]


def read(source: str, bearer_token_file: Path | None = None) -> Page:
    """Read a page from an address, a file, or the standard input (`-`).

    Returns:
        The series of the page and the types that it tells.

    Raises:
        GeneratorError: It cannot be read, is too large, or is no metrics page.

    """
    return parsed(source, infer.page(source, bearer_token_file, LARGEST))


def parsed(source: str, text: str) -> Page:
    """Return what a page in the text format of Prometheus, or in OpenMetrics, shows.

    Raises:
        GeneratorError: It is no metrics page.

    """
    series: dict[str, dict[str, set[str]]] = {}
    types, empty = {}, set()
    for family in infer.read(source, text):
        if family.type:
            types[family.name] = family.type
        if not family.samples:
            empty.add(family.name)
        for sample in family.samples:
            labels = series.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                values = labels.setdefault(label, set())
                if len(values) < MOST_VALUES:
                    values.add(value)
    return Page(source, series, types, frozenset(empty))
