"""The commands, in the order of the help: one module each.

To add one, write a module with a `COMMAND` and name it here. A module imports what it runs only when it runs: every command
pays for what is imported here.
"""

from generator.cli.command import Command
from generator.cli.commands import (
    backtest,
    check,
    cost,
    coverage,
    diff,
    doctor,
    generate,
    infer,
    lint,
    listing,
    runbook,
    schema,
    upgrade,
    validate,
)

COMMANDS: tuple[Command, ...] = (
    generate.COMMAND,
    check.COMMAND,
    lint.COMMAND,
    listing.COMMAND,
    coverage.COMMAND,
    diff.COMMAND,
    upgrade.COMMAND,
    doctor.COMMAND,
    cost.COMMAND,
    infer.COMMAND,
    schema.COMMAND,
    runbook.COMMAND,
    validate.COMMAND,
    backtest.COMMAND,
)

__all__ = ["COMMANDS"]
