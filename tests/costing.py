"""Pages counted, and the numbers that an operator would read off them: of each label, never of a metric's series."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from generator import infer
from generator.catalogue import Catalogue, Kind, Metric, System
from generator.catalogue.cardinality import assumption_of
from generator.config import read
from generator.config.site import Site
from generator.cost.process import Process, process

#: Test traffic is short: a further status code is met on one route, not on a share of all routes.
SHORT = {"spread": 0.0}

Children = dict[str, set[tuple[tuple[str, str], ...]]]


@dataclass(frozen=True, slots=True)
class Counted:
    """A page counted.

    Attributes:
        series: How many series it has.
        children: Names of series, under the system's own prefix, to the label sets there, without `le` and `quantile`.

    """

    series: int
    children: Children


def counted(text: str, given: str = "", own: str = "") -> Counted:
    """Count a page whose names begin with `given` where the catalogue has `own`."""
    children: Children = {}
    series = 0
    for family in infer.read("page", text) if re.search(r"^[^#\s]", text, re.MULTILINE) else ():
        for sample in family.samples:
            series += 1
            name = own + sample.name.removeprefix(given) if given and sample.name.startswith(given) else sample.name
            labels = tuple(sorted((k, v) for k, v in sample.labels.items() if k not in ("le", "quantile")))
            children.setdefault(name, set()).add(labels)
    return Counted(series, children)


def shown(page: Counted, metric: Metric) -> set[tuple[tuple[str, str], ...]]:
    """Return the label sets of a metric on a page."""
    return next((page.children[name] for name in metric.series if name in page.children), set())


def numbers(system: System, page: Counted) -> dict[str, float]:
    """Return how many values each number of the catalogue has on a page: pairs, where a metric has two labels of one number.

    What two metrics share is counted on the one that has most of it; so a metric that has less of it is not told so.
    """
    found: dict[str, float] = dict.fromkeys(
        (assumption_of(lb) for m in system.metrics for lb in m.labels.values()), 0.0
    )
    for metric in system.metrics:
        if metric.kind is Kind.INFO:
            continue
        by_name: dict[str, list[str]] = {}
        for label in metric.labels.values():
            by_name.setdefault(assumption_of(label), []).append(label.name)
        for name, labels in by_name.items():
            values = {tuple(dict(child).get(label, "") for label in labels) for child in shown(page, metric)}
            found[name] = max(found[name], float(len(values)))
    return found | SHORT


def predicted(
    catalogue: Catalogue, name: str, role: str, keys: Mapping[str, object], page: Counted, without: Iterable[str] = ()
) -> Process:
    """Return the page of a process by the operator's numbers.

    Args:
        catalogue: The catalogue.
        name: The system.
        role: The role of the process; empty where the system has none.
        keys: What bundle.yaml would say of how it is installed.
        page: The page that the numbers are read off.
        without: Names of metrics of whose events none has happened.

    """
    site = Site(catalogue, read(catalogue))
    own = replace(site.config.systems[name], **keys, cardinality=numbers(catalogue.systems[name], page))  # type: ignore[arg-type]
    found = process(site, name, role, config=own)
    gone = frozenset(without)
    return replace(found, metrics=tuple(one for one in found.metrics if one.early or one.metric.name not in gone))
