"""Checks of PromQL, in panels, variables, annotations and rules alike, against catalogue and configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import promql_parser as pp

from generator.catalogue import Kind, Metric
from generator.config.site import SERVERS, Site
from generator.lint import expression
from generator.lint.expression import ANY, RANGE, RATE_INTERVAL, Matcher, Selector
from generator.lint.finding import Files, Finding, rules, targets
from generator.source import Document, Place
from generator.units import seconds

#: Functions over a counter's range that make sense; everything else reads a counter raw.
_COUNTING = frozenset({"rate", "irate", "increase", "resets", "changes"})
#: Functions that a counter may go through without being rated: presence, not value.
_PRESENCE = frozenset(
    {"count", "max_over_time", "absent", "absent_over_time", "present_over_time", "group", "timestamp"}
)
_FUNCTIONS = Path(__file__).parent / "promql-functions-2.42.txt"


@dataclass(frozen=True, slots=True)
class Text:
    """One query: its file, place and text, and the board variables it is held to (none for a rule)."""

    document: Document
    place: Place
    text: str
    board: bool

    def finding(self, check: str, what: str, fix: str) -> Finding:
        """Return a finding at the query."""
        return Finding(self.document.path, self.document.line(*self.place, "expr"), check, what, fix)


def texts(files: Files) -> Iterator[Text]:
    """Yield every query of every file: panels, variables, annotations, rules."""
    for board in files.boards:
        for place, _, target in targets(board):
            yield Text(board, place, str(target.get("expr", "")), board=True)
        for number, variable in enumerate(board.data.get("templating", {}).get("list", ())):
            inner = re.fullmatch(
                r"label_values\((.*), *\w+\)|query_result\((.*)\)",
                str((variable.get("query") or {}).get("query", "")) if isinstance(variable.get("query"), dict) else "",
            )
            if inner:
                yield Text(board, ("templating", "list", number, "query"), inner[1] or inner[2], board=True)
        for number, annotation in enumerate(board.data.get("annotations", {}).get("list", ())):
            if "expr" in annotation:
                yield Text(board, ("annotations", "list", number), annotation["expr"], board=True)
    for document in files.rules:
        for place, _, rule in rules(document):
            yield Text(document, place, str(rule.get("expr", "")), board=False)


def trees(files: Files) -> Iterator[tuple[Text, Any]]:
    """Yield every query that is PromQL, with its syntax tree."""
    for text in texts(files):
        try:
            yield text, expression.parsed(text.text)
        except ValueError:
            continue


def _selections(files: Files) -> Iterator[tuple[Text, Selector]]:
    """Every selector of every query."""
    for text, tree in trees(files):
        for selector in expression.selectors(tree):
            yield text, selector


def _readings(files: Files, site: Site) -> Iterator[tuple[Text, Selector, Metric]]:
    """Every selector of a catalogue metric."""
    for text, selector in _selections(files):
        known = catalogued(site, site.system_of(Path(text.document.path).name))
        if selector.name in known:
            yield text, selector, known[selector.name]


def syntax(files: Files, _: Site) -> Iterator[Finding]:
    """Every query parses as PromQL once Grafana has filled in its variables."""
    for text in texts(files):
        try:
            expression.parsed(text.text)
        except ValueError as error:
            yield text.finding("promql/syntax", f"{text.text[:80]!r} is not PromQL: {error}", "correct the query")


def functions(files: Files, _: Site) -> Iterator[Finding]:
    """Every function exists in the oldest Prometheus that is supported, 2.42, and in 3.x."""
    known = set(_FUNCTIONS.read_text(encoding="utf-8").split()) - {"holt_winters"}
    for text, tree in trees(files):
        for name in sorted(expression.functions(tree) - known):
            yield text.finding(
                "promql/functions", f"{name}() is not in every Prometheus from 2.42 on", "use an older function"
            )


def series(files: Files, site: Site) -> Iterator[Finding]:
    """Every series that is read is in the catalogue or recorded by a rule."""
    known, recorded = catalogued(site), _recorded(files)
    for text, tree in trees(files):
        for name in sorted({s.name for s in expression.selectors(tree) if not _there(s, known, recorded)}):
            yield text.finding(
                "promql/series",
                f"no catalogue metric and no rule makes {name or 'a nameless selector'!r}",
                "correct the name, or add it to the catalogue",
            )


def _there(selector: Selector, known: Mapping[str, Metric], recorded: set[str]) -> bool:
    """A selector without a name is meant for any series; it must demand some label, whichever value an expression asks for."""
    if not selector.name:
        return any(_demands(m) for m in selector.matchers if m.label != "__name__")
    return selector.name in known or selector.name in recorded


def _demands(matcher: Matcher) -> bool:
    """Say whether what has no such label is left out; what RE2 alone reads was looked at when the configuration was."""
    if matcher.op == "Re":
        with suppress(re.error):
            return not re.fullmatch(matcher.value, "")
    return matcher.op in {"Equal", "Re"} and bool(matcher.value)


def labels(files: Files, site: Site) -> Iterator[Finding]:
    """Every label that is matched or grouped by exists on the series, and a matched value can occur."""
    for text, selector, metric in _readings(files, site):
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


def counters(files: Files, site: Site) -> Iterator[Finding]:
    """A counter is read through rate() or the like, and nothing but a counter is."""
    for text, selector, metric in _readings(files, site):
        cumulative = metric.kind in (Kind.COUNTER, Kind.HISTOGRAM, Kind.SUMMARY)
        inside = set(selector.calls)
        if not cumulative and inside & {"rate", "irate", "increase"}:
            yield text.finding(
                "promql/counters",
                f"rate of {selector.name}, a {metric.kind}",
                "read a gauge as it is, or with delta()",
            )
        raw = cumulative and not selector.seconds and not inside & (_COUNTING | _PRESENCE)
        if raw and not _born(text.text, selector):
            yield text.finding(
                "promql/counters",
                f"{selector.name} is a {metric.kind} and read raw",
                "wrap it in rate() or increase()",
            )


def _born(text: str, selector: Selector) -> bool:
    """The birth clause takes a new counter raw, one that was not there a window ago, beside a rate or increase of the same."""
    return f"unless {selector.name}" in text and any(f"{name}({selector.name}" in text for name in ("increase", "rate"))


def rate_interval(files: Files, _: Site) -> Iterator[Finding]:
    """In a panel, the range of rate() is $__rate_interval, or all that is shown: it holds at every zoom and scrape interval."""
    for text, selector in _selections(files):
        if text.board and {"rate", "irate"} & set(selector.calls) and selector.seconds not in (0, RATE_INTERVAL, RANGE):
            yield text.finding(
                "promql/rate-interval", f"rate over a fixed {selector.seconds:g} s", "use $__rate_interval"
            )


def ranges(files: Files, site: Site) -> Iterator[Finding]:
    """In a rule, the range of rate() holds at least four scrapes, so that one failed scrape does no harm."""
    least = 4 * seconds(site.timing.scrape)
    for text, selector in _selections(files):
        if not text.board and {"rate", "increase"} & set(selector.calls) and 0 < selector.seconds < least:
            yield text.finding(
                "promql/ranges",
                f"a range of {selector.seconds:g} s with scrapes every {site.timing.scrape}",
                f"use at least {least:g} s",
            )


def retention(files: Files, site: Site) -> Iterator[Finding]:
    """No query looks back further than Prometheus keeps samples, ranges, subqueries and offsets added up."""
    kept = seconds(site.timing.retention)
    for text, selector in _selections(files):
        if selector.back > kept:
            yield text.finding(
                "promql/retention",
                f"{selector.name} is read {selector.back / 86_400:g} days back, and samples are kept for {site.timing.retention}",
                f"use a window of at most {site.timing.retention}, or set evaluation.retention in bundle.yaml",
            )


def buckets(files: Files, _: Site) -> Iterator[Finding]:
    """`le` survives up to histogram_quantile(), and a bucket is matched in both spellings, `1000` and `1000.0`."""
    for text, tree in trees(files):
        if expression.quantiles_without_le(tree):
            yield text.finding("promql/buckets", "histogram_quantile() of a vector without 'le'", "group by le too")
        for selector in expression.selectors(tree):
            for matcher in selector.matchers:
                if matcher.label == "le" and matcher.op == "Equal" and re.fullmatch(r"\d+(\.0)?", matcher.value):
                    yield text.finding(
                        "promql/buckets",
                        f"le={matcher.value!r} is spelt otherwise by another Prometheus",
                        f'use le=~"{matcher.value.removesuffix(".0")}(\\\\.0)?"',
                    )


def reach(files: Files, site: Site) -> Iterator[Finding]:
    """A quantile is compared with a bucket edge below the last one; else the comparison is a guess, or never true."""
    known = catalogued(site)
    for text, tree in trees(files):
        for left, _, value in expression.comparisons(tree):
            if not (isinstance(left, pp.Call) and left.func.name == "histogram_quantile"):
                continue
            for selector in expression.selectors(left):
                metric = known.get(selector.name)
                if metric and metric.buckets and value not in metric.buckets[:-1]:
                    edges = ", ".join(f"{int(e)}" if e == int(e) else f"{e:g}" for e in metric.buckets[:-1])
                    yield text.finding(
                        "promql/reach",
                        f"a quantile of {selector.name} is compared with {value:g}, no edge below the last one",
                        f"use one of {edges}",
                    )


def literals(files: Files, site: Site) -> Iterator[Finding]:
    """No query names a job, an instance or a pod: these are the operator's own, who says so where they tell a system."""
    held = [m for name in site.config.systems for m in site.target_matchers(name)]
    said = {(m.label, m.value) for m in (*held, *site.alertmanager, *site.selectors)}
    fixed = {"job", "instance", "pod"} - {site.labels.system, site.labels.role}
    for text, selector in _selections(files):
        for matcher in selector.matchers:
            if (
                matcher.label in fixed
                and matcher.value not in ("x", ".*", ".+")
                and "$" not in matcher.value
                and (matcher.label, matcher.value) not in said
            ):
                yield text.finding(
                    "promql/literals",
                    f"{matcher.label}={matcher.value!r} is fixed",
                    "select by the board's variables",
                )


