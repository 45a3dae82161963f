"""A past for Prometheus: blocks of its database, written directly, as a month of samples cannot be pushed in a minute.

Series that run alike share their chunks, which the format allows: what a query costs is reading and decoding them. Nothing
here knows what the series mean. What Prometheus still has in memory is no block: see `head.py`.

Source: https://github.com/prometheus/prometheus/tree/main/tsdb/docs/format
"""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import google_crc32c

#: Samples of a chunk, as Prometheus cuts them.
CHUNK = 120

#: Length of a block, in milliseconds: what Prometheus makes of a month's retention.
BLOCK = 3 * 86_400_000

#: A series is found by the place of its entry in units of so many bytes.
ALIGNED = 16

_CHUNK_MAGIC, _INDEX_MAGIC = 0x85BD40DD, 0xBAAAD700

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Course:
    """How the samples of a series run.

    Attributes:
        every: Milliseconds between two of them.
        since: Of the first one, in milliseconds since 1970.
        value: Value that stays, or lowest one of those that change.
        kind: `constant`; `counter`, which grows by 0 to 3 each time; `noise`, with all digits of a float.

    """

    every: int
    since: int
    value: float = 0.0
    kind: str = "constant"

    def times(self, start: int, end: int) -> range:
        """Return when it has samples from `start` until before `end`."""
        begin = max(self.since, start)
        return range(begin + (self.since - begin) % self.every, end, self.every)

    def chunk(self, times: Sequence[int]) -> bytes:
        """Return the samples of these times as a chunk's data."""
        chance = random.Random(times[0])  # noqa: S311 - a seeded workload
        if self.kind == "noise":
            values = [self.value + chance.random() for _ in times]
        elif self.kind == "counter":
            # Begins anew with each chunk, so that none depends on the one before: a restart, to Prometheus.
            values = [self.value]
            while len(values) < len(times):
                values.append(values[-1] + chance.randrange(4))
        else:
            values = [self.value] * len(times)
        return _xor(times, values)


class _Meta(NamedTuple):
    first: int
    last: int
    ref: int


def write(folder: Path, series: Mapping[Labels, Course], start: int, end: int) -> int:
    """Write blocks from `start` to `end`, in milliseconds since 1970.

    Args:
        folder: Folder of the database; Prometheus must not run.
        series: Labels in order of their names, `__name__` among them.
        start: Time of the first sample.
        end: Time that no sample reaches.

    Returns:
        How many samples they have, over all series.

    """
    written = 0
    for number, first in enumerate(range(start, end, BLOCK)):
        name = f"01BENCH{number:019d}"
        written += _block(folder / name, name, series, (first, min(first + BLOCK, end)))
    return written


