"""What selectors and `match` ask for: regular expressions that every Prometheus reads, and values that stay what they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from generator.catalogue import Catalogue
from generator.errors import Problem
from generator.source import Document, Place, short

#: What Grafana takes for one of its variables, wherever it stands in a query; there is no way to escape it.
VARIABLE = re.compile(r"\$\w|\$\{|\[\[\w+(:\w+)?\]\]")

#: What RE2 takes and the Go library of Prometheus 2.42 does not: single bytes, names without P, classes whose tables differ.
_YOUNGER = re.compile(r"(?<!\\)(?:\\\\)*(?P<part>\\C|\(\?<|\\[pP]\{\^?\w{3,})")


def matchers(document: Document, catalogue: Catalogue) -> Iterator[Problem]:  # noqa: ARG001 - a check's signature
    """Yield matchers that no server reads as they were meant, and pairs that ask for one label twice."""
    for place, value in operators_matchers(document):
        if problem := _wrong(str(place[-1]), value):
            yield document.problem(place, *problem)
    selectors = document.data.get("selectors", {})
    for name, system in document.data.get("systems", {}).items():
        yield from _sleeping(document, name, system.get("scale_to_zero", ()))
        for label in system.get("match", {}):
            if label in selectors:
                what = f"{label!r} is asked for by selectors, too"
                yield document.problem(("systems", name, "match", label), what, "ask for it in one of the two")


def _wrong(label: str, value: str) -> tuple[str, str] | None:
    """Return why a server would not read a matcher as it was meant, and a way out; None when it would."""
    if value.startswith("~") and (why := unreadable(value[1:])):
        return (
            f"{label!r} is no regular expression: {why}",
            "write it as RE2 reads it, or leave ~ out for a plain value",
        )
    what = f"{label!r} is {short(value)}, "
    if value.startswith("~") and _matches_nothing(value[1:]):
        fix = "write an expression that wants a character at least, such as ~.+"
        return f"{what}which also fits what has no such label", fix
    if value.startswith(("!", "=")):
        fix = "write the value alone, or ~ and an expression for what is meant"
        return f"{what}which would be taken for a value that begins with {value[0]}", fix
    if VARIABLE.search(value):
        fix = "ask by a label whose value has no $ or [[ before a name"
        return f"{what}in which Grafana would see a variable", fix
    return None


def _sleeping(document: Document, name: str, patterns: Sequence[str]) -> Iterator[Problem]:
    """Yield names of deployments that are no expression, or fit none."""
    for number, pattern in enumerate(patterns):
        place = ("systems", name, "scale_to_zero", number)
        if pattern.startswith("~"):
            what = f"{short(pattern)} begins with ~, as no deployment does: what stands here is an expression anyway"
            yield document.problem(place, what, f"write {short(pattern[1:])}")
        elif why := unreadable(pattern):
            what = f"{short(pattern)} is no regular expression: {why}"
            yield document.problem(place, what, "write the names of deployments, or what RE2 reads")


def operators_matchers(document: Document) -> Iterator[tuple[Place, str]]:
    """Yield the place and the value of every matcher of a bundle.yaml."""
    for label, value in document.data.get("selectors", {}).items():
        yield ("selectors", label), value
    for name, system in document.data.get("systems", {}).items():
        for label, value in system.get("match", {}).items():
            yield ("systems", name, "match", label), value
    for label, value in document.data.get("alertmanager", {}).get("match", {}).items():
        yield ("alertmanager", "match", label), value


def unreadable(pattern: str) -> str:
    """Return why the oldest Prometheus, or a check of this package, cannot read a regular expression; nothing when all can."""
    import re2

    if not pattern:
        return "nothing stands after ~"
    try:
        re2.compile(pattern, _options())
    except re2.error as error:
        message = error.args[0]
        return str(message.decode("utf-8", "replace") if isinstance(message, bytes) else message)
    if younger := _YOUNGER.search(pattern):
        return f"Prometheus 2.42 does not know {younger['part']}"
    return _unparsed(pattern)


def _unparsed(pattern: str) -> str:
    """Return why the parser that reads generated queries cannot read a regular expression; nothing when it can."""
    import promql_parser

    quoted = pattern.replace("\\", "\\\\").replace('"', '\\"')
    try:
        promql_parser.parse(f'x{{x=~"{quoted}"}}')
    except ValueError:
        return r"\Q, octal numbers and the like are not read by every tool"
    return ""


def _matches_nothing(pattern: str) -> bool:
    import re2

    return bool(re2.compile(pattern, _options()).fullmatch(""))


def _options() -> object:
    import re2

    options = re2.Options()
    options.log_errors = False
    return options
