"""The metric catalogue: the one description of what every target system exposes."""

from generator.catalogue.load import SYSTEMS, load
from generator.catalogue.model import (
    SUFFIXES,
    Catalogue,
    Emission,
    Endpoint,
    Era,
    JsonPage,
    Kind,
    Label,
    Matcher,
    Metric,
    Pods,
    Source,
    System,
)
from generator.catalogue.versions import Versions, version_key

__all__ = [
    "SUFFIXES",
    "SYSTEMS",
    "Catalogue",
    "Emission",
    "Endpoint",
    "Era",
    "JsonPage",
    "Kind",
    "Label",
    "Matcher",
    "Metric",
    "Pods",
    "Source",
    "System",
    "Versions",
    "load",
    "version_key",
]
