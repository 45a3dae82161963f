"""One line on a terminal that says how far a command is; in a pipe and in a file there is nothing of it."""

from __future__ import annotations

import shutil
import sys

from generator.cli import terminal


class Progress:
    """The line on standard error, rewritten as things go on."""

    def __init__(self) -> None:
        self._live = sys.stderr is not None and sys.stderr.isatty()
        self._width = 0

    def show(self, line: str) -> None:
        """Show `line` in place of the one before, on one line and without control characters."""
        if self._live:
            shown = terminal.fold(line)[: shutil.get_terminal_size().columns - 1]
            terminal.rewrite(f"{shown:{self._width}}")
            self._width = len(shown)

    def end(self) -> None:
        """Take the line away."""
        if self._live and self._width:
            terminal.rewrite(" " * self._width)
            terminal.rewrite("")
            self._width = 0
