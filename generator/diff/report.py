"""Differences as text, JSON, and Markdown for a pull request."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from generator.diff.change import RANKS, Change


def text(old: str, new: str, changes: Sequence[Change]) -> str:
    """Return one line per change below its rank."""
    if not changes:
        return f"{old} and {new} mean the same"
    out = []
    for rank, about in RANKS.items():
        found = [change for change in changes if change.rank == rank]
        if found:
            out += [f"{rank} ({len(found)}): {about}", *(f"  {change}" for change in found)]
    return "\n".join(out)


def as_json(old: str, new: str, changes: Sequence[Change]) -> str:
    """Return the changes as a JSON object, with how many there are of each rank."""
    counted = {rank: sum(change.rank == rank for change in changes) for rank in RANKS}
    listed = [{"rank": c.rank, "kind": c.kind, "name": c.name, "what": c.what} for c in changes]
    return json.dumps({"old": old, "new": new, "counts": counted, "changes": listed}, indent=2, ensure_ascii=False)


def markdown(old: str, new: str, changes: Sequence[Change]) -> str:
    """Return a table per rank."""
    if not changes:
        return f"`{old}` and `{new}` mean the same."
    out = []
    for rank, about in RANKS.items():
        found = [change for change in changes if change.rank == rank]
        if found:
            out += [f"### {rank.capitalize()}: {about}", "", "| what | name | difference |", "| --- | --- | --- |"]
            out += [f"| {c.kind} | {_cell(c.name)} | {_cell(c.what)} |" for c in found]
            out.append("")
    return "\n".join(out).rstrip("\n")


def _cell(value: str) -> str:
    return value.replace("|", "\\|").replace("\n", " ")


FORMATS: Mapping[str, Callable[[str, str, Sequence[Change]], str]] = {
    "text": text,
    "json": as_json,
    "markdown": markdown,
}
