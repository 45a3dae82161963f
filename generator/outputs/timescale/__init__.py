"""The rules and scrape files for a reference server whose time passes N times as fast as life.

A reference server with `--time-scale N` plays N seconds in one. Its counters, its start times and Prometheus' own clock
keep to the wall, so rules see N times the rate in an Nth of the time: what is a duration is divided by N, what is per
second too, and what is an age is multiplied. The scaled files so say of the fast server what the ordinary files say of
an ordinary one.
"""

from generator.outputs.timescale.documents import LEAST_MILLISECONDS, banner, problem, scaled
from generator.outputs.timescale.expressions import duration, expression

__all__ = ["LEAST_MILLISECONDS", "banner", "duration", "expression", "problem", "scaled"]
