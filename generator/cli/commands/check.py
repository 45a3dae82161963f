"""`agentobs check`: are the files what the generator makes?"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from generator import writing
from generator.cli import selection, terminal
from generator.cli.command import Command, bundle
from generator.errors import GeneratorError, Problem


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="where the files are; default: here")
    selection.declare_formats(parser)
    selection.declare_only(parser)
    about = "say of these alone, wherever they are, whether someone edited them"
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help=about)


def _run(args: argparse.Namespace) -> int:
    if args.files:
        return _stamps(args.files)
    every = selection.texts(bundle(args), selection.formats(args))
    texts = selection.matching(every, args.only)
    problems = writing.differences(texts, args.out, every)
    if problems:
        raise GeneratorError(problems)
    terminal.line(f"{len(texts)} files are what the generator makes")
    return 0


def _stamps(paths: Sequence[Path]) -> int:
    """Say of each file which version made it; whatever makes the files is not asked."""
    problems = [problem for path in paths if (problem := _edited(path))]
    if problems:
        raise GeneratorError(problems)
    return 0


def _edited(path: Path) -> Problem | None:
    from generator.outputs import stamp

    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        return Problem(str(path), 1, f"cannot be read: {error.strerror}", "name a file that this user may read")
    except ValueError:
        return Problem(str(path), 1, "is no text in UTF-8", "name a file that `agentobs generate` wrote")
    found = stamp.read(path, text)
    if found is None:
        return Problem(str(path), 1, "says nothing of the version that made it", "name a file of `agentobs generate`")
    if not found.fits:
        return Problem(str(path), 1, stamp.EDITED, stamp.KEEP)
    terminal.line(f"{path}: as version {found.version} made it")
    return None


COMMAND = Command("check", "Say which files differ from what the generator makes; write nothing.", _declare, _run)
