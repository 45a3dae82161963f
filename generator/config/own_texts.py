"""What no catalogue file of an operator's own may say: texts and numbers that a rule file, a board or a query cannot hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from generator.config.checks.matchers import VARIABLE, unreadable
from generator.config.plain import unplain
from generator.errors import Problem
from generator.source import Document, Place, short
from generator.units import UNITS, nearest_unit

#: Labels that every series of a target has, or that Prometheus and its client libraries give.
TAKEN = ("le", "quantile", "job", "instance", "cluster", "namespace", "deployment", "system")

#: What a label and a role may be called.
_LABEL = re.compile(r"[a-zA-Z][a-zA-Z0-9_]*|_[a-zA-Z0-9][a-zA-Z0-9_]*")
_ROLE = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")

#: Characters of a title at most: names of boards and panels begin with it.
LONGEST_TITLE = 40

#: Characters that no title has: it stands in links, in cells of tables and in the text of pages.
MARKUP = frozenset("<>[]|`*\\")

#: Metrics of a file at most: an ordinary exporter has some hundred.
MOST = 2000


def unfit(document: Document) -> Iterator[Problem]:
    """Yield what is wrong with the texts, names and numbers of a catalogue file; nothing of it has been checked."""
    yield from (problem for _, problem in unplain(document))
    yield from _texts(document, document.data, ())
    if isinstance(document.data, dict):
        yield from _head(document)
        yield from _entries(document)
        yield from _signals(document)


def _texts(document: Document, value: Any, place: Place) -> Iterator[Problem]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(document, inner, (*place, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _texts(document, inner, (*place, number))
    elif isinstance(value, str):
        if "{{" in value or "}}" in value:
            what = f"{short(value)} has {{{{ or }}}} in it, which alerts take for a template"
            yield document.problem(place, what, "write it without")
        if VARIABLE.search(value):
            yield document.problem(
                place, f"{short(value)} would be taken for a variable by Grafana", "write it without $ and [["
            )


def _head(document: Document) -> Iterator[Problem]:
    title, path = document.data.get("title"), _scrape(document).get("path")
    if isinstance(title, str) and not 0 < len(title.strip()) <= LONGEST_TITLE:
        what = f"'title' is {short(title)}, of {len(title)} characters"
        yield document.problem(("title",), what, f"write one of 1 to {LONGEST_TITLE} characters")
    elif isinstance(title, str) and (found := sorted(set(title) & MARKUP)):
        what = f"'title' is {short(title)}, with {' '.join(found)} in it, which pages and links take for markup"
        yield document.problem(("title",), what, "write it without")
    if document.data.get("alerts") == "":
        yield document.problem(("alerts",), "'alerts' is empty", "write a word, such as Shop, or leave it out")
    if isinstance(path, str) and not re.fullmatch(r"/[^\s?#]*", path):
        yield document.problem(
            ("scrape", "path"), f"'path' is {short(path)}", "write a path that begins with /, without a query"
        )
    if document.data.get("objectives"):
        what = "objectives are those of Agent Servers, whose alerts and boards know them"
        yield document.problem(("objectives",), what, "leave them out")
    for role in _mapping(document.data.get("roles")):
        if not _ROLE.fullmatch(str(role)):
            what = f"the role {short(role)} is no name"
            yield document.problem(("roles", role), what, "use lower-case letters, digits and hyphens")
    for name, limit in _mapping(document.data.get("limits")).items():
        unit = limit.get("unit") if isinstance(limit, dict) else None
        if isinstance(unit, str) and unit.removesuffix("/s") not in UNITS:
            yield document.problem(
                ("limits", name, "unit"), f"unit {unit!r} is unknown", nearest_unit(unit.removesuffix("/s"))
            )


def _scrape(document: Document) -> dict[str, Any]:
    return _mapping(document.data.get("scrape"))


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _entries(document: Document) -> Iterator[Problem]:
    entries = document.data.get("metrics")
    if not isinstance(entries, list):
        return
    if len(entries) > MOST:
        what = f"{len(entries)} metrics, more than {MOST}"
        yield document.problem(("metrics",), what, "leave out what nobody looks at, or divide the system")
    for number, entry in enumerate(entries):
        for label in _mapping(_mapping(entry).get("labels")):
            place = ("metrics", number, "labels", label)
            if label in TAKEN or (label == "role" and document.data.get("roles")):
                what = f"the label {label!r} is one that targets or histograms have"
                fix = (
                    f"call it exported_{label}, as Prometheus does"
                    if label not in ("le", "quantile")
                    else "leave it out"
                )
                yield document.problem(place, what, fix)
            elif not _LABEL.fullmatch(str(label)):
                yield document.problem(
                    place, f"{short(label)} is no name of a label", "use letters, digits and _, no digit first"
                )


def _signals(document: Document) -> Iterator[Problem]:
    requests = _mapping(document.data.get("signals")).get("requests")
    for number, request in enumerate(requests if isinstance(requests, list) else ()):
        for label, pattern in _mapping(_mapping(request).get("failed")).items():
            if isinstance(pattern, str) and (why := unreadable(pattern)):
                place = ("signals", "requests", number, "failed", label)
                yield document.problem(
                    place, f"{short(pattern)} is no regular expression: {why}", "write it as RE2 reads it"
                )
