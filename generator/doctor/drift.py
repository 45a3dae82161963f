"""What a page has that the catalogue does not know, or knows otherwise: names, types, labels, values, bucket edges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from generator.catalogue import Kind, Metric
from generator.config.settings import Labels
from generator.doctor.page import MOST_VALUES, full_name
from generator.doctor.profile import Profile, unknown
from generator.doctor.traits import some
from generator.validate.metrics import COMMON, TYPES, UNTYPED

#: Labels on so many metrics were added on the way: they tell something about all that the server does.
_SEVERAL = 2


@dataclass(frozen=True, slots=True)
class Added:
    """A label that the catalogue does not know, on several metrics: as the configuration of a server, or a rule on the way, adds it.

    Attributes:
        name: Its name.
        values: How many values it has on the page, `MOST_VALUES` at most.
        metrics: The metrics that have it.

    """

    name: str
    values: int
    metrics: tuple[str, ...]

    @property
    def counted(self) -> str:
        """The number of values in words."""
        return f"{self.values}{' or more' if self.values >= MOST_VALUES else ''} value{'s' if self.values != 1 else ''}"


def added(profile: Profile, of_targets: AbstractSet[str] = frozenset()) -> list[Added]:
    """Return the labels that were added on the way, by name. `of_targets` are those of targets, which are no metric's."""
    found: dict[str, tuple[set[str], set[str]]] = {}
    for metric, labels in _labels(profile):
        for label in _strange(metric, labels, of_targets):
            names, values = found.setdefault(label, (set(), set()))
            names.add(full_name(metric, profile.prefix))
            values.update(labels[label])
    return [
        Added(label, min(len(values), MOST_VALUES), tuple(sorted(names)))
        for label, (names, values) in sorted(found.items())
        if len(names) >= _SEVERAL
    ]


def drift(profile: Profile, of_targets: AbstractSet[str] = frozenset()) -> Iterator[str]:
    """Yield what the catalogue does not know of a page, a sentence each; labels that were added on the way are `added`'s."""
    unlisted = unknown(profile.page, profile.variants, profile.prefix)
    if unlisted:
        yield f"the catalogue does not know {some(unlisted)}"
    known = {one.name for one in added(profile, of_targets)}
    for metric, labels in _labels(profile):
        name = full_name(metric, profile.prefix)
        kind = profile.page.type_of(name)
        if kind and kind not in {*TYPES[metric.kind], *UNTYPED}:
            yield f"{name} is a {kind} there, and the catalogue says {metric.kind}"
        if extra := [label for label in _strange(metric, labels, of_targets) if label not in known]:
            yield f"{name} has a label that the catalogue does not know: {some(extra)}"
        for label, values in sorted(labels.items()):
            closed = metric.labels[label].values if label in metric.labels else ()
            if closed and (new := sorted(v for v in values if v and v not in closed)):
                yield f"{name} has values of {label} that the catalogue does not know: {some(new)}"
        yield from _edges(metric, name, labels.get("le", frozenset()))


def _labels(profile: Profile) -> Iterator[tuple[Metric, Mapping[str, AbstractSet[str]]]]:
    for name, metric in profile.variants.metrics.items():
        if name not in profile.variants.shared and profile.page.shows(metric, profile.prefix):
            yield metric, profile.page.labels(metric, profile.prefix)


def _strange(metric: Metric, labels: Mapping[str, AbstractSet[str]], of_targets: AbstractSet[str]) -> list[str]:
    # A page's own label of the name of a target's becomes another one when it is scraped.
    known = {*metric.labels, *metric.constant_labels, *COMMON, *Labels().every, *of_targets}
    return sorted({*labels} - known)


def _edges(metric: Metric, name: str, found: AbstractSet[str]) -> Iterator[str]:
    if metric.kind is not Kind.HISTOGRAM or not metric.buckets or not found:
        return
    try:
        edges = {float(edge) for edge in found}
    except ValueError:
        yield f"{name} has a bucket edge that is no number"
        return
    if lacking := [f"{edge:g}" for edge in metric.buckets if edge not in edges]:
        yield f"{name} has no bucket edge {some(lacking)}, on which quantiles and limits stand"
