"""Why a metric is on no board, or in no alert, is said once: in its entry, or in one sentence for several."""

from __future__ import annotations

from pathlib import Path

import pytest

from generator.catalogue import load
from generator.errors import CatalogueError

ENTRY = """
  - {{name: {name}, type: gauge, unit: none, help: A figure., source: {{evidence: operator}}{more}}}"""

SHOP = """\
system: shop
title: Shop
prefix: shop_
no_board:
  - why: "only of use to its authors"
    metrics: [debug]
no_alert:
  - why: "nobody can act on it"
    metrics: {names}
metrics:"""


def shop(folder: Path, names: str, more: str = "") -> Path:
    """Write a catalogue of three gauges, of which `names` share a reason, and return its folder."""
    entries = "".join(ENTRY.format(name=n, more=more if n == "stock" else "") for n in ("debug", "stock", "baskets"))
    (folder / "shop.yaml").write_text(SHOP.format(names=names) + entries + "\n")
    return folder


def test_a_reason_is_that_of_each_metric_it_names(tmp_path: Path) -> None:
    """Those of a group and that of an entry are the same thing to a reader, and each has its line."""
    system = load(shop(tmp_path, "[debug, baskets]", ", no_alert: it follows the season"), ()).systems["shop"]

    assert {m.name: (m.no_board, m.no_alert) for m in system.metrics} == {
        "debug": ("only of use to its authors", "nobody can act on it"),
        "stock": ("", "it follows the season"),
        "baskets": ("", "nobody can act on it"),
    }
    assert [(r.key, r.metrics, r.line) for r in system.reasons] == [
        ("no_board", ("debug",), 5),
        ("no_alert", ("debug", "baskets"), 8),
        ("no_alert", ("stock",), 12),
    ]


def test_a_reason_for_nothing_and_two_for_one_metric_are_refused(tmp_path: Path) -> None:
    """All of them at once, each at the line of the name."""
    with pytest.raises(CatalogueError) as caught:
        load(shop(tmp_path, "[debgu, stock, baskets]", ", no_alert: it follows the season"), ())

    assert [(p.line, p.what, p.fix) for p in caught.value.problems] == [
        (9, "'stock' has a `no_alert` of its own", "keep one of the two"),
        (9, "no metric 'debgu' in this file", "did you mean 'debug'?"),
    ]
    two = shop(tmp_path, '[debug]\n  - why: "it is about nothing that runs"\n    metrics: [debug]')
    with pytest.raises(CatalogueError) as caught:
        load(two, ())
    assert [(p.line, p.what) for p in caught.value.problems] == [(11, "'debug' has two reasons in `no_alert`")]


def test_a_reason_says_something(tmp_path: Path) -> None:
    """An empty word is none, and so is a reason for no metric."""
    with pytest.raises(CatalogueError) as caught:
        load(shop(tmp_path, "[]", ", no_alert: none"), ())

    assert [p.line for p in caught.value.problems] == [9, 12]