def held(files: Files, site: Site) -> Iterator[Finding]:
    """Every selector of a panel is held to the board's cluster, namespace and deployment."""
    known = catalogued(site)
    for text, tree in trees(files):
        if not text.board or text.place[0] != "panels":
            continue
        for selector in expression.selectors(tree):
            lacking = [label for label in site.identity if label not in {m.label for m in selector.matchers}]
            if lacking and (selector.name in known or ":" in selector.name):
                yield text.finding(
                    "promql/held", f"{selector.name} is not held to {', '.join(lacking)}", "match the board's variables"
                )


def sums(files: Files, site: Site) -> Iterator[Finding]:
    """A value that every process repeats is never summed over processes."""
    for text, selector, metric in _readings(files, site):
        if metric.aggregate in ("global", "max", "min") and selector.calls[-1:] in (("sum",), ("avg",)):
            yield text.finding(
                "promql/sums",
                f"{selector.calls[-1]} of {selector.name}, one value that every process repeats",
                f"use {'max' if metric.aggregate == 'global' else metric.aggregate}",
            )


def selectors(files: Files, site: Site) -> Iterator[Finding]:
    """Every selector carries the matchers that the configuration demands of all; servers of rules have no installation."""
    for text, selector in _selections(files):
        if selector.name.startswith(SERVERS):
            continue
        wanted = site.installation if selector.name.startswith("ALERTS") else site.config.selectors
        lacking = [label for label in wanted if label not in {m.label for m in selector.matchers}]
        if lacking:
            yield text.finding(
                "promql/selectors",
                f"{selector.name} lacks the matcher of {', '.join(lacking)}",
                "run `agentobs generate` with your configuration",
            )


@lru_cache(maxsize=32)  # a site is the same one only when it is one: half of the checks ask for it
def catalogued(site: Site, system: str = "") -> Mapping[str, Metric]:
    """Every series that a scrape can bring, both eras, under this site's prefixes; those of `system` where two have a name."""
    names = (*(name for name in site.catalogue.systems if name != system), *((system,) if system else ()))
    return {series: m for name in names for m in site.system(name) for series in m.series}


def _recorded(files: Files) -> set[str]:
    return {str(rule["record"]) for document in files.rules for _, _, rule in rules(document) if "record" in rule}


def result_labels(text: str) -> frozenset[str] | None:
    """Return the labels that a query's result can have; ANY when they are those of the raw series."""
    try:
        return expression.labels(expression.parsed(text))
    except ValueError:
        return ANY
