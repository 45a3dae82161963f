"""Histories as remote-write requests, made with the standard library alone.

The protobuf message is written by hand: only its length-delimited fields and one fixed shape of
sample occur. The snappy block consists of literals only, which every decoder takes.

Source: https://prometheus.io/docs/specs/prw/remote_write_spec/
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import compress
from typing import Final, Literal, TypeAlias

#: Ends a series at its time, as Prometheus does when a target stops exposing it.
STALE: Final = "stale"

#: One place of a history: a number, None for a scrape that did not happen, or STALE.
Value: TypeAlias = float | Literal["stale"] | None

#: Labels, the name among them as `__name__`, and one value for each time.
History: TypeAlias = tuple[Mapping[str, str], Sequence[Value]]

#: The bits that Prometheus understands as "no longer there": a NaN of its own.
#: Source: https://github.com/prometheus/prometheus/blob/main/model/value/value.go
_STALE_BITS = struct.pack("<Q", 0x7FF0000000000002)

#: Sample message (field 2) of 16 bytes: its field 1, a double; its field 2, the time, as written by `_stamp`.
_SAMPLE = struct.Struct("<3sd7s").pack
_SAMPLE_HEAD = b"\x12\x10\x09"
_SAMPLE_BYTES, _NUMBER_BYTES = 18, 8

#: First and last instant, in milliseconds, that take the six bytes which `_SAMPLE_HEAD` counts on.
_TIME_RANGE = range(1 << 35, 1 << 42)

#: Longest snappy literal whose length fits the two bytes that we write.
_LITERAL_BYTES = 1 << 16


def write_request(series: Iterable[History], times: Sequence[float]) -> bytes:
    """Return the body of a remote-write request, snappy-compressed in form though not in size.

    Labels with empty values are dropped, as a scrape drops them.

    Args:
        times: Unix seconds, ascending, one for each value of each series.

    Raises:
        ValueError: A series has more or fewer values than there are times, or a time lies before
            1971 or after 2109.
    """
    samples = [_SAMPLE(_SAMPLE_HEAD, 0.0, _stamp(time)) for time in times]
    return _snappy(b"".join(_field(0x0A, _series(history, samples)) for history in series))


def _series(history: History, samples: Sequence[bytes]) -> bytes:
    labels, values = history
    parts = [_label(name, text) for name, text in sorted(labels.items()) if text]
    if len(values) != len(samples):
        message = f"a series of {len(values)} values and {len(samples)} times"
        raise ValueError(message)
    there = [value for value in values if value is not None]
    blank = samples if len(there) == len(values) else compress(samples, (value is not None for value in values))
    return b"".join((*parts, _filled(bytearray().join(blank), there)))


@lru_cache(maxsize=10_000)  # a target's are those of all its series
def _label(name: str, text: str) -> bytes:
    return _field(0x0A, _field(0x0A, name.encode()) + _field(0x12, text.encode()))


def _filled(samples: bytearray, values: Sequence[float | Literal["stale"]]) -> bytearray:
    """Return samples of zeros with other values, which are put there byte by byte of all numbers at once."""
    ends: list[int] = []
    try:
        numbers = struct.pack(f"<{len(values)}d", *values)
    except struct.error:
        ends = [place for place, value in enumerate(values) if value == STALE]
        numbers = struct.pack(f"<{len(values)}d", *(0.0 if value == STALE else value for value in values))
    for number in range(_NUMBER_BYTES):
        samples[len(_SAMPLE_HEAD) + number :: _SAMPLE_BYTES] = numbers[number::_NUMBER_BYTES]
    for place in ends:
        begin = place * _SAMPLE_BYTES + len(_SAMPLE_HEAD)
        samples[begin : begin + _NUMBER_BYTES] = _STALE_BITS
    return samples


def _stamp(seconds: float) -> bytes:
    milliseconds = round(seconds * 1000)
    if milliseconds not in _TIME_RANGE:
        message = f"{seconds} is not a time between 1971 and 2109 in unix seconds"
        raise ValueError(message)
    return b"\x10" + _varint(milliseconds)


def _field(tag: int, body: bytes) -> bytes:
    return bytes((tag,)) + _varint(len(body)) + body


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _snappy(data: bytes) -> bytes:
    parts = [_varint(len(data))]
    for start in range(0, len(data), _LITERAL_BYTES):
        literal = data[start : start + _LITERAL_BYTES]
        parts += [b"\xf4", struct.pack("<H", len(literal) - 1), literal]
    return b"".join(parts)
