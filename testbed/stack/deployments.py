"""The deployments of the stack: which reference servers there are, and how they stand in bundle.yaml.

A further system is a line in TABLE.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from generator.catalogue import Endpoint, load
from reference_server.agent_server import AGENT_SERVER
from reference_server.agentgateway.model import VERSION
from testbed.stack.reference import SHOWN, Reference

#: What LangSight wants from anyone who scrapes it.
TOKEN = "a token of the stack's own"  # noqa: S105 - it guards nothing


@dataclass(frozen=True, slots=True)
class Deployed:
    """One deployment.

    Attributes:
        system: The system, as in the catalogue.
        name: The target label `deployment`.
        roles: The role of each process, with a static target each; all but the first join the first. Empty for one
            reference server that has the pages of all processes, which a target file lists.
        env: Environment of the processes.
        token: Bearer token that a scrape needs; empty for none.

    """

    system: str
    name: str
    roles: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=lambda: SHOWN)
    token: str = ""


#: One API and two workers of one queue, and a deployment that is one process; one deployment of each other system. The
#: first process of a system plays its scenarios. The gateway is the newest release, for which the defaults are: the simulated one is
#: by itself of a version to come, which has more.
TABLE: tuple[Deployed, ...] = (
    Deployed(AGENT_SERVER, "split", ("api", "queue", "queue")),
    Deployed(AGENT_SERVER, "single", ("combined",)),
    Deployed("langsight", "observed", ("",), {"LANGSIGHT_METRICS_TOKEN": TOKEN}, TOKEN),
    Deployed("agentgateway", "edge", (), {VERSION: load().systems["agentgateway"].newest}),
    Deployed("langsmith", "tracing", (), {}),
)


@dataclass(frozen=True, slots=True)
class Process:
    """One started process of a deployment."""

    deployed: Deployed
    role: str
    server: Reference


def start(table: Iterable[Deployed], scale: float, open_: ExitStack) -> list[Process]:
    """Start every process of a table, on an ordinary day, and wait until all answer; `open_` ends them.

    Returns:
        The processes, in the order of the table.

    Raises:
        StartError: One did not come up.

    """
    out = []
    for deployed in table:
        first, *others = deployed.roles or ("",)
        flags = ["--system", deployed.system, "--scenario", "calm", "--time-scale", f"{scale:g}"]
        server = open_.enter_context(Reference(*flags, *_role(first), env=deployed.env))
        out.append(Process(deployed, first, server))
        for role in others:
            server.ready()
            one = Reference(*_role(role), "--join", server.url, env=deployed.env)
            out.append(Process(deployed, role, open_.enter_context(one)))
    for process in out:
        process.server.ready()
    return out


def _role(role: str) -> Sequence[str]:
    return ("--role", role) if role else ()


def players(processes: Iterable[Process]) -> Mapping[str, Process]:
    """Return who plays the scenarios of each system: its first process."""
    out: dict[str, Process] = {}
    for process in processes:
        out.setdefault(process.deployed.system, process)
    return out


@cache
def endpoint_of(system: str) -> Endpoint:
    """Return what the catalogue has about the pages of a system; anyone who follows processes asks at every look."""
    return load().systems[system].endpoint


def discovered(server: Reference, system: str, name: str) -> list[dict[str, Any]]:
    """Return what a target file has about all processes of a reference server, as deployment `name`.

    Where a json_exporter reads for a role, its targets are the addresses of the JSON pages: the server answers for both.
    """
    endpoint = endpoint_of(system)
    groups: list[dict[str, Any]] = [
        g for g in server.get("/targets") if not endpoint.prober or g["labels"]["role"] != endpoint.prober
    ]
    for page in endpoint.json:
        process = next((g["labels"]["__metrics_path__"] for g in groups if g["labels"]["role"] == page.role), "")
        if process:  # a page that is another form of /metrics is at the path of the process that answers it
            path = page.path.replace("/metrics?", f"{process}?")
            groups.append({"targets": [f"{server.url}{path}"], "labels": {"role": endpoint.prober}})
    for group in groups:
        group["labels"]["deployment"] = name
    return groups


def follow(processes: Iterable[Process], folder: Path) -> int:
    """Write a target file for each deployment that one reference server plays alone.

    Prometheus never reads half of one, and none is written that says the same.

    Returns:
        How many targets there are.

    """
    count = 0
    for process in processes:
        if process.deployed.roles:
            count += 1
            continue
        groups = discovered(process.server, process.deployed.system, process.deployed.name)
        count += sum(len(g["targets"]) for g in groups)
        replaced(folder / f"{process.deployed.name}.json", json.dumps(groups))
    return count


def replaced(path: Path, text: str) -> None:
    """Write a file as a whole, unless it says so already."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        temporary = path.with_suffix(".new")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)


def config(processes: Iterable[Process], folder: Path) -> Mapping[str, Any]:
    """Return bundle.yaml for these processes: static targets, each group with its deployment and role, or target files.

    Tokens are written into `folder`.
    """
    groups: dict[str, dict[tuple[str, str], list[str]]] = defaultdict(lambda: defaultdict(list))
    scrapes: dict[str, dict[str, Any]] = {}
    for process in processes:
        one, address = process.deployed, process.server.address
        scrape = scrapes.setdefault(one.system, {})
        if one.roles:
            groups[one.system][one.name, process.role].append(address)
        else:
            scrape["files"] = [f"{folder}/{one.name}.json"]
        scrape |= keyed(one.system, address, one.token, folder)
    for system, found in groups.items():
        scrapes[system]["static"] = [
            {"deployment": name, **({"role": role} if role else {}), "targets": targets}
            for (name, role), targets in found.items()
        ]
    return {"systems": {system: {"enabled": True, "scrape": scrape} for system, scrape in scrapes.items()}}


def keyed(system: str, address: str, token: str, folder: Path) -> Mapping[str, str]:
    """Return what a system's scrape configuration needs beyond its targets: a token in a file, a json_exporter."""
    out = {}
    if token:
        path = folder / f"{system}.token"
        path.write_text(token, encoding="utf-8")
        out["bearer_token_file"] = str(path)
    if endpoint_of(system).prober:
        out["json_exporter"] = address
    return out
