"""`agentobs doctor`: what a page is, why boards are blank with it, and the configuration that fits."""

from __future__ import annotations

import argparse
from pathlib import Path

from generator.cli import terminal
from generator.cli.command import Command, site
from generator.cli.delivery import deliver
from generator.errors import GeneratorError, Problem


def _declare(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "sources",
        nargs="*",
        metavar="SOURCE",
        help="a metrics page: an address (http://…/metrics), a file, or - for the standard input; several are one deployment",
    )
    add("--format", choices=("text", "json"), default="text")
    add("--output", type=Path, metavar="FILE", help="write the report there instead of to standard output")
    add("--write", type=Path, metavar="FILE", help="write the configuration that fits there, as a bundle.yaml")
    add("--deployment", default="main", metavar="NAME", help="what the deployment is called in it; default: main")
    add("--bearer-token-file", type=Path, metavar="FILE", help="file with the token that the pages want")
    parser.set_defaults(misused=parser.error)


def _run(args: argparse.Namespace) -> int:
    from generator import doctor

    if not args.sources:
        args.misused("name a page: an address, a file, or - for the standard input")
    if args.sources.count("-") > 1:
        args.misused("the standard input is one page: name - once")
    installed = site(args)
    problems: list[Problem] = []
    pages = []
    for source in dict.fromkeys(args.sources):
        try:
            pages.append(doctor.read(source, args.bearer_token_file))
        except GeneratorError as error:
            problems += error.problems
    if problems:
        raise GeneratorError(problems)
    found = doctor.diagnose(installed.catalogue, pages, installed.config if args.config else None)
    deliver(doctor.FORMATS[args.format](found), args.output)
    if args.write:
        if not found.fits:
            what = "no page is one of a system, so there is nothing to write"
            raise GeneratorError([Problem("--write", 1, what, "name a page of a server that the catalogue knows")])
        deliver(doctor.written(found, args.deployment), args.write)
        terminal.say(f"{args.write}: written; agentobs generate --config {args.write}")
    return int(found.failed)


COMMAND = Command(
    "doctor",
    "Say what a metrics page is, what stays blank with it and why, and write the configuration that fits.",
    _declare,
    _run,
)
