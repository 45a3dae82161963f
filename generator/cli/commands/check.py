"""`agentobs check`: are the files what the generator makes?"""

from __future__ import annotations

import argparse
from pathlib import Path

from generator import writing
from generator.cli import selection, terminal
from generator.cli.command import Command, bundle
from generator.errors import GeneratorError


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="where the files are; default: here")
    selection.declare_formats(parser)
    selection.declare_only(parser)


def _run(args: argparse.Namespace) -> int:
    every = selection.texts(bundle(args), selection.formats(args))
    texts = selection.matching(every, args.only)
    problems = writing.differences(texts, args.out, every)
    if problems:
        raise GeneratorError(problems)
    terminal.line(f"{len(texts)} files are what the generator makes")
    return 0


COMMAND = Command("check", "Say which files differ from what the generator makes; write nothing.", _declare, _run)
