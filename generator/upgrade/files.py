"""Rule files and dashboards of an operator's own, held against an upgrade: which lines read what is no longer there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from generator.errors import GeneratorError, Problem
from generator.lint.expression import parsed, selectors
from generator.source import Document, Place, parse, shown
from generator.upgrade.between import Upgrade

#: Bytes of a file at most.
_LARGEST = 20_000_000

#: Keys whose texts are queries, in rule files and in dashboards.
_QUERIES = ("expr", "query", "definition")


def check(paths: list[Path], upgrade: Upgrade) -> list[Problem]:
    """Return what has to change in some files, each with its line and what to write instead.

    Raises:
        GeneratorError: A file cannot be read; carries every problem.

    """
    broken: list[Problem] = []
    documents = [document for path in paths if (document := _read(path, broken))]
    if broken:
        raise GeneratorError(broken)
    return [problem for document in documents for problem in _problems(document, upgrade)]


def _read(path: Path, broken: list[Problem]) -> Document | None:
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST + 1)
        text = raw.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        broken.append(Problem(str(path), 1, f"cannot be read: {error}", "name a rule file or a dashboard"))
        return None
    if len(raw) > _LARGEST:
        broken.append(Problem(str(path), 1, f"has more than {_LARGEST:,} bytes", "name a rule file or a dashboard"))
        return None
    found = len(broken)
    document = parse(shown(path), text, broken)
    return document if len(broken) == found else None


def _problems(document: Document, upgrade: Upgrade) -> Iterator[Problem]:
    for place, text in _queries(document.data, ()):
        for name in _names(text):
            moved = upgrade.moved.get(name)
            if moved is None:
                continue
            if moved.new:
                what = f"{name} is called {moved.new} from {upgrade.last} on"
                fix = f"read {name} or {moved.new} while both run, then {moved.new} alone"
                if moved.change:
                    what += f", {moved.change}"
                    fix += f"; multiply what you compare it with by {moved.factor:g}"
            else:
                what, fix = (
                    f"{name} is gone in {upgrade.last}: {moved.why}",
                    "take it out, or find what takes its place",
                )
            yield document.problem(place, what, fix)


def _queries(value: object, place: Place) -> Iterator[tuple[Place, str]]:
    """Yield every text that stands where a query does, with its place."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in _QUERIES and isinstance(inner, str):
                yield (*place, key), inner
            else:
                yield from _queries(inner, (*place, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _queries(inner, (*place, number))


def _names(text: str) -> list[str]:
    """Return the series that a query reads; of a text that is no PromQL, such as label_values(…), every word."""
    try:
        found = [selector.name for selector in selectors(parsed(text))]
    except ValueError:
        found = re.findall(r"[a-zA-Z_:][a-zA-Z0-9_:]*", text)
    return list(dict.fromkeys(found))
