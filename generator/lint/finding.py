"""What a check finds, and the files it looks at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generator.errors import Problem
from generator.source import Document, Place, parse, shown


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing that a check does not like.

    Attributes:
        path, line: Where it stands.
        check: Name of the check, `topic/what`.
        what: What was found, values quoted.
        fix: What to do instead.

    """

    path: str
    line: int
    check: str
    what: str
    fix: str

    def __str__(self) -> str:
        """Show the finding as a clickable line."""
        return f"{self.path}:{self.line}: [{self.check}] {self.what}; {self.fix}"

    def as_json(self) -> dict[str, Any]:
        """Return the finding as a JSON object."""
        return {"path": self.path, "line": self.line, "check": self.check, "what": self.what, "fix": self.fix}

    def as_github(self) -> str:
        """Return the finding as an annotation of GitHub Actions."""
        text = f"{self.what}; {self.fix}".replace("%", "%25").replace("\n", "%0A")
        return f"::error file={self.path},line={self.line},title={self.check}::{text}"


@dataclass(frozen=True, slots=True)
class Files:
    """The generated files as they are on disk, with their lines.

    Attributes:
        boards: dashboards/*.json.
        rules: alerts/*.rules.yaml.
        scrape: scrape/*.yml.
        broken: What could not be parsed at all.

    """

    boards: tuple[Document, ...]
    rules: tuple[Document, ...]
    scrape: tuple[Document, ...]
    broken: tuple[Problem, ...]


def read(root: Path) -> Files:
    """Read the files below `root`. A file that is no mapping is broken and looked at no further."""
    broken: list[Problem] = []

    def documents(pattern: str) -> tuple[Document, ...]:
        found = []
        for path in sorted(root.glob(pattern)):
            document = parse(shown(path), path.read_text(encoding="utf-8", errors="replace"), broken)
            if isinstance(document.data, dict):
                found.append(document)
            elif not any(p.path == document.path for p in broken):
                broken.append(Problem(document.path, 1, "holds no mapping", "write it anew with `agentobs generate`"))
        return tuple(found)

    return Files(
        documents("dashboards/*.json"), documents("alerts/*.rules.yaml"), documents("scrape/*.yml"), tuple(broken)
    )


def panels(board: Document) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    """Yield every panel with its place, rows and the panels inside collapsed rows included."""
    for number, panel in enumerate(board.data.get("panels", ())):
        yield ("panels", number), panel
        for inner, child in enumerate(panel.get("panels", ())):
            yield ("panels", number, "panels", inner), child


def targets(board: Document) -> Iterator[tuple[Place, Mapping[str, Any], Mapping[str, Any]]]:
    """Yield every query of every panel: its place, its panel, itself."""
    for place, panel in panels(board):
        for number, target in enumerate(panel.get("targets", ())):
            yield (*place, "targets", number), panel, target


def rules(document: Document) -> Iterator[tuple[Place, Mapping[str, Any], Mapping[str, Any]]]:
    """Yield every rule of a rule file: its place, its group, itself."""
    for number, group in enumerate(document.data.get("groups", ())):
        for inner, rule in enumerate(group.get("rules", ())):
            yield ("groups", number, "rules", inner), group, rule


def strings(value: Any) -> list[str]:
    """Return every text in a JSON value, in order, keys left out."""
    found, left = [], [value]
    while left:
        one = left.pop()
        if isinstance(one, str):
            found.append(one)
        elif isinstance(one, (list, dict)):
            left += reversed(one.values() if isinstance(one, dict) else one)
    return found


def finding_at(board: Document, place: Place, check: str, what: str, fix: str) -> Finding:
    """Return what a check found at a place of a board."""
    return Finding(board.path, board.line(*place), check, what, fix)
