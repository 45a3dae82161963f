"""How a query is evaluated: that it is PromQL of every Prometheus, by functions, ranges and aggregations that mean something."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import promql_parser as pp

from generator.catalogue import Kind
from generator.config.site import Site
from generator.lint import expression
from generator.lint.expression import RANGE, RATE_INTERVAL, Selector
from generator.lint.finding import Files, Finding
from generator.lint.queries import catalogued, readings, selections, texts, trees
from generator.units import seconds

#: Functions over a counter's range that make sense; everything else reads a counter raw.
_COUNTING = frozenset({"rate", "irate", "increase", "resets", "changes"})
#: Functions that a counter may go through without being rated: presence, not value.
_PRESENCE = frozenset(
    {"count", "max_over_time", "absent", "absent_over_time", "present_over_time", "group", "timestamp"}
)
_FUNCTIONS = Path(__file__).parent / "promql-functions-2.42.txt"


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


def counters(files: Files, site: Site) -> Iterator[Finding]:
    """A counter is read through rate() or the like, and nothing but a counter is."""
    for text, selector, metric in readings(files, site):
        if text.place[:1] == ("templating",):
            continue  # a variable reads labels, no values
        cumulative = metric.kind in (Kind.COUNTER, Kind.HISTOGRAM, Kind.SUMMARY)
        inside = set(selector.calls)
        if not cumulative and inside & {"rate", "irate", "increase"}:
            yield text.finding(
                "promql/counters",
                f"rate of {selector.name}, a {metric.kind}",
                "read a gauge as it is, or with delta()",
            )
        raw = cumulative and not selector.seconds and not inside & (_COUNTING | _PRESENCE)
        if raw and not _is_birth_clause(text.text, selector):
            yield text.finding(
                "promql/counters",
                f"{selector.name} is a {metric.kind} and read raw",
                "wrap it in rate() or increase()",
            )


def _is_birth_clause(text: str, selector: Selector) -> bool:
    """The birth clause takes a new counter raw, one that was not there a window ago, beside a rate or increase of the same."""
    return f"unless {selector.name}" in text and any(f"{name}({selector.name}" in text for name in ("increase", "rate"))


def rate_interval(files: Files, _: Site) -> Iterator[Finding]:
    """In a panel, the range of rate() is $__rate_interval, or all that is shown: it holds at every zoom and scrape interval."""
    for text, selector in selections(files):
        if text.board and {"rate", "irate"} & set(selector.calls) and selector.seconds not in (0, RATE_INTERVAL, RANGE):
            yield text.finding(
                "promql/rate-interval", f"rate over a fixed {selector.seconds:g} s", "use $__rate_interval"
            )


def ranges(files: Files, site: Site) -> Iterator[Finding]:
    """In a rule, the range of rate() holds at least four scrapes, so that one failed scrape does no harm."""
    least = 4 * seconds(site.timing.scrape)
    for text, selector in selections(files):
        if not text.board and {"rate", "increase"} & set(selector.calls) and 0 < selector.seconds < least:
            yield text.finding(
                "promql/ranges",
                f"a range of {selector.seconds:g} s with scrapes every {site.timing.scrape}",
                f"use at least {least:g} s",
            )


def retention(files: Files, site: Site) -> Iterator[Finding]:
    """No query looks back further than Prometheus keeps samples, ranges, subqueries and offsets added up."""
    retained = seconds(site.timing.retention)
    for text, selector in selections(files):
        if selector.back > retained:
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


def sums(files: Files, site: Site) -> Iterator[Finding]:
    """A value that every process repeats is never summed over processes."""
    for text, selector, metric in readings(files, site):
        if metric.aggregate in ("global", "max", "min") and selector.calls[-1:] in (("sum",), ("avg",)):
            yield text.finding(
                "promql/sums",
                f"{selector.calls[-1]} of {selector.name}, one value that every process repeats",
                f"use {'max' if metric.aggregate == 'global' else metric.aggregate}",
            )
