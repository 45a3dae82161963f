"""Which series a query reads: that they exist, with the labels that are matched, and at our own targets alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress

from generator.catalogue import Metric
from generator.config.site import SERVERS, Site
from generator.lint import expression
from generator.lint.expression import Matcher, Selector
from generator.lint.finding import Files, Finding
from generator.lint.queries import catalogued, readings, recorded, selections, trees
from generator.rules.rule import INSTALLATION_WIDE


def series(files: Files, site: Site) -> Iterator[Finding]:
    """Every series that is read is in the catalogue or recorded by a rule."""
    known, records = catalogued(site), recorded(files)
    for text, tree in trees(files):
        for name in sorted({s.name for s in expression.selectors(tree) if not _exists(s, known, records)}):
            yield text.finding(
                "promql/series",
                f"no catalogue metric and no rule makes {name or 'a nameless selector'!r}",
                "correct the name, or add it to the catalogue",
            )


def _exists(selector: Selector, known: Mapping[str, Metric], records: set[str]) -> bool:
    """A selector without a name is meant for any series; it must demand some label, whichever value an expression asks for."""
    if not selector.name:
        return any(_demands(m) for m in selector.matchers if m.label != "__name__")
    return selector.name in known or selector.name in records


def _demands(matcher: Matcher) -> bool:
    """Say whether what has no such label is left out; what RE2 alone reads was looked at when the configuration was."""
    if matcher.op == "Re":
        with suppress(re.error):
            return not re.fullmatch(matcher.value, "")
    return matcher.op in {"Equal", "Re"} and bool(matcher.value)


def labels(files: Files, site: Site) -> Iterator[Finding]:
    """Every label that is matched or grouped by exists on the series, and a matched value can occur."""
    for text, selector, metric in readings(files, site):
        for matcher in selector.matchers:
            label = metric.labels.get(matcher.label) or metric.constant_labels.get(matcher.label)
            if label is None and matcher.label != "le":
                yield text.finding(
                    "promql/labels",
                    f"{selector.name} has no label {matcher.label!r}",
                    f"it has {', '.join((*metric.labels, *metric.constant_labels))}",
                )
            elif label and label.values and matcher.op == "Equal" and matcher.value not in (*label.values, "", "x"):
                yield text.finding(
                    "promql/labels",
                    f"{matcher.label!r} of {selector.name} is never {matcher.value!r}",
                    f"use one of {', '.join(label.values)}",
                )
        for name in sorted(set(selector.grouping) - {*metric.labels, *metric.constant_labels, "le"}):
            if "label_replace" not in selector.calls:
                yield text.finding(
                    "promql/labels", f"{selector.name} is grouped by {name!r}, which it has not", "drop it"
                )


def literals(files: Files, site: Site) -> Iterator[Finding]:
    """No query names a job, an instance or a pod: these are the operator's own, who says so where they tell a system."""
    of_targets = [m for name in site.config.systems for m in site.target_matchers(name)]
    configured = {(m.label, m.value) for m in (*of_targets, *site.alertmanager, *site.selectors)}
    fixed = {"job", "instance", "pod"} - {site.labels.system, site.labels.role}
    for text, selector in selections(files):
        for matcher in selector.matchers:
            if (
                matcher.label in fixed
                and matcher.value not in ("x", ".*", ".+")
                and "$" not in matcher.value
                and (matcher.label, matcher.value) not in configured
            ):
                yield text.finding(
                    "promql/literals",
                    f"{matcher.label}={matcher.value!r} is fixed",
                    "select by the board's variables",
                )


def board_identity(files: Files, site: Site) -> Iterator[Finding]:
    """Every selector of a panel is held to the board's cluster, namespace and deployment."""
    known = catalogued(site)
    for text, tree in trees(files):
        if not text.board or text.place[0] != "panels":
            continue
        for selector in expression.selectors(tree):
            if selector.name.startswith(INSTALLATION_WIDE):
                continue
            absent = [label for label in site.identity if label not in {m.label for m in selector.matchers}]
            if absent and (selector.name in known or ":" in selector.name):
                yield text.finding(
                    "promql/held", f"{selector.name} is not held to {', '.join(absent)}", "match the board's variables"
                )


def selectors(files: Files, site: Site) -> Iterator[Finding]:
    """Every selector carries the matchers that the configuration demands of all; servers of rules have no installation."""
    for text, selector in selections(files):
        if selector.name.startswith(SERVERS):
            continue
        wanted = site.installation if selector.name.startswith("ALERTS") else site.config.selectors
        absent = [label for label in wanted if label not in {m.label for m in selector.matchers}]
        if absent:
            yield text.finding(
                "promql/selectors",
                f"{selector.name} lacks the matcher of {', '.join(absent)}",
                "run `agentobs generate` with your configuration",
            )
