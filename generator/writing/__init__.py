"""Files that are written and compared as one set: all old or all new, whatever comes between."""

from generator.writing.exchange import Exchange
from generator.writing.leftovers import OWNED, mend
from generator.writing.places import differences, stale

__all__ = ["OWNED", "Exchange", "differences", "mend", "stale"]
