"""Checks of what texts say of time: no other duration than those over which their own query looks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from generator.config.site import Site
from generator.config.timing import words
from generator.lint import expression
from generator.lint.finding import Files, Finding, panels, rules
from generator.units import period, seconds

#: Words for numbers that a duration may begin with.
_NUMBERS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "ten": 10, "fifteen": 15,
            "twenty": 20, "thirty": 30, "half an": 0.5, "half a": 0.5, "a quarter of an": 0.25}  # fmt: skip
_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
#: A duration after a word that makes it a stretch of time that is looked at; "a day by default" is something else.
_DURATION = re.compile(
    rf"\b(?:over|within|in|for|during|last|past)\s+(?:the\s+(?:last|past)\s+)?"
    rf"(?:(?P<short>(?:\d+(?:ms|[smhdw]))+)|(?P<number>\d+|{'|'.join(_NUMBERS)})\s+(?P<unit>{'|'.join(_UNITS)})s?)\b",
    re.IGNORECASE,
)
_TEMPLATE = re.compile(r"\{\{.*?\}\}")
_RECORDED = re.compile(r"_((?:\d+(?:ms|[smhdwy]))+)$")


def alerts(files: Files, _: Site) -> Iterator[Finding]:
    """The text of an alert says no other duration than those of its expression, of its `for` and its `keep_firing_for`."""
    for document in files.rules:
        for place, _group, rule in rules(document):
            if "alert" not in rule:
                continue
            holds = {seconds(str(rule[key])) for key in ("for", "keep_firing_for") if key in rule}
            there = _windows([str(rule.get("expr", ""))]) | holds
            for key in ("summary", "description"):
                for duration in _others(str(rule.get("annotations", {}).get(key, "")), there):
                    line = document.line(*place, "annotations", key)
                    what = f"{key} of {rule['alert']} says {duration!r}, and its expression does not look over that"
                    yield Finding(document.path, line, "alert/durations", what, _fix(there))


def shown(files: Files, site: Site) -> Iterator[Finding]:
    """The title and the description of a panel say no other duration than those of its queries.

    Boards of an operator's own system say what its catalogue says: the help of a metric may name any duration.
    """
    for board in files.boards:
        if site.system_of(Path(board.path).stem) in site.config.own:
            continue
        for place, panel in panels(board):
            there = _windows(str(target.get("expr", "")) for target in panel.get("targets", ()))
            for key in ("title", "description"):
                for duration in _others(str(panel.get(key, "")), there):
                    what = f"{key} of {panel.get('title')!r} says {duration!r}, and its queries do not look over that"
                    line = board.line(*place, key)
                    yield Finding(board.path, line, "dashboard/durations", what, _fix(there))


def _fix(there: Iterable[float]) -> str:
    known = ", ".join(words(period(length)) for length in sorted(there))
    return f"say {known}: take it from site.timing" if known else "leave it out"


def _others(text: str, there: set[float]) -> Iterator[str]:
    """Yield what a text says of durations that are not there."""
    for found in _DURATION.finditer(_TEMPLATE.sub(" ", text)):
        if _length(found) not in there:
            yield found[0]


def _length(duration: re.Match[str]) -> float:
    if duration["short"]:
        return seconds(duration["short"].lower())
    number = duration["number"].lower()
    return (_NUMBERS.get(number) or float(number)) * _UNITS[duration["unit"].lower()]


def _windows(texts: Iterable[str]) -> set[float]:
    """Return every duration over which queries look, in seconds: those of the recorded series that they read included."""
    out: set[float] = set()
    for text in texts:
        try:
            tree = expression.parsed(text)
        except ValueError:
            continue
        out |= expression.durations(tree)
        names = (_RECORDED.search(selector.name) for selector in expression.selectors(tree) if ":" in selector.name)
        out |= {seconds(name[1]) for name in names if name}
    return out
