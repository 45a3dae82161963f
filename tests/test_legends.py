"""What lines are called: words, or the labels that tell them apart; never their query."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import promql_parser as pp
import pytest

from generator.lint.expression import labels

from .conftest import ROOT


def nameless(board: dict[str, Any]) -> Iterator[str]:
    """Yield the titles of panels with a line that Grafana calls by its query: it has neither a name nor a label."""
    for top in board["panels"]:
        for panel in (top, *top.get("panels", ())):
            for target in panel.get("targets", ()) if panel["type"] == "timeseries" else ():
                expr = target["expr"].replace("$__rate_interval", "5m").replace("$__range", "1h")
                if target["legendFormat"] == "__auto" and labels(pp.parse(expr)) == frozenset():
                    yield panel["title"]


def test_every_line_has_a_name_or_a_label() -> None:
    boards = [json.loads(p.read_text(encoding="utf-8")) for p in sorted((ROOT / "dashboards").glob("*.json"))]

    assert boards
    assert {board["title"]: found for board in boards if (found := list(nameless(board)))} == {}


@pytest.mark.parametrize(
    ("expr", "legend", "found"),
    [
        ("sum(rate(x[$__rate_interval]))", "__auto", ["One"]),
        ("sum(x) / sum(y)", "__auto", ["One"]),
        ("sum(x)", "waiting", []),
        ("sum by (queue) (x)", "__auto", []),
    ],
)
def test_a_line_without_either_is_found(expr: str, legend: str, found: list[str]) -> None:
    board = {"panels": [{"type": "timeseries", "title": "One", "targets": [{"expr": expr, "legendFormat": legend}]}]}

    assert list(nameless(board)) == found
