"""Golden signals of a system, as its catalogue names them: what a board shows first, and what alerts watch by default."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from generator.catalogue.limits import Limit
from generator.errors import nearest

if TYPE_CHECKING:
    from generator.catalogue.metric import Metric

Place = tuple[str | int, ...]

#: A signal's place below `signals`, what is wrong, the way out.
Finding = tuple[Place, str, str]


@dataclass(frozen=True, slots=True)
class Requests:
    """A counter of requests, and the labels by which those that failed are known: label to regular expression."""

    metric: str
    failed: Mapping[str, str] = field(default_factory=dict)
    name: str = ""


@dataclass(frozen=True, slots=True)
class Latency:
    """A histogram of how long something takes; from `slow` on, a bucket edge in its unit, it is too long. 0 where nobody knows."""

    metric: str
    slow: float = 0
    name: str = ""


@dataclass(frozen=True, slots=True)
class Pool:
    """Two gauges: what is used of something that can run out, and how much there is."""

    used: str
    max: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Queue:
    """A gauge of what waits; above `many` it is too much. 0 where nobody knows."""

    depth: str
    many: float = 0
    name: str = ""


@dataclass(frozen=True, slots=True)
class Signals:
    """The golden signals of a system, by their kinds."""

    requests: tuple[Requests, ...] = ()
    latency: tuple[Latency, ...] = ()
    pools: tuple[Pool, ...] = ()
    queues: tuple[Queue, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.requests or self.latency or self.pools or self.queues)


def signals(raw: Mapping[str, Any]) -> Signals:
    """Return what a catalogue names below `signals`; the schema was kept."""
    return Signals(
        tuple(Requests(**one) for one in raw.get("requests", ())),
        tuple(Latency(**one) for one in raw.get("latency", ())),
        tuple(Pool(**one) for one in raw.get("pools", ())),
        tuple(Queue(**one) for one in raw.get("queues", ())),
    )


def limit_name(system: str, signal: Requests | Latency | Pool | Queue, what: str) -> str:
    """Return what `thresholds` calls a limit of a signal."""
    return "_".join(part for part in (system, signal.name, what) if part)


def limits(system: str, found: Signals, metrics: Sequence[Metric]) -> Iterator[Limit]:
    """Yield the limits of the signals, with the usual values where the catalogue names none."""
    units = {metric.name: metric.unit for metric in metrics}
    for one in found.requests:
        if one.failed:
            yield Limit(
                limit_name(system, one, "error_ratio"),
                0.05,
                "ratio",
                "The usual default where no error budget is kept.",
                system=system,
            )
            yield Limit(
                limit_name(system, one, "error_floor"),
                10,
                units[one.metric],
                "A few failures in a window are noise, whatever their share.",
                system=system,
            )
    for wait in found.latency:
        if wait.slow:
            yield Limit(
                limit_name(system, wait, "latency"),
                wait.slow,
                units[wait.metric],
                "The catalogue's own figure.",
                f"{system}/{wait.metric}",
                system=system,
            )
            yield Limit(
                limit_name(system, wait, "slow_ratio"),
                0.05,
                "ratio",
                "One in twenty is what a user notices.",
                system=system,
            )
            yield Limit(
                limit_name(system, wait, "slow_floor"),
                10,
                "requests",
                "A share of few requests is the slowest one of them.",
                system=system,
            )
    for pool in found.pools:
        yield Limit(
            limit_name(system, pool, "pool_used"),
            0.9,
            "ratio",
            "What is left is gone at the next burst.",
            system=system,
        )
    for queue in found.queues:
        if queue.many:
            yield Limit(
                limit_name(system, queue, "queue_depth"),
                queue.many,
                units[queue.depth],
                "The catalogue's own figure.",
                system=system,
            )


def mistakes(found: Signals, metrics: Sequence[Metric], unread: Collection[object] = ()) -> Iterator[Finding]:
    """Yield signals that no metric has, that are of another kind, and edges that no histogram has.

    Args:
        found: The signals.
        metrics: The metrics.
        unread: Names of further metrics, whose entries are wrong: nothing is said of them here.

    """
    known: dict[str, Metric | None] = {metric.name: metric for metric in metrics}
    known |= {name: None for name in unread if isinstance(name, str) and name not in known}
    yield from _repeated("requests", found.requests)
    yield from _repeated("latency", found.latency)
    yield from _repeated("pools", found.pools)
    yield from _repeated("queues", found.queues)
    for number, request in enumerate(found.requests):
        yield from _unlike(("requests", number, "metric"), request.metric, "counter", known)
        yield from _unlabelled(("requests", number, "failed"), request, known)
    for number, wait in enumerate(found.latency):
        yield from _unlike(("latency", number, "metric"), wait.metric, "histogram", known)
        yield from _edgeless(("latency", number, "slow"), wait, known)
    for number, pool in enumerate(found.pools):
        yield from _unlike(("pools", number, "used"), pool.used, "gauge", known)
        yield from _unlike(("pools", number, "max"), pool.max, "gauge", known)
        yield from _unpaired(("pools", number), pool, known)
    for number, queue in enumerate(found.queues):
        yield from _unlike(("queues", number, "depth"), queue.depth, "gauge", known)


def _repeated(kind: str, listed: Sequence[Requests | Latency | Pool | Queue]) -> Iterator[Finding]:
    names = [one.name for one in listed]
    for number, name in enumerate(names):
        if name in names[:number]:
            what = f"two signals of {kind} are called {name!r}" if name else f"two signals of {kind} have no name"
            yield (kind, number), what, "give each a name of its own: `name: ...`"


def _unlike(place: Place, name: str, wanted: str, known: Mapping[str, Metric | None]) -> Iterator[Finding]:
    if name not in known:
        yield place, f"no metric {name!r}", nearest(name, list(known), otherwise="name one of `metrics`")
    elif (metric := known[name]) and str(metric.kind) != wanted:
        yield place, f"{name!r} is a {metric.kind}", f"name a {wanted}"


def _unlabelled(place: Place, request: Requests, known: Mapping[str, Metric | None]) -> Iterator[Finding]:
    metric = known.get(request.metric)
    for label in request.failed:
        if metric and label not in metric.labels:
            fix = nearest(label, list(metric.labels), otherwise="leave out `failed`")
            yield (*place, label), f"{request.metric} has no label {label!r}", fix


def _edgeless(place: Place, wait: Latency, known: Mapping[str, Metric | None]) -> Iterator[Finding]:
    metric = known.get(wait.metric)
    if metric and str(metric.kind) == "histogram" and "_bucket" not in metric.parts:
        yield (*place[:-1], "metric"), f"{wait.metric} has no buckets", "name a histogram that has"
    elif wait.slow and metric and wait.slow not in metric.buckets[:-1]:
        usable = ", ".join(f"{edge:g}" for edge in metric.buckets[:-1])
        what = f"{wait.slow:g} is no bucket edge of {wait.metric} below its last one"
        yield place, what, f"use one of {usable}" if usable else "list its edges, or leave out `slow`"


def _unpaired(place: Place, pool: Pool, known: Mapping[str, Metric | None]) -> Iterator[Finding]:
    used, most = known.get(pool.used), known.get(pool.max)
    if used and most and {*used.labels} != {*most.labels}:
        what = f"{pool.used} and {pool.max} have not the same labels"
        yield place, what, "name two gauges whose series pair, or leave the pool out"
