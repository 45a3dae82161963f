"""What is listed as different on VictoriaMetrics names things that exist, each once, and reads well."""

from __future__ import annotations

from pathlib import Path

import pytest

from reference_server.scenarios import library as scenarios
from testbed.cases.proving import CASES
from testbed.matrix import differences, panels
from testbed.matrix.engines import REMEMBERED, remembered
from testbed.replay import firing

ENTRY = (
    "- {id: a, what: It differs., why: Because., do: Nothing., panels: {x: [One]}, cases: {y: [two]}, fields: [z]}\n"
)


def test_everything_that_is_listed_exists() -> None:
    """A renamed panel or case would stay in the list unseen until someone runs the matrix."""
    known = differences.load()

    assert {p for one in known for p in one.panels} <= {(q.board, q.panel) for q in panels.queries()}
    assert {c for one in known for c in one.cases} <= {(Path(case.path).stem, case.name) for case in CASES}
    assert {s for one in known for s in one.scenarios} <= {scenario.id for scenario in scenarios.shipped()}


def test_a_place_has_one_reason(tmp_path: Path) -> None:
    path = tmp_path / "differences.yaml"
    path.write_text(ENTRY + ENTRY.replace("z", "other").replace("One", "Three"), encoding="utf-8")

    with pytest.raises(ValueError, match=r"\('y', 'two'\) is listed under two reasons; keep one"):
        differences.load(path)


def test_an_entry_needs_its_texts(tmp_path: Path) -> None:
    path = tmp_path / "differences.yaml"
    path.write_text("- {id: a, what: It differs., why: Because., panel: {}}\n", encoding="utf-8")

    with pytest.raises(TypeError, match="panel"):
        differences.load(path)


def test_operators_read_reason_remedy_and_places(tmp_path: Path) -> None:
    path = tmp_path / "differences.yaml"
    path.write_text(ENTRY, encoding="utf-8")

    assert differences.markdown(differences.load(path), {"x": "Board X"}) == [
        "### It differs",
        "",
        "Because.",
        "",
        "What to do: Nothing.",
        "",
        "Fields: `z`.",
        "",
        "- Board X: One",
        "- rules `y`: two",
    ]


def test_vmalert_restores_every_alert_that_is_held() -> None:
    """After a gap of five minutes a short hold is over at once, where Prometheus begins anew; after an hour it is forgotten."""
    ticks = [float(t) for t in range(0, 900, 30) if not 300 <= t < 600]
    lasting = set(ticks)

    assert firing(lasting, ticks, hold=120, back={600.0}) == [(120, 600), (720, None)]
    assert firing(lasting, ticks, hold=120, back={600.0}, restore=remembered) == [(120, None)]
    assert remembered(0, 300, 300 + REMEMBERED, 120) is None
    assert remembered(0, 300, 600, 0) is None
