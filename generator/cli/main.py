"""The command line: one command is run, and its exit code returned.

Exit codes: 0 all is well; 1 something is wrong with catalogue, configuration, boards, rules or files; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import signal
from collections.abc import Iterator, Sequence

from generator import version
from generator.cli import interruption, terminal
from generator.cli.commands import COMMANDS
from generator.cli.parser import Parser
from generator.errors import GeneratorError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        Its exit code: 0 fine, 1 something is wrong, 128 + n ended by signal n.

    Raises:
        SystemExit: The usage is wrong, or help was asked for.

    """
    args = _parser().parse_args(argv)
    args.exchange = None
    try:
        with interruption.ending() as args.ending:
            code = int(args.command.run(args))
            terminal.finish()
    except GeneratorError as error:
        terminal.say(str(error))
        return 1
    except interruption.Ended as end:
        terminal.say("; ".join(_state(args, end)))
        return end.code
    return code


def _state(args: argparse.Namespace, end: interruption.Ended) -> Iterator[str]:
    """Say what ended the command, and what of its files is true."""
    yield "interrupted" if end.number == signal.SIGINT else f"ended by {end}"
    if args.command.writes:
        yield args.exchange.state if args.exchange else "no file was changed"


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="agentobs", description="Dashboards, rules and scrape configurations for AI agent servers.")
    parser.add_argument("--version", action="version", version=f"agentobs {version()}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add(commands)
    return parser
