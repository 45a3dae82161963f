"""`agentobs upgrade`: what another version of the servers changes, before it is rolled out."""

from __future__ import annotations

import argparse
from pathlib import Path

from generator.cli.command import Command, site
from generator.cli.delivery import deliver


def _declare(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--system", default="agent_server", metavar="NAME", help="which servers are upgraded; default: agent_server")
    add("--from", dest="first", required=True, metavar="V", help="the version that runs")
    add("--to", dest="last", required=True, metavar="V", help="the version that comes")
    add(
        "--check",
        nargs="+",
        action="extend",
        type=Path,
        default=[],
        metavar="FILE",
        help="your own rule files and dashboards: which lines have to change",
    )
    add("--format", choices=("text", "json"), default="text")
    add("--output", type=Path, metavar="FILE", help="write the report there instead of to standard output")


def _run(args: argparse.Namespace) -> int:
    from generator import upgrade

    found = upgrade.between(site(args), args.system, args.first, args.last)
    problems = upgrade.check(args.check, found)
    deliver(upgrade.FORMATS[args.format](found, problems), args.output)
    return int(bool(found.blank or problems))


COMMAND = Command(
    "upgrade",
    "Say what an upgrade of servers renames, removes and leaves blank, and which lines of your own files it breaks.",
    _declare,
    _run,
)
