"""Whose series a query reads: a selector that anybody's series may fit is a page for a stranger.

Ours is what carries the matchers of a system's targets, what we record ourselves, an alert or a rule group by its name, and
what an `and on (…)` keeps for targets that one of these has shown to be ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import promql_parser as pp

from generator.config.settings import OBSERVABILITY
from generator.config.site import Site
from generator.lint import expression
from generator.lint.expression import Matcher, Selector
from generator.lint.finding import Files, Finding
from generator.lint.queries import trees
from generator.rules.rule import GROUP_PREFIX, RECORD_PREFIX

#: Labels of the servers that evaluate rules, which name the group; in Prometheus behind its file.
_GROUPS = frozenset({"rule_group", "group"})

_ALERTS = frozenset({"ALERTS", "ALERTS_FOR_STATE"})
_SIGNS = {"=": "Equal", "!=": "NotEqual", "=~": "Re", "!~": "NotRe"}


#: An installation, and what its targets are held by.
Ours = tuple[Site, list[list[Matcher]]]


def ours(files: Files, site: Site) -> Iterator[Finding]:
    """Every selector is held to our own targets, records, alerts or rule groups: strangers share the server."""
    here = (site, [*_holds(site)])
    for text, tree in trees(files):
        for selector in dict.fromkeys(_strange(tree, here)):
            matchers = ", ".join(f"{m.label} {m.op} {m.value!r}" for m in selector.matchers)
            yield text.finding(
                "rule/held",
                f"{selector.name or 'a nameless selector'} ({matchers or 'no matchers'}) reads anybody's series",
                "look it up with site.system(NAME, on=SYSTEM), which holds it to the targets of one system",
            )


def _strange(node: Any, ours: Ours) -> Iterator[Selector]:
    """Yield the selectors of an expression that may read what is not ours."""
    match node:
        case pp.VectorSelector() | pp.MatrixSelector():
            yield from (s for s in expression.selectors(node) if not _is_ours(s, *ours))
        case pp.SubqueryExpr() | pp.AggregateExpr() | pp.ParenExpr() | pp.UnaryExpr():
            yield from _strange(node.expr, ours)
        case pp.Call():
            for argument in node.args:
                yield from _strange(argument, ours)
        case pp.BinaryExpr():
            right = [*_strange(node.rhs, ours)]
            if right or not _filters(node):
                yield from _strange(node.lhs, ours)
            yield from right


def _filters(node: Any) -> bool:
    """Say whether the right side leaves of the left one only what stands at one of its own targets."""
    matching = node.modifier.matching if node.modifier else None
    by = set(matching.labels) if matching and str(matching.type).endswith("Include") else set()
    return str(node.op) == "and" and "instance" in by and bool(expression.selectors(node.rhs))


def _is_ours(selector: Selector, site: Site, holds: Iterable[list[Matcher]]) -> bool:
    if selector.name.startswith(RECORD_PREFIX):
        return True
    if selector.name in _ALERTS:
        return any(m.label == "alertname" and _named(m, site) for m in selector.matchers)
    if any(m.label in _GROUPS and m.op in ("Equal", "Re") and _grouped(m.value) for m in selector.matchers):
        return True
    return any(_carries(selector, hold) for hold in holds) or _one_of_several(selector, site)


def _holds(site: Site) -> Iterator[list[Matcher]]:
    """Yield what stands for each enabled system, and for the Alertmanager."""
    held = [site.target_matchers(name) for name, config in site.config.systems.items() if config.enabled]
    for matchers in (*held, site.alertmanager):
        yield [Matcher(m.label, _SIGNS[m.op], m.value) for m in matchers]


def _carries(selector: Selector, hold: list[Matcher]) -> bool:
    return set(hold) <= set(selector.matchers)


def _one_of_several(selector: Selector, site: Site) -> bool:
    """Say whether it reads several of our systems at once: `system=~"a|b"`."""
    told = {name for name, config in site.config.systems.items() if config.enabled and not config.match}
    return any(
        m.label == site.labels.system and m.op in ("Re", "Equal") and set(m.value.split("|")) <= (told or {""})
        for m in selector.matchers
    )


def _named(matcher: Matcher, site: Site) -> bool:
    """Say whether every alert name that fits begins as ours do."""
    first = (OBSERVABILITY, *(s.alerts for s in site.catalogue.systems.values() if s.alerts))
    names = matcher.value.removesuffix(".*").strip("()").split("|")
    return matcher.op in ("Equal", "Re") and all(n.startswith(first) for n in names)


def _grouped(value: str) -> bool:
    """Say whether a pattern of group names asks for our prefix: `.*;agentobs[.].*` of Prometheus, `agentobs[.].*` of vmalert."""
    return bool(re.match(rf"(\.\*;)?{re.escape(GROUP_PREFIX.rstrip('.'))}(\[\.\]|\.|\\\.)", value))
