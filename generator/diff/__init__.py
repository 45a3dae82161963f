"""What differs between two bundles by meaning: alerts, recorded series and boards, sorted by what a difference breaks."""

from generator.diff.change import RANKS, Change
from generator.diff.compare import compare, of_the_bundle
from generator.diff.reading import read
from generator.diff.report import FORMATS

__all__ = ["FORMATS", "RANKS", "Change", "compare", "of_the_bundle", "read"]
