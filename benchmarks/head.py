"""What Prometheus has in memory when it starts: the last hours, which are in no block yet, as its log and its chunks on disk.

A rule that looks back for an hour reads this alone. In blocks, the same samples would cost many times as much: every series
would be looked up twice, and its labels made from text.

Source: https://github.com/prometheus/prometheus/tree/main/tsdb/docs/format
"""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

from history import CHUNK, Course, Labels, crc, uvarint

#: A file of chunks is no longer, and a page of the log is just as long.
FILE, PAGE = 128 << 20, 32 << 10

_MAGIC, _HEADER = 0x0130BC91, struct.Struct(">BHI")
_FULL, _SERIES, _XOR = 1, 1, 1


def write(folder: Path, series: Mapping[Labels, Course], start: int, end: int) -> int:
    """Write what is in memory from `start` to `end`, in milliseconds since 1970.

    What Prometheus had in memory before is lost: both number their series.

    Args:
        folder: Folder of the database; Prometheus must not run.
        series: Labels in order of their names, `__name__` among them.
        start: Where the blocks end.
        end: Time that no sample reaches.

    Returns:
        How many samples that are, over all series.

    """
    for name in ("wal", "chunks_head"):
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir()
    _log(folder / "wal" / "00000000", series)
    parts = {course: list(_chunks(course, start, end)) for course in dict.fromkeys(series.values())}
    number, file = 1, _begin()
    for ref, course in enumerate(series.values(), start=1):
        for part in parts[course]:
            record = struct.pack(">Q", ref) + part
            if len(file) + len(record) + 4 > FILE:
                (folder / "chunks_head" / f"{number:06d}").write_bytes(file)
                number, file = number + 1, _begin()
            file += record + crc(record)
    (folder / "chunks_head" / f"{number:06d}").write_bytes(file)
    lengths = {course: len(course.times(start, end)) for course in parts}
    return sum(lengths[course] for course in series.values())


def _begin() -> bytearray:
    return bytearray(struct.pack(">IB3x", _MAGIC, 1))


def _chunks(course: Course, start: int, end: int) -> Iterator[bytes]:
    """Yield each chunk of a course as its record has it, but for the series and the checksum."""
    times = course.times(start, end)
    for at in range(0, len(times), CHUNK):
        own = times[at : at + CHUNK]
        data = course.chunk(own)
        yield struct.pack(">QQB", own[0], own[-1], _XOR) + uvarint(len(data)) + data


def _log(path: Path, series: Mapping[Labels, Course]) -> None:
    """Write the log: the labels of every series, a record a page; what is in the chunks needs no samples there."""
    with path.open("wb") as file:
        page = bytearray()
        for ref, labels in enumerate(series, start=1):
            texts = (text.encode() for pair in labels for text in pair)
            entry = struct.pack(">Q", ref) + uvarint(len(labels)) + b"".join(uvarint(len(t)) + t for t in texts)
            if _HEADER.size + 1 + len(page) + len(entry) > PAGE:
                file.write(_page(page))
                page.clear()
            page += entry
        file.write(_page(page))


def _page(entries: bytearray) -> bytes:
    record = bytes((_SERIES,)) + entries
    header = _HEADER.pack(_FULL, len(record), int.from_bytes(crc(record), "big"))
    return (header + record).ljust(PAGE, b"\0")
