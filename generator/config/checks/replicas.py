"""Labels of Prometheus itself: none contradicts those of its targets, none takes them off an alert."""

from __future__ import annotations

from collections.abc import Iterator

from generator.catalogue import Catalogue
from generator.config.checks.labels import RESERVED
from generator.config.settings import REPLICAS, Labels
from generator.errors import Problem
from generator.source import Document, Place


def replicas(document: Document, catalogue: Catalogue) -> Iterator[Problem]:
    """Yield an external label that is another cluster than the targets', and replica labels that alerts need."""
    names, scrape = Labels(**document.data.get("labels", {})), document.data.get("scrape", {})
    cluster, external = scrape.get("cluster"), scrape.get("external_labels", {})
    if cluster and external.get(names.cluster, cluster) != cluster:
        what = f"the external label {names.cluster} is {external[names.cluster]!r}, and scrape.cluster is {cluster!r}"
        fix = (
            "give both one value, or leave the external label out: series and alerts have the cluster of their targets"
        )
        yield document.problem(("scrape", "external_labels", names.cluster), what, fix)
    yield from _dropped(document)
    own = {*document.data.get("selectors", {}), *document.data.get("alerts", {}).get("labels", {})}
    series = {label for system in catalogue.systems.values() for m in system.metrics for label in m.labels}
    for number, label in enumerate(document.data.get("alertmanager", {}).get("replica_labels", ())):
        if label in (*names.every, "job", "instance"):
            what = f"{label!r} names targets, and would be taken off every alert"
        elif label in RESERVED or label in series or label in own:
            what = f"{label!r} tells alerts apart, and would be taken off every one"
        else:
            continue
        fix = "list labels that only tell the Prometheus servers of a pair apart"
        yield document.problem(("alertmanager", "replica_labels", number), what, fix)


def _dropped(document: Document) -> Iterator[Problem]:
    """Yield labels that the usual replica labels, which hold where none is listed, would take off every alert."""
    if "replica_labels" in document.data.get("alertmanager", {}):
        return
    given: dict[Place, str] = {("labels", key): value for key, value in document.data.get("labels", {}).items()}
    given |= {("selectors", label): label for label in document.data.get("selectors", {})}
    given |= {("alerts", "labels", label): label for label in document.data.get("alerts", {}).get("labels", {})}
    for place, label in given.items():
        if label in REPLICAS:
            what = f"{label!r} is a replica label, which is taken off every alert"
            fix = "choose another name, or list your own in alertmanager.replica_labels"
            yield document.problem(place, what, fix)
