"""The command line: what it prints, and with which code it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from generator.cli.main import main
from generator.config.site import Site
from generator.lint import CHECKS
from generator.systems import registry

from .conftest import ROOT


def test_generate_says_what_it_wrote_and_changes_nothing_twice(
    tmp_path: Path, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second run rewrites no file, so no tool that watches them wakes up."""
    assert main(["generate", "--out", str(tmp_path)]) == 0
    first = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()}
    capsys.readouterr()

    assert main(["generate", "--out", str(tmp_path)]) == 0

    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()} == first
    *listed, last = capsys.readouterr().out.splitlines()
    left_out = [line for line in listed if line.startswith("left out: ")]
    boards = len(registry.boards(site)) - sum(": the whole board: " in line for line in left_out)
    assert [line.split(": ")[:2] for line in listed if line not in left_out] == [
        *(["not scraped", name] for name in ("agent_server", "langsight", "agentgateway", "langsmith")),
        [
            "links of alerts are relative",
            "set docs_url or alerts.runbook_base_url, and alerts.grafana_url in bundle.yaml, and a click in a notification opens them",
        ],
    ]
    assert last == (
        f"{boards} dashboards, {len(first) - boards} other files below {tmp_path}; "
        f"0 changed, {len(left_out)} things left out"
    )


def test_links_that_lead_somewhere_are_not_spoken_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bundle.yaml"
    path.write_text(
        "alerts: {runbook_base_url: 'https://wiki/runbooks', grafana_url: 'https://grafana'}\n", encoding="utf-8"
    )

    assert main(["generate", "--config", str(path), "--out", str(tmp_path / "out")]) == 0
    assert main(["generate", "--only", "scrape/*", "--out", str(tmp_path / "scrape")]) == 0
    assert "links of alerts" not in capsys.readouterr().out


def test_list_metrics_as_json_has_the_whole_catalogue(capsys: pytest.CaptureFixture[str]) -> None:
    """Every documented Agent Server metric, 16 shown by default and 25 internal, and what is beyond the documentation."""
    assert main(["list", "metrics", "--format", "json"]) == 0

    rows = [r for r in json.loads(capsys.readouterr().out) if r["system"] == "agent_server"]
    documented = [r for r in rows if r["documented"]]
    assert [sum(r["exposure"] == e for r in documented) for e in ("ui", "internal")] == [16, 25]
    assert sorted(r["exposed"] for r in rows if not r["documented"] and "new" in r["eras"]) == [
        "lg_api_delta_channel_read_counter_total",
        "lg_api_delta_channel_replay_depth",
        "lg_api_delta_channel_walk_past_bound_counter_total",
        "target_info",
    ]


def test_list_boards_and_rules_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    """One line each, with a heading."""
    assert main(["list", "boards"]) == 0
    boards = capsys.readouterr().out.splitlines()
    assert main(["list", "rules"]) == 0
    rules = capsys.readouterr().out.splitlines()

    assert boards[0].split()[:3] == ["board", "uid", "title"]
    assert len(boards) == len([*(ROOT / "dashboards").glob("*.json")]) + 1
    assert next(line for line in rules if " AgentServerPgPoolErrors " in line).split()[:4] == [
        "agent_server_capacity",
        "alert",
        "AgentServerPgPoolErrors",
        "critical",
    ]


def test_lint_lists_its_checks(capsys: pytest.CaptureFixture[str]) -> None:
    """Each with what it is for."""
    assert main(["lint", "--list"]) == 0

    assert len(capsys.readouterr().out.splitlines()) == len(CHECKS)


def test_github_format_is_an_annotation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """File, line and check where the code host shows them."""
    assert main(["generate", "--out", str(tmp_path)]) == 0
    path = tmp_path / "scrape" / "agent_server.file.yml"
    path.write_text(path.read_text(encoding="utf-8").replace("system", "kind"), encoding="utf-8")
    capsys.readouterr()

    assert main(["lint", "--out", str(tmp_path), "--format", "github"]) == 1

    assert capsys.readouterr().out == (
        f"::error file={path},line=4,title=scrape/labels::job 'agent-server-file' does not set 'system'; add it by relabelling\n"
    )


@pytest.mark.parametrize("form", ["text", "json"])
def test_lint_of_nothing_is_an_error(form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty folder and none at all are no files without mistakes."""
    for folder, what in (
        (tmp_path, "holds no dashboards/*.json, no alerts/*.rules.yaml and no scrape/*.yml"),
        (tmp_path / "x", "is no folder"),
    ):
        assert main(["lint", "--out", str(folder), "--format", form]) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert err == f"{folder}:1: {what}; name the folder that `agentobs generate` writes with --out\n"


@pytest.mark.parametrize("args", [[], ["generat"], ["list"], ["list", "alerts"], ["lint", "--format", "xml"]])
def test_wrong_usage_ends_with_2(args: list[str]) -> None:
    """And with a usage line, not a traceback."""
    with pytest.raises(SystemExit) as caught:
        main(args)

    assert caught.value.code == 2


def test_a_configuration_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """One line, code 1."""
    assert main(["generate", "--config", "/nowhere/bundle.yaml"]) == 1

    assert capsys.readouterr().err.startswith("/nowhere/bundle.yaml:1: cannot be read: ")


def test_a_reader_that_goes_away_is_no_error() -> None:
    """`agentobs list metrics | head -1` ends quietly."""
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m generator list metrics | head -1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )

    assert done.stderr == ""
    assert done.stdout.startswith("system")


@pytest.mark.parametrize(("what", "lacks"), [("boards", "rules"), ("metrics", "rules"), ("rules", "boards")])
def test_list_builds_no_more_than_it_lists(what: str, lacks: str, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of rules makes no board, and a list of boards no rule."""
    built: list[registry.Part[Any]] = []

    def make(part: registry.Part[Any], *_: object) -> Any:
        built.append(part)
        return part.make(site)

    monkeypatch.setattr("generator.bundle._make", make)

    assert main(["list", what]) == 0

    parts = {"boards": registry.boards(site), "rules": registry.topics(site)}
    assert set(built) & {*parts[lacks]} == set()
    assert set(built) >= {*parts["rules" if what == "rules" else "boards"]}
