"""`agentobs upgrade`: what it predicts is what a real Prometheus shows when the old bundle runs over the pages of the new servers."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from generator.bundle import build, installation
from generator.catalogue import load
from generator.cli.main import main
from generator.config.site import Site
from generator.errors import GeneratorError
from generator.outputs import FORMATS
from generator.promql.scope import site_scope
from generator.upgrade import between
from generator.upgrade.answers import answers
from reference_server.scenarios import library as scenarios
from reference_server.scenarios.history import collect
from reference_server.scenarios.replay import before, play
from testbed.fidelity import newest, of_version
from testbed.replay import Replay
from testbed.rule_files import load as load_rules
from testbed.servers.remote_write import History

from .conftest import ROOT

#: System, a scenario in which much happens, and the two versions.
PAIRS = (("agent_server", "busy", "0.10.2", "0.15.0"), ("agentgateway", "G06", "1.2.1", "1.5.0"))


@pytest.fixture(scope="module")
def site() -> Site:
    return installation(load())


def of(system: str, version: str, folder: Path) -> Site:
    path = folder / f"{version}.yaml"
    path.write_text(f'systems: {{{system}: {{versions: "{version}"}}}}\n', encoding="utf-8")
    return installation(load(), path)


@cache
def played(system: str, name: str, version: str, start: float, offsets: Sequence[float]) -> Sequence[History]:
    """Play a scenario with servers of a version; both ways between two versions look at the same plays."""
    found = next(s for s in scenarios.shipped(system) if s.id == name)
    rounds = play(of_version(found, ((system, version),)), start=start, interval=30.0, metrics=load())
    samples = collect(rounds, [start + offset for offset in offsets]).series
    return [(dict(labels), values) for labels, values in samples.items()]  # type: ignore[misc]


def shown(replay: Replay, system: str, name: str, version: str, old: Site) -> set[tuple[str, str]]:
    """Play a scenario with servers of a version, and return the panels of a bundle that have data at its end."""
    found = next(s for s in scenarios.shipped(system) if s.id == name)
    scenario = of_version(found, ((system, version),))
    replay.run(
        lambda start, offsets: played(system, name, version, start, tuple(offsets)),
        scenario.duration,
        (),
        past=before(scenario.past),
        recorded=True,
    )
    at = replay.start + scenario.duration - 60
    out = set()
    for board in build(old, kinds=["boards"]).boards.values():
        for panel in board.panels:
            texts = [
                q.build(site_scope(old, "5m")).replace("$__range", "1h").replace("$__interval", "30s")
                for q in panel.possible
            ]
            if any(replay._server.query_range(text, at, at, 30.0) for text in texts):
                out.add((board.title, panel.title))
    return out


@pytest.mark.real
@pytest.mark.parametrize(("system", "scenario", "first", "last"), PAIRS)
@pytest.mark.parametrize("way", ["up", "down"])
def test_the_predicted_blank_panels_are_those_of_a_real_prometheus(
    site: Site, system: str, scenario: str, first: str, last: str, way: str, tmp_path: Path
) -> None:
    """A bundle for the servers that run, over the pages of the others: what is lost is what was said, and nothing else."""
    one, other = (first, last) if way == "up" else (last, first)
    old = of(system, one, tmp_path)
    rules = [t for p, t in FORMATS["files"].render(build(old)).items() if p.name.endswith(".rules.yaml")]
    with newest() as (server, _):
        replay = Replay(server, load_rules(rules))
        panels = {version: shown(replay, system, scenario, version, old) for version in (first, last)}
    had, has = panels[one], panels[other]

    predicted = set(between(site, system, one, other).blank)
    assert len(had) > 20
    assert had - has == predicted & had
    assert has - had == set() or way == "down"


@pytest.mark.parametrize(
    ("text", "there", "expected"),
    [
        ("a", {"a"}, True),
        ("a", set(), False),
        ("a / b", {"a"}, False),
        ("a or b", {"b"}, True),
        ("a unless b", {"a"}, True),
        ("a and b", {"a"}, False),
        ("absent(a)", set(), True),
        ("sum by (x) (rate(a[$__rate_interval]))", {"a"}, True),
        ("histogram_quantile(0.9, sum by (le) (rate(a_bucket[5m])))", set(), False),
        ("recorded > 1", {"a"}, True),
        ("recorded > 1", set(), False),
        ("max_over_time((a > 1)[1h:1m])", set(), False),
        ("vector(1)", set(), True),
    ],
)
def test_an_expression_answers_when_its_series_are_there(text: str, there: set[str], expected: bool) -> None:  # noqa: FBT001
    assert answers(text, lambda selector: selector.name in there, {"recorded": [({}, "sum(a)")]}) is expected


RULES = """\
groups:
- name: mine
  rules:
  - alert: Slow
    expr: |
      histogram_quantile(0.95, sum by (le) (rate(lg_api_http_requests_latency_seconds_bucket[5m]))) > 2
  - record: waiting
    expr: max(lg_api_pending_runs_wait_time_max)
  - alert: Fine
    expr: up == 0
