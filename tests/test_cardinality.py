"""How many series a metric has: labels that go with one another, exceptions, closed sets, what never happens; and who says so."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from generator.catalogue import System, load, read
from generator.catalogue.cardinality import Numbers, assumptions, combinations, series_count
from generator.cli.main import main
from generator.config import read as configured
from generator.errors import ConfigError, Problem

HEAD = """\
system: shop
title: Shop
prefix: shop_
scrape: {port: 9100}
"""


def shop(folder: Path, text: str, problems: list[Problem] | None = None) -> System:
    """A catalogue file with some metrics."""
    path = folder / "shop.yaml"
    path.write_text(HEAD + textwrap.dedent(text), encoding="utf-8")
    found: list[Problem] = []
    system = read({"shop": path}, found)["shop"]
    if problems is None:
        assert found == []
    else:
        problems += found
    return system


ORDERS = """\
cardinality:
  routes: {value: 10, why: "pages of the shop"}
  codes: {value: 4, why: "codes that occur"}
metrics:
  - name: orders_total
    type: counter
    unit: requests
    help: Orders.
    labels:
      route: {bound: "one per page", count: routes}
      backend: {bound: "one per page", count: 12, follows: route}
      kind: {values: [a, b, c], count: 2}
      code: {bound: "codes", count: codes, rare: true}
      shelf: {bound: "nobody knows"}
  - name: seconds
    type: histogram
    unit: seconds
    help: Time of an order.
    buckets: [1, 2, 3]
    labels: {route: {bound: "one per page", count: routes}}
"""


def test_labels_multiply_go_with_one_another_or_are_exceptions(tmp_path: Path) -> None:
    """Twelve backends of ten routes, two kinds, ten shelves of which nobody knows; three further codes on a fifth of these."""
    system = shop(tmp_path, ORDERS)
    orders, seconds = system.metrics

    assert combinations(system, orders, Numbers({})) == 12 * 2 * 10 + 3 * 48
    assert combinations(system, orders, Numbers({"spread": 0})) == 12 * 2 * 10 + 3
    assert combinations(system, orders, Numbers({"spread": 1})) == 12 * 2 * 10 * 4
    assert combinations(system, orders, Numbers({"routes": 30, "shelf": 1, "spread": 0})) == 30 * 2 + 3
    assert combinations(system, orders, Numbers({"kind": 9, "shelf": 1, "codes": 1})) == 12 * 3  # there are three kinds
    assert combinations(system, orders, Numbers({}), only=["kind"]) == 2
    assert combinations(system, orders, Numbers({}), only=["route", "backend"]) == 12
    assert combinations(system, orders, Numbers({"codes": 0})) == 0
    assert series_count(system, seconds, Numbers({})) == 10 * (3 + 1 + 2)


def test_labels_that_follow_each_other_are_as_many_as_the_most(tmp_path: Path) -> None:
    """Whichever stands first: a ring is one group, and what follows it too."""
    text = ORDERS.replace(
        'bound: "one per page", count: routes}\n      backend',
        'bound: "x", count: routes, follows: backend}\n      backend',
    )
    text = text.replace("kind: {values: [a, b, c], count: 2}", "kind: {values: [a, b, c], count: 2, follows: backend}")
    system = shop(tmp_path, text)

    assert system.metrics[0].labels["route"].follows == "backend"
    assert combinations(system, system.metrics[0], Numbers({"spread": 0, "shelf": 1})) == 12 + 3
    assert combinations(system, system.metrics[0], Numbers({}), only=["route", "kind"]) == 10


def test_births_and_quantiles_are_series_too(tmp_path: Path) -> None:
    """As Python's client library has them, and as a summary of Go."""
    system = shop(
        tmp_path,
        """\
        created: true
        metrics:
          - {name: orders_total, type: counter, unit: requests, help: Orders.}
          - {name: stock, type: gauge, unit: requests, help: Stock.}
          - {name: pause, type: summary, unit: seconds, help: Pauses., quantiles: 5}
        """,
    )

    assert [series_count(system, m, Numbers({})) for m in system.metrics] == [2, 1, 2 + 5 + 1]


def test_a_number_that_is_nowhere_is_told(tmp_path: Path) -> None:
    """Of a label: neither a name of `cardinality` nor another label; all at once."""
    problems: list[Problem] = []
    text = ORDERS.replace("count: routes}\n", "count: routs}\n", 1).replace("follows: route}", "follows: backend}")
    shop(tmp_path, text, problems)

    assert [p.what for p in problems] == [
        "label 'route' of 'orders_total' has as many values as 'routs', which is no number of `cardinality`",
        "label 'backend' of 'orders_total' follows 'backend', which is no other label of the system",
    ]
    assert problems[0].fix == "did you mean 'routes'?"


def test_every_number_has_a_reason_and_every_label_a_number() -> None:
    """Of the shipped systems: no label is left to the number that stands for what nobody knows."""
    catalogue = load()
    for name in catalogue.targets:
        every = assumptions(catalogue.systems[name]).values()
        assert [one.name for one in every if not one.why or one.why.startswith("no number")] == []
        assert len(every) > 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{routs: 3}", "unknown field 'routs'; did you mean 'routes'?"),
        ("{routes: -1}", "'routes' is -1, but must be at least 0"),
        ("{routes: 1.5}", "'routes' must be an integer, not 1.5"),
        ("{routes: many}", "'routes' must be an integer"),
        ("{routes: 10000000}", "'routes' is 10000000, but must be at most 1000000"),
        ("{spread: 1.01}", "'spread' is 1.01, but must be at most 1"),
        ("[routes]", "'cardinality' must be a mapping"),
    ],
)
def test_numbers_of_the_operator_are_checked(text: str, message: str, tmp_path: Path) -> None:
    """With the place, and a way out."""
    path = tmp_path / "bundle.yaml"
    path.write_text(f"systems:\n  agent_server:\n    cardinality: {text}\n", encoding="utf-8")

    with pytest.raises(ConfigError) as caught:
        configured(load(), path)

    assert [p.line for p in caught.value.problems] == [3]
    assert message in str(caught.value.problems[0])


def test_infer_drafts_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """How many values were seen, what goes with what, quantiles and births: the draft has as many series as the page."""
    page = tmp_path / "page.prom"
    page.write_text(
        textwrap.dedent("""\
        # TYPE shop_orders_total counter
        shop_orders_total{route="a",backend="x",code="200"} 1
        shop_orders_total{route="b",backend="y",code="200"} 1
        shop_orders_total{route="a",backend="x",code="500"} 1
        shop_orders_total{route="b",backend="y",code="500"} 1
        # TYPE shop_orders_created gauge
        shop_orders_created{route="a",backend="x",code="200"} 1
        shop_orders_created{route="b",backend="y",code="200"} 1
        shop_orders_created{route="a",backend="x",code="500"} 1
        shop_orders_created{route="b",backend="y",code="500"} 1
        # TYPE shop_pause_seconds summary
        shop_pause_seconds{quantile="0.5"} 1
        shop_pause_seconds{quantile="0.9"} 1
        shop_pause_seconds_sum 1
        shop_pause_seconds_count 1
        shop_pause_seconds_created 1
        """),
        encoding="utf-8",
    )

    assert main(["infer", str(page)]) == 0
    path = tmp_path / "shop.yaml"
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    problems: list[Problem] = []
    system = read({"shop": path}, problems)["shop"]

    assert problems == []
    assert system.metrics[0].labels["backend"].follows == "route"
    assert sum(series_count(system, m, Numbers({})) for m in system.metrics) == 13
