"""The last verdict of `agentobs validate` on each metric, read from the report that it wrote as JSON."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from generator.coverage.table import Row
from generator.errors import GeneratorError, Problem
from generator.source import shown

#: Bytes of a report at most: one of a large installation has a few hundred thousand.
LARGEST = 50_000_000

#: What validation says, the worst first: what is said of a metric that several systems show.
_STATES = ("wrong", "warning", "pending", "empty", "ok")


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Verdicts on metrics: exposed name, then system, to the state and its reason."""

    by_name: Mapping[str, Mapping[str, tuple[str, str]]] = field(default_factory=dict)

    def of(self, row: Row, targets: Collection[str]) -> tuple[str, str]:
        """Return the state of a metric and why, both empty where the report says nothing of it.

        What several systems show has the worst of what is said of it.
        """
        verdicts = self.by_name.get(row.metric.full_name, {})
        if row.metric.system in targets:
            return verdicts.get(row.metric.system, ("", ""))
        return min(verdicts.values(), key=lambda one: _STATES.index(one[0]), default=("", ""))


def read(path: Path) -> Verdicts:
    """Return the verdicts of a report of `agentobs validate --format json`.

    Raises:
        GeneratorError: It cannot be read, or is no such report.

    """
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
        if len(raw) > LARGEST:
            raise GeneratorError([_wrong(path, 1, f"has more than {LARGEST:,} bytes")])
        document = json.loads(raw.decode("utf-8"))
    except OSError as error:
        raise GeneratorError([_wrong(path, 1, f"cannot be read: {error.strerror}")]) from error
    except json.JSONDecodeError as error:
        raise GeneratorError([_wrong(path, error.lineno, f"not JSON: {error.msg}")]) from error
    except (ValueError, RecursionError) as error:  # other bytes than UTF-8, or a number of thousands of digits
        raise GeneratorError([_wrong(path, 1, "not JSON in UTF-8")]) from error
    found: dict[str, dict[str, tuple[str, str]]] = {}
    try:
        for one in document["verdicts"]:
            if one["category"] == "metrics" and " " in one["item"]:
                system, _, name = one["item"].partition(" ")
                found.setdefault(name, {})[system] = _STATES[_STATES.index(one["verdict"])], str(one["why"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise GeneratorError([_wrong(path, 1, "no report of `agentobs validate`")]) from error
    if not found:
        raise GeneratorError([_wrong(path, 1, "says nothing of any metric")])
    return Verdicts(found)


def _wrong(path: Path, line: int, what: str) -> Problem:
    fix = "name what `agentobs validate --format json --output FILE` wrote"
    return Problem(shown(path), line, what, fix)
