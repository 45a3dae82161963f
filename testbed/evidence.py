"""What the scrapes of a scenario show: values and increases of its series, by minute. Knows nothing of what is expected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from generator.catalogue import load
from reference_server.core.families import Key
from reference_server.core.scenario import START
from reference_server.scenarios.library import find
from reference_server.scenarios.replay import play

CATALOGUE = load()

#: Seconds between the scrapes.
STEP = 30.0


@dataclass(frozen=True)
class Evidence:
    """Every scrape of a scenario: minutes since the start, deployment, instance, up, duration, series."""

    scrapes: tuple[tuple[float, str, str, bool, float, tuple[Key, ...], list[float]], ...]

    def _chosen(
        self, name: str, start: float, end: float, part: str, labels: dict[str, str]
    ) -> Iterator[tuple[str, float, float]]:
        wanted = set(labels.items())
        places: dict[int, list[int]] = {}
        for minute, deployment, instance, _, _, keys, values in self.scrapes:
            if not start <= minute <= end or part not in ("", deployment):
                continue
            if id(keys) not in places:
                places[id(keys)] = [n for n, (k, ls) in enumerate(keys) if k.endswith(name) and wanted <= set(ls)]
            if places[id(keys)]:
                yield f"{deployment}/{instance}", minute, sum(values[n] for n in places[id(keys)])

    def increase(self, name: str, start: float, end: float, part: str = "", **labels: str) -> float:
        """Sum of the steps up of each target's sum; what is there at the first sight of a target counts when it is born in the range."""
        last: dict[str, float] = {}
        out = 0.0
        for target, minute, value in self._chosen(name, 0, end, part, labels):
            out += max(0.0, value - last.get(target, 0.0)) if minute >= start else 0.0
            last[target] = value
        return out

    def values(self, name: str, start: float, end: float, part: str = "", **labels: str) -> list[float]:
        return [value for _, _, value in self._chosen(name, start, end, part, labels)]

    def up(self, start: float, end: float, instance: str = "") -> list[bool]:
        return [s[3] for s in self.scrapes if start <= s[0] <= end and s[2].startswith(instance)]

    def share(self, part: str, total: str, start: float, end: float, **labels: str) -> float:
        return self.increase(part, start, end, **labels) / max(1.0, self.increase(total, start, end))


@cache
def evidence(word: str) -> Evidence:
    out = []
    for at in play(find(word), interval=STEP, metrics=CATALOGUE):
        minute = (at.at - START) / 60
        for target, scrape in at.scrapes:
            out.append((minute, at.deployment.name, target.instance, scrape.ok, scrape.duration_seconds,
                        scrape.keys, scrape.values))  # fmt: skip
    return Evidence(tuple(out))


def slow_share(e: Evidence, histogram: str, le: str, start: float, end: float) -> float:
    below = e.increase(f"{histogram}_bucket", start, end, le=le)
    return 1 - below / max(1.0, e.increase(f"{histogram}_count", start, end))
