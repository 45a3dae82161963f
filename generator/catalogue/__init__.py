"""The metric catalogue: the one description of what every target system exposes."""

from generator.catalogue.limits import Limit
from generator.catalogue.load import SCHEMA, load, read
from generator.catalogue.metric import SUFFIXES, Emission, Kind, Label, Matcher, Metric, Source
from generator.catalogue.system import Catalogue, Endpoint, Era, JsonPage, Pods, Readiness, System
from generator.catalogue.versions import Versions, version_key

__all__ = [
    "SCHEMA",
    "SUFFIXES",
    "Catalogue",
    "Emission",
    "Endpoint",
    "Era",
    "JsonPage",
    "Kind",
    "Label",
    "Limit",
    "Matcher",
    "Metric",
    "Pods",
    "Readiness",
    "Source",
    "System",
    "Versions",
    "load",
    "read",
    "version_key",
]
