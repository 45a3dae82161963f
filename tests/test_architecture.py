"""Imports flow one way, every module has a place in the flow, and only the right ones know certain libraries."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from generator.catalogue import load
from generator.cli.commands import COMMANDS
from generator.systems import FOLDER, SHIPPED, registry
from reference_server.scenarios.systems import SYSTEMS

ROOT = Path(__file__).parent.parent
ROOMS = (  # lowest first; a module imports its own room and lower ones, never a higher one
    "errors", "runbooks", "terminal", "units", "systems", "source", "catalogue", "config", "promql", "rules", "boards", "discovery",
    "registry", "declared", "bundle", "outputs", "writing", "coverage", "lint", "validate", "infer", "doctor", "diff", "upgrade",
    "backtest", "cost", "cli", "__main__",
)  # fmt: skip
#: Modules that stand lower than the room that they are in.
LOWER = {
    "cli/terminal.py": "terminal",
    "cli/interruption.py": "terminal",
    "cli/progress.py": "terminal",
    "systems/registry.py": "registry",
}
#: Within a room, lowest first. Of other rooms one module may import any other.
WITHIN = {
    "config": (
        "timing",
        "formats",
        "settings",
        "defaults",
        "versions",
        "schema",
        "values",
        "plain",
        "checks",
        "own_texts",
        "own",
        "reading",
        "__init__",
        "site",
        "idle",
        "completion",
    ),
    "rules": ("rule", "presence", "inhibition", "alertmanager"),
    "boards": ("grafana", "panels", "layout", "processes"),
    "cli": (
        "terminal",
        "interruption",
        "progress",
        "parser",
        "delivery",
        "selection",
        "command",
        "commands",
        "main",
        "entry",
    ),
    "discovery": ("kubernetes", "probes", "readiness", "scrape", "collector"),
}
MODULES = sorted(
    p.relative_to(ROOT)
    for p in (ROOT / "generator").rglob("*.py")
    if p.parent.name != "generator" or p.stem != "__init__"
)


def room(path: Path) -> str:
    """Return the room of a module: a system's own folder is above what it is made with."""
    inner = path.relative_to("generator")
    if inner.parts[0] == "systems" and len(inner.parts) > 2:
        return "declared"
    return LOWER.get(inner.as_posix(), inner.parts[0].removesuffix(".py"))


