"""What a Prometheus would hold after a scenario: every target scraped on the virtual clock, as columns of samples.

Staleness is kept: a series that a scrape no longer has, or whose target failed or went away, ends with a marker. While
the scenario says that Prometheus itself is down, nothing is scraped and nothing ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from reference_server.monitoring import Scrape
from reference_server.replay import Round

#: A value that means "this series ended here"; None means "no sample".
STALE = "stale"

Value = float | str | None
Labels = tuple[tuple[str, str], ...]


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

    def put(self, labels: Labels, index: int, value: Value) -> None:
        """Set the value of a series at one time."""
        column = self.series.get(labels)
        if column is None:
            column = self.series[labels] = [None] * len(self.times)
        column[index] = value


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


class _Deck:
    """The series of one deployment that are there now, by target."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._alive: dict[tuple[str, str], set[Labels]] = {}
        self._pages: dict[tuple[str, str], tuple[object, list[Labels]]] = {}

    def take(self, index: int, each: Round) -> None:
        """Store one round; what it no longer has ends."""
        now: dict[tuple[str, str], set[Labels]] = {}
        for target, scrape in each.scrapes:
            key = (target.job, target.instance)
            own = {"job": target.job, "instance": target.instance, "system": each.deployment.system, **target.labels}
            now[key] = self._page(index, key, own, scrape)
            for name, value in (
                ("up", float(scrape.ok)),
                ("scrape_duration_seconds", scrape.duration_seconds),
                ("scrape_samples_scraped", float(len(scrape.keys))),
                ("scrape_samples_post_metric_relabeling", float(len(scrape.keys))),
            ):
                labels = _labels(name, own, ())
                self._history.put(labels, index, value)
                now[key].add(labels)
        for key, name, shown in each.deployment.probes():
            own = {
                "job": key[0],
                "instance": key[1],
                "system": each.deployment.system,
                "deployment": each.deployment.name,
            }
            now[key] = {_labels(name, own, ())} if shown is not None else set()
            for labels in now[key]:
                self._history.put(labels, index, shown)
        for key, before in self._alive.items():
            for labels in before - now.get(key, set()):
                self._history.put(labels, index, STALE)
        self._alive = now

    def _page(self, index: int, key: tuple[str, str], own: Mapping[str, str], scrape: Scrape) -> set[Labels]:
        known = self._pages.get(key)
        if known is None or known[0] is not scrape.keys:
            known = self._pages[key] = (scrape.keys, [_labels(name, own, labels) for name, labels in scrape.keys])
        for labels, value in zip(known[1], scrape.values, strict=True):
            self._history.put(labels, index, value)
        return set(known[1])


def _labels(name: str, own: Mapping[str, str], labels: tuple[tuple[str, str], ...]) -> Labels:
    return tuple(sorted({"__name__": name, **dict(labels), **own}.items()))
