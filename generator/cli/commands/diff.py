"""`agentobs diff`: two bundles by meaning, for an upgrade and as a gate."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from generator.cli.command import Command
from generator.cli.delivery import deliver
from generator.cli.login import declare, login
from generator.cli.parser import seconds

if TYPE_CHECKING:
    from generator.diff.reading import Servers

#: What `--fail-on` takes, and from which rank on the exit code is 1.
_GATES = ("breaking", "behaviour", "cosmetic", "nothing")


def _declare(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    about = "a folder, a bundle.yaml, `defaults`, or the address of a Prometheus that has the rules loaded"
    add("old", metavar="OLD", help=about)
    add("new", metavar="NEW", help="the same")
    add("--grafana", default="", metavar="URL", help="the Grafana beside a Prometheus, to compare boards too")
    add("--format", choices=("text", "json", "markdown"), default="text")
    add("--output", type=Path, metavar="FILE", help="write the report there instead of to standard output")
    add("--fail-on", choices=_GATES, default="breaking", help="end with 1 from this rank on; default: breaking")
    declare(parser, "Prometheus")
    declare(parser, "Grafana", "grafana-")
    add("--timeout", type=seconds, default=10.0, metavar="SECONDS", help="for one request; default: 10")


def _run(args: argparse.Namespace) -> int:
    from generator import diff

    servers = _servers(args)
    old, new = diff.read(args.old, servers), diff.read(args.new, servers)
    if "://" in args.old or "://" in args.new:
        old, new = diff.of_the_bundle(old, new), diff.of_the_bundle(new, old)
    changes = diff.compare(old, new)
    deliver(diff.FORMATS[args.format](old.name, new.name, changes) + "\n", args.output)
    failing = _GATES[: _GATES.index(args.fail_on) + 1] if args.fail_on != "nothing" else ()
    return int(any(change.rank in failing for change in changes))


def _servers(args: argparse.Namespace) -> Servers:
    from generator.diff.reading import Servers
    from generator.validate.access import address

    grafana = address(args.grafana, "--grafana") if args.grafana else ""
    return Servers(login(args), grafana, login(args, "AGENTOBS_GRAFANA", "grafana-"), args.timeout or 10.0)


COMMAND = Command(
    "diff",
    "Say by meaning what differs between two bundles: what breaks, what behaves differently, what only looks so.",
    _declare,
    _run,
    configured=False,
)
