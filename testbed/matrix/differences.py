"""What is known to differ on VictoriaMetrics: data with reasons, held by tests and written for operators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).with_suffix(".yaml")

#: What can differ, and how each place is written: the things and the groups that they are listed in.
Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """One reason, and everywhere that it shows.

    Attributes:
        id: One word.
        what: What an operator sees.
        why: What the two engines do.
        do: What to do about it.
        panels: (Board, panel).
        cases: (File, case) of `tests/rules`: an alert fires, or stays silent, otherwise than on Prometheus.
        scenarios: Ids of scenarios of the reference server of which the same is true.
        fields: Names of refused fields of scrape files.

    """

    id: str
    what: str
    why: str
    do: str
    panels: frozenset[Place] = frozenset()
    cases: frozenset[Place] = frozenset()
    scenarios: frozenset[str] = frozenset()
    fields: frozenset[str] = field(default=frozenset())


def load(path: Path = FILE) -> tuple[Difference, ...]:
    """Return the known differences in the order of the file.

    Raises:
        TypeError: An entry lacks a text, or has an unknown key.
        ValueError: A place is listed under two reasons.

    """
    entries: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    out = tuple(
        Difference(
            **{
                **entry,
                "panels": _places(entry.get("panels", {})),
                "cases": _places(entry.get("cases", {})),
                "scenarios": frozenset(entry.get("scenarios", ())),
                "fields": frozenset(entry.get("fields", ())),
            }
        )
        for entry in entries
    )
    seen: set[object] = set()
    for one in out:
        places = {*one.panels, *one.cases, *one.scenarios, *one.fields}
        if both := seen & places:
            raise ValueError(f"{min(map(str, both))} is listed under two reasons; keep one")
        seen |= places
    return out


def _places(listed: Mapping[str, list[str]]) -> frozenset[Place]:
    return frozenset((group, name) for group, names in listed.items() for name in names)


def markdown(known: tuple[Difference, ...], titles: Mapping[str, str]) -> list[str]:
    """Return the lines of the document: one section for each reason. `titles` are those of boards by their stem."""
    lines: list[str] = []
    for one in known:
        lines += [f"### {one.what.rstrip('.')}", "", one.why.strip(), "", f"What to do: {one.do.strip()}", ""]
        if one.fields:
            lines += ["Fields: " + ", ".join(f"`{name}`" for name in sorted(one.fields)) + ".", ""]
        for board in sorted({board for board, _ in one.panels}):
            panels = ", ".join(sorted(panel for of, panel in one.panels if of == board))
            lines.append(f"- {titles[board]}: {panels}")
        for topic in sorted({topic for topic, _ in one.cases}):
            lines += [f"- rules `{topic}`: {case}" for case in sorted(case for of, case in one.cases if of == topic)]
        lines += [f"- scenario {name}" for name in sorted(one.scenarios)]
        if lines[-1]:
            lines.append("")
    return lines[:-1]
