"""How large a page may be: an alert must tell of one that grows before Prometheus refuses it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from generator.catalogue import Catalogue, System
from generator.errors import Problem
from generator.source import Document
from generator.units import number


def pages(document: Document, catalogue: Catalogue) -> Iterator[Problem]:
    """Yield limits of a page that are reached before the alert that tells of them, or that no page keeps."""
    for name, system in document.data.get("systems", {}).items():
        limit, least = system.get("scrape", {}).get("label_limit", 0), _labels(document, catalogue.systems[name])
        if 0 < limit < least:
            what = f"'label_limit' is {limit}, and Prometheus would refuse every page: some series have {least} labels at least"
            fix = f"set it to {least} or more, or to 0 for any number"
            yield document.problem(("systems", name, "scrape", "label_limit"), what, fix)
    for threshold in (threshold for threshold in catalogue.limits.values() if threshold.samples):
        name, system, each = threshold.name, threshold.system, threshold.samples
        scrape = document.data.get("systems", {}).get(system, {}).get("scrape", {})
        limit_value: Any = document.data.get("thresholds", {}).get(name, threshold.value)
        limit = scrape.get("sample_limit", catalogue.systems[system].endpoint.sample_limit)
        if (
            not limit
            or isinstance(limit_value, bool)
            or not isinstance(limit_value, (int, float))
            or limit_value * each < limit
        ):
            continue
        what = (
            f"the threshold {name!r} tells of a page of {number(limit_value * each)} samples, which Prometheus has refused as a whole "
            f"by then: 'sample_limit' is {number(limit)}"
        )
        if "sample_limit" in scrape:
            place: tuple[str, ...] = ("systems", system, "scrape", "sample_limit")
        else:
            place = ("thresholds", name)
        yield document.problem(
            place, what, f"set sample_limit above {number(limit_value * each)}, or to 0, or lower the threshold"
        )


def _labels(document: Document, system: System) -> int:
    """Return how many labels the series with the most has wherever it is found: its name, its own, an edge, its target's."""
    own = (
        len({*metric.labels, *metric.constant_labels, *system.constant_labels}) + bool(metric.buckets)
        for metric in system.metrics
    )
    selectors = sum(not value.startswith("~") for value in document.data.get("selectors", {}).values())
    return 1 + max(own, default=0) + len({"deployment", "system", "instance", "job"}) + selectors
