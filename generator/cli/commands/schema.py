"""`agentobs schema`: the JSON Schemas, for editors."""

from __future__ import annotations

import argparse

from generator.cli import terminal
from generator.cli.command import Command


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=("bundle", "catalogue"))


def _run(args: argparse.Namespace) -> int:
    from generator import catalogue, config

    path = {"bundle": config.SCHEMA, "catalogue": catalogue.SCHEMA}[args.what]
    terminal.line(path.read_text(encoding="utf-8").rstrip("\n"))
    return 0


COMMAND = Command(
    "schema",
    "Print a JSON Schema, for editors: of bundle.yaml, or of a catalogue file.",
    _declare,
    _run,
    configured=False,
)
