"""The overview of all systems: a row for each that is enabled, and the way to its first board."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from generator.bundle import build
from generator.catalogue import load
from generator.config.site import Site
from generator.outputs import FORMATS
from generator.systems import SHIPPED, registry
from generator.systems.registry import Declared

from .conftest import ROOT

EVERY = "systems: {agent_server: {enabled: true}, langsight: {enabled: true}, agentgateway: {enabled: true}, langsmith: {enabled: true}}\n"


PARTS = tuple(map(registry.shipped, SHIPPED))


def board(site: Site) -> Any:
    texts = FORMATS["files"].render(build(site))
    return json.loads(next(text for path, text in texts.items() if path.name == "overview.json"))


def prefix(part: Declared) -> str:
    return load().systems[part.system].alerts


def rows(made: Any) -> list[str]:
    return [panel["title"] for panel in made["panels"] if panel["type"] == "row"]


def test_each_system_that_is_enabled_has_a_row(configured: Callable[[str], Site]) -> None:
    site = configured(EVERY)

    assert rows(board(site))[1:] == [site.catalogue.systems[part.system].title for part in PARTS]
    assert len(PARTS) == len(site.config.systems)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.system)
def test_a_system_that_is_off_is_nowhere_on_it(configured: Callable[[str], Site], part: Declared) -> None:
    """Neither its row, nor its targets, nor its alerts."""
    text = json.dumps(
        board(configured(EVERY.replace(f"{part.system}: {{enabled: true}}", f"{part.system}: {{enabled: false}}")))
    )

    assert part.first.replace("_", "-") not in text
    assert prefix(part) not in text
    assert f"|{part.system}" not in text
    assert f'\\"{part.system}' not in text


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.system)
def test_every_row_says_how_many_fire_and_leads_on(configured: Callable[[str], Site], part: Declared) -> None:
    site = configured(EVERY)
    title = site.catalogue.systems[part.system].title
    short = title.removesuffix(" services")
    panels = {p["title"]: p for p in board(site)["panels"]}
    link = f"/d/{part.first.replace('_', '-')}?"

    assert link in panels[f"{short}: boards"]["options"]["content"]
    assert link in json.dumps(panels[f"{short}: deployments"]["fieldConfig"]["overrides"])
    for severity, name in (("critical", "critical"), ("warning", "warnings")):
        (target,) = panels[f"{short}: {name}"]["targets"]
        assert f'alertname=~"{prefix(part)}.*", severity="{severity}"' in target["expr"]
        assert target["expr"].endswith("or vector(0)")


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.system)
def test_a_system_that_is_not_there_says_why_its_row_is_empty(
    configured: Callable[[str], Site], part: Declared
) -> None:
    site = configured(EVERY)
    title = site.catalogue.systems[part.system].title
    short = title.removesuffix(" services")
    panels = {p["title"]: p for p in board(site)["panels"]}

    for name in ("targets", "down", "deployments", "boards"):
        panel = panels[f"{short}: {name}"]
        assert f"no {title} is scraped" in panel["description"] + panel.get("options", {}).get("content", "")


def test_the_variables_are_those_of_every_enabled_system(configured: Callable[[str], Site]) -> None:
    queries = {v["name"]: v.get("query") for v in board(configured(EVERY))["templating"]["list"]}

    assert list(queries) == ["datasource", "cluster", "namespace", "deployment"]
    assert 'system=~"agent_server|langsight|agentgateway|langsmith"' in json.dumps(queries["cluster"]).replace("\\", "")


def test_first_boards_are_listed(site: Site) -> None:
    """A link leads to a board that exists, for every system that has boards."""
    stems = {part.stem for part in registry.boards(site)}
    assert {system.first for system in registry.declared(site)} <= stems


@pytest.mark.parametrize("stem", sorted(path.stem for path in (ROOT / "dashboards").glob("*.json")))
def test_a_board_counts_and_marks_the_alerts_of_its_own_system(stem: str) -> None:
    """Deployments of two systems may have one name: alerts of the one are nothing to the other."""
    own = next((prefix(p) for p in PARTS if stem.startswith(f"{p.system}_")), "")
    text = (ROOT / "dashboards" / f"{stem}.json").read_text(encoding="utf-8")

    read = set(re.findall(r'ALERTS\{[^}]*?alertname=~\\"([^"\\]*)\\"', text))
    assert len(re.findall(r"ALERTS\{", text)) == len(re.findall(r"ALERTS\{[^}]*alertname=~", text)) > 1
    if own:
        assert read == {f"{own}.*"}
    else:
        assert f"({'|'.join(map(prefix, PARTS))}|Observability).*" in read
