"""Where a report goes that a command was asked for: to a file, or to standard output."""

from __future__ import annotations

from pathlib import Path

from generator.cli import terminal
from generator.errors import GeneratorError, Problem


def deliver(text: str, path: Path | None) -> None:
    """Write a report to its file, or to standard output where there is none.

    Raises:
        GeneratorError: It cannot be written.

    """
    if path is None:
        terminal.write(text)
        return
    try:
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        problem = Problem(str(path), 1, f"cannot be written: {error.strerror}", "name a writable file with --output")
        raise GeneratorError([problem]) from error
