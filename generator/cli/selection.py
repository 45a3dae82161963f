"""Which files of a bundle a command is about: the options `--format` and `--only`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from generator.errors import GeneratorError, Problem

if TYPE_CHECKING:
    from generator.bundle import Bundle
    from generator.outputs import Format


def declare_formats(parser: argparse.ArgumentParser) -> None:
    """Add the option `--format`."""
    from generator.outputs import FORMATS

    parser.add_argument(
        "--format",
        action="append",
        choices=tuple(FORMATS),
        dest="formats",
        metavar="NAME",
        help="a form of the bundle, see `agentobs list formats`; may be repeated; default: files",
    )


def declare_only(parser: argparse.ArgumentParser) -> None:
    """Add the option `--only`."""
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="GLOB",
        help="these files alone, such as scrape/prometheus.yml or 'alerts/*'; may be repeated",
    )


def formats(args: argparse.Namespace) -> Sequence[Format]:
    """Return the formats that `--format` names, each once."""
    from generator.outputs import FORMATS

    return [FORMATS[name] for name in dict.fromkeys(args.formats or ("files",))]


def texts(bundle: Bundle, formats: Sequence[Format]) -> Mapping[PurePosixPath, str]:
    """Return every file of the bundle in these formats, by its path."""
    return {path: text for one in formats for path, text in one.render(bundle).items()}


def matching(texts: Mapping[PurePosixPath, str], globs: Sequence[str]) -> Mapping[PurePosixPath, str]:
    """Return the files that a glob of `--only` matches; all of them when there is no glob.

    Raises:
        GeneratorError: A glob matches no file.

    """
    unmatched = [glob for glob in globs if not any(path.match(glob) for path in texts)]
    if unmatched:
        fix = "see below --out what the files are called"
        raise GeneratorError([Problem("--only", 1, f"no file is called {glob!r}", fix) for glob in unmatched])
    return {path: text for path, text in texts.items() if not globs or any(path.match(glob) for glob in globs)}
