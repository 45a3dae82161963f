"""`agentobs cost`: what an installation costs before it is rolled out, for a fleet given by numbers or found in a Prometheus."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from generator.cli.command import Command, site
from generator.cli.delivery import deliver
from generator.cli.login import declare, login
from generator.cli.parser import seconds
from generator.errors import GeneratorError, Problem

if TYPE_CHECKING:
    from generator.config.site import Site
    from generator.cost import Measured

#: Bytes of a sample at most: one that nothing compresses has sixteen.
MOST_BYTES = 1000


def _declare(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--processes",
        action="append",
        default=[],
        metavar="NAME=N,...",
        help="how many there are: agent_server.api=10,langsight=2; by default those whose addresses the configuration lists",
    )
    add(
        "--deployments",
        action="append",
        default=[],
        metavar="NAME=N,...",
        help="how many deployments of a system these are: agent_server=3; one by default",
    )
    add(
        "--eras",
        action="append",
        default=[],
        metavar="NAME=N,...",
        help="where `versions:` has several eras: per cent of the processes that are of one, agent_server.old=40",
    )
    add("--prometheus", metavar="URL", help="count what a Prometheus has instead; it is only read")
    add(
        "--bytes-per-sample",
        type=float,
        default=0.0,
        metavar="N",
        help="on disk; what Prometheus tells, or 2, by default",
    )
    add("--budget", type=int, default=0, metavar="SERIES", help="exit with 1 where there are more series")
    add("--format", choices=("text", "json"), default="text")
    add("--output", type=Path, metavar="FILE", help="write the report there instead of to standard output")
    declare(parser, "Prometheus")
    add("--timeout", type=seconds, default=10.0, metavar="SECONDS", help="for one request to Prometheus; default: 10")
    parser.set_defaults(misused=parser.error)


def _run(args: argparse.Namespace) -> int:
    from generator import cost
    from generator.cost.report import FORMATS

    if args.prometheus is not None and (args.processes or args.deployments or args.eras):
        args.misused("--prometheus counts the processes: leave out --processes, --deployments and --eras")
    problems = [*_odd(args)]
    if problems:
        raise GeneratorError(problems)
    installed = site(args)
    measured = _asked(args, installed) if args.prometheus is not None else None
    fleet = measured.fleet if measured else cost.fleet(installed, args.processes, args.deployments, args.eras)
    found = cost.cost(installed, fleet, args.bytes_per_sample, measured)
    deliver(FORMATS[args.format](found), args.output)
    return int(bool(found.refused) or 0 < args.budget < found.series)


def _odd(args: argparse.Namespace) -> list[Problem]:
    """Return what is wrong with numbers that are given."""
    problems = []
    if not 0 <= args.bytes_per_sample <= MOST_BYTES:
        what = f"{args.bytes_per_sample:g} is no size of a sample, which has at most {MOST_BYTES} bytes"
        problems.append(Problem("--bytes-per-sample", 1, what, "write 1.5"))
    if args.budget < 0:
        problems.append(Problem("--budget", 1, f"{args.budget} is below 0", "write a number of series"))
    return problems


def _asked(args: argparse.Namespace, installed: Site) -> Measured:
    """Return what a Prometheus tells.

    Raises:
        GeneratorError: It does not answer, does not let us in, or scrapes nothing of ours.

    """
    from generator import cost
    from generator.validate.access import address
    from generator.validate.probe import Probe, ProbeError
    from generator.validate.prometheus import Prometheus

    made = login(args)
    url = address(args.prometheus, "--prometheus")
    probe = Probe("Prometheus", url, made, timeout=args.timeout or 10.0, flag="--prometheus")
    try:
        measured = cost.asked(installed, Prometheus(probe))
    except ProbeError as error:
        problem = Problem("--prometheus", 1, made.hide(error.what), made.hide(error.fix) or "is it a Prometheus?")
        raise GeneratorError([problem]) from error
    finally:
        probe.close()
    if not measured.fleet.processes:
        what = "it scrapes no process that the configuration would find"
        raise GeneratorError(
            [Problem("--prometheus", 1, what, "see `agentobs doctor --prometheus`, which finds them under any labels")]
        )
    return measured


COMMAND = Command(
    "cost",
    "Say what an installation costs before it is rolled out: series, samples, bytes, rule seconds; and what would save some.",
    _declare,
    _run,
)
