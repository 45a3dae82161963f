"""Many servers in one process: one page each, and the list that tells Prometheus where they are.

A page is a string template with numbers that move. The template comes from a page that the simulation wrote
(`model`), so names, labels and order are right by construction; the numbers are functions of the time alone,
so that two scrapes at once cannot disturb each other and no target needs work while nobody looks.
"""

from __future__ import annotations

import json
import math
import random
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: Servers of one deployment: so many of each role.
DEPLOYMENT: Mapping[str, int] = {"api": 4, "queue": 6}

#: Seconds in which the load of a target goes up and down once.
WAVE_SECONDS = 1_800

SAMPLE = re.compile(r"(?P<series>(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?P<labels>.*)\})?) (?P<value>\S+)")
TYPE = re.compile(r"# TYPE (\S+) (\S+)")

#: Gauges that say how large something is, not how full: they stay as they are.
SIZES = ("_max", "pg_pool_size", "_max_fds", "_info")

#: Two gauges that share a whole: what is taken, what is left, and what they add up to (nothing: what they were).
SHARES = (
    ("workers_active", "workers_available", "workers_max"),
    ("redis_pool_size", "redis_pool_available", ""),
    ("", "pg_pool_available", "pg_pool_size"),
)

#: A gauge from the load, 0 to 1, and the time at which its server started, unix seconds.
Rule = Callable[[float, float], float]

IDENTITY = re.compile(r'(?<=service_instance_id=")[^"]*')


@dataclass(frozen=True, slots=True)
class Template:
    """A page with a hole for each number, and one for the identity of the process.

    Attributes:
        text: The page as a %-format.
        values: What the model had in each hole; the identity's is NaN.
        rules: Position of each hole that is no count, with what fills it.
        sums: Position of each hole that is a histogram's sum, with that of its count.
        identity: Position of the identity's hole, or -1.
        age_seconds: How long the model had run.
        samples: Number of samples.

    """

    text: str
    values: tuple[float, ...]
    rules: tuple[tuple[int, Rule], ...]
    sums: tuple[tuple[int, int], ...]
    identity: int
    age_seconds: float
    samples: int


def template(page: str, age_seconds: float) -> Template:
    """Cut the numbers out of a page in the text format that was written after `age_seconds` of work."""
    types = dict(TYPE.findall(page))
    samples = [m for m in map(SAMPLE.fullmatch, page.splitlines()) if m]
    found = {m["name"]: float(m["value"]) for m in samples}
    lines: list[str] = []
    values: list[float] = []
    rules: list[tuple[int, Rule]] = []
    places: dict[tuple[str, str], int] = {}
    identity = -1
    for line in page.replace("%", "%%").splitlines():
        sample = SAMPLE.fullmatch(line)
        if not sample:
            lines.append(line)
            continue
        series, name, value = sample["series"], sample["name"], float(sample["value"])
        if IDENTITY.search(series):
            series, identity = IDENTITY.sub("%s", series), len(values)
            values.append(math.nan)
        gauge = types.get(name) == "gauge"
        if gauge:
            rules.append((len(values), _rule(name, value, found)))
        counted = value.is_integer() and not gauge and not name.endswith("_sum")
        lines.append(f"{series} %{'d.0' if counted else 'r'}")
        places[name, sample["labels"] or ""] = len(values)
        values.append(value)
    # Nothing was observed before the count moves: a sum that grew by itself would make a mean infinite.
    sums = tuple(
        (position, count)
        for (name, labels), position in places.items()
        if name.endswith("_sum") and values[count := places[name.removesuffix("_sum") + "_count", labels]]
    )
    text = "\n".join(lines) + "\n"
    return Template(text, tuple(values), tuple(rules), sums, identity, age_seconds, len(samples))


def _rule(name: str, value: float, found: Mapping[str, float]) -> Rule:
    for taken, left, sum_of in SHARES:
        part = next((p for p in (taken, left) if p and name.endswith(p)), "")
        if part:
            prefix = name.removesuffix(part)
            total = found[prefix + sum_of] if sum_of else found[prefix + taken] + found[prefix + left]
            if part == taken:
                return lambda load, _: float(round(total * load))
            return lambda load, _: total - round(total * load)
    if name.endswith("_start_time_seconds"):
        return lambda _, started: started
    if name.endswith(SIZES):
        return lambda *_: value
    return lambda load, _: float(round(value * (0.5 + load)))


@dataclass(frozen=True, slots=True)
class FleetTarget:
    """One simulated server. `started` is in unix seconds, `speed` in model servers, `phase` in waves."""

    number: int
    identity: str
    labels: Mapping[str, str]
    template: Template
    started: float
    speed: float
    phase: float

    @property
    def path(self) -> str:
        """Where its page is."""
        return f"/targets/{self.number}/metrics"

    def page(self, now: float) -> bytes:
        """Render the page at `now`, unix seconds. Counters never fall as `now` grows."""
        form = self.template
        grown = self.speed * max(0.0, now - self.started) / form.age_seconds
        values: list[object] = [value * grown for value in form.values]
        for position, count in form.sums:
            values[position] = form.values[position] * int(form.values[count] * grown) / form.values[count]
        load = 0.5 + 0.5 * math.sin(2 * math.pi * (now / WAVE_SECONDS + self.phase))
        for position, rule in form.rules:
            values[position] = rule(load, self.started)
        if form.identity >= 0:
            values[form.identity] = self.identity
        return (form.text % tuple(values)).encode()


class Fleet:
    """All targets. Pure: the time is handed in."""

    def __init__(self, targets: Sequence[FleetTarget]) -> None:
        self.targets = targets
        self._listed: tuple[str, bytes] = ("", b"")

    @classmethod
    def of(cls, count: int, models: Mapping[str, Template], *, seed: int, now: float) -> Fleet:
        """Make `count` servers, in deployments of ten; `models` has a template for each role."""
        return cls(list(_targets(count, models, random.Random(seed), now)))  # noqa: S311 - a seeded workload

    def page(self, number: int, now: float) -> bytes | None:
        """Page of one target, or None when there is no such target."""
        return self.targets[number].page(now) if 0 <= number < len(self.targets) else None

    def discovery(self, address: str) -> bytes:
        """Return the list for `http_sd_configs`: every target is `address`, each with its own path and labels.

        Source: https://prometheus.io/docs/prometheus/latest/http_sd/
        """
        if self._listed[0] == address:
            return self._listed[1]
        groups: list[Any] = [
            {
                "targets": [address],
                "labels": {"__metrics_path__": t.path, "instance": f"{t.labels['deployment']}-{t.number}", **t.labels},
            }
            for t in self.targets
        ]
        self._listed = address, json.dumps(groups).encode()
        return self._listed[1]


def _targets(count: int, models: Mapping[str, Template], chance: random.Random, now: float) -> Iterator[FleetTarget]:
    roles = [role for role, size in DEPLOYMENT.items() for _ in range(size)]
    for number in range(count):
        deployment = number // len(roles)
        role = roles[number % len(roles)]
        labels = {
            "deployment": f"agents-{deployment:03}",
            "role": role,
            "namespace": f"team-{deployment % 10}",
            "cluster": f"cluster-{deployment % 3}",
            "system": "agent_server",
        }
        started = now - chance.uniform(60, 7 * 86_400)
        identity = str(uuid.UUID(int=chance.getrandbits(128), version=4))
        yield FleetTarget(number, identity, labels, models[role], started, chance.uniform(0.2, 2.0), chance.random())