def _block(folder: Path, name: str, series: Mapping[Labels, Course], span: tuple[int, int]) -> int:
    (folder / "chunks").mkdir(parents=True)
    here = {labels: course for labels, course in series.items() if course.since < span[1]}
    segment = bytearray(struct.pack(">IB3x", _CHUNK_MAGIC, 1))
    chunks = {course: _chunks(course, segment, span) for course in dict.fromkeys(here.values())}
    (folder / "chunks" / "000001").write_bytes(segment)
    with (folder / "index").open("wb") as file:
        file.write(_index(here, {course: metas for course, (metas, _) in chunks.items()}))
    samples = sum(chunks[course][1] for course in here.values())
    stats = {
        "numSamples": samples,
        "numSeries": len(here),
        "numChunks": sum(len(chunks[c][0]) for c in here.values()),
    }
    meta = {
        "ulid": name,
        "minTime": span[0],
        "maxTime": span[1],
        "stats": stats,
        "compaction": {"level": 1, "sources": [name]},
        "version": 1,
    }
    (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
    return samples


def _chunks(course: Course, segment: bytearray, span: tuple[int, int]) -> tuple[list[_Meta], int]:
    """Append the chunks of a course within a span, and return where they are and how many samples they have."""
    times = course.times(*span)
    metas = []
    for at in range(0, len(times), CHUNK):
        own = times[at : at + CHUNK]
        data = course.chunk(own)
        metas.append(_Meta(own[0], own[-1], len(segment)))
        body = b"\x01" + data
        segment += uvarint(len(data)) + body + crc(body)
    return metas, len(times)


def _index(series: Mapping[Labels, Course], chunks: Mapping[Course, Sequence[_Meta]]) -> bytes:
    out = bytearray(struct.pack(">IB", _INDEX_MAGIC, 2))
    ordered = sorted(series)
    symbols = sorted({text for labels in ordered for pair in labels for text in pair})
    number = {text: uvarint(n) for n, text in enumerate(symbols)}
    toc = [len(out)]
    listed = b"".join(uvarint(len(text.encode())) + text.encode() for text in symbols)
    out += _sized(struct.pack(">I", len(symbols)) + listed)

    toc.append(len(out))
    where = {course: _places(metas) for course, metas in chunks.items()}
    postings: dict[tuple[str, str], list[int]] = {("", ""): []}
    for labels in ordered:
        out += bytes(-len(out) % ALIGNED)
        place = len(out) // ALIGNED
        entry = b"".join([uvarint(len(labels)), *(number[text] for pair in labels for text in pair)])
        entry += where[series[labels]]
        out += uvarint(len(entry)) + entry + crc(entry)
        for pair in (("", ""), *labels):
            postings.setdefault(pair, []).append(place)

    toc += [0, 0, len(out)]  # two tables that no reader asks for
    offsets = []
    for (label, value), places in sorted(postings.items()):
        out += bytes(-len(out) % 4)
        names = b"".join(uvarint(len(text.encode())) + text.encode() for text in (label, value))
        offsets.append(b"\x02" + names + uvarint(len(out)))
        out += _sized(struct.pack(f">I{len(places)}I", len(places), *places))
    toc.append(len(out))
    out += _sized(struct.pack(">I", len(offsets)) + b"".join(offsets))
    end = struct.pack(">6Q", *toc)
    return bytes(out + end + crc(end))


def _places(metas: Sequence[_Meta]) -> bytes:
    """Return the list of chunks as an entry of the index has it: each relative to the one before."""
    first = metas[0]
    parts = [uvarint(len(metas)), _varint(first.first), uvarint(first.last - first.first), uvarint(first.ref)]
    for before, meta in pairwise(metas):
        parts += [uvarint(meta.first - before.last), uvarint(meta.last - meta.first), _varint(meta.ref - before.ref)]
    return b"".join(parts)


def _sized(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content + crc(content)


def _xor(times: Sequence[int], values: Sequence[float]) -> bytes:
    """Return a chunk of samples that are evenly apart, each but the first as its difference from the one before."""
    head = struct.pack(">H", len(times)) + _varint(times[0]) + struct.pack(">d", values[0])
    if len(times) == 1:
        return head
    head += uvarint(times[1] - times[0])
    bits = "".join(_bits(values, first=True))
    padded = bits + "0" * (-len(bits) % 8)
    return head + int(padded, 2).to_bytes(len(padded) // 8, "big")


def _bits(values: Sequence[float], *, first: bool) -> Iterator[str]:
    """Yield the bits after the second sample's time: of each value, and between two a 0 for a time that is no surprise."""
    leading, trailing = -1, 0
    encoded = struct.unpack(f">{len(values)}Q", struct.pack(f">{len(values)}d", *values))
    for before, value in pairwise(encoded):
        time = "" if first else "0"
        first = False
        changed = before ^ value
        if not changed:
            yield time + "0"
            continue
        zeros = min(64 - changed.bit_length(), 31)
        back = (changed & -changed).bit_length() - 1
        if leading >= 0 and zeros >= leading and back >= trailing:
            yield f"{time}10{changed >> trailing:0{64 - leading - trailing}b}"
            continue
        leading, trailing = zeros, back
        size = 64 - zeros - back
        yield f"{time}11{zeros:05b}{size & 63:06b}{changed >> back:0{size}b}"


def uvarint(number: int) -> bytes:
    """Return a number from 0 on as Go's `binary.PutUvarint` writes it."""
    out = bytearray()
    while number > 0x7F:  # noqa: PLR2004 - seven bits of a byte
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _varint(number: int) -> bytes:
    return uvarint(number << 1 if number >= 0 else (-number << 1) - 1)


def crc(content: bytes | bytearray) -> bytes:
    """Return the checksum of Castagnoli, which all of these files end their parts with."""
    return struct.pack(">I", google_crc32c.value(bytes(content)))
