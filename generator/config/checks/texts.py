"""Texts that reach a reader who takes a part of them for an instruction, and names that Grafana refuses."""

from __future__ import annotations

import re
from collections.abc import Iterator

from generator.catalogue import Catalogue
from generator.errors import Problem
from generator.source import Document, short
from generator.units import seconds

#: `now`, so long ago, and rounded down to a whole day or the like; not before computers were.
_FROM = re.compile(r"now(-[1-9][0-9]{0,4}[smh]|-[1-9][0-9]{0,2}[dwM]|-[1-9]y)(/[smhdwMy])?|now/[dwMy]")

#: Characters of a tag and of a folder's title that Grafana's database has room for.
_TAG, _FOLDER = 50, 189

#: The shortest interval that Grafana refreshes a board in, unless its configuration allows less, and the longest that is of use.
_REFRESH = ("5s", "1d")


def texts(document: Document, catalogue: Catalogue) -> Iterator[Problem]:  # noqa: ARG001 - a check's signature
    """Yield texts in which a server would see a variable or a template, and what Grafana does not take."""
    for label, value in document.data.get("scrape", {}).get("external_labels", {}).items():
        if not value:
            what = f"{label!r} is empty, and Prometheus takes a label without a value for none"
            yield document.problem(("scrape", "external_labels", label), what, "give it a value, or leave it out")
        elif "$" in value:
            what = f"{label!r} is {short(value)}, in which Prometheus would see variables of its environment"
            yield document.problem(("scrape", "external_labels", label), what, "write it without a $")
    for label, value in document.data.get("alerts", {}).get("labels", {}).items():
        if "{{" in value:
            what = f"{label!r} is {short(value)}, in which Prometheus would see a template"
            yield document.problem(("alerts", "labels", label), what, "write the text itself: a label has one value")
        elif not value:
            what = f"{label!r} is empty, and Prometheus takes a label without a value for none"
            yield document.problem(("alerts", "labels", label), what, "give it a value, or leave it out")
    yield from _boards(document)


def _boards(document: Document) -> Iterator[Problem]:
    boards = document.data.get("dashboards", {})
    folder = boards.get("folder", "")
    if folder.strip().lower() == "general":
        what = f"'folder' is {short(folder)}, which is Grafana's own name for no folder"
        yield document.problem(("dashboards", "folder"), what, "leave it empty for no folder: folder: ''")
    if len(folder) > _FOLDER or folder != folder.strip():
        what = f"'folder' is {short(folder)}, which Grafana would cut"
        yield document.problem(
            ("dashboards", "folder"), what, f"write at most {_FOLDER} characters, no blank at an end"
        )
    for number, tag in enumerate(boards.get("tags", ())):
        if len(tag) > _TAG:
            what = f"{short(tag)} is longer than a tag of Grafana"
            yield document.problem(("dashboards", "tags", number), what, f"write at most {_TAG} characters")
    if (begin := boards.get("time_from")) is not None and not _FROM.fullmatch(begin):
        what = f"'time_from' is {short(begin)}, which is no time before now"
        yield document.problem(("dashboards", "time_from"), what, "write one such as now-6h")
    if (refresh := boards.get("refresh")) is not None:
        least, most = _REFRESH
        if seconds(refresh) < seconds(least):
            what = f"'refresh' is {refresh}, and Grafana refreshes no board more often than every {least}"
            yield document.problem(("dashboards", "refresh"), what, f"use at least {least}")
        elif seconds(refresh) > seconds(most):
            yield document.problem(("dashboards", "refresh"), f"'refresh' is {refresh}", f"use at most {most}")
