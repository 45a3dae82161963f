"""A draft of a catalogue from a metrics page: what the page says, and what it could not say."""

from generator.infer.draft import Draft, draft
from generator.infer.fetch import LARGEST, page
from generator.infer.page import Family, Sample, read
from generator.infer.writing import text

__all__ = ["LARGEST", "Draft", "Family", "Sample", "draft", "page", "read", "text"]
