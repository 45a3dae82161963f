"""`agentobs lint`: the named checks, and what they find."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from generator.cli import terminal
from generator.cli.command import Command, site


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="where the files are; default: here")
    parser.add_argument("--format", choices=("text", "json", "github"), default="text")
    parser.add_argument("--list", action="store_true", help="list the checks and what each is for")


def _run(args: argparse.Namespace) -> int:
    from generator.lint import CHECKS, run

    if args.list:
        for check in CHECKS:
            terminal.line(f"{check.name:34} {check.about}")
        return 0
    findings = run(site(args), args.out)
    if args.format == "json":
        terminal.line(json.dumps([f.as_json() for f in findings], indent=2))
    else:
        for finding in findings:
            terminal.line(finding.as_github() if args.format == "github" else str(finding))
    if args.format == "text" and not findings:
        terminal.line(f"{len(CHECKS)} checks, nothing found")
    return 1 if findings else 0


COMMAND = Command("lint", "Run the named checks over catalogue, rules, dashboards and scrape files.", _declare, _run)
