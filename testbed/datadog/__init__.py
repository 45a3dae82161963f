"""Datadog's own programs of Python in an environment of their own: the models of its API, and the Agent's OpenMetrics check."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testbed.agent_server.environments import environment
from testbed.servers.cache import cache_root
from testbed.servers.debian import Found

_HERE = Path(__file__).parent

#: Importing a thousand models takes seconds on a busy machine; two scrapes of a busy page take one.
LIMIT_SECONDS = 300


@dataclass(frozen=True, slots=True, order=True)
class Collected:
    """A series that the check handed to the Agent: its name, its kind, and its tags, each as `name:value`."""

    name: str
    kind: str
    tags: tuple[str, ...]


def install() -> Found:
    """Path of the Python that has Datadog's programs; installs them when they were never needed before."""
    return environment(cache_root() / "datadog" / "python", _HERE / "requirements.txt", "programs of Datadog")


def refused(python: Path, bodies: Mapping[str, Any]) -> list[str]:
    """Return what the models of the API do not know of these monitors and dashboards, each with its name; nothing is sent."""
    found: list[str] = _run(python, "models.py", json.dumps(bodies))
    return found


def collected(python: Path, instances: Iterable[Mapping[str, Any]]) -> list[Collected]:
    """Return what the check collects of two scrapes of each instance.

    Raises:
        RuntimeError: The check failed, with its own words.

    """
    report = _run(python, "check.py", json.dumps(list(instances)))
    if report["errors"]:
        raise RuntimeError("; ".join(report["errors"]))
    return sorted(Collected(one["name"], one["kind"], tuple(one["tags"])) for one in report["series"])


def _run(python: Path, script: str, given: str) -> Any:
    done = subprocess.run(
        [python, _HERE / "scripts" / script],
        input=given,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])
