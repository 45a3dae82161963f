"""Durations that cannot work, each alone or together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from generator.catalogue import Catalogue
from generator.config.values import timing
from generator.errors import Problem
from generator.source import Document, Place

#: What a duration is compared with: where that is wrong itself, the default stands in its place, and nothing follows from it.
_BESIDE: Mapping[str, Place] = {
    "timeout": ("scrape", "interval"),
    "window": ("scrape", "interval"),
    "slo_period": ("evaluation", "retention"),
}


def durations(document: Document, catalogue: Catalogue) -> Iterator[Problem]:  # noqa: ARG001 - a check's signature
    """Yield what `generator.config.timing` says cannot work, at the first of its keys that the file has."""
    for wrong in timing(document.data).wrong():
        place = next((p for p in wrong.places if p in document.lines), wrong.places[0])
        if not document.dropped(*_BESIDE.get(wrong.places[0][-1], place)):
            yield document.problem(place, wrong.what, wrong.fix)
