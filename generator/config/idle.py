"""Settings that change nothing, as only the catalogue tells that a configuration leaves: numbers of labels that no metric has."""

from __future__ import annotations

from collections.abc import Iterator

from generator.catalogue import Kind
from generator.catalogue.cardinality import SPREAD, assumption_of, assumptions
from generator.config.site import Site
from generator.errors import Problem, nearest
from generator.source import short


def idle(site: Site) -> Iterator[Problem]:
    """Yield how many values labels are said to have that no metric of this installation has. What a system that is off has waits."""
    for name, own in site.config.systems.items():
        if not own.enabled or not own.cardinality:
            continue
        used = {*_numbers(site, name)} & assumptions(site.catalogue.systems[name]).keys()
        for number in own.cardinality:
            if number not in used:
                what = f"'cardinality' has {short(number)}, and no metric of this installation has such a label"
                fix = nearest(number, sorted(used), otherwise=f"leave it out; there are {', '.join(sorted(used))}")
                yield Problem(*site.config.line("systems", name, "cardinality", number), what, fix)


def _numbers(site: Site, name: str) -> Iterator[str]:
    """Yield the names of the numbers from which the series of the metrics that are there follow."""
    yield SPREAD.name
    for page in (name, *site.catalogue.systems[name].pages):
        for metric in site.system(page, on="" if page == name else name):
            born = any(emission.born != "never" for emission in metric.emission.values())
            if born and not metric.missing and metric.kind is not Kind.INFO:
                yield from (assumption_of(label) for label in metric.labels.values() if not label.missing)
