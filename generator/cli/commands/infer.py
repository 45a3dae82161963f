"""`agentobs infer`: a catalogue file from a metrics page."""

from __future__ import annotations

import argparse
from pathlib import Path

from generator.cli import terminal
from generator.cli.command import Command
from generator.cli.delivery import keep
from generator.errors import GeneratorError, Problem


def _declare(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("source", metavar="PAGE", help="a file, an address (http://…/metrics), or - for the standard input")
    add("--prefix", metavar="P", help="what its names begin with; found by most of them when left out")
    add("--system", default="", metavar="NAME", help="what to call the system; by the prefix when left out")
    add("--out", type=Path, metavar="FILE", help="where to write; default: the standard output")
    add("--bearer-token-file", type=Path, metavar="FILE", help="file with the token that the page wants")


def _run(args: argparse.Namespace) -> int:
    from urllib.parse import urlsplit

    from generator import infer
    from generator.catalogue import load
    from generator.config.own import misnamed

    port = (urlsplit(args.source).port or 0) if args.source.startswith(("http://", "https://")) else 0
    problems = []
    if args.prefix and not args.prefix.endswith("_"):
        problems.append(
            Problem("--prefix", 1, f"{args.prefix!r} does not end in an underscore", f"write {args.prefix}_")
        )
    if args.system and (wrong := misnamed(args.system, load())):
        problems.append(Problem("--system", 1, *wrong))
    if problems:
        raise GeneratorError(problems)
    families = infer.read(args.source, infer.page(args.source, args.bearer_token_file))
    draft = infer.text(infer.draft(families, system=args.system, prefix=args.prefix, port=port))
    if args.out:
        keep(draft, args.out, "name another file and take over from it what is new; or remove this one")
        terminal.say(
            f"{args.out}: written; name it in bundle.yaml: systems: {{{args.system or 'NAME'}: {{catalogue: {args.out}}}}}"
        )
    else:
        terminal.line(draft.rstrip("\n"))
    return 0


COMMAND = Command(
    "infer",
    "Draft a catalogue file from a metrics page, for a system of your own.",
    _declare,
    _run,
    configured=False,
)
