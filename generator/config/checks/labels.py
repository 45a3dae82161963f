"""Names of labels: those that Prometheus 2.42 takes, each used once, and none that a series or an alert has already."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from generator.catalogue import Catalogue
from generator.config.defaults import KINDS
from generator.config.settings import REPLICAS, Labels
from generator.errors import Problem
from generator.source import Document, short

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")

#: What a label of some name does already, in Prometheus or in what this package makes.
RESERVED: Mapping[str, str] = {
    "le": "it tells the buckets of a histogram apart",
    "quantile": "it tells the quantiles of a summary apart",
    "alertname": "it tells alerts apart",
    "alertstate": "it tells alerts that fire from pending ones",
    "severity": "it tells how urgent an alert is",
    "about": "it tells alerts about the monitoring itself",
    "slo": "it tells objectives apart",
    "era": "it tells versions of servers apart",
}


def labels(document: Document, catalogue: Catalogue) -> Iterator[Problem]:
    """Yield names of labels that no server takes, that stand for something else, or that stand there twice."""
    names = Labels(**document.data.get("labels", {}))
    taken = _taken(document, catalogue)
    for key, value in document.data.get("labels", {}).items():
        place = ("labels", key)
        if names.every.count(value) > 1:
            yield document.problem(place, f"label {value!r} is used twice", "give each target label a name of its own")
        if why := wrong(value) or taken.get(value, ""):
            yield document.problem(place, f"{key!r} is {short(value)}, which {why}", "choose another name")
    yield from _selectors(document, names, taken)
    yield from _matches(document, names, taken)
    yield from _of_alerts(document, names, taken)
    yield from _external(document, names)


def wrong(name: str) -> str:
    """Return why Prometheus 2.42 takes no label of this name, or takes it for one of its own; nothing when it does."""
    if not _NAME.fullmatch(name):
        return "is no label name of Prometheus 2.42, in which there are letters, digits and _"
    if name.startswith("__"):
        return "begins with __, as names do that Prometheus keeps for itself"
    return f"is taken: {RESERVED[name]}" if name in RESERVED else ""


def _taken(document: Document, catalogue: Catalogue) -> Mapping[str, str]:
    """Return why no target may have a label of some name: series of an enabled system, or of Prometheus, have it."""
    given = document.data.get("systems", {})
    out: dict[str, str] = {}
    for name, system in catalogue.systems.items():
        if given.get(name, {}).get("enabled", True):
            why = f"is taken: series of {system.title} have it"
            for metric in system.metrics:
                out = dict.fromkeys(metric.labels, why) | out
            out = dict.fromkeys(system.constant_labels, why) | out
    return out


def _selectors(document: Document, names: Labels, taken: Mapping[str, str]) -> Iterator[Problem]:
    for label in document.data.get("selectors", {}):
        place = ("selectors", label)
        if label in (*names.every, "instance"):
            what = f"the selector {label!r} is a target label, which boards ask for by a variable"
            yield document.problem(place, what, "leave it out, or set it on targets: scrape.cluster, or a group's key")
        elif why := wrong(label) or taken.get(label, ""):
            yield document.problem(place, f"the selector {short(label)} {why}", "choose another label")


def _matches(document: Document, names: Labels, taken: Mapping[str, str]) -> Iterator[Problem]:
    for name, system in document.data.get("systems", {}).items():
        for label in system.get("match", {}):
            place = ("systems", name, "match", label)
            if label in (names.role, names.instance, "instance"):
                what = f"{label!r} tells processes of one deployment apart"
                yield document.problem(place, what, "match a label that all targets of the system have, such as job")
            elif label in names.identity and KINDS.values() & system.get("scrape", {}).keys():
                what = f"{label!r} is what the jobs of this system say of each target"
                yield document.problem(
                    place, what, "match another label, or leave match out: the jobs set one that tells"
                )
            elif why := wrong(label) or taken.get(label, ""):
                yield document.problem(place, f"{short(label)} {why}", "choose another label")
    for label in document.data.get("alertmanager", {}).get("match", {}):
        if why := wrong(label):
            yield document.problem(("alertmanager", "match", label), f"{short(label)} {why}", "choose another label")


def _of_alerts(document: Document, names: Labels, taken: Mapping[str, str]) -> Iterator[Problem]:
    """Yield labels of alerts that would take the place of those that tell alerts apart."""
    selectors = document.data.get("selectors", {})
    for label in document.data.get("alerts", {}).get("labels", {}):
        place = ("alerts", "labels", label)
        if label == "severity":
            what = "the label 'severity' is each alert's own: routes know by it what pages"
            fix = "leave it out; route by a label of another name, or leave alerts out with alerts.disable"
            yield document.problem(place, what, fix)
        elif label in (*names.every, "instance", "job"):
            what = f"the label {label!r} says of an alert which target it is about"
            yield document.problem(place, what, "choose another name")
        elif label in selectors:
            yield document.problem(
                place, f"the label {label!r} is a selector, too", "alerts have it already: leave it out"
            )
        elif why := wrong(label) or taken.get(label, ""):
            yield document.problem(place, f"the label {short(label)} {why}", "choose another name")


def _external(document: Document, names: Labels) -> Iterator[Problem]:
    """Yield labels of this Prometheus by which alerts and series would be taken for another owner's."""
    selectors = document.data.get("selectors", {})
    replicas = document.data.get("alertmanager", {}).get("replica_labels", REPLICAS)
    for label, value in document.data.get("scrape", {}).get("external_labels", {}).items():
        place = ("scrape", "external_labels", label)
        if label in replicas and _NAME.fullmatch(label):
            continue
        if label in names.every and label != names.cluster:
            what = f"the external label {label!r} says of a series which target it is about"
            yield document.problem(place, what, "choose another name")
        elif label in selectors and not selectors[label].startswith("~") and selectors[label] != value:
            what = f"the external label {label} is {value!r}, and every query asks for {selectors[label]!r}"
            yield document.problem(place, what, "give both one value, or leave the external label out")
        elif why := wrong(label):
            yield document.problem(place, f"the external label {short(label)} {why}", "choose another name")
