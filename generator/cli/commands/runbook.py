"""`agentobs runbook`: the page of an alert, or what pages there are."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from generator.cli import terminal
from generator.cli.command import Command, site

if TYPE_CHECKING:
    from generator.bundle import Kind


def _declare(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("name", nargs="?", metavar="NAME", help="the alert, or the page")
    which.add_argument("--list", action="store_true", help="list the runbooks, and what each alert means")


def _run(args: argparse.Namespace) -> int:
    from generator import runbooks

    if not args.list:
        terminal.line(runbooks.page(args.name, _borrowed(args) if args.config else {}).rstrip("\n"))
        return 0
    names = runbooks.names()
    width = max(map(len, names))
    for name in names:
        terminal.line(f"{name:{width}}  {runbooks.meaning(runbooks.page(name))}".rstrip())
    return 0


def _borrowed(args: argparse.Namespace) -> Mapping[str, str]:
    """Return the page of each alert that has another's, which only systems of an operator's own have."""
    from generator.bundle import build

    kinds: Sequence[Kind] = ("rules",)
    return {alert.name: alert.runbook for alert in build(site(args), kinds=kinds).alerts if alert.runbook}


COMMAND = Command("runbook", "Print the runbook of an alert.", _declare, _run)
