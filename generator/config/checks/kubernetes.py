"""Names of Kubernetes: namespaces, labels and releases that an API server would take."""

from __future__ import annotations

import re
from collections.abc import Iterator

from generator.catalogue import Catalogue
from generator.errors import Problem
from generator.source import Document, Place, short

_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_LABEL = re.compile(rf"([a-z0-9]([a-z0-9.-]{{0,251}}[a-z0-9])?/)?{_VALUE.pattern}")


_FIX = "write letters, digits, -, _ and ., at most 63, the first and the last a letter or a digit"


def kubernetes(document: Document, catalogue: Catalogue) -> Iterator[Problem]:
    """Yield names that nothing in Kubernetes can have."""
    for name, system in document.data.get("systems", {}).items():
        own, where = system.get("scrape", {}).get("kubernetes", {}), ("systems", name, "scrape", "kubernetes")
        for number, namespace in enumerate(own.get("namespaces", ())):
            if not _NAMESPACE.fullmatch(namespace):
                what, fix = f"{short(namespace)} is no namespace", "write lower-case letters, digits and -"
                yield document.problem((*where, "namespaces", number), what, fix)
        label = own.get("deployment_label")
        if label and not _LABEL.fullmatch(label):
            what = f"'deployment_label' is {short(label)}, which is no label of Kubernetes"
            yield document.problem((*where, "deployment_label"), what, "write one such as app.kubernetes.io/instance")
        for key in ("release", "exporters", "fullname"):
            if (value := own.get(key)) and not _VALUE.fullmatch(value):
                what = f"{key!r} is {short(value)}, which is no name of a release"
                yield document.problem((*where, key), what, "write its name, not a pattern: letters, digits, - and .")
    yield from _objects(document, ("formats", "kubernetes"))
    yield from _through_services(document, catalogue, ("formats", "kubernetes", "service_monitors"))


def _through_services(document: Document, catalogue: Catalogue, where: Place) -> Iterator[Problem]:
    """Yield systems that no ServiceMonitor can be for in the place of a PodMonitor."""
    known = sorted(
        name for name in catalogue.targets if any(p.service for p in catalogue.systems[name].endpoint.pods.values())
    )
    for number, name in enumerate(document.data.get("formats", {}).get("kubernetes", {}).get("service_monitors", ())):
        if name not in known:
            what = f"{short(name)} is no system whose pods have a Service before them"
            yield document.problem((*where, number), what, f"use {', '.join(known)}")


def _objects(document: Document, where: Place) -> Iterator[Problem]:
    """Yield what objects that are made for Kubernetes cannot be called, or be known by."""
    own = document.data.get(where[0], {}).get(where[1], {})
    if (namespace := own.get("namespace")) and not _NAMESPACE.fullmatch(namespace):
        what, fix = (
            f"'namespace' is {short(namespace)}, which is no namespace",
            "write lower-case letters, digits and -",
        )
        yield document.problem((*where, "namespace"), what, fix)
    if (name := own.get("folder_annotation")) and not _LABEL.fullmatch(name):
        what = f"'folder_annotation' is {short(name)}, which is no annotation of Kubernetes"
        yield document.problem((*where, "folder_annotation"), what, "write one such as grafana_folder")
    for key in ("labels", "dashboard_labels", "instance_selector"):
        for label, value in own.get(key, {}).items():
            place = (*where, key, label)
            if not _LABEL.fullmatch(label):
                yield document.problem(place, f"the key {short(label)} is no label of Kubernetes", _FIX)
            elif value and not _VALUE.fullmatch(value):
                what = f"{label!r} is {short(value)}, which is no value of a label of Kubernetes"
                yield document.problem(place, what, _FIX)
