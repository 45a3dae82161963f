"""`agentobs coverage`: what each metric has of boards, alerts and proofs, and what it lacks without a reason."""

from __future__ import annotations

import argparse
import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from generator.cli.command import Command, site
from generator.cli.delivery import deliver
from generator.cli.parser import percent

if TYPE_CHECKING:
    from generator.coverage import Table


def _declare(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("names", nargs="*", metavar="SYSTEM|METRIC", help="these alone: a system's id, a metric, or a pattern")
    add("--format", choices=("text", "json", "markdown"), default="text")
    add("--output", type=Path, metavar="FILE", help="write the report there instead of to standard output")
    add("--fail-under", type=percent, default=100.0, metavar="N", help="end with 1 below N %%; default: 100")
    add("--own", action="store_true", help="what systems of your own lack counts too")
    add("--verdicts", type=Path, metavar="FILE", help="what `agentobs validate --format json --output FILE` wrote")


def _run(args: argparse.Namespace) -> int:
    from generator import coverage, runbooks
    from generator.bundle import build
    from generator.coverage import gate, verdicts
    from generator.systems import SHIPPED

    here = site(args)
    validated = verdicts.read(args.verdicts) if args.verdicts else None
    everything, holes = coverage.found(here.catalogue)
    table = everything
    if args.config:
        made = build(here, kinds=("boards", "rules"))
        table = coverage.table(made, coverage.shipped(), runbooks.names(), everything)
    if args.names:
        table = _selected(table, args.names)
        holes = gate.concerning(holes, {row.key for row in table.rows}, table.watches)
    own = tuple(name for name in here.catalogue.targets if name not in SHIPPED)
    report = coverage.Report(table, tuple(holes), here.catalogue.targets, own, args.own, validated)
    deliver(coverage.FORMATS[args.format](report), args.output)
    wrong = any(hole.kind in gate.WRONG for hole in report.counted)
    return int(wrong or report.percent < args.fail_under)


def _selected(table: Table, names: list[str]) -> Table:
    """Return the rows of systems and metrics that are named, or that a pattern matches.

    Raises:
        GeneratorError: A name is neither.

    """
    from generator.errors import GeneratorError, Problem, nearest

    def called(name: str) -> set[tuple[str, str]]:
        return {
            row.key
            for row in table.rows
            for known in (row.metric.system, row.metric.name, row.metric.full_name, row.metric.documented_name)
            if fnmatch.fnmatchcase(known, name)
        }

    keys = {name: called(name) for name in names}
    known = [*table.titles, *(row.metric.full_name for row in table.rows)]
    if unknown := [name for name, found in keys.items() if not found]:
        raise GeneratorError(
            [
                Problem("SYSTEM|METRIC", 1, f"no system and no metric {name[:100]!r}", nearest(name, known, otherwise="`agentobs list metrics` has them"))
                for name in unknown
            ]
        )  # fmt: skip
    about = [system for system in table.titles if any(fnmatch.fnmatchcase(system, name) for name in names)]
    return table.selected(set().union(*keys.values()), about)


COMMAND = Command(
    "coverage",
    "Say what boards, alerts, runbooks, cases and scenarios each metric has, and what it lacks without a reason.",
    _declare,
    _run,
)
