"""Imports flow one way, every module has a place in the flow, and only the right ones know certain libraries."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from generator.alerts import TOPICS
from generator.dashboards import BOARDS
from generator.records import RECORDS

ROOT = Path(__file__).parent.parent
LAYERS = (  # lowest first; a module imports its own layer and lower ones, never a higher one
    "errors", "terminal", "signals", "units", "timing", "source", "catalogue", "limits", "settings", "config", "site", "query", "promql", "rules", "presence", "records", "scraped",
    "grafana", "panels", "layout", "targets", "kubernetes", "probes", "scrape", "collector", "inhibition", "alertmanager", "alerts", "dashboards", "bundle", "timescale", "render", "listing", "lint", "validate", "writing", "progress", "arguments", "cli", "entry", "__main__",
)  # fmt: skip
MODULES = sorted(
    p.relative_to(ROOT)
    for p in (ROOT / "generator").rglob("*.py")
    if p.parent.name != "generator" or p.stem != "__init__"
)


def layer(module: str) -> int:
    return LAYERS.index(module.split(".")[1])


def imports(path: Path) -> list[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    found = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    found += [
        f"{node.module}.{a.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "generator"
        for a in node.names
    ]
    return found + [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_imports_flow_one_way(path: Path) -> None:
    """No module imports from a later layer."""
    here = layer(".".join(path.with_suffix("").parts))

    assert [m for m in imports(path) if m.startswith("generator.") and layer(m) > here] == []


@pytest.mark.parametrize(
    ("library", "allowed"),
    [
        ("grafanalib", {"generator/grafana.py", "generator/layout.py"}),
        ("yaml", {"generator/source.py", "generator/render/files.py"}),
        (
            "promql_parser",
            {
                "generator/config/checks/matchers.py",
                "generator/lint/expression.py",
                "generator/lint/held.py",
                "generator/lint/queries.py",
                "generator/timescale/expression.py",
                "generator/validate/explain.py",
                "generator/validate/panels.py",
                "generator/validate/syntax.py",
            },
        ),
        ("re2", {"generator/config/checks/matchers.py"}),
        ("requests", {"generator/validate/exchange.py", "generator/validate/probe.py"}),
        ("argparse", {"generator/arguments.py", "generator/cli.py"}),
        ("reference_server", set()),
    ],
)
def test_a_library_stays_where_it_belongs(library: str, allowed: set[str]) -> None:
    """Only the named modules import it."""
    users = {str(p) for p in MODULES for m in imports(p) if m.split(".")[0] == library}

    assert users == allowed


@pytest.mark.parametrize(
    ("folder", "listed"),
    [("alerts", TOPICS), ("dashboards", BOARDS), ("records", RECORDS)],
)
def test_every_module_on_disk_is_in_the_table_of_contents(folder: str, listed: tuple[object, ...]) -> None:
    """A board, topic or record module that nobody lists is not generated, so it may not be there."""
    on_disk = {p.stem for p in (ROOT / "generator" / folder).glob("*.py")} - {"__init__"}

    assert {m.__name__.rpartition(".")[2] for m in listed} == on_disk  # type: ignore[attr-defined]


def test_the_reference_server_knows_the_catalogue_and_nothing_else_of_the_generator() -> None:
    """It is what boards and rules are proved against, so it may not share their code."""
    allowed = {"generator.catalogue", "generator.source", "generator.errors"}
    paths = sorted(p.relative_to(ROOT) for p in (ROOT / "reference_server").rglob("*.py"))

    assert {m for p in paths for m in imports(p) if m.split(".")[0] == "generator" and m not in allowed} == set()
    assert paths


def test_no_board_or_topic_writes_a_unit_or_promql() -> None:
    """Units come from the catalogue and PromQL from the builder: neither stands in a board or a topic."""
    for folder in ("alerts", "dashboards", "records"):
        for path in (ROOT / "generator" / folder).glob("*.py"):
            text = path.read_text(encoding="utf-8")
            assert [
                w for w in ("$__rate_interval", "sum by", "gridPos", "percentunit", "reqps", "lg_api_") if w in text
            ] == [], path
