"""The digests of images are compared with what a registry says, and written anew on demand."""

from __future__ import annotations

import re
import runpy
import subprocess
from pathlib import Path

import pytest

from .conftest import ROOT

DIGESTS = runpy.run_path(str(ROOT / "tools" / "digests.py"), run_name="digests")
FILES, PINNED, main = DIGESTS["FILES"], DIGESTS["PINNED"], DIGESTS["main"]

OTHER = "sha256:" + "0" * 64


def pinned() -> dict[str, str]:
    """Every pinned image with its digest."""
    return dict(m.group("image", "digest") for n in FILES for m in PINNED.finditer((ROOT / n).read_text("utf-8")))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / name).write_text((ROOT / name).read_text("utf-8"), "utf-8")
    return tmp_path


def test_each_image_of_somebody_else_is_asked_for() -> None:
    """Three services and the base of our own image."""
    assert sorted(re.split("[:/]", image)[-2] for image in pinned()) == [
        "alertmanager",
        "grafana",
        "prometheus",
        "python",
    ]


def test_what_agrees_is_left_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], folder, pinned().__getitem__) == 0
    assert capsys.readouterr().out == ""


def test_what_differs_is_told_and_written_on_demand_only(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line each; after `--write` all agree."""
    assert main([], folder, lambda _: OTHER) == 1
    assert len(capsys.readouterr().out.splitlines()) == len(pinned())
    assert (folder / "Dockerfile").read_text("utf-8") == (ROOT / "Dockerfile").read_text("utf-8")

    assert main(["--write"], folder, lambda _: OTHER) == 0
    assert main([], folder, lambda _: OTHER) == 0


def test_without_a_registry_it_says_so_and_changes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def nobody(_: str) -> str:
        raise subprocess.CalledProcessError(1, "docker", stderr="no route to host")

    assert main(["--write"], folder, nobody) == 2
    assert capsys.readouterr().err == "no registry could be asked: no route to host\n"
    assert (folder / "Dockerfile").read_text("utf-8") == (ROOT / "Dockerfile").read_text("utf-8")
