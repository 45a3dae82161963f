"""Why no board shows, or no alert reads, a metric: what its entry says of it, or one sentence for several metrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from generator.errors import Problem, nearest
from generator.source import Document

#: What can be missing with a reason: keys of a file, and of an entry.
KEYS = ("no_board", "no_alert")


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason: its key, the sentence, the names of the metrics that it is for, and the line at which it stands."""

    key: str
    why: str
    metrics: tuple[str, ...]
    line: int


def reasons(document: Document) -> tuple[Reason, ...]:
    """Return every reason of a file that fits the schema, those for several metrics first; entries that do not fit have none."""
    return tuple(reason for key in KEYS for reason in (*_shared(document, key), *_single(document, key)))


def _shared(document: Document, key: str) -> Iterator[Reason]:
    for number, one in enumerate(document.data.get(key, ())):
        yield Reason(key, one["why"], tuple(one["metrics"]), document.line(key, number))


def _single(document: Document, key: str) -> Iterator[Reason]:
    for number, entry in enumerate(document.data["metrics"]):
        why = entry.get(key) if isinstance(entry, dict) else None
        if isinstance(why, str):
            yield Reason(key, why, (entry.get("name", ""),), document.line("metrics", number, key))


def by_metric(found: Iterable[Reason], key: str) -> dict[str, str]:
    """Return the sentence of each metric that has one; of two, which `mistakes` refuses, the first."""
    out: dict[str, str] = {}
    for reason in found:
        for name in reason.metrics if reason.key == key else ():
            out.setdefault(name, reason.why)
    return out


def mistakes(document: Document) -> Iterator[Problem]:
    """Yield names in a reason for several metrics that are no metric, and metrics with two reasons of one kind."""
    names = [entry.get("name") for entry in document.data["metrics"] if isinstance(entry, dict)]
    known = [name for name in names if isinstance(name, str)]
    for key in KEYS:
        own = {reason.metrics[0] for reason in _single(document, key)}
        seen: set[str] = set()
        for number, one in enumerate(document.data.get(key, ())):
            for place, name in enumerate(one["metrics"]):
                where = (key, number, "metrics", place)
                if name not in known:
                    yield document.problem(
                        where, f"no metric {name!r} in this file", nearest(name, known, otherwise="remove it")
                    )
                elif name in own:
                    yield document.problem(where, f"{name!r} has a `{key}` of its own", "keep one of the two")
                elif name in seen:
                    yield document.problem(where, f"{name!r} has two reasons in `{key}`", "keep one of the two")
                seen.add(name)
