"""A command with a terminal of its own as standard error, as a person has one, while standard output goes into a pipe."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class Shown(NamedTuple):
    """The exit code, what came through the pipe, and what the terminal was sent: `rewritten` are the lines that took each other's place."""

    code: int
    out: str
    terminal: str

    @property
    def rewritten(self) -> list[str]:
        """Return what stood in the line that is rewritten, one after another."""
        return [text.rstrip() for line in self.terminal.split("\n") for text in line.split("\r")[1:] if text.strip()]

    @property
    def left(self) -> str:
        """Return what still stands there in the end, line by line."""
        lines = []
        for line in self.terminal.replace("\r\n", "\n").split("\n"):
            cells: list[str] = []
            for text in line.split("\r"):
                cells[: len(text)] = text
            lines.append("".join(cells).rstrip())
        return "\n".join(lines).strip()


def run(command: Sequence[str], folder: Path, limit_seconds: float = 120) -> Shown:
    """Run a command in a terminal.

    Returns:
        Its exit code, what it wrote to standard output, and what the terminal showed.

    Raises:
        subprocess.TimeoutExpired: It does not end within the limit.

    """
    ours, theirs = pty.openpty()
    chunks: list[bytes] = []

    def read() -> None:
        # Linux answers with an error once the other side is closed.
        with contextlib.suppress(OSError):
            while chunk := os.read(ours, 65_536):
                chunks.append(chunk)

    with subprocess.Popen(
        command, cwd=folder, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, text=True
    ) as process:
        os.close(theirs)
        reader = threading.Thread(target=read)
        reader.start()
        try:
            out, _ = process.communicate(timeout=limit_seconds)
        finally:
            process.kill()
        reader.join()
    os.close(ours)
    return Shown(process.returncode, out, b"".join(chunks).decode())
