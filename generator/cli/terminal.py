"""What goes to standard output and standard error: shown as it is, whatever its source, and wherever it goes."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TextIO

from generator.errors import GeneratorError, Problem


def plain(text: str) -> str:
    r"""Return a text in which whatever would move a cursor, change a colour or turn the direction is an escape: `\x1b`."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def fold(text: str) -> str:
    """Return a text on one line, with one blank where there were several, and without any control character."""
    return plain(" ".join(text.split()))


def write(text: str) -> None:
    """Write a text of several lines to standard output, each of which is shown as it is.

    A reader who goes away, as `head` does, is no mistake.

    Raises:
        GeneratorError: It cannot be written.

    """
    try:
        _send(sys.stdout, text)
    except BrokenPipeError:
        _silence(sys.stdout)
    except OSError as error:
        _silence(sys.stdout)
        raise GeneratorError(
            [Problem("standard output", 1, f"cannot be written: {error.strerror}", "make room, or write it elsewhere")]
        ) from error


def line(text: str) -> None:
    """Write one line to standard output, or several.

    Raises:
        GeneratorError: It cannot be written.

    """
    write(text + "\n")


def say(text: str) -> None:
    """Write to standard error what a person may want to read; nobody need be there."""
    try:
        _send(sys.stderr, text + "\n")
    except OSError:
        _silence(sys.stderr)


def rewrite(line: str) -> None:
    """Write one line to standard error in the place of the one that stands there."""
    try:
        _send(sys.stderr, line, before="\r")
    except OSError:
        _silence(sys.stderr)


def finish() -> None:
    """Write what is left of standard output.

    Raises:
        GeneratorError: It cannot be written.

    """
    write("")


def _send(stream: TextIO | None, text: str, before: str = "") -> None:
    if stream is None:
        raise OSError(0, "it is closed")
    shown = "\n".join(plain(line) for line in text.split("\n"))
    encoding = stream.encoding or "utf-8"
    stream.write(before + shown.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()


def _silence(stream: TextIO | None) -> None:
    """Let nothing more be written there: the interpreter would complain of it at its end."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        assert stream is not None  # noqa: S101 - one that is not there has no descriptor
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
