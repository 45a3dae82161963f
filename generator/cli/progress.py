"""One line on standard error that says how far a command is."""

from __future__ import annotations

import shutil
import sys
import time

from generator.cli import terminal


class Progress:
    """The line: rewritten on a terminal, and elsewhere a plain line now and then."""

    #: Seconds between two lines where nothing can be rewritten.
    _QUIET = 5.0

    def __init__(self) -> None:
        self._live = sys.stderr is not None and sys.stderr.isatty()
        self._next = time.monotonic() + self._QUIET
        self._width = 0

    def show(self, line: str) -> None:
        """Show `line` in place of the one before, on one line and without control characters."""
        if self._live:
            shown = terminal.fold(line)[: shutil.get_terminal_size().columns - 1]
            terminal.rewrite(f"{shown:{self._width}}")
            self._width = len(shown)
        elif time.monotonic() >= self._next:
            terminal.say(terminal.fold(line))
            self._next = time.monotonic() + self._QUIET

    def end(self) -> None:
        """Take the line away."""
        if self._live and self._width:
            terminal.rewrite(" " * self._width)
            terminal.rewrite("")
