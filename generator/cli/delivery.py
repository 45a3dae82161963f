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
    _write(text, path)


def keep(text: str, path: Path, fix: str) -> None:
    """Write what somebody goes on to edit; never over what says something else already, which may be just that.

    Args:
        text: What is written.
        path: Its file.
        fix: The way out where there is another one.

    Raises:
        GeneratorError: There is another file, or it cannot be written.

    """
    try:
        other = path.is_file() and path.read_bytes() not in (b"", text.encode())
    except OSError:
        other = False
    if other:
        raise GeneratorError([Problem(str(path), 1, "is there already, and says something else", fix)])
    _write(text, path)


def _write(text: str, path: Path) -> None:
    try:
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        problem = Problem(str(path), 1, f"cannot be written: {error.strerror}", "name a writable file with --output")
        raise GeneratorError([problem]) from error