"""
BOARD: dict[str, Any] = {
    "panels": [{"targets": [{"expr": "rate(lg_api_pg_pool_requests_errors[5m])"}]}],
    "templating": {
        "list": [
            {"name": "route", "query": {"query": "label_values(lg_api_http_requests_latency_seconds_count, path)"}}
        ]
    },
}


def test_files_of_an_operators_own_are_told_line_by_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules, board = tmp_path / "mine.yaml", tmp_path / "mine.json"
    rules.write_text(RULES, encoding="utf-8")
    board.write_text(json.dumps(BOARD, indent=1), encoding="utf-8")

    assert (
        main(["upgrade", "--from", "0.10.2", "--to", "0.15.0", "--format", "json", "--check", str(rules), str(board)])
        == 1
    )
    found = json.loads(capsys.readouterr().out)["files"]
    lines = {(Path(f["path"]).name, f["line"]): f["what"] for f in found}
    assert set(lines) == {("mine.yaml", 5), ("mine.yaml", 8), ("mine.json", 6), ("mine.json", 16)}
    slow = "lg_api_http_requests_latency_seconds_bucket is called lg_api_http_requests_latency_bucket from 0.15.0 on"
    assert lines["mine.yaml", 5] == f"{slow}, in milliseconds: edges (le) are 1000 times as large"
    assert lines["mine.yaml", 8].startswith("lg_api_pending_runs_wait_time_max is gone in 0.15.0: not in Agent Server")
    (fix,) = {f["fix"] for f in found if f["line"] == 5}
    assert fix.endswith("multiply what you compare it with by 1000")


def test_the_way_back_is_told_too(site: Site) -> None:
    back = between(site, "agent_server", "0.15.0", "0.10.2").moved["lg_api_http_requests_latency_bucket"]

    assert (back.new, back.factor, back.unit) == ("lg_api_http_requests_latency_seconds_bucket", 0.001, "seconds")


def test_one_version_changes_nothing(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    same = between(site, "agent_server", "0.15.0", "0.15.0")

    assert (same.moved, same.come, same.labels, same.roles, same.blank) == ({}, (), {}, {}, ())
    assert main(["upgrade", "--from", "0.15.0", "--to", "0.15.0"]) == 0
    assert capsys.readouterr().out == "Agent Server from 0.15.0 to 0.15.0\n"


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--from", "old man", "--to", "0.15.0"], "--from:1: 'old man' is no version"),
        (["--system", "shop", "--from", "1", "--to", "2"], "--system:1: no system 'shop'; use one of"),
        (["--from", "0.10.2", "--to", "0.15.0", "--check", "/nowhere.yaml"], "/nowhere.yaml:1: cannot be read"),
    ],
)
def test_what_cannot_be_is_told_in_a_line(words: list[str], what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upgrade", *words]) == 1
    assert what in capsys.readouterr().err


def test_a_name_that_is_no_system_is_an_error(site: Site) -> None:
    with pytest.raises(GeneratorError):
        between(site, "shop", "1", "2")


def test_the_example_of_the_page_is_what_the_command_says(capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "upgrade.md").read_text(encoding="utf-8")
    ((words, shown),) = re.findall(r"```console\n\$ agentobs (.*?)\n(.*?)```", page, re.DOTALL)

    assert main(words.split()) == 0
    assert capsys.readouterr().out == shown
