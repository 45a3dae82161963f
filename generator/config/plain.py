"""Values that no key of bundle.yaml may have: keys that are no text, numbers that are none, texts that no file can hold."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from generator.errors import Problem
from generator.source import Document, Place, short

#: Categories of characters that a label, a name or a title cannot have: control, half of a pair, separators of lines.
_UNSEEN = {"Cc": "a control character", "Cs": "half of a character", "Zl": "a line break", "Zp": "a line break"}

#: They turn around what is read after them.
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

#: Characters of a text at most: a label of Prometheus, a title of Grafana and a line of a person have room for it.
LONGEST = 1000

#: Numbers lie between these, or are 0: what is beyond is no count, no share and no time.
LEAST, GREATEST = 1e-9, 1e15


def unplain(document: Document) -> Iterator[tuple[Place, Problem]]:
    """Yield what no key may have with its place, whatever the schema says of the key."""
    yield from _walk(document, document.data, ())


def _walk(document: Document, value: Any, place: Place) -> Iterator[tuple[Place, Problem]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str) or isinstance(key, bool):
                what = f"the key {short(key)} must be a string"
                yield (*place, key), document.problem((*place, key), what, "put it in quotes, or remove it")
            elif why := _text(key):
                what = f"the key {short(key)} {why}"
                yield (*place, key), document.problem((*place, key), what, "write it in plain characters")
            else:
                yield from _walk(document, inner, (*place, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _walk(document, inner, (*place, number))
    elif problem := _scalar(value):
        name = next((p for p in reversed(place) if isinstance(p, str)), "the file")
        what, fix = problem
        yield place, document.problem(place, f"{name!r} is {short(value)}, {what}", fix)


def _scalar(value: Any) -> tuple[str, str] | None:
    """Return what is wrong with a value and a way out, or None."""
    if isinstance(value, str):
        why = _text(value)
        return (f"which {why}", "write plain characters in one line") if why else None
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        if isinstance(value, float) and not math.isfinite(value):
            return "which is no number", "write a number"
        sound = value == 0 or LEAST <= abs(value) <= GREATEST
        return None if sound else ("which nothing here can be", f"write 0 or a number from {LEAST:g} to {GREATEST:g}")
    return f"a {type(value).__name__}", "put it in quotes to make it a string"


def _text(value: str) -> str:
    """Return why a text cannot be written, or nothing."""
    if len(value) > LONGEST:
        return f"is longer than {LONGEST} characters"
    kinds = {unicodedata.category(char) for char in value} & _UNSEEN.keys()
    if kinds:
        return f"has {_UNSEEN[min(kinds)]} in it"
    return "turns the direction of writing around" if _TURNING & set(value) else ""
