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
    Source,
    System,
)

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
    "Source",
    "System",
    "load",
]
