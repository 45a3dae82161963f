"""Values of a series over time, as a case writes them: segments joined by ` then `, each `BODY` or `BODY for DURATION`.

    25                  the value 25
    0+6/m               from 0 on, 6 more after each full minute; also -6/m, +1/10m, +0.5/s
    +6/m                the same, from the last value on
    same                the last value goes on
    1|1|0               one after another, scrape by scrape
    start-1d            a unix time: one day before the history starts
    nan                 not a number
    none                no sample, as when Prometheus does not scrape
    stale               the series ends properly

The last segment lasts to the end.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from generator.units import seconds
from testbed.servers import STALE, Value

_SEGMENT = re.compile(r"(?P<body>.+?)(?: for (?P<length>\S+))?")
_NUMBER = r"-?\d+(?:\.\d+)?"
_SLOPE = re.compile(rf"(?P<value>{_NUMBER})?(?P<slope>[+-]\d+(?:\.\d+)?)/(?P<count>\d*)(?P<unit>[smhd])")
_TIME = re.compile(r"start(?:(?P<sign>[+-])(?P<length>\w+))?")


def values(text: str | float, start: float, offsets: Sequence[float]) -> list[Value]:
    """Return one value for each offset, in seconds from the unix time `start`.

    Raises:
        ValueError: The text is not of this notation; the error says what is wrong with which part.

    """
    out: list[Value] = []
    begin, last = 0.0, None
    parts = str(text).split(" then ")
    for number, part in enumerate(parts):
        found = _SEGMENT.fullmatch(part.strip())
        if found is None:
            raise ValueError(f"{part!r} is empty")
        if bool(found["length"]) != (number < len(parts) - 1):
            raise ValueError(f"{part!r} needs a length, and only the last segment has none: 5 for 10m then 7")
        end = begin + seconds(found["length"]) if found["length"] else math.inf
        own = [offset - begin for offset in offsets if begin <= offset < end]
        made, last = _segment(found["body"], start, own, end - begin, last)
        out += made
        begin = end
    return out


def _segment(
    body: str, start: float, own: Sequence[float], length: float, last: float | None
) -> tuple[list[Value], float | None]:
    """Return the values of one segment, and the last one that goes on after it."""
    if body == "none":
        return [None] * len(own), last
    if body == "stale":
        return [STALE if n == 0 else None for n in range(len(own))], last
    if slope := _SLOPE.fullmatch(body):
        first = float(slope["value"]) if slope["value"] else last
        if first is None:
            raise ValueError(f"{body!r} goes on from no value; write 0{body}")
        period = seconds((slope["count"] or "1") + slope["unit"])
        step = float(slope["slope"])
        after = first + step * math.floor(length / period) if math.isfinite(length) else None
        return [first + step * math.floor(at / period) for at in own], after
    if body == "same":
        if last is None:
            raise ValueError("'same' has no value before it; write a number")
        return [last] * len(own), last
    given = [_number(one, start) for one in body.split("|")]
    return [given[n % len(given)] for n in range(len(own))], given[(max(len(own), 1) - 1) % len(given)]


def _number(text: str, start: float) -> float:
    if text == "nan":
        return math.nan
    if found := _TIME.fullmatch(text):
        shift = seconds(found["length"]) if found["length"] else 0.0
        return start - shift if found["sign"] == "-" else start + shift
    if re.fullmatch(_NUMBER, text):
        return float(text)
    raise ValueError(f"{text!r} is no value; write a number, 0+6/m, same, nan, none, stale or start-1h")
