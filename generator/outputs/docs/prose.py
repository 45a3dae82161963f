"""What people wrote on a runbook, in the names of one installation: metrics, labels, and links that lead somewhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

from generator.config.settings import Labels
from generator.config.site import Site

_CODE = re.compile(r"^(?P<fence> *```).*?^ *```$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[((?:[^\[\]]|\[[^\]]*\])*)\]\((?!https?://)([^()\s]+)\)")

#: What tells PromQL from a command or a piece of YAML: a matcher, or a list of labels.
_QUERY = re.compile(r'\{[^{}]*\w\s*(?:=~|!~|!=|=)\s*"|\b(?:by|without)\s*\(')
_LIST = re.compile(r"(\b(?:by|without)\s*\()([^()]*)(\))")
_MATCHER = re.compile(r'(\w+)(\s*(?:=~|!~|!=|=)\s*)("(?:[^"\\]|\\.)*")')


@dataclass(frozen=True, slots=True)
class Names:
    """Names of the defaults, and what they are here.

    Attributes:
        prefixes: Beginnings of metrics' names.
        labels: Names of target labels.
        systems: Id of a system to the matchers that tell its targets.

    """

    prefixes: Mapping[str, str]
    labels: Mapping[str, str]
    systems: Mapping[str, str]


def names(site: Site) -> Names:
    """Return what is called otherwise at a site than by default."""
    known, usual = site.catalogue.systems, Labels()
    prefixes = {known[name].prefix: one.prefix for name, one in site.config.systems.items() if known[name].prefix}
    labels = {getattr(usual, one.name): getattr(site.labels, one.name) for one in fields(Labels)}
    selectors = {name: ", ".join(str(m) for m in site.target_matchers(name)) for name in site.config.systems}
    return Names({k: v for k, v in prefixes.items() if k != v}, {k: v for k, v in labels.items() if k != v}, selectors)


def code(text: str, own: Names) -> str:
    """Return a piece of code with the names of the site; what is no PromQL keeps its words, but for metrics."""
    for usual, here in own.prefixes.items():
        text = re.sub(rf"(?<![A-Za-z0-9_:]){re.escape(usual)}(?=[A-Za-z0-9_.*])", lambda _, here=here: here, text)  # type: ignore[misc]  # bound early on purpose
    if not _QUERY.search(text):
        return text
    text = _LIST.sub(lambda m: m[1] + re.sub(r"\w+", lambda one: own.labels.get(one[0], one[0]), m[2]) + m[3], text)
    return _MATCHER.sub(lambda m: _matcher(m, own), text)


def _matcher(match: re.Match[str], own: Names) -> str:
    label, op, value = match.groups()
    if label == "system" and op.strip() == "=" and value[1:-1] in own.systems:
        return own.systems[value[1:-1]]
    return own.labels.get(label, label) + op + value


def linked(text: str, pages: Mapping[str, str], boards: Mapping[str, str]) -> str:
    """Return a text whose links lead to runbooks and boards that there are; what is not here is named without a link.

    Args:
        text: Markdown without code.
        pages: The alert whose page a runbook is, by the runbook's name.
        boards: Where boards are, by stem.

    """

    def target(match: re.Match[str]) -> str:
        label, path = match[1], match[2]
        if path.startswith("../../dashboards/"):
            address = boards.get(path.rpartition("/")[2].removesuffix(".json"), "")
        else:
            alert = pages.get(path.removesuffix(".md"), "")
            label, address = (alert, f"{alert}.md") if alert else (label, "")
        return f"[{label}]({address})" if address else f"{label} (not here)"

    return _LINK.sub(target, text)


def written(text: str, own: Names, link: Callable[[str], str]) -> str:
    """Return a page's text at a site: code by its names, the rest by its links."""
    out, end = [], 0
    for piece in _CODE.finditer(text):
        out += [link(text[end : piece.start()]), code(piece[0], own)]
        end = piece.end()
    return "".join((*out, link(text[end:])))
