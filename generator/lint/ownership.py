"""Whose series a query reads: an alert on a selector that any owner's series may fit pages for another team's servers.

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


#: An installation, and the matchers that the targets of each of its systems carry.
Scope = tuple[Site, list[list[Matcher]]]


def ownership(files: Files, site: Site) -> Iterator[Finding]:
    """Every selector is held to our own targets, records, alerts or rule groups: strangers share the server."""
    scope = (site, [*_target_matchers(site)])
    for text, tree in trees(files):
        for selector in dict.fromkeys(_foreign(tree, scope)):
            matchers = ", ".join(f"{m.label} {m.op} {m.value!r}" for m in selector.matchers)
            yield text.finding(
                "rule/held",
                f"{selector.name or 'a nameless selector'} ({matchers or 'no matchers'}) reads anybody's series",
                "look it up with site.system(NAME, on=SYSTEM), which holds it to the targets of one system",
            )


def _foreign(node: Any, scope: Scope) -> Iterator[Selector]:
    """Yield the selectors of an expression that may read what is not ours."""
    match node:
        case pp.VectorSelector() | pp.MatrixSelector():
            yield from (s for s in expression.selectors(node) if not _is_own(s, *scope))
        case pp.SubqueryExpr() | pp.AggregateExpr() | pp.ParenExpr() | pp.UnaryExpr():
            yield from _foreign(node.expr, scope)
        case pp.Call():
            for argument in node.args:
                yield from _foreign(argument, scope)
        case pp.BinaryExpr():
            right = [*_foreign(node.rhs, scope)]
            if right or not _filters(node):
                yield from _foreign(node.lhs, scope)
            yield from right


def _filters(node: Any) -> bool:
    """Say whether the right side leaves of the left one only what stands at one of its own targets."""
    matching = node.modifier.matching if node.modifier else None
    by = set(matching.labels) if matching and str(matching.type).endswith("Include") else set()
    return str(node.op) == "and" and "instance" in by and bool(expression.selectors(node.rhs))


def _is_own(selector: Selector, site: Site, targets: Iterable[list[Matcher]]) -> bool:
    if selector.name.startswith(RECORD_PREFIX):
        return True
    if selector.name in _ALERTS:
        return any(m.label == "alertname" and _named(m, site) for m in selector.matchers)
    if any(m.label in _GROUPS and m.op in ("Equal", "Re") and _grouped(m.value) for m in selector.matchers):
        return True
    return any(_carries(selector, matchers) for matchers in targets) or _one_of_several(selector, site)


def _target_matchers(site: Site) -> Iterator[list[Matcher]]:
    """Yield what stands for each enabled system, and for the Alertmanager."""
    of_systems = [site.target_matchers(name) for name, config in site.config.systems.items() if config.enabled]
    for matchers in (*of_systems, site.alertmanager):
        yield [Matcher(m.label, _SIGNS[m.op], m.value) for m in matchers]


def _carries(selector: Selector, matchers: list[Matcher]) -> bool:
    return set(matchers) <= set(selector.matchers)


def _one_of_several(selector: Selector, site: Site) -> bool:
    """Say whether it reads several of our systems at once: `system=~"a|b"`."""
    labelled = {name for name, config in site.config.systems.items() if config.enabled and not config.match}
    return any(
        m.label == site.labels.system and m.op in ("Re", "Equal") and set(m.value.split("|")) <= (labelled or {""})
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
