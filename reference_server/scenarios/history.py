"""What a Prometheus would hold after a scenario: every target scraped on the virtual clock, as columns of samples.

Staleness is kept: a series that a scrape no longer has, or whose target failed or went away, ends with a marker. While
the scenario says that Prometheus itself is down, nothing is scraped and nothing ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from reference_server.core.families import Key
from reference_server.scenarios.replay import Round

#: A value that means "this series ended here"; None means "no sample".
STALE = "stale"

Value = float | str | None
Labels = tuple[tuple[str, str], ...]

#: What Prometheus adds to every scrape, as names without labels of their own.
_ADDED: tuple[Key, ...] = (
    ("up", ()),
    ("scrape_duration_seconds", ()),
    ("scrape_samples_scraped", ()),
    ("scrape_samples_post_metric_relabeling", ()),
)


@dataclass(slots=True)
class History:
    """Samples of a scenario.

    Attributes:
        times: Unix seconds of the scrapes, ascending, `step` apart.
        series: Labels with `__name__`, and one value per time.
        outages: Seconds since the start from which, and up to which, Prometheus itself was down.

    """

    times: list[float]
    series: dict[Labels, list[Value]] = field(default_factory=dict)
    outages: list[tuple[float, float]] = field(default_factory=list)

    def down(self, index: int, step: float) -> None:
        """Note that Prometheus is down at one time."""
        begin = index * step
        if self.outages and self.outages[-1][1] >= begin:
            begin, _ = self.outages.pop()
        self.outages.append((begin, (index + 1) * step))

    def column(self, labels: Labels) -> list[Value]:
        """Return the values of a series, one per time; nothing but None for one that was not there yet."""
        column = self.series.get(labels)
        if column is None:
            column = self.series[labels] = [None] * len(self.times)
        return column


def collect(rounds: Iterable[Round], times: Sequence[float]) -> History:
    """Return what the rounds of `replay.play`, taken at `times`, leave in a database.

    Targets of one deployment are sampled at the same instant; the gauges of its processes refresh each at their own
    second, so their skew is in the values.
    """
    history = History(list(times))
    step = times[-1] - times[-2] if len(times) > 1 else 0.0
    places = {at: index for index, at in enumerate(times)}
    decks: dict[int, _Deck] = {}
    for each in rounds:
        index = places[each.at]
        if each.running:
            decks.setdefault(id(each.deployment), _Deck(history)).take(index, each)
        else:
            history.down(index, step)
    return history


#: A target: its job, its instance, and its other labels.
_Place = tuple[str, str, Labels]


@dataclass(frozen=True, slots=True)
class _Page:
    """The series of one target as of its last scrape: the scrape's own keys, then those that Prometheus adds."""

    keys: object
    columns: list[list[Value]]
    series: frozenset[Labels]


class _Deck:
    """The series of one deployment that are there now, by target."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._alive: dict[_Place, frozenset[Labels]] = {}
        self._pages: dict[_Place, _Page] = {}
        self._labels: dict[_Place, dict[Key, Labels]] = {}

    def take(self, index: int, each: Round) -> None:
        """Store one round; what it no longer has ends."""
        now: dict[_Place, frozenset[Labels]] = {}
        for target, scrape in each.scrapes:
            place = (target.job, target.instance, tuple(target.labels.items()))
            page = self._page(place, each.deployment.system, scrape.keys)
            size = float(len(scrape.keys))
            added = (float(scrape.ok), scrape.duration_seconds, size, size)
            for column, value in zip(page.columns, chain(scrape.values, added), strict=True):
                column[index] = value
            now[place] = page.series
        for (job, instance), name, shown in each.deployment.probes():
            place = (job, instance, (("deployment", each.deployment.name),))
            labels = _labels(name, _own(place, each.deployment.system), ())
            now[place] = frozenset({labels} if shown is not None else ())
            if shown is not None:
                self._history.column(labels)[index] = shown
        for place, before in self._alive.items():
            after = now.get(place, frozenset())
            for labels in before - after if after is not before else ():
                self._history.column(labels)[index] = STALE
        self._alive = now

    def _page(self, place: _Place, system: str, keys: tuple[Key, ...]) -> _Page:
        page = self._pages.get(place)
        if page is None or page.keys is not keys:
            own, known = _own(place, system), self._labels.setdefault(place, {})
            series = []
            for key in (*keys, *_ADDED):
                labels = known.get(key)
                if labels is None:
                    labels = known[key] = _labels(key[0], own, key[1])
                series.append(labels)
            page = self._pages[place] = _Page(keys, [*map(self._history.column, series)], frozenset(series))
        return page


def _own(place: _Place, system: str) -> Mapping[str, str]:
    job, instance, labels = place
    return {"job": job, "instance": instance, "system": system, **dict(labels)}


def _labels(name: str, own: Mapping[str, str], labels: Labels) -> Labels:
    return tuple(sorted({"__name__": name, **dict(labels), **own}.items()))
