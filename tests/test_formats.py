"""What is true of every format: one place for its files, the same bytes each time, a page to read, no file of its own forgotten."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path, PurePosixPath

import pytest

from generator.bundle import Bundle, build, installation
from generator.catalogue import load
from generator.cli.main import main
from generator.config import schema
from generator.config.formats import Formats
from generator.outputs import FORMATS
from generator.writing.leftovers import PLAIN
from testbed.deliveries import DELIVERIES
from tests import delivered

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def rendered() -> Mapping[str, Mapping[PurePosixPath, str]]:
    return {name: delivered.files(name) for name in FORMATS}


@pytest.fixture(scope="module")
def another() -> Bundle:
    return build(installation(load()))


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_has_files_in_a_place_of_its_own(
    name: str, rendered: Mapping[str, Mapping[PurePosixPath, str]]
) -> None:
    assert rendered[name]
    folders = {path.parts[0] for path in rendered[name]}
    assert folders == (set(PLAIN) if name == "files" else {name})


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_the_same_bytes_each_time_and_every_line_ends(
    name: str, rendered: Mapping[str, Mapping[PurePosixPath, str]], another: Bundle
) -> None:
    again = FORMATS[name].render(another)

    assert again == rendered[name]
    assert [path for path, text in again.items() if not text.endswith("\n")] == []


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_has_a_page_that_says_how_to_use_it(name: str) -> None:
    text = (ROOT / FORMATS[name].page).read_text(encoding="utf-8")

    assert name == "files" or f"--format {name}" in text


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_written_is_what_check_accepts_and_a_strange_file_is_told(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of all that is there, the strange file alone."""
    assert main(["generate", "--format", name, "--out", str(tmp_path)]) == 0
    folder = next(path for path in tmp_path.iterdir() if path.is_dir())
    strange = folder / "strange.yaml"
    strange.write_text("", encoding="utf-8")
    capsys.readouterr()

    assert main(["check", "--format", name, "--out", str(tmp_path)]) == 1
    told = [line for line in capsys.readouterr().err.splitlines() if str(tmp_path) in line]
    assert told == [f"{strange}:1: the generator does not make it; delete it"]


def test_options_of_a_format_are_those_of_the_schema() -> None:
    """What bundle.yaml may say is what reaches the format, and each of them is a format's."""
    options = {
        name: set(one["properties"]) for name, one in schema(load())["properties"]["formats"]["properties"].items()
    }
    known = Formats()
    made = {one.name: {f.name for f in fields(getattr(known, one.name))} for one in fields(Formats)}

    assert {name.replace("-", "_"): keys for name, keys in options.items()} == made


def test_formats_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "formats"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["format", *FORMATS]


def test_a_format_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["generate", "--format", "nix"])

    assert end.value.code == 2
    assert "invalid choice: 'nix'" in capsys.readouterr().err


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_proved_by_what_reads_it(name: str) -> None:
    """Every proof that the documents name is a test that is there, and is run by the command that they name."""
    proofs = [one for one in DELIVERIES if one.format == name]

    assert proofs
    for one in proofs:
        path, _, function = one.test.partition("::")
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        (found,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == function]
        marks = [ast.unparse(mark) for mark in found.decorator_list]
        of_module = [ast.unparse(node.value) for node in tree.body if isinstance(node, ast.Assign)]
        marked = any("mark.matrix" in text for text in (*marks, *of_module))
        assert not marked or one.run == "make matrix", one.test
        assert marked or one.run == "make test" or path == "tests/test_matrix.py", one.test
