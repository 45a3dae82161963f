"""One catalogue file of a system that the bundle does not ship, with the shared pages that it may name."""

from __future__ import annotations

from pathlib import Path

from generator.catalogue import Catalogue, read
from generator.catalogue.load import SHARED
from generator.errors import CatalogueError, Problem
from generator.source import parse, shown


def load(path: Path) -> Catalogue:
    """Return the catalogue of the file, whose system becomes the only target.

    What systems share, such as the Python process, is there too.

    Raises:
        CatalogueError: It cannot be read or is wrong; carries every problem.

    """
    problems: list[Problem] = []
    name = _name(path)
    shared = {page.stem: page for page in SHARED.glob("*.yaml")}
    systems = read({**shared, name: path}, problems)
    found = systems.get(name)
    for page in found.pages if found else ():
        if page not in systems:
            what, fix = f"`pages` names {page!r}, which is no shared page", f"use some of {', '.join(sorted(shared))}"
            problems.append(Problem(shown(path), 1, what, fix))
    if problems or found is None:
        raise CatalogueError(problems)
    return Catalogue(systems, (name,))


def _name(path: Path) -> str:
    """Return the id that the file gives its system; the file's stem where it gives none, which is one of its problems."""
    try:
        data = parse(shown(path), path.read_text(encoding="utf-8"), []).data
    except (OSError, UnicodeDecodeError):
        data = None
    name = data.get("system") if isinstance(data, dict) else None
    return name if isinstance(name, str) and name else path.stem
