"""YAML text that remembers its lines, and its check against a JSON Schema."""

from generator.source.document import DEEPEST, Document, Place, parse, short, shown
from generator.source.repeats import repeated
from generator.source.schema import against, fits, otherwise, validator, violations

__all__ = [
    "DEEPEST",
    "Document",
    "Place",
    "against",
    "fits",
    "otherwise",
    "parse",
    "repeated",
    "short",
    "shown",
    "validator",
    "violations",
]
