"""The queries of the generated files: of panels, variables, annotations and rules alike, each with its place and its tree."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from generator.catalogue import Metric
from generator.config.site import Site
from generator.lint import expression
from generator.lint.expression import ANY, Selector
from generator.lint.finding import Files, Finding, rules, targets
from generator.source import Document, Place


@dataclass(frozen=True, slots=True)
class Text:
    """One query: its file, place and text, and the board variables it is held to (none for a rule)."""

    document: Document
    place: Place
    text: str
    board: bool

    def finding(self, check: str, what: str, fix: str) -> Finding:
        """Return a finding at the query."""
        return Finding(self.document.path, self.document.line(*self.place, "expr"), check, what, fix)


def texts(files: Files) -> Iterator[Text]:
    """Yield every query of every file: panels, variables, annotations, rules."""
    for board in files.boards:
        for place, _, target in targets(board):
            yield Text(board, place, str(target.get("expr", "")), board=True)
        for number, variable in enumerate(board.data.get("templating", {}).get("list", ())):
            inner = re.fullmatch(
                r"label_values\((.*), *\w+\)|query_result\((.*)\)",
                str((variable.get("query") or {}).get("query", "")) if isinstance(variable.get("query"), dict) else "",
            )
            if inner:
                yield Text(board, ("templating", "list", number, "query"), inner[1] or inner[2], board=True)
        for number, annotation in enumerate(board.data.get("annotations", {}).get("list", ())):
            if "expr" in annotation:
                yield Text(board, ("annotations", "list", number), annotation["expr"], board=True)
    for document in files.rules:
        for place, _, rule in rules(document):
            yield Text(document, place, str(rule.get("expr", "")), board=False)


def trees(files: Files) -> Iterator[tuple[Text, Any]]:
    """Yield every query that is PromQL, with its syntax tree."""
    for text in texts(files):
        try:
            yield text, expression.parsed(text.text)
        except ValueError:
            continue


def selections(files: Files) -> Iterator[tuple[Text, Selector]]:
    """Yield every selector of every query."""
    for text, tree in trees(files):
        for selector in expression.selectors(tree):
            yield text, selector


def readings(files: Files, site: Site) -> Iterator[tuple[Text, Selector, Metric]]:
    """Yield every selector of a catalogue metric."""
    for text, selector in selections(files):
        known = catalogued(site, site.system_of(Path(text.document.path).name))
        if selector.name in known:
            yield text, selector, known[selector.name]


@lru_cache(maxsize=32)  # a site is the same one only when it is one: half of the checks ask for it
def catalogued(site: Site, system: str = "") -> Mapping[str, Metric]:
    """Return every series that a scrape can bring, both eras, under this site's prefixes.

    Where two systems have a name it is that of `system`, and else of one that is enabled.
    """

    def rank(name: str) -> tuple[bool, bool]:
        own = site.config.systems.get(name)
        return name == system, own is not None and own.enabled

    return {s: m for name in sorted(site.catalogue.systems, key=rank) for m in site.system(name) for s in m.series}


def recorded(files: Files) -> set[str]:
    """Return the names of the series that the rules record."""
    return {str(rule["record"]) for document in files.rules for _, _, rule in rules(document) if "record" in rule}


def result_labels(text: str) -> frozenset[str] | None:
    """Return the labels that a query's result can have; ANY when they are those of the raw series."""
    try:
        return expression.labels(expression.parsed(text))
    except ValueError:
        return ANY
