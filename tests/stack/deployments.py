"""The deployments of the stack: which reference servers there are, and how they stand in bundle.yaml.

A further system is a line in TABLE: the module of its reference server, and its processes by role.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from tests.stack.reference import Reference


@dataclass(frozen=True, slots=True)
class Deployed:
    """One deployment.

    Attributes:
        system: The system, as in the catalogue.
        name: The target label `deployment`.
        module: What `python -m` starts.
        roles: The role of each process; all but the first join the first.

    """

    system: str
    name: str
    module: str
    roles: tuple[str, ...]


#: One API and two workers of one queue, and a deployment that is one process. The first process plays the scenarios.
TABLE: tuple[Deployed, ...] = (
    Deployed("agent_server", "split", "reference_server", ("api", "queue", "queue")),
    Deployed("agent_server", "single", "reference_server", ("combined",)),
)


@dataclass(frozen=True, slots=True)
class Process:
    """One started process of a deployment."""

    deployed: Deployed
    role: str
    server: Reference


def start(table: Iterable[Deployed], scale: float, open_: ExitStack) -> list[Process]:
    """Start every process of a table, on an ordinary day, and wait until all answer; `open_` ends them.

    Raises:
        StartError: One did not come up.

    """
    out = []
    for deployed in table:
        first = Reference(
            "--role", deployed.roles[0], "--scenario", "calm", "--time-scale", f"{scale:g}", module=deployed.module
        )
        open_.enter_context(first)
        out.append(Process(deployed, deployed.roles[0], first))
        for role in deployed.roles[1:]:
            first.ready()
            one = Reference("--role", role, "--join", first.url, module=deployed.module)
            out.append(Process(deployed, role, open_.enter_context(one)))
    for process in out:
        process.server.ready()
    return out


def config(processes: Iterable[Process]) -> Mapping[str, Any]:
    """Return bundle.yaml for these processes: static targets, each group with its deployment and role."""
    groups: dict[str, dict[tuple[str, str], list[str]]] = defaultdict(lambda: defaultdict(list))
    for process in processes:
        groups[process.deployed.system][process.deployed.name, process.role].append(process.server.address)
    return {
        "systems": {
            system: {
                "enabled": True,
                "scrape": {
                    "discovery": ["static"],
                    "static": [{"deployment": name, "role": role, "targets": targets}
                               for (name, role), targets in found.items()],
                },
            }
            for system, found in groups.items()
        }
    }  # fmt: skip
