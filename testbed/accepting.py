"""Configurations as data: which are refused and what is said, and which are taken although they look odd."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

DATA = Path(__file__).parents[1] / "tests" / "data"


@dataclass(frozen=True, slots=True)
class Case:
    """One bundle.yaml: of which kind it is, its text, and everything that is said of it; nothing where it is taken."""

    kind: str
    text: str
    problems: tuple[str, ...] = ()


def refused() -> list[Case]:
    """Return the configurations that are refused, by kind."""
    kinds = yaml.safe_load((DATA / "refused.yaml").read_text(encoding="utf-8"))
    return [Case(kind["kind"], case["text"], tuple(case["told"])) for kind in kinds for case in kind["cases"]]


def accepted() -> list[Case]:
    """Return the configurations that are taken."""
    return [
        Case(one["what"], one["text"]) for one in yaml.safe_load((DATA / "accepted.yaml").read_text(encoding="utf-8"))
    ]


def markdown() -> list[str]:
    """Return the table of docs/refused.md: the first case of each kind, and what is said of it."""
    rows: dict[str, Case] = {}
    for case in refused():
        rows.setdefault(case.kind, case)
    return [
        "| what is refused | such as | what is said |",
        "| --- | --- | --- |",
        *(
            f"| {kind} | {' '.join(f'`{_cell(line.strip())}`' for line in case.text.splitlines())} "
            f"| {_cell(case.problems[0].partition(': ')[2]).replace('`', chr(39)).replace('<', '&lt;')} |"
            for kind, case in rows.items()
        ),
    ]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
