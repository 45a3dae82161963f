"""Colours: what each means, and lines that people tell apart who see no red or no green.

What is good is blue and not green: to one man in twelve Grafana's green and its red are one colour.
`tests/test_colours.py` measures it, in the dark and in the light theme.
"""

from __future__ import annotations

from collections.abc import Sequence

#: Something to do now, something to do this week, all is well, and a number that nobody judges: the colour of text.
CRITICAL, WARNING, GOOD, PLAIN = "red", "orange", "blue", "text"

#: Severities of alerts, most severe first, each with its colour.
SEVERITY = {"critical": CRITICAL, "warning": WARNING, "info": GOOD}

#: What changed, drawn as marks: none is a severity's.
STARTED, CHANGED, RESIZED = "#9922FF", "#BB4499", "#887733"

#: Lines of a graph that has a query for each: far apart for every kind of sight, and on both grounds. None is a severity's.
LINES: Sequence[str] = ("#5599FF", "#99BB33", "#BB4499", "#887733", "#DD9999", "#9922FF")
