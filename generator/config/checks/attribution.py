"""Labels by which tokens and cost are told, budgets of their values, and prices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from generator.catalogue import Catalogue, System
from generator.config.checks.labels import wrong
from generator.config.settings import Labels
from generator.config.values import attribution as read
from generator.errors import Problem, nearest
from generator.source import Document, Place, short

#: Variables that boards have beside those of attribution.
VARIABLES = ("datasource", *Labels.__slots__)

#: Labels that alerts about attribution have.
OURS = ("attribution", "value")


def attribution(document: Document, catalogue: Catalogue) -> Iterator[Problem]:
    """Yield labels that no series can get, and budgets and prices that nothing would be held against."""
    names = Labels(**document.data.get("labels", {}))
    for name, system in document.data.get("systems", {}).items():
        labels = [one.label for one in read(system)]
        known, place = catalogue.systems[name], ("systems", name)
        for number, label in enumerate(labels):
            if why := _refused(document, names, known, label, first=label not in labels[:number]):
                yield document.problem(
                    (*place, "attribution", number), f"the label {short(label)} {why}", "name another"
                )
        yield from _budgets(document, place, labels, system)
        yield from _twice(document, (*place, "prices"), [one["model"] for one in system.get("prices", ())])


def _refused(document: Document, names: Labels, system: System, label: str, *, first: bool) -> str:
    """Return why no server adds such a label, or why nothing could be told by it; empty when it is good."""
    reasons = {
        "stands here a second time": not first,
        "is a target label, which boards ask for already": label in (*names.every, "instance", "job"),
        "is what boards and alerts call something else": label in VARIABLES or label in OURS,
        "is a selector, too": label in document.data.get("selectors", {}),
        f"is one of {system.title} itself: no configuration adds it": any(label in m.labels for m in system.metrics),
    }
    return wrong(label) or next((why for why, holds in reasons.items() if holds), "")


def _budgets(document: Document, place: Place, labels: Sequence[str], system: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield budgets of labels that nothing is told by, and of values that have one already."""
    for number, budget in enumerate(system.get("budgets", ())):
        if budget["label"] not in labels:
            fix = nearest(budget["label"], labels, otherwise="add it there")
            what = f"{short(budget['label'])} is not in attribution"
            yield document.problem((*place, "budgets", number, "label"), what, fix)
    found = [f"{one['label']} {one['value']}" for one in system.get("budgets", ())]
    yield from _twice(document, (*place, "budgets"), found)


def _twice(document: Document, place: Place, names: Sequence[str]) -> Iterator[Problem]:
    for number, name in enumerate(names):
        if name in names[:number]:
            yield document.problem((*place, number), f"{short(name)} stands here a second time", "keep one of the two")
