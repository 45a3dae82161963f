"""`agentobs lint`: the named checks, and what they find."""

from __future__ import annotations

import argparse
import json
import os
import time
from datetime import UTC, date, datetime
from pathlib import Path

from generator.cli import terminal
from generator.cli.command import Command, site
from generator.cli.parser import day


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="where the files are; default: here")
    parser.add_argument("--format", choices=("text", "json", "github"), default="text")
    parser.add_argument("--list", action="store_true", help="list the checks and what each is for")
    parser.add_argument(
        "--today",
        type=day,
        metavar="DAY",
        help="the day on which suppressions are looked at; default: that of SOURCE_DATE_EPOCH, or the clock's in UTC",
    )


def _today() -> date:
    """Return the day of `SOURCE_DATE_EPOCH`, by which builds are repeated, or the clock's.

    Raises:
        GeneratorError: The variable is no such number.

    """
    from generator.errors import GeneratorError, Problem

    given = os.environ.get("SOURCE_DATE_EPOCH")
    try:
        return datetime.fromtimestamp(time.time() if given is None else int(given), UTC).date()
    except (ValueError, OverflowError, OSError):
        what = f"{given!r:.100} is no number of seconds since 1970"
        raise GeneratorError([Problem("SOURCE_DATE_EPOCH", 1, what, "write one, or unset it")]) from None


def _run(args: argparse.Namespace) -> int:
    from generator.lint import CHECKS, run

    if args.list:
        for check in CHECKS:
            terminal.line(f"{check.name:34} {check.about}")
        return 0
    findings = run(site(args), args.out, today=args.today or _today())
    if args.format == "json":
        terminal.line(json.dumps([f.as_json() for f in findings], indent=2))
    else:
        for finding in findings:
            terminal.line(finding.as_github() if args.format == "github" else str(finding))
    if args.format == "text" and not findings:
        terminal.line(f"{len(CHECKS)} checks, nothing found")
    return 1 if findings else 0


COMMAND = Command("lint", "Run the named checks over catalogue, rules, dashboards and scrape files.", _declare, _run)
