"""Lists in which something stands twice."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from generator.source.document import Document, Place, short


def repeated(document: Document) -> Iterator[tuple[Place, str]]:
    """Yield the place of each item that its list has already, wherever the list stands, and what is to be said of it."""
    yield from _below(document.data, ())


def _below(value: Any, place: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _below(inner, (*place, key))
    elif isinstance(value, list):
        seen: dict[object, int] = {}
        for number, item in enumerate(value):
            # Most items are words; any other is alike where it is written alike.
            key = item if isinstance(item, str) else (json.dumps(item, sort_keys=True, default=str),)
            first = seen.setdefault(key, number)
            if first != number:
                yield (*place, number), f"{short(item)} stands in {_name(place)!r} a second time"
            yield from _below(item, (*place, number))


def _name(place: Place) -> str:
    return next((step for step in reversed(place) if isinstance(step, str)), "the file")