@cache
def imports(path: Path) -> list[str]:
    """Return every module that a module imports; names of a package that are modules are modules."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    found = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            qualified = [f"{node.module}.{alias.name}" for alias in node.names]
            found += [name if module(name) else node.module or "" for name in qualified]
    return found


@cache
def module(name: str) -> Path | None:
    """Return the file of a module of this repository."""
    base = Path(*name.split("."))
    return next((p for p in (base.with_suffix(".py"), base / "__init__.py") if (ROOT / p).exists()), None)


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_imports_flow_one_way(path: Path) -> None:
    """No module imports from a higher room, nor a higher module of its own room where that has an order."""
    used = [p for name in imports(path) if name.startswith("generator.") and (p := module(name))]
    here = room(path)
    order = WITHIN.get(here, ())

    assert [p for p in used if ROOMS.index(room(p)) > ROOMS.index(here)] == []
    place = order.index(part(path)) if part(path) in order else len(order)
    assert [p for p in used if room(p) == here and part(p) in order[place + 1 :]] == []


def part(path: Path) -> str:
    """Return what a module is called in the order of its room: its name, or that of its folder there."""
    return path.parts[2].removesuffix(".py") if len(path.parts) > 2 else ""


@pytest.mark.parametrize(
    ("library", "allowed"),
    [
        ("grafanalib", {"generator/boards/grafana.py", "generator/boards/layout.py"}),
        ("yaml", {"generator/source/document.py", "generator/outputs/text.py", "generator/infer/writing.py"}),
        (
            "promql_parser",
            {
                "generator/backtest/inline.py",
                "generator/backtest/needs.py",
                "generator/backtest/plan.py",
                "generator/backtest/prepared.py",
                "generator/backtest/widened.py",
                "generator/config/checks/matchers.py",
                "generator/lint/evaluation.py",
                "generator/lint/canonical.py",
                "generator/lint/expression.py",
                "generator/lint/ownership.py",
                "generator/outputs/selectors.py",
                "generator/outputs/datadog/shapes.py",
                "generator/outputs/datadog/translation.py",
                "generator/outputs/datadog/values.py",
                "generator/outputs/timescale/expressions.py",
                "generator/upgrade/answers.py",
                "generator/validate/explain.py",
                "generator/validate/numberless.py",
                "generator/validate/panels.py",
                "generator/validate/syntax.py",
            },
        ),
        ("re2", {"generator/config/checks/matchers.py"}),
        ("requests", {"generator/infer/fetch.py", "generator/validate/http.py", "generator/validate/probe.py"}),
        ("reference_server", set()),
        ("testbed", set()),
        ("tests", set()),
    ],
)
def test_a_library_stays_where_it_belongs(library: str, allowed: set[str]) -> None:
    """Only the named modules import it."""
    users = {str(p) for p in MODULES for m in imports(p) if m.split(".")[0] == library}

    assert users == allowed


def test_a_folder_of_a_system_has_a_catalogue() -> None:
    """By its catalogue it is found: a folder without one is not generated, so it may not be there."""
    on_disk = {p.parent.name for p in FOLDER.glob("*/__init__.py")}

    assert {*SHIPPED, registry.COMMON, "any_system"} == on_disk
    assert all(registry.shipped(name).system == name for name in SHIPPED)


@pytest.mark.parametrize("system", [*SHIPPED, registry.COMMON])
def test_every_module_on_disk_is_in_its_systems_table_of_contents(system: str) -> None:
    """A board or topic that its system does not list is not generated, so it may not be there."""
    found = registry.shipped(system)
    for folder, parts in (("boards", found.boards), ("alerts", found.topics)):
        on_disk = {p for p in (FOLDER / system / folder).glob("*.py") if p.stem != "__init__"}
        assert {part.source for part in parts} == on_disk


def test_only_the_command_line_parses_options() -> None:
    """What a command does knows nothing of how it is asked for."""
    users = {p for p in MODULES for m in imports(p) if m == "argparse"}

    assert {p for p in users if p.parts[1] != "cli"} == set()
    assert users


def test_every_command_on_disk_can_be_run() -> None:
    """A module that nobody registers is no command, so it may not be there."""
    on_disk = {p.stem for p in (ROOT / "generator/cli/commands").glob("*.py") if p.stem != "__init__"}

    assert {command.run.__module__.rpartition(".")[2] for command in COMMANDS} == on_disk


def test_the_reference_server_knows_the_catalogue_and_nothing_else_of_the_generator() -> None:
    """It is what boards and rules are proved against, so it may not share their code."""
    allowed = ("generator.catalogue", "generator.source", "generator.errors")
    paths = sorted(p.relative_to(ROOT) for p in (ROOT / "reference_server").rglob("*.py"))
    used = {m for p in paths for m in imports(p)}

    assert {m for m in used if m.startswith("generator.") and not m.startswith(allowed)} == set()
    assert {m for m in used if m.split(".")[0] in {"testbed", "tests"}} == set()
    assert paths


#: Rooms of the reference server, lowest first. The systems know nothing of one another.
LEVELS = (
    ("core",),
    ("agent_server", "agentgateway", "generic", "langsight", "langsmith"),
    ("scenarios",),
    ("fleet",),
    ("cli",),
)
SIMULATION = sorted(p.relative_to(ROOT) for p in (ROOT / "reference_server").rglob("*.py"))

#: What may stand beside the rooms.
FRONT = {"__init__.py", "__main__.py", "cli.py", "entry.py"}


def level(path: Path) -> int:
    """Return how high a module of the reference server is: what is not in a room is at the top."""
    folder = path.parts[1]
    return next((n for n, rooms in enumerate(LEVELS) if folder in rooms), len(LEVELS) - 1)


@pytest.mark.parametrize("path", SIMULATION, ids=str)
def test_the_reference_servers_rooms_import_only_lower_ones(path: Path) -> None:
    """The core knows no system, no system another one or a scenario file, and the command is above all."""
    used = [p for name in imports(path) if name.startswith("reference_server.") and (p := module(name))]

    assert [p for p in used if level(p) > level(path)] == []
    assert [p for p in used if level(p) == level(path) and p.parts[1] != path.parts[1] and p.name not in FRONT] == []


def test_every_module_of_the_reference_server_is_in_a_room() -> None:
    """Beside the rooms there is the command alone, and every folder is a room of the order above."""
    rooms = {room for rooms in LEVELS for room in rooms} - {"cli"}

    assert {p.name for p in SIMULATION if len(p.parts) == 2} == FRONT
    assert {p.parts[1] for p in SIMULATION if len(p.parts) > 2} == rooms


def test_no_two_classes_of_the_reference_server_have_one_name() -> None:
    """What a name means does not depend on the room; private ones included."""
    places: dict[str, list[str]] = {}
    for path in SIMULATION:
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(str(path))

    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}


def test_every_target_system_of_the_catalogue_is_simulated() -> None:
    """Models are found on disk: one of each system that the catalogue knows, and none of any other."""
    assert sorted(SYSTEMS) == sorted(load().targets)


def test_the_testbed_imports_no_test() -> None:
    """What demo, validation and benchmarks stand on works without the tests."""
    for folder in ("testbed", "benchmarks", "tools"):
        paths = sorted(p.relative_to(ROOT) for p in (ROOT / folder).rglob("*.py"))
        assert {(str(p), m) for p in paths for m in imports(p) if m.split(".")[0] == "tests"} == set()
        assert paths


def test_no_board_or_topic_writes_a_unit_or_promql() -> None:
    """Units come from the catalogue and PromQL from the builder: neither stands in a board or a topic."""
    for path in FOLDER.glob("*/**/*.py"):
        text = path.read_text(encoding="utf-8")
        assert [
            w for w in ("$__rate_interval", "sum by", "gridPos", "percentunit", "reqps", "lg_api_") if w in text
        ] == [], path
