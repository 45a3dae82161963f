"""Commands as processes: what they said and how they ended; none outlives its test."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from testbed.servers.cache import REPOSITORY

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(REPOSITORY)}


@dataclass(frozen=True)
class Outcome:
    """How a validation ended."""

    code: int
    text: str
    errors: str

    @property
    def report(self) -> Mapping[str, Any]:
        """The JSON report."""
        found: Mapping[str, Any] = json.loads(self.text)
        return found

    def of(self, category: str, part: str) -> list[tuple[str, str]]:
        """Verdicts of a category about what has `part` in its name: state and reason."""
        return [
            (v["verdict"], v["why"]) for v in self.report["verdicts"] if v["category"] == category and part in v["item"]
        ]

    def clear(self) -> bool:
        """A report, every wrong item with its reason and its fix, and no traceback."""
        wrong = [v for v in self.report["verdicts"] if v["verdict"] == "wrong"]
        assert "Traceback" not in self.errors, self.errors
        assert all(v["why"] and v["fix"] for v in wrong)
        assert self.code == (1 if wrong or self.report["ended_early"] else 0)
        return True


@contextlib.contextmanager
def started(command: list[str], **more: Any) -> Iterator[subprocess.Popen[str]]:
    """A process that does not outlive the test."""
    child = subprocess.Popen(
        command, cwd=REPOSITORY, env={**ENVIRONMENT, **more}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield child
    finally:
        if child.poll() is None:
            child.kill()
        child.communicate()


def outcome(child: subprocess.Popen[str], limit: float = 900) -> Outcome:
    out, errors = child.communicate(timeout=limit)
    return Outcome(child.returncode, out, errors)
