"""Looks of boards: filled lines, tables that fit, words, and one colour for one limit, whatever the configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from generator.boards import colours
from generator.boards.layout import Board, board, row
from generator.boards.panel import Panel
from generator.boards.panels import lines, stat
from generator.boards.tables import Column, spoken, table
from generator.bundle import Bundle, build
from generator.config.site import Site
from generator.lint import CHECKS, run
from generator.outputs import FORMATS
from generator.promql import count

from . import operators

Json = Any
LOOKS = tuple(
    check
    for check in CHECKS
    if check.name
    in {"dashboard/grid", "dashboard/filled", "dashboard/fits", "dashboard/spoken", "dashboard/thresholds"}
)

#: A system of an operator's own with more labels on one metric than a table has room for at Grafana's own widths.
TELLING = ", ".join(f"fact_number_{n}: {{bound: one}}" for n in range(12))
OWN = operators.SHOP + f"  - {{name: facts_info, type: info, unit: none, help: Facts., labels: {{{TELLING}}}}}\n"

#: Bundles by what they are about; each has the shop beside it.
BUNDLES = {
    "defaults": {},
    "names of their own": {
        "labels": {"namespace": "kube_namespace", "deployment": "agent_app_name", "instance": "pod", "role": "tier"},
        "systems": {"agent_server": {"prefix": "acme_"}},
        "dashboards": {"uid_prefix": "acme-"},
    },
    "everything": {
        "systems": {
            "agent_server": {"versions": "mixed"},
            "agentgateway": {
                "attribution": ["team", {"label": "agent_of_the_caller", "values": 40}],
                "budgets": [{"label": "team", "value": "search", "usd_per_day": 50}],
            },
            "langsmith": {"parts": ["smithdb", "sandboxes"]},
        },
        "alerts": {"runbook_base_url": "https://runbooks.example/", "grafana_url": "https://grafana.example"},
        "dashboards": {
            "traces": {"datasource": "tempo", "labels": {"deployment": "resource.service.name"}},
            "logs": {"datasource": "loki", "type": "loki", "labels": {"deployment": "app"}},
        },
    },
    "little": {
        "systems": {
            "agent_server": {"enabled": False},
            "langsmith": {"enabled": False},
            "langsight": {"enabled": False},
        },
    },
    "Agent Server in memory": {
        "systems": {
            "agent_server": {"runtimes": ["inmem"]},
            "agentgateway": {"enabled": False},
            "langsmith": {"enabled": False},
            "langsight": {"enabled": False},
        },
    },
}


@pytest.fixture(scope="module", params=BUNDLES)
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The bundle of each configuration."""
    written = yaml.safe_load(yaml.safe_dump(BUNDLES[request.param]))
    written.setdefault("systems", {})["shop"] = {
        "catalogue": "./shop.yaml",
        "scrape": {"static": [{"deployment": "eu", "targets": ["127.0.0.1:9100"]}]},
    }
    return operators.made(yaml.safe_dump(written), tmp_path_factory.mktemp("looks"), OWN)


def test_nothing_is_blank_or_cut_and_all_is_said_in_words(bundle: Bundle, tmp_path: Path) -> None:
    for path, text in FORMATS["files"].render(bundle).items():
        if path.parent.name == "dashboards":
            (tmp_path / path).parent.mkdir(exist_ok=True)
            (tmp_path / path).write_text(text, encoding="utf-8")

    assert [str(found) for found in run(bundle.site, tmp_path, LOOKS)] == []
    assert len(LOOKS) == 5
    assert "shop_overview.json" in {path.name for path in (tmp_path / "dashboards").iterdir()}


def made_panels(bundle: Bundle) -> Iterator[tuple[str, Panel, Json]]:
    """Yield every panel to be with what became of it, after the stem of its board."""
    for stem, one in bundle.boards.items():
        written = one.dashboard.to_json_data()["panels"]
        made = {p["title"]: p for top in written for p in (top, *top.get("panels", ())) if p["type"] != "row"}
        for panel in one.panels:
            yield stem, panel, made[panel.title]


def there(panel: Panel, column: str) -> bool:
    """Say whether the configuration allows a column of a panel."""
    return not column or not panel.queries[panel.columns.index(column)].missing


def steps(made: Json, column: str) -> list[Json]:
    """Return the thresholds of a column of a table, or of the panel itself."""
    config = made["fieldConfig"]
    if not column:
        return list(config["defaults"]["thresholds"]["steps"])
    (found,) = (
        own["value"]["steps"]
        for rule in config["overrides"]
        if rule["matcher"]["options"] == column
        for own in rule["properties"]
        if own["id"] == "thresholds"
    )
    return list(found)


