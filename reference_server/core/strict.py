"""JSON that anybody sent, read as the real server's reader does: what could not be written again is refused before it is kept.

Source: orjson, which refuses NaN, infinities, lone surrogates, numbers over 64 bits and whatever is no UTF-8.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

#: Most values of one document, as many as fit into 35 MB: a text of 10 MB can hold millions of empty lists.
MOST_VALUES = 100_000

#: Most levels of one document; a notification or a batch of spans has six.
MOST_LEVELS = 200

#: Largest whole number, of either sign.
LARGEST = 2**64


class TooManyError(ValueError):
    """The document has more than `MOST_VALUES` values."""


def parse(raw: bytes) -> Any:
    """Return what a JSON text says.

    Raises:
        TooManyError: It has too many values.
        ValueError: It is no JSON, or has a value that JSON cannot write.

    """
    text = raw.decode("utf-8")
    openings = text.count("[") + text.count("{")
    if openings + text.count(",") > MOST_VALUES:
        raise TooManyError(f"more than {MOST_VALUES} values")
    try:
        found = json.loads(text, parse_constant=_no_number, parse_float=_finite, parse_int=_whole)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if openings > MOST_LEVELS and _levels(found) > MOST_LEVELS:
        raise ValueError("nested too deeply")
    if "\\u" in text:
        json.dumps(found, ensure_ascii=False).encode()  # a lone surrogate has no bytes: a UnicodeEncodeError
    return found


def mapping(raw: bytes) -> dict[str, Any]:
    """Return a JSON object; an empty one for anything else."""
    try:
        found = parse(raw)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError("a number is too large")
    return value


def _whole(text: str) -> int:
    value = int(text)
    if abs(value) > LARGEST:
        raise ValueError("a number is too large")
    return value


def _levels(found: Any) -> int:
    level, depth = [found], 0
    while level:
        inside = [one for one in level if isinstance(one, dict | list)]
        level = [value for one in inside for value in (one.values() if isinstance(one, dict) else one)]
        depth += bool(inside)
        if depth > MOST_LEVELS:
            break
    return depth
