"""What the schema cannot say: names that must exist, values that must fit each other. One module per subject."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from generator.catalogue import Catalogue
from generator.config.checks.addresses import addresses
from generator.config.checks.attribution import attribution
from generator.config.checks.collector import collector
from generator.config.checks.durations import durations
from generator.config.checks.files import files
from generator.config.checks.grafana import grafana
from generator.config.checks.kubernetes import kubernetes
from generator.config.checks.labels import labels
from generator.config.checks.links import links
from generator.config.checks.matchers import matchers
from generator.config.checks.pages import pages
from generator.config.checks.perses import perses
from generator.config.checks.repeats import repeats
from generator.config.checks.replicas import replicas
from generator.config.checks.stores import stores
from generator.config.checks.suppressions import suppressions
from generator.config.checks.systems import systems
from generator.config.checks.texts import texts
from generator.config.checks.thresholds import thresholds
from generator.config.checks.unused import unused
from generator.errors import Problem
from generator.source import Document

__all__ = ["CHECKS", "Check"]

#: Takes a document that is a mapping and sound by the schema; returns what is wrong in it all the same.
Check = Callable[[Document, Catalogue], Iterable[Problem]]

CHECKS: tuple[Check, ...] = (
    systems,
    addresses,
    kubernetes,
    collector,
    grafana,
    perses,
    files,
    labels,
    attribution,
    matchers,
    replicas,
    texts,
    links,
    stores,
    repeats,
    durations,
    thresholds,
    pages,
    suppressions,
    unused,
)