def test_a_limit_has_one_value_and_one_colour_on_all_boards(bundle: Bundle) -> None:
    """And what it does not touch is calm: blue where somebody judges it, else the colour of text, or none beside a line."""
    severity = {alert.name: alert.severity for alert in bundle.alerts}
    fires: dict[str, set[str]] = {}
    for alert in bundle.alerts:
        for name in alert.query.limits:
            fires.setdefault(name, set()).add(severity[alert.name])
    drawn: dict[str, set[tuple[float, str]]] = {}
    for stem, panel, made in made_panels(bundle):
        for column, limit, _ in panel.limits:
            if limit.name not in bundle.site.catalogue.limits or not there(panel, column):
                continue
            found = steps(made, column)
            hot = {s["color"] for s in found} & {colours.CRITICAL, colours.WARNING}
            calm = {s["color"] for s in found} - hot
            assert len(hot) == len(calm) == 1, (stem, panel.title, column)
            assert calm <= {colours.GOOD, colours.PLAIN, colours.LINES[0], "transparent"}, (stem, panel.title, column)
            drawn.setdefault(limit.name, set()).add((found[1]["value"], *hot))

    assert {name: found for name, found in drawn.items() if len(found) > 1} == {}
    for name, ((value, colour),) in drawn.items():
        assert value == bundle.site.limit(name).value
        if name in fires:
            assert colour == (colours.CRITICAL if "critical" in fires[name] else colours.WARNING), name
    assert fires.keys() & drawn.keys()


def test_what_is_down_has_the_colour_of_its_alert_in_tables_too(site: Site) -> None:
    found = {
        (stem, panel.title): {s["color"] for s in steps(made, "Down")}
        for stem, panel, made in made_panels(build(site))
        if any(column == "Down" for column, _, _ in panel.limits)
    }

    assert len(found) >= 5
    assert {key: seen for key, seen in found.items() if seen != {colours.PLAIN, colours.WARNING}} == {}


def drawn(site: Site, *widths: int) -> Board:
    up = site.system("prometheus", on="langsight")["up"]
    panels = [stat(f"Figure {n}", count(up)).wide(width) for n, width in enumerate(widths)]
    return board(site, "x", "X", system="langsight", about="", rows=[row("Row", *panels)])


@pytest.mark.parametrize(
    ("widths", "lines_"),
    [
        ((4,) * 4, [[6] * 4]),
        ((4,) * 5, [[5, 5, 5, 5, 4]]),
        ((4,) * 6, [[4] * 6]),
        ((4,) * 7, [[6] * 4, [8] * 3]),
        ((4,) * 13, [[5, 5, 5, 5, 4], [6] * 4, [6] * 4]),
        ((12,) * 3, [[12, 12], [24]]),
        ((8,) * 4, [[12, 12], [12, 12]]),
        ((4, 12), [[4, 20]]),
        ((4, 12, 12), [[4, 20], [24]]),
        ((4, 4, 24, 4), [[12, 12], [24], [24]]),
        ((5, 5, 5, 5, 4), [[5, 5, 5, 5, 4]]),
    ],
)
def test_a_line_is_filled_and_no_figure_is_left_alone(
    site: Site, widths: tuple[int, ...], lines_: list[list[int]]
) -> None:
    grid: dict[int, list[Json]] = {}
    for panel in drawn(site, *widths).dashboard.to_json_data()["panels"][1:]:
        grid.setdefault(panel["gridPos"]["y"], []).append(panel)

    assert [[p["gridPos"]["w"] for p in grid[y]] for y in sorted(grid)] == lines_
    for line in grid.values():
        assert [p["gridPos"]["x"] for p in line] == [sum(p["gridPos"]["w"] for p in line[:n]) for n in range(len(line))]
    assert [p["title"] for y in sorted(grid) for p in grid[y]] == [f"Figure {n}" for n in range(len(widths))]


def test_a_figure_beside_a_graph_stays_narrow(site: Site) -> None:
    up = site.system("prometheus", on="langsight")["up"]
    made = board(
        site,
        "x",
        "X",
        system="langsight",
        about="",
        rows=[row("Row", stat("Now", count(up)), lines("Then", count(up)))],
    )

    assert [p["gridPos"]["w"] for p in made.dashboard.to_json_data()["panels"][1:]] == [4, 20]


@pytest.mark.parametrize(
    ("label", "header"),
    [
        ("deployment", "Deployment"),
        ("alertname", "Alert"),
        ("redis_version", "Redis version"),
        ("api_version", "API version"),
        ("pod_id", "Pod ID"),
        ("_x", "X"),
        ("Region", "Region"),
        ("_", "_"),
    ],
)
def test_a_label_is_a_header_in_words(label: str, header: str) -> None:
    assert spoken(label) == header


def test_a_link_is_on_the_column_of_its_label(configured: Callable[[str], Site]) -> None:
    site = configured("labels: {deployment: agent_app}\n")
    up = site.system("prometheus", on="langsight")["up"]
    shown = table("T", [Column("Up", count(up, by=("agent_app",)))], link={"agent_app": "/d/x"}, sort="agent_app")
    made = board(site, "x", "X", system="langsight", about="", rows=[row("Row", replace(shown, usual="1."))])
    (found,) = (p for p in made.dashboard.to_json_data()["panels"] if p["type"] == "table")

    links = [o for o in found["fieldConfig"]["overrides"] if any(p["id"] == "links" for p in o["properties"])]
    assert [o["matcher"]["options"] for o in links] == ["Agent app"]
    assert found["transformations"][-1]["options"]["renameByName"] == {"Value": "Up", "agent_app": "Agent app"}
