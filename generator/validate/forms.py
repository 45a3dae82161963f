"""Metrics that are here in another form than the catalogue's: another name, native histograms, series that were dropped.

Looked up among the names of all series at the targets of a system; nothing here is a guess from what is not there alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from generator.catalogue import Kind, Metric
from generator.validate.verdict import Finding, wrong

#: What a histogram or a summary, a counter and an info put behind their family's name.
_SUFFIXES = ("bucket", "sum", "count", "total", "created", "info")

#: What is put before a suffix by anyone who adds units to names.
#: Source: the OpenTelemetry Collector, `pkg/translator/prometheus`, unit words of the specification.
_UNITS = frozenset(
    {
        "nanoseconds", "microseconds", "milliseconds", "seconds", "minutes", "hours", "days",
        "bytes", "kilobytes", "megabytes", "gigabytes", "kibibytes", "mebibytes", "gibibytes", "ratio", "percent",
    }
)  # fmt: skip

#: Short forms that exporters write instead.
_SHORT = frozenset({"ns", "us", "ms", "s"})

#: A name without its prefix is only told from others when it has so many words.
_WORDS = 2

#: Fixes.
NATIVE = "keep the buckets too: always_scrape_classic_histograms: true in its scrape job (in Prometheus 2: scrape_classic_histograms)"
DROPPED = "see metric_relabel_configs of its scrape job, and what stands between the server and Prometheus"


@dataclass(frozen=True, slots=True)
class Forms:
    """The names of all series at the targets of each system, and what they tell of a metric.

    Attributes:
        names: By system.
        known: Names of series that the catalogue has.

    """

    names: Mapping[str, frozenset[str]] = field(repr=False)
    known: AbstractSet[str] = field(repr=False)

    def of(self, metric: Metric, system: str) -> Finding | None:
        """Say in which other form a metric is at the targets of a system; None when it is in none."""
        here = self.names.get(system, frozenset())
        if any(metric.full_name + part in here for part in metric.parts):
            return self.dropped(metric, system)
        if metric.full_name in here and metric.kind is Kind.HISTOGRAM:
            return wrong("it is stored as a native histogram, without the buckets that boards and rules read", NATIVE)
        other = self._family(metric, here)
        if other:
            return wrong(f"it is here as {other}: {_difference(metric, other)}", "switch that off where it is done")
        return None

    def dropped(self, metric: Metric, system: str) -> Finding | None:
        """Say which of its series are not there while others are."""
        here = self.names.get(system, frozenset())
        there = [s for s in metric.parts if metric.full_name + s in here]
        gone = [s for s in metric.parts if metric.full_name + s not in here]
        if metric.kind is not Kind.HISTOGRAM or not (there and gone):
            return None
        return wrong(
            f"its {' and '.join(there)} {_is(there)} there and its {' and '.join(gone)} {_is(gone)} not: something drops {_it(gone)}",
            DROPPED,
        )

    def doubtful(self, metric: Metric, system: str, *, seen: bool) -> set[str]:
        """Return the names on which a reason may stand: an index keeps what is there no more."""
        here = self.names.get(system, frozenset())
        own = {metric.full_name + part for part in ("", *metric.parts)} & here
        if seen:
            return own - {metric.full_name} if metric.kind is Kind.HISTOGRAM else set()
        return own | set(self._renamed(metric, here))

    def _family(self, metric: Metric, here: frozenset[str]) -> str:
        """Return the name under which a metric is there, the nearest one where there are several; empty for none."""
        parts = re.compile(r"_(bucket|sum|count)$") if metric.kind is Kind.HISTOGRAM else re.compile("$^")
        families = {parts.sub("", name) for name in self._renamed(metric, here)}
        return min(families, key=lambda n: (abs(len(n) - len(metric.full_name)), n), default="")

    def _renamed(self, metric: Metric, here: frozenset[str]) -> list[str]:
        """Return the names that are a metric's but for their unit, suffix or prefix."""
        wanted, bare = _stem(metric.full_name), _stem(metric.base)
        distinct = metric.prefix and bare.count("_") + 1 >= _WORDS
        stems = {name: f"_{_stem(name)}" for name in here - self.known}
        return [
            n for n, stem in stems.items() if stem.endswith(f"_{wanted}") or (distinct and stem.endswith(f"_{bare}"))
        ]


#: Of a server that was not looked at.
NO_FORMS = Forms({}, frozenset())


def _words(name: str) -> list[str]:
    return [w for w in re.split(r"[^a-z0-9]+", name.lower()) if w]


def _stem(name: str) -> str:
    """Return what is left of a name without unit and suffix, in small letters; dots and the like are underscores."""
    words = _words(name)
    while len(words) > 1 and words[-1] in _SUFFIXES:
        words.pop()
    if len(words) > 1 and words[-1] in _UNITS | _SHORT:
        words.pop()
    return "_".join(words)


def _difference(metric: Metric, other: str) -> str:
    """Say what someone changed in a name."""
    words, other_words = _words(metric.full_name), _words(other)
    changes = []
    unit, other_unit = _unit(words), _unit(other_words)
    if unit != other_unit:
        changes.append("adds units" if not unit else "changes units" if other_unit else "takes units away")
    if ("total" in other_words[-1:]) != ("total" in words[-1:]):
        changes.append("adds _total" if "total" in other_words[-1:] else "takes _total away")
    if _stem(other) != _stem(metric.full_name):
        longer = _stem(other).endswith(_stem(metric.full_name))
        changes.append("puts a prefix before names" if longer else "changes the prefix of names")
    if not changes:
        changes.append("writes names in another way")
    return "something on the way " + " and ".join(changes)


def _unit(words: list[str]) -> str:
    left = [w for w in words if w not in _SUFFIXES]
    return left[-1] if left and left[-1] in _UNITS | _SHORT else ""


def _is(parts: list[str]) -> str:
    return "are" if len(parts) > 1 else "is"


def _it(parts: list[str]) -> str:
    return "them" if len(parts) > 1 else "it"
