"""A metrics page in Prometheus' text format or in OpenMetrics, as families of samples with the names that a scrape gives them.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/ and
https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from generator.errors import GeneratorError, Problem
from generator.source import short

#: Problems of one page at most: what is no page has as many as lines.
MOST = 5

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = r'[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"[ \t]*'
_COMMENT = re.compile(rf"#[ \t]+(HELP|TYPE|UNIT)[ \t]+({_NAME})(?:[ \t]+(.*))?")
_BEGIN = re.compile(rf"({_NAME})[ \t]*")
_LABELS = re.compile(rf"\{{(?:{_LABEL}(?:,{_LABEL})*,?)?[ \t]*\}}")
_ONE = re.compile(_LABEL)
#: Value, time stamp, and of OpenMetrics an exemplar.
_REST = re.compile(r"[ \t]*([^ \t#]+)(?:[ \t]+(-?[0-9.eE+-]+))?[ \t]*(?:#[ \t]*(\{.*))?")
_ESCAPES = {r"\\": "\\", r"\"": '"', r"\n": "\n"}

#: What a family's samples may have behind its name, by the type that the page tells.
_PARTS: Mapping[str, tuple[str, ...]] = {
    "counter": ("", "_total", "_created"),
    "histogram": ("_bucket", "_sum", "_count", "_created"),
    "gaugehistogram": ("_bucket", "_gsum", "_gcount"),
    "summary": ("", "_sum", "_count", "_created"),
    "info": ("", "_info"),
}


@dataclass(frozen=True, slots=True)
class Sample:
    """One line with a value; `name` as it stands there, with `_bucket` or the like. `exemplar` are the names of its exemplar's labels."""

    name: str
    labels: Mapping[str, str]
    value: float
    exemplar: tuple[str, ...] = ()


@dataclass(slots=True)
class Family:
    """What one TYPE line announces, or a series without one.

    Attributes:
        name: The name of that line.
        type: Its type; empty where the page tells none.
        help: Its HELP text.
        unit: Its UNIT, which OpenMetrics has.
        line: The first line about it.
        samples: Its samples, in the order of the page.

    """

    name: str
    line: int
    type: str = ""
    help: str = ""
    unit: str = ""
    samples: list[Sample] = field(default_factory=list)


def read(path: str, text: str) -> list[Family]:
    """Return the families of a page, in its order; those without a sample too.

    Raises:
        GeneratorError: It is no metrics page; carries the first lines that are not understood.

    """
    families: dict[str, Family] = {}
    owners: dict[str, Family] = {}
    problems: list[Problem] = []
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip(" \t\r\ufeff")
        if not bare or bare.startswith("#"):
            _announce(bare, number, families, owners)
            continue
        found = _sample(bare)
        if found is None:
            problems.append(
                Problem(path, number, f"{short(bare)} is no sample", "name a page in the text format of Prometheus")
            )
            if len(problems) == MOST:
                break
            continue
        owner = owners.get(found.name)
        if owner is None:
            owner = owners[found.name] = families.setdefault(found.name, Family(found.name, number))
        owner.samples.append(found)
    if not problems and not any(family.samples for family in families.values()):
        problems = [Problem(path, 1, "no series on this page", "name a metrics page that shows some")]
    if problems and not any(family.samples for family in families.values()):
        what = problems[0].what if len(problems) == 1 else f"{problems[0].what}, nor are the next lines"
        problems = [replace(problems[0], what=what)]
    if problems:
        raise GeneratorError(problems)
    return list(families.values())


def _announce(line: str, number: int, families: dict[str, Family], owners: dict[str, Family]) -> None:
    found = _COMMENT.fullmatch(line)
    if not found:
        return
    what, name, rest = found[1], found[2], (found[3] or "").strip()
    family = families.setdefault(name, Family(name, number))
    if what == "HELP":
        family.help = re.sub(r"\\[\\n\"]", lambda escape: _ESCAPES[escape[0]], rest)
    elif what == "UNIT":
        family.unit = rest
    else:
        family.type = rest if rest not in ("untyped", "unknown") else ""
        for part in _PARTS.get(rest, ("",)):
            owners.setdefault(name + part, family)


def _sample(line: str) -> Sample | None:
    begin = _BEGIN.match(line)
    if not begin:
        return None
    place, labels = begin.end(), {}
    if line[place : place + 1] == "{":
        inner = _LABELS.match(line, place)
        if not inner:
            return None
        labels, place = dict(_pairs(inner[0])), inner.end()
    rest = _REST.fullmatch(line, place)
    value = rest and _number(rest[1])
    if not rest or not isinstance(value, float):
        return None
    exemplar = _LABELS.match(rest[3]) if rest[3] else None
    return Sample(begin[1], labels, value, tuple(name for name, _ in _pairs(exemplar[0])) if exemplar else ())


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for found in _ONE.finditer(text):
        yield found[1], re.sub(r"\\.", lambda escape: _ESCAPES.get(escape[0], escape[0][1]), found[2])


def _number(text: str) -> float | None:
    try:
        return None if "_" in text else float(text)  # which Python reads, and Prometheus does not
    except ValueError:
        return None
