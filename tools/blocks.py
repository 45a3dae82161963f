"""Generated parts of documents: each stands between `<!-- name ... -->` and `<!-- /name -->`, once, and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_MARK = re.compile(r"<!-- (?P<end>/?)(?P<name>[a-z][\w-]*)(?::[^>]*)? -->")
_FENCE = re.compile(r"\s*(```|~~~)")
_RULE = re.compile(r"(\|\s*:?-+:?\s*)+\|$")


@dataclass(frozen=True, slots=True)
class _Line:
    """A line outside code: its number from 1, its text, and the part that it belongs to or marks."""

    number: int
    text: str
    end: bool | None
    name: str


def _lines(text: str) -> Iterator[_Line]:
    inside, code = "", False
    for number, line in enumerate(text.splitlines(), 1):
        mark = _MARK.fullmatch(line.strip())
        if _FENCE.match(line):
            code = not code
        elif mark and not code:
            yield _Line(number, line, bool(mark["end"]), mark["name"])
            inside = "" if mark["end"] else mark["name"]
        elif not code:
            yield _Line(number, line, None, inside)


def problems(documents: Mapping[Path, str], made: Mapping[str, Sequence[str]]) -> list[str]:
    """Return what is wrong with the marks of the documents, as `path:line: what; fix`.

    Args:
        documents: Their texts.
        made: The lines of every part; each has to be shown once by one of the documents.

    """
    first: dict[str, str] = {}
    heads = {lines[at - 1]: name for name, lines in made.items() for at, line in enumerate(lines) if _RULE.match(line)}
    found = []
    for path, text in documents.items():
        found += [f"{path}:{number}: {problem}" for number, problem in _marks(text, path, made, first)]
        found += [
            f"{path}:{line.number}: a table as in {heads[line.text]!r}, which nobody keeps current here; delete it"
            for line in _lines(text)
            if line.end is None and not line.name and line.text in heads
        ]
    return found + [
        f"{name}: no document shows it; write its two marks, or take it out" for name in made if name not in first
    ]


def _marks(text: str, path: Path, known: Collection[str], first: dict[str, str]) -> Iterator[tuple[int, str]]:
    """Yield what is wrong with the marks of one document; `first` keeps where each part stands."""
    opened: _Line | None = None
    for line in _lines(text):
        if line.end is None:
            continue
        if line.name not in known:
            yield line.number, f"no part is called {line.name!r}; use one of {', '.join(sorted(known))}"
        elif line.end and (opened is None or opened.name != line.name):
            yield (
                line.number,
                f"{line.name!r} ends and has not begun; delete it, and what stands above it of an older copy",
            )
            continue
        elif not line.end and opened is not None:
            yield opened.number, f"{opened.name!r} does not end; write <!-- /{opened.name} --> below it"
        if not line.end and line.name in known:
            if line.name in first:
                yield line.number, f"{line.name!r} stands at {first[line.name]} already; keep one of the two"
            first.setdefault(line.name, f"{path}:{line.number}")
        opened = None if line.end else line
    if opened is not None:
        yield opened.number, f"{opened.name!r} does not end; write <!-- /{opened.name} --> below it"


def written(text: str, made: Mapping[str, Sequence[str]]) -> str:
    """Return a document with its generated parts as they must be."""
    for name, lines in made.items():
        body = "\n".join(lines)
        text = re.sub(
            rf"(<!-- {re.escape(name)}(?::[^>]*)? -->\n).*?(<!-- /{re.escape(name)} -->)",
            lambda mark, body=body: f"{mark[1]}{body}\n{mark[2]}",  # type: ignore[misc]
            text,
            flags=re.DOTALL,
        )
    return text
