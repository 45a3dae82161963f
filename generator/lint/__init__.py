"""Named checks over catalogue, rules, dashboards and scrape files. A check finds; the command decides what follows."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from generator.config.settings import Suppression
from generator.config.site import Site
from generator.errors import GeneratorError, Problem
from generator.lint import (
    coverage,
    dashboards,
    durations,
    evaluation,
    figures,
    looks,
    ownership,
    reads,
    references,
    rules,
    scrape,
)
from generator.lint.finding import Files, Finding, read

__all__ = ["CHECKS", "Check", "Files", "Finding", "read", "run"]


@dataclass(frozen=True, slots=True)
class Check:
    """A named check: `topic/what`, and the function that makes its findings."""

    name: str
    find: Callable[[Files, Site], Iterable[Finding]]

    @property
    def about(self) -> str:
        """What it is for: the first line of the function's docstring."""
        return (self.find.__doc__ or "").strip().split("\n")[0]


#: Every check, in the order of the documentation.
CHECKS: tuple[Check, ...] = (
    Check("coverage/shown", coverage.shown),
    Check("coverage/watched", coverage.watched),
    Check("coverage/proved", coverage.proved),
    Check("coverage/reasons", coverage.reasons),
    Check("dashboard/schema", dashboards.schema),
    Check("dashboard/variables", references.variables),
    Check("dashboard/identity", dashboards.identity),
    Check("dashboard/grid", dashboards.grid),
    Check("dashboard/filled", looks.filled),
    Check("dashboard/fits", looks.fits),
    Check("dashboard/spoken", looks.spoken),
    Check("dashboard/thresholds", dashboards.thresholds),
    Check("dashboard/described", dashboards.described),
    Check("dashboard/datasource", references.datasource),
    Check("dashboard/queried", dashboards.queried),
    Check("dashboard/refreshed", references.refreshed),
    Check("dashboard/units", dashboards.units),
    Check("dashboard/links", references.links),
    Check("dashboard/annotated", references.annotated),
    Check("dashboard/size", dashboards.size),
    Check("dashboard/now", figures.now),
    Check("dashboard/intervals", figures.intervals),
    Check("dashboard/greatest", figures.greatest),
    Check("dashboard/durations", durations.shown),
    Check("promql/syntax", evaluation.syntax),
    Check("promql/functions", evaluation.functions),
    Check("promql/series", reads.series),
    Check("promql/labels", reads.labels),
    Check("promql/counters", evaluation.counters),
    Check("promql/rate-interval", evaluation.rate_interval),
    Check("promql/ranges", evaluation.ranges),
    Check("promql/retention", evaluation.retention),
    Check("promql/buckets", evaluation.buckets),
    Check("promql/reach", evaluation.reach),
    Check("promql/literals", reads.literals),
    Check("promql/held", reads.board_identity),
    Check("promql/sums", evaluation.sums),
    Check("promql/selectors", reads.selectors),
    Check("rule/held", ownership.ownership),
    Check("rule/schema", rules.schema),
    Check("rule/duplicates", rules.duplicates),
    Check("rule/names", rules.names),
    Check("rule/used", rules.used),
    Check("rule/order", rules.order),
    Check("alert/annotated", rules.annotated),
    Check("alert/severity", rules.severity),
    Check("alert/templates", rules.templates),
    Check("alert/comparison", rules.comparison),
    Check("alert/boards", rules.boards),
    Check("alert/kept", rules.identity),
    Check("alert/durations", durations.alerts),
    Check("scrape/labels", scrape.labels),
    Check("scrape/jobs", scrape.jobs),
)


def run(site: Site, root: Path, checks: Iterable[Check] = CHECKS, today: date | None = None) -> list[Finding]:
    """Run `checks` over the files below `root`; what the configuration suppresses is left out.

    A suppression that suppresses nothing is a finding itself, `lint/suppressions`, and so is one that ended before `today`,
    beside what it suppressed. Without a day none has ended.

    Returns:
        The findings, sorted by file and line; only those of parsing where a file cannot be parsed.

    Raises:
        GeneratorError: There is nothing to look at.

    """
    files = read(root)
    if not (files.boards or files.rules or files.scrape or files.broken):
        what = (
            "holds no dashboards/*.json, no alerts/*.rules.yaml and no scrape/*.yml"
            if root.is_dir()
            else "is no folder"
        )
        raise GeneratorError(
            [Problem(str(root), 1, what, "name the folder that `agentobs generate` writes with --out")]
        )
    if files.broken:
        return [Finding(p.path, p.line, "file/parse", p.what, p.fix) for p in files.broken]
    findings = sorted({f for check in checks for f in check.find(files, site)})
    return [*_accepted(site, findings, today)]


def _accepted(site: Site, findings: list[Finding], today: date | None) -> Iterator[Finding]:
    used = set()
    for finding in findings:
        reasons = [
            s for s in site.config.suppressions if s.check == finding.check and fnmatch.fnmatch(finding.path, s.where)
        ]
        used |= set(reasons)
        if all(_ended(s, today) for s in reasons):
            yield finding
    for number, suppression in enumerate(site.config.suppressions):
        about = f"{suppression.check!r} in {suppression.where!r}"
        if suppression not in used:
            what, fix = f"nothing to suppress for {about}", "remove it"
        elif _ended(suppression, today):
            what, fix = (
                f"the suppression of {about} ended on {suppression.until}",
                "mend what it hid, or name a later day",
            )
        else:
            continue
        yield Finding(*site.config.line("lint", "suppress", number), "lint/suppressions", what, fix)


def _ended(suppression: Suppression, today: date | None) -> bool:
    return bool(today and suppression.until and suppression.until < today)
