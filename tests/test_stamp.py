"""What a generated file says of itself: it fits as it was made, and no longer once a line of it is another."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pytest

import generator
from generator.bundle import Bundle, build, installation
from generator.catalogue import load
from generator.cli.main import main
from generator.outputs import FORMATS, stamp

from .conftest import ROOT


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return build(installation(load()))


@pytest.mark.long
def test_every_file_of_every_format_tells_version_and_hash_and_an_edit_shows(bundle: Bundle) -> None:
    for one in FORMATS.values():
        for path, text in one.render(bundle).items():
            if path.parent.as_posix() in {"mixin/rules", "mixin/alerts"} or path.name == "jsonnetfile.json":
                continue  # their readers take no further key; the library beside them has a stamp
            assert stamp.read(path, text) == stamp.Stamp(generator.version(), fits=True), path
            assert stamp.read(path, text.replace("\n", "\r\n")) == stamp.Stamp(generator.version(), fits=True), path
            edited = stamp.read(
                path, text.replace("a", "b", 1) if "agent" not in text[:200] else f"{text[:-2]}?{text[-1]}"
            )
            assert edited, path
            assert not edited.fits, path


def test_a_new_version_changes_the_stamp_and_no_hash(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    path = PurePosixPath("alerts/agent_server_queue.rules.yaml")
    board = PurePosixPath("dashboards/overview.json")
    before = FORMATS["files"].render(bundle)
    monkeypatch.setattr(generator, "__version__", "9.9.9")
    after = FORMATS["files"].render(bundle)

    for one in (path, board):
        assert (
            before[one].replace(f"bundle {generator_version(before[one])}, sha256", "bundle 9.9.9, sha256")
            == after[one]
        )
        assert stamp.read(one, after[one]) == stamp.Stamp("9.9.9", fits=True)


def test_code_files_and_changelog_have_one_version() -> None:
    """The newest version that the changelog names, whatever stands above it as unreleased; it has a date, and no other is newer."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    unreleased, *states = re.findall(r"^## (\S+)(?: - (\d{4}-\d{2}-\d{2}))?", text, re.MULTILINE)
    files = [path for folder in ("dashboards", "alerts", "scrape") for path in sorted((ROOT / folder).glob("*.*"))]
    found = {str(path): stamp.read(path, path.read_text(encoding="utf-8")) for path in files}

    assert unreleased == ("Unreleased", "")
    assert states[0][0] == generator.version()
    assert [day for _, day in states] == sorted((day for _, day in states), reverse=True)
    assert "" not in dict(states).values()
    assert len(files) > 50
    assert {path: one and one.version for path, one in found.items() if not one or one.version != states[0][0]} == {}


def generator_version(text: str) -> str:
    return text.partition("agent-observability-bundle ")[2].partition(",")[0]


def test_a_board_out_of_grafanas_api_is_still_the_generated_one(bundle: Bundle) -> None:
    """Grafana gives it a number and a version, sorts its keys otherwise, and puts it into an envelope."""
    path = PurePosixPath("overview.json")
    board = json.loads(FORMATS["files"].render(bundle)[PurePosixPath("dashboards/overview.json")])
    stored = dict(reversed([*board.items(), ("id", 12)])) | {"version": 7}

    found = stamp.read(path, json.dumps({"meta": {"provisioned": True}, "dashboard": stored}))
    assert found == stamp.Stamp(generator.version(), fits=True)
    moved = stamp.read(path, json.dumps({"dashboard": stored | {"refresh": "5s"}}))
    assert moved == stamp.Stamp(generator.version(), fits=False)


KUBERNETES = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "annotations": {"b": "c"}}, "data": {}}
PERSES = {"kind": "Dashboard", "metadata": {"name": "a"}, "spec": {"display": {"name": "A"}}}
SCHEMA = {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object"}


@pytest.mark.parametrize("document", [KUBERNETES, PERSES, SCHEMA], ids=["kubernetes", "perses", "schema"])
def test_documents_without_comments_have_a_place_of_their_kind(document: Mapping[str, object]) -> None:
    path = PurePosixPath("a.json")
    text = stamp.stamped(path, json.dumps(document))

    assert stamp.read(path, text) == stamp.Stamp(generator.version(), fits=True)
    assert stamp.stamped(path, text) == text
    assert not getattr(stamp.read(path, text.replace('"a"', '"z"').replace('"object"', '"array"')), "fits", True)


def test_a_document_without_a_place_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no place for a stamp in a document with the keys \['one'\]"):
        stamp.marked({"one": 1})


def test_check_tells_an_edit_from_another_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "bundle.yaml"
    config.write_text("thresholds: {}\nalerts: {grafana_url: 'https://grafana.example'}\n", encoding="utf-8")
    assert main(["generate", "--config", str(config), "--out", str(tmp_path)]) == 0
    rules = tmp_path / "alerts" / "agent_server_queue.rules.yaml"
    other = tmp_path / "alerts" / "agent_server_runs.rules.yaml"
    rules.write_text(rules.read_text(encoding="utf-8").replace("for: ", "for:  ", 1), encoding="utf-8")
    capsys.readouterr()

    assert (
        main(
            ["check", "--out", str(tmp_path), "--only", "alerts/agent_server_*s.rules.yaml", "--only", "alerts/*queue*"]
        )
        == 1
    )

    message = capsys.readouterr().err
    assert (
        f"{rules}:15: edited by hand: its content does not fit its own hash; make the change in bundle.yaml" in message
    )
    assert f"{other}:22: differs from what the generator makes; run `agentobs generate`" in message


def test_check_of_single_files_asks_nothing_but_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "--out", str(tmp_path), "--only", "alerts/*"]) == 0
    good, bad, foreign = (
        tmp_path / "alerts" / name for name in ("langsmith_redis.rules.yaml", "observability.rules.yaml", "x")
    )
    bad.write_text(bad.read_text(encoding="utf-8") + "# more\n", encoding="utf-8")
    foreign.write_bytes(b"\xff")
    capsys.readouterr()

    assert main(["check", str(good)]) == 0
    assert capsys.readouterr().out == f"{good}: as version {generator.version()} made it\n"
    assert main(["check", str(good), str(bad), str(foreign), str(tmp_path / "none.yaml"), __file__]) == 1
    assert {line.partition(":1: ")[2].partition(";")[0] for line in capsys.readouterr().err.splitlines()} == {
        "says nothing of the version that made it",
        "edited by hand: its content does not fit its own hash",
        "is no text in UTF-8",
        "cannot be read: No such file or directory",
    }
