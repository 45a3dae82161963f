"""What a command of the command line declares, and what most commands begin with: the configuration and its bundle."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from generator.bundle import Bundle
    from generator.config.site import Site


@dataclass(frozen=True, slots=True)
class Command:
    """One command: `agentobs NAME`.

    Attributes:
        about: One sentence, in the list of commands and above the command's own options.
        declare: Adds its options to its parser.
        run: Runs it and returns the exit code; it reads the options of `declare`, and `config` where `configured`.
        configured: It reads a `bundle.yaml` and has the option `--config`.
        writes: It changes files; when it is interrupted, it says which state they are in.

    """

    name: str
    about: str
    declare: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    configured: bool = True
    writes: bool = False

    def add(self, commands: argparse._SubParsersAction[Any]) -> None:
        """Add the command and its options to the parser's commands."""
        parser = commands.add_parser(self.name, help=self.about, description=self.about)
        if self.configured:
            parser.add_argument(
                "--config", type=Path, metavar="FILE", help="your bundle.yaml; without it the defaults hold"
            )
        self.declare(parser)
        parser.set_defaults(command=self)


def site(args: argparse.Namespace) -> Site:
    """Return the installation that `--config` describes.

    Raises:
        GeneratorError: The configuration or a catalogue file is wrong.

    """
    from generator.bundle import installation
    from generator.catalogue import load

    return installation(load(), args.config)


def bundle(args: argparse.Namespace) -> Bundle:
    """Return everything that is generated for the installation that `--config` describes.

    Raises:
        GeneratorError: The configuration, a catalogue file, a board or a rule is wrong.

    """
    from generator.bundle import build

    return build(site(args))
