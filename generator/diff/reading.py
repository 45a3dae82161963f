"""Where a side of the comparison comes from: a folder of files, a configuration, or running servers."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from generator.diff.state import State, state
from generator.errors import GeneratorError, Problem
from generator.rules.rule import GROUP_PREFIX
from generator.units import period
from generator.validate.access import Access, address
from generator.validate.probe import Probe, ProbeError

Json = dict[str, Any]

#: What stands for a configuration that says nothing.
DEFAULTS = "defaults"

#: Boards of one request to Grafana's list.
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Servers:
    """How servers are asked, where a side is one.

    Attributes:
        access: How Prometheus is asked.
        grafana: The address of its Grafana; empty where only rules are compared.
        grafana_access: How that is asked.
        timeout: Seconds for one request.

    """

    access: Access = field(default_factory=Access)
    grafana: str = ""
    grafana_access: Access = field(default_factory=Access)
    timeout: float = 10.0


def read(source: str, servers: Servers) -> State:
    """Return what a source has.

    Args:
        source: A folder, a bundle.yaml, `defaults`, or the address of a Prometheus.
        servers: How servers are asked.

    Raises:
        GeneratorError: It is none of these, or something in it is wrong; carries every problem.

    """
    if source.startswith(("http://", "https://")):
        return _loaded(address(source, "SOURCE"), servers)
    path = Path(source)
    if path.is_dir():
        return _folder(path)
    if path.is_file() or source == DEFAULTS:
        return _configured(source, None if source == DEFAULTS and not path.is_file() else path)
    what, fix = "is not there", f"name a folder, a bundle.yaml, {DEFAULTS}, or the address of a Prometheus"
    raise GeneratorError([Problem(source, 1, what, fix)])


def _folder(root: Path) -> State:
    from generator.lint.finding import read as files

    found = files(root)
    if found.broken:
        raise GeneratorError(list(found.broken))
    if not (found.rules or found.boards):
        what = "has neither alerts/*.rules.yaml nor dashboards/*.json"
        raise GeneratorError(
            [Problem(str(root), 1, what, "name the folder that `agentobs generate` writes with --out")]
        )
    groups = [group for document in found.rules for group in document.data.get("groups") or ()]
    try:
        made = state(str(root), groups, [board.data for board in found.boards])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"a rule or a board in it is not as servers have them: {error!r}"[:200]
        raise GeneratorError([Problem(str(root), 1, what, "run `agentobs lint` on it")]) from error
    knows = {kind for kind, there in (("rules", found.rules), ("boards", found.boards)) if there}
    return replace(made, knows=frozenset(knows))


def _configured(name: str, path: Path | None) -> State:
    from generator.bundle import build, installation
    from generator.catalogue import load
    from generator.outputs import documents

    bundle = build(installation(load(), path), kinds=("boards", "rules"))
    groups = [group for document in documents.rules(bundle).values() for group in document["groups"]]
    return state(name, groups, list(documents.dashboards(bundle).values()))


def _loaded(url: str, servers: Servers) -> State:
    """Return what a Prometheus has loaded of ours, and the boards of its Grafana."""
    from generator.validate.prometheus import Prometheus

    try:
        with closing(Probe("Prometheus", url, servers.access, timeout=servers.timeout)) as probe:
            listed = Prometheus(probe).groups()
        boards = _stored(servers) if servers.grafana else []
    except ProbeError as error:
        hide = servers.access.hide
        problem = Problem(hide(url), 1, servers.grafana_access.hide(hide(error.what)), hide(error.fix))
        raise GeneratorError([problem]) from error
    groups = [
        {"name": group.name, "rules": [_as_file(rule) for rule in group.rules]}
        for group in listed
        if group.name.startswith(GROUP_PREFIX)
    ]
    made = state(servers.access.hide(url), groups, boards)
    return replace(made, knows=frozenset({"rules", "boards"} if servers.grafana else {"rules"}))


def _as_file(rule: Any) -> Mapping[str, Any]:
    """Return a loaded rule as rule files have it."""
    own = {"expr": rule.query, "labels": rule.labels, "annotations": rule.annotations}
    if rule.kind == "recording":
        return {"record": rule.name, **own}
    durations = {"for": period(rule.duration), "keep_firing_for": period(rule.keep_firing or 0.0)}
    return {"alert": rule.name, **own, **durations}


def _stored(servers: Servers) -> list[Json]:
    """Return the boards of a Grafana."""
    with closing(Probe("Grafana", servers.grafana, servers.grafana_access, timeout=servers.timeout)) as probe:
        listed = probe.get("/api/search", {"type": "dash-db", "limit": str(_PAGE)}).items()
        uids = [one.get("uid").text() for one in listed]
        found = [probe.get(f"/api/dashboards/uid/{uid}").get("dashboard").value for uid in uids if uid]
    return [board for board in found if isinstance(board, dict)]
