"""The runbooks: a page for each alert, those of docs/runbooks, which a wheel has beside this module."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from generator.errors import GeneratorError, Problem, nearest

#: Where the pages are once installed, and in a checkout. setup.py copies the one into the other.
INSTALLED = Path(__file__).parent / "pages"
CHECKOUT = Path(__file__).parents[2] / "docs" / "runbooks"


def folder() -> Path:
    """Return the folder that has the pages."""
    return INSTALLED if INSTALLED.is_dir() else CHECKOUT


def names() -> Sequence[str]:
    """Return what the pages are called, sorted."""
    return sorted(path.stem for path in folder().glob("*.md"))


def page(name: str, alerts: Mapping[str, str] | None = None) -> str:
    """Return a page as Markdown.

    Args:
        name: The page, or the alert that it is for.
        alerts: The page of each alert that has another's: those of an operator's own systems.

    Raises:
        GeneratorError: There is no such page; says which name is nearest.

    """
    pages, alerts = names(), alerts or {}
    found = alerts.get(name, name)
    if found not in pages:
        fix = nearest(name, [*pages, *alerts], otherwise="`agentobs runbook --list` tells what there is")
        raise GeneratorError([Problem("NAME", 1, f"no runbook {name[:100]!r}", fix)])
    return (folder() / f"{found}.md").read_text(encoding="utf-8")


def meaning(text: str) -> str:
    """Return what a page says first about its alert, in one line."""
    found = re.search(r"^## What it means\n+(.+?)(?:\n\n|\n## |\Z)", text, re.MULTILINE | re.DOTALL)
    return re.split(r"(?<=[.!?])\s", " ".join(found[1].split()))[0] if found else ""
