"""Lists in which something stands twice."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from generator.catalogue import Catalogue
from generator.errors import Problem
from generator.source import Document, Place, short


def repeats(document: Document, catalogue: Catalogue) -> Iterator[Problem]:  # noqa: ARG001 - a check's signature
    """Yield items of a list that stand there a second time, and alerts that are both on and off."""
    yield from _below(document, document.data, ())
    alerts = document.data.get("alerts", {})
    for number, name in enumerate(alerts.get("disable", ())):
        if name in alerts.get("enable", ()):
            what = f"{short(name)} is both disabled and enabled"
            yield document.problem(("alerts", "disable", number), what, "keep one of the two")


def _below(document: Document, value: Any, place: Place) -> Iterator[Problem]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _below(document, inner, (*place, key))
    elif isinstance(value, list):
        seen: dict[str, int] = {}
        for number, item in enumerate(value):
            first = seen.setdefault(json.dumps(item, sort_keys=True, default=str), number)
            if first != number and not {"static", "dns"} & set(place[:-1]):  # addresses tell
                what = f"{short(item)} stands in {place[-1]!r} a second time"
                yield document.problem((*place, number), what, "keep one of the two")
            yield from _below(document, item, (*place, number))
