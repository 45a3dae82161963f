"""Lists in which something stands twice."""

from __future__ import annotations

from collections.abc import Iterator

from generator.catalogue import Catalogue
from generator.errors import Problem
from generator.source import Document, repeated, short


def repeats(document: Document, catalogue: Catalogue) -> Iterator[Problem]:  # noqa: ARG001 - a check's signature
    """Yield items of a list that stand there a second time, and alerts that are both on and off."""
    for place, what in repeated(document):
        if not {"static", "dns"} & set(place[:-2]):  # addresses tell
            yield document.problem(place, what, "keep one of the two")
    alerts = document.data.get("alerts", {})
    for number, name in enumerate(alerts.get("disable", ())):
        if name in alerts.get("enable", ()):
            what = f"{short(name)} is both disabled and enabled"
            yield document.problem(("alerts", "disable", number), what, "keep one of the two")
