"""What a catalogue file says of something that it has not: of a role, a value, a page; and what it says twice.

Entries of metrics are the business of `lint`, but for what is lost once they are read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from generator.errors import Problem, nearest
from generator.source import Document, Place, repeated

#: Where roles are keys, and where they are items, below `scrape`.
_BY_ROLE = ("ports", "paths", "pods", "services", "container_ports")

#: Lists of which other rules tell that something is there twice.
_TOLD = ("buckets", "no_board", "no_alert", "definitions")


def undeclared(document: Document, broken: Collection[Any]) -> Iterator[Problem]:
    """Yield roles, values, pages and numbers that the file does not have, and items of a list that stand there twice.

    Args:
        document: A file that fits the schema, but for some entries of metrics.
        broken: The numbers of these entries.

    """
    for place, what in repeated(document):
        if not _told(place, broken):
            yield document.problem(place, what, "keep one of the two")
    yield from _roles(document, broken)
    yield from _pages(document)
    yield from _values(document, broken)
    yield from _numbers(document, broken)


def _told(place: Place, broken: Collection[Any]) -> bool:
    """Whether another rule tells of an item that its list has already: of entries of one name, and of what no entry is."""
    entry = place[1] if place[0] == "metrics" else None
    return bool(set(_TOLD) & set(place)) or (entry is not None and (len(place) == 2 or entry in broken))  # noqa: PLR2004


def _roles(document: Document, broken: Collection[Any]) -> Iterator[Problem]:
    """Yield roles that are spoken of and not declared; where there are none, the empty text stands for every process."""
    data = document.data
    known, used = list(data.get("roles", {})), [*_named(data, broken)]
    for place, role in used:
        if role not in known and not (role == "" and not known):
            otherwise = f"use one of {', '.join(known)}" if known else "the system has no roles: remove it"
            yield document.problem(place, f"role {role!r} is unknown", nearest(role, known, otherwise=otherwise))


def _named(data: Mapping[str, Any], broken: Collection[Any]) -> Iterator[tuple[Place, str]]:
    scrape = data.get("scrape", {})
    for role in data.get("unlisted", {}):
        yield ("unlisted", role), role
    for part, roles in data.get("parts", {}).items():
        yield from ((("parts", part, number), role) for number, role in enumerate(roles))
    for key in _BY_ROLE:
        yield from ((("scrape", key, role), role) for role in scrape.get(key, {}))
    for number, role in enumerate(scrape.get("exporters", ())):
        yield ("scrape", "exporters", number), role
    for number, role in enumerate(scrape.get("ready", {}).get("roles", ())):
        yield ("scrape", "ready", "roles", number), role
    if "prober" in scrape:
        yield ("scrape", "prober"), scrape["prober"]
    for number, page in enumerate(scrape.get("json", ())):
        yield from ((("scrape", "json", number, key), page[key]) for key in ("role", "needs") if key in page)
    for number, entry in enumerate(data["metrics"]):
        for nth, role in enumerate(() if number in broken else entry.get("unscrapeable_roles", ())):
            yield ("metrics", number, "unscrapeable_roles", nth), role


def _pages(document: Document) -> Iterator[Problem]:
    pages = document.data.get("pages", [])
    for page in document.data.get("pages_since", {}):
        if page not in pages:
            yield document.problem(
                ("pages_since", page), f"{page!r} is not in `pages`", nearest(page, pages, otherwise="add it there")
            )


def _values(document: Document, broken: Collection[Any]) -> Iterator[Problem]:
    """Yield values of a label that are there since some version, and are none of its values."""
    for place, label in _labels(document, broken):
        known = label.get("values", [])
        for value in label.get("values_since", {}):
            if value not in known:
                what = f"{value!r} is none of the values of {place[-1]!r}"
                yield document.problem(
                    (*place, "values_since", value), what, nearest(value, known, otherwise="remove it")
                )


def _labels(document: Document, broken: Collection[Any]) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    yield from ((("constant_labels", name), one) for name, one in document.data.get("constant_labels", {}).items())
    for number, entry in enumerate(document.data["metrics"]):
        if number not in broken:
            yield from ((("metrics", number, "labels", name), one) for name, one in entry.get("labels", {}).items())


def _numbers(document: Document, broken: Collection[Any]) -> Iterator[Problem]:
    """Yield numbers of `cardinality` that no label has as many values as."""
    used = {
        count if isinstance(count := one.get("count"), str) else place[-1] for place, one in _labels(document, broken)
    }
    for name in () if broken else document.data.get("cardinality", {}):
        if name not in used:
            fix = f"give a label `count: {name}`, or remove it"
            yield document.problem(("cardinality", name), f"no label has as many values as {name!r}", fix)
