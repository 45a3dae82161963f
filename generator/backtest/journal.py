"""Answers that are kept in a file while a run goes on, so that one that was ended goes on where it was.

One line of JSON each: the first one says what the run is, the others are the answer to one question by its digest.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from generator.errors import GeneratorError, Problem

#: Another form of the file is another number: what another version kept is asked anew.
FORM = 1


class Journal:
    """The file. Safe to use from several threads; without a path nothing outlives the run."""

    def __init__(self, path: Path | None, head: Mapping[str, Any]) -> None:
        """Open the file, and take from it what another run of the same kind has left there.

        Args:
            path: The file; its folder is made.
            head: What the run is, without its end. What was kept for another one is dropped.

        Raises:
            GeneratorError: It cannot be read or written.

        """
        self.path, self._lock = path, threading.Lock()
        self._answers: dict[str, Any] = {}
        self._file: TextIO | None = None
        self._head = {"form": FORM, **head}
        self.end: float | None = None
        if path is not None:
            try:
                self._read(path)
            except OSError as error:
                raise GeneratorError([_problem(path, error)]) from error

    @property
    def count(self) -> int:
        """How many answers there are."""
        return len(self._answers)

    def begin(self, end: float) -> None:
        """Say when the span of the run ends, in unix seconds, and be ready to keep answers.

        Raises:
            GeneratorError: The file cannot be written.

        """
        if self.path is None:
            return
        known = self.end == end
        self.end = end
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("a" if known else "w", encoding="utf-8")
        except OSError as error:
            raise GeneratorError([_problem(self.path, error)]) from error
        if not known:
            self._answers.clear()
            self._line({**self._head, "end": end})

    def get(self, *question: object) -> Any:
        """Return the answer to a question; None where there is none."""
        return self._answers.get(_digest(question))

    def put(self, answer: Any, *question: object) -> None:
        """Keep an answer, which is a value of JSON and not null."""
        digest = _digest(question)
        with self._lock:
            self._answers[digest] = answer
            if self._file is not None:
                self._line([digest, answer])

    def close(self, *, forget: bool = False) -> None:
        """Close the file, and remove it if nobody needs it any more."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None
            if forget and self.path is not None:
                with contextlib.suppress(OSError):
                    self.path.unlink()

    def _read(self, path: Path) -> None:
        if not path.exists():
            return
        with path.open(encoding="utf-8", errors="replace") as file:
            head = _value(file.readline())
            if not isinstance(head, dict) or {k: v for k, v in head.items() if k != "end"} != self._head:
                return
            for text in file:
                # The last line is cut where the run was.
                line = _value(text)
                if isinstance(line, list) and len(line) == 2:  # noqa: PLR2004 - question and answer
                    self._answers[line[0]] = line[1]
            # A run that got no answer is no run to go on with.
            self.end = head["end"] if self._answers and isinstance(head.get("end"), (int, float)) else None

    def _line(self, value: Any) -> None:
        assert self._file is not None  # noqa: S101 - who calls has looked
        # The line end comes first, so that a line that was cut is ended too.
        self._file.write(("\n" if self._file.tell() else "") + json.dumps(value, separators=(",", ":")))
        self._file.flush()


def default(url: str, span: str) -> Path:
    """Return where the answers of a server are kept when nobody says where: below the user's folder for caches."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "agentobs" / f"backtest-{_digest((url, span))[:16]}.jsonl"


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _digest(question: tuple[object, ...]) -> str:
    return hashlib.sha256(repr(question).encode()).hexdigest()[:32]


def _problem(path: Path, error: OSError) -> Problem:
    return Problem(str(path), 1, f"cannot be used to keep answers: {error.strerror}", "name another file with --state")
