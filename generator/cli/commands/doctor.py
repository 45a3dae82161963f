"""`agentobs doctor`: what a page is, why boards are blank with it, and the configuration that fits."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from generator.cli import terminal
from generator.cli.command import Command, site
from generator.cli.delivery import deliver, keep
from generator.cli.login import declare, login
from generator.cli.parser import seconds
from generator.errors import GeneratorError, Problem

if TYPE_CHECKING:
    from generator.config.site import Site
    from generator.doctor import Diagnosis, Monitored


def _declare(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "sources",
        nargs="*",
        metavar="SOURCE",
        help="a metrics page: an address (http://…/metrics), a file, or - for the standard input; several are one deployment",
    )
    add("--prometheus", default="", metavar="URL", help="look at what a Prometheus has instead, under whatever labels")
    add("--format", choices=("text", "json"), default="text")
    add("--output", type=Path, metavar="FILE", help="write the report there instead of to standard output")
    add("--write", type=Path, metavar="FILE", help="write the configuration that fits there, as a bundle.yaml")
    add("--deployment", default="main", metavar="NAME", help="what the deployment is called in it; default: main")
    declare(parser, "Prometheus", bearer="the pages or Prometheus")
    add("--timeout", type=seconds, default=10.0, metavar="SECONDS", help="for one request to Prometheus; default: 10")
    parser.set_defaults(misused=parser.error)


def _run(args: argparse.Namespace) -> int:
    from generator import doctor

    if bool(args.sources) == bool(args.prometheus):
        args.misused("name pages (addresses, files, or - for the standard input), or a Prometheus (--prometheus URL)")
    if args.sources.count("-") > 1:
        args.misused("the standard input is one page: name - once")
    installed = site(args)
    found = _asked(args, installed) if args.prometheus else _looked_at(args, installed)
    diagnosis = found if isinstance(found, doctor.Diagnosis) else found.diagnosis
    deliver(doctor.FORMATS[args.format](found), args.output)
    if args.write:
        if not diagnosis.fits:
            what = "no page is one of a system, so there is nothing to write"
            raise GeneratorError([Problem("--write", 1, what, "name a page of a server that the catalogue knows")])
        _write(doctor.written(diagnosis, args.deployment), args.write, args.config)
        terminal.say(f"{args.write}: written; agentobs generate --config {args.write}")
    return int(found.failed)


def _write(text: str, path: Path, config: Path | None) -> None:
    """Write the configuration that fits; over another one only where that is the one that it keeps the keys of.

    Raises:
        GeneratorError: There is another file, or it cannot be written.

    """
    if config and config.exists() and path.exists() and path.samefile(config):
        deliver(text, path)
    else:
        keep(text, path, f"add --config {path}, and its keys of which doctor says nothing stay; or name another file")


def _looked_at(args: argparse.Namespace, installed: Site) -> Diagnosis:
    """Return what the pages tell that were named.

    Raises:
        GeneratorError: Some cannot be read; carries a problem for each.

    """
    from generator import doctor

    problems: list[Problem] = []
    pages = []
    for source in dict.fromkeys(args.sources):
        try:
            pages.append(doctor.read(source, args.bearer_token_file))
        except GeneratorError as error:
            problems += error.problems
    if problems:
        raise GeneratorError(problems)
    return doctor.diagnose(installed.catalogue, pages, installed.config if args.config else None)


def _asked(args: argparse.Namespace, installed: Site) -> Monitored:
    """Return what a Prometheus tells.

    Raises:
        GeneratorError: It does not answer, or does not let us in.

    """
    from generator import doctor
    from generator.validate.access import address
    from generator.validate.probe import Probe, ProbeError
    from generator.validate.prometheus import Prometheus

    made = login(args)
    url = address(args.prometheus, "--prometheus")
    probe = Probe("Prometheus", url, made, timeout=args.timeout or 10.0, flag="--prometheus")
    try:
        own = installed.config if args.config else None
        return doctor.monitored(installed.catalogue, Prometheus(probe), own, time.time())
    except ProbeError as error:
        problem = Problem("--prometheus", 1, made.hide(error.what), made.hide(error.fix) or "is it a Prometheus?")
        raise GeneratorError([problem]) from error
    finally:
        probe.close()


COMMAND = Command(
    "doctor",
    "Say what metrics pages, or those that a Prometheus has, are; what stays blank with them and why; what configuration fits.",
    _declare,
    _run,
)
