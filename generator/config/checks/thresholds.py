"""Thresholds and edges: names that exist, numbers in their unit, bucket edges that can tell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from generator.catalogue import Catalogue, Limit
from generator.errors import Problem, nearest
from generator.source import Document, otherwise
from generator.units import number


def thresholds(document: Document, catalogue: Catalogue) -> Iterator[Problem]:
    """Yield thresholds that no limit has, and values that no query can tell."""
    for name, value in document.data.get("thresholds", {}).items():
        yield from _threshold(document, catalogue, name, value)
    within = document.data.get("slo", {}).get("queue_wait", {}).get("within")
    if within is not None:
        place = ("slo", "queue_wait", "within")
        yield from _edge(document, catalogue, place, within, "agent_server/run_queue_wait_time_1st_attempt")


def _threshold(document: Document, catalogue: Catalogue, name: str, value: Any) -> list[Problem]:
    place, limits = ("thresholds", name), catalogue.limits
    if name not in limits:
        fix = nearest(name, list(limits), otherwise=f"use one of {', '.join(limits)}")
        return [document.problem(place, f"unknown threshold {name!r}", fix)]
    limit = limits[name]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return [
            document.problem(
                place,
                f"threshold {name!r} must be a number, not {value!r}",
                f"write a number{otherwise(value, 'number') or f' in {limit.unit}'}",
            )
        ]
    if value < 0 or (limit.share and value > 1):
        bound = "between 0 and 1" if limit.share else "of at least 0"
        return [document.problem(place, f"threshold {name!r} is {value!r}", f"write a number {bound}, in {limit.unit}")]
    if limit.share and (why := _senseless(limit, value)):
        fix = "write a number between 0 and 1, or leave alerts out with alerts.disable"
        return [document.problem(place, f"threshold {name!r} is {number(value)}: {why}", fix)]
    if limit.unit == "ratio" and limit.name.endswith(("_factor", "_growth")) and value <= 1:
        what = f"threshold {name!r} is {number(value)}: what is as usual would fire its alert"
        return [document.problem(place, what, "write a number above 1: how many times as much as usual")]
    return _edge(document, catalogue, place, value, limit.histogram) if limit.histogram else []


def _senseless(limit: Limit, value: float) -> str:
    """Return why an alert at a share would never fire, or always; nothing when it can do both."""
    match limit.bad, value:
        case "above", 1:
            return "no share is above it, so no alert could fire"
        case "below", 0:
            return "no share is below it, so no alert could fire"
        case "from", 0:
            return "every share is at least as large, so its alert would fire always"
        case _:
            return ""


def _edge(
    document: Document, catalogue: Catalogue, place: tuple[str, ...], value: float, histogram: str
) -> list[Problem]:
    system, _, name = histogram.partition("/")
    metric = next(m for m in catalogue.systems[system].metrics if m.name == name)
    usable = metric.buckets[:-1]
    if value in usable:
        return []
    what = f"{place[-1]!r} is {number(value)}, which is no bucket edge of {metric.documented_name} below its last one"
    return [document.problem(place, what, f"use one of {', '.join(map(number, usable))}")]
