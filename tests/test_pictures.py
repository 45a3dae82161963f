"""Pictures of boards: they are those of the boards that there are, and small."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from testbed import pictures

from .conftest import ROOT

BOARD = json.loads((ROOT / "dashboards" / "agent_server_fleet.json").read_text(encoding="utf-8"))


def test_pictures_and_boards_belong_together() -> None:
    assert list(pictures.stale()) == []


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("panels", 1, "title"), "Another"),
        (("panels", 1, "gridPos", "w"), 5),
        (("panels", 1, "type"), "gauge"),
        (("title",), "Another"),
    ],
)
def test_what_one_sees_changes_the_shape(place: tuple[Any, ...], value: Any) -> None:
    board = copy.deepcopy(BOARD)
    holder = board
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value

    assert pictures.shape(board) != pictures.shape(BOARD)


def test_a_query_and_a_description_do_not() -> None:
    board = copy.deepcopy(BOARD)
    board["panels"][1]["targets"][0]["expr"] = "vector(1)"
    board["panels"][1]["description"] = "Another."

    assert pictures.shape(board) == pictures.shape(BOARD)


def test_a_picture_of_another_board_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So are a file that no list has, one that is gone, a board without a picture, and too many bytes."""
    stem, other = "overview", "agent_server_fleet"
    monkeypatch.setattr(pictures, "IMAGES", tmp_path)
    monkeypatch.setattr(pictures, "MANIFEST", tmp_path / "pictures.json")
    monkeypatch.setattr(pictures, "MOST", 5)
    for name in (f"{stem}.webp", "stray.webp"):
        (tmp_path / name).write_bytes(b"1234")
    pictures.note({f"{stem}.webp": stem})
    monkeypatch.setattr(pictures, "shapes", lambda: {stem: "changed", other: "x"})
    (tmp_path / "gone.webp").write_bytes(b"")
    pictures.note({"gone.webp": other})
    (tmp_path / "gone.webp").unlink()

    assert list(pictures.stale()) == [
        "docs/images/overview.webp shows another overview than there is; `make render ARGS=overview`",
        "docs/images/gone.webp is not there; `make render`",
        "docs/images/stray.webp is in no list; `make render`",
        "docs/images has 8 bytes, more than 5; take smaller ones",
    ]
