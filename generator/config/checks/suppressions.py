"""Suppressions of findings whose last day is none."""

from __future__ import annotations

from collections.abc import Iterator

from generator.catalogue import Catalogue
from generator.config.values import day
from generator.errors import Problem
from generator.source import Document, short


def suppressions(document: Document, catalogue: Catalogue) -> Iterator[Problem]:  # noqa: ARG001 - a check's signature
    """Yield days until which a finding is suppressed that the calendar does not have."""
    for number, one in enumerate(document.data.get("lint", {}).get("suppress", ())):
        if "until" in one and day(one["until"]) is None:
            what = f"{short(one['until'])} is no day"
            yield document.problem(("lint", "suppress", number, "until"), what, 'write one such as "2027-03-31"')
