"""Twenty-odd different things broken one at a time, and the whole text that a user then reads."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from generator.bundle import build
from generator.catalogue import load
from generator.cli.main import main
from generator.config.site import Site
from generator.errors import BundleError, CatalogueError, ConfigError
from generator.systems.registry import declare
from generator.units import UNITS

SHOP = """\
system: shop
title: Shop
prefix: shop_
runtimes: {plain: one process}
roles: {web: answers customers}
metrics:
  - name: orders_total
    type: counter
    unit: requests
    help: Orders taken.
    labels:
      status: {values: [ok, failed]}
    emitted: {plain: [web]}
    born: first_event
    refresh: event
    aggregate: sum
    source: {evidence: observed}
"""


def broken_catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str) -> list[str]:
    assert old in SHOP
    (tmp_path / "shop.yaml").write_text(SHOP.replace(old, new), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CatalogueError) as caught:
        load(tmp_path)
    return [str(p) for p in caught.value.problems]


@pytest.mark.parametrize(
    ("old", "new", "problems"),
    [
        (
            "    unit: requests\n",
            "    unti: requests\n",
            [
                "shop.yaml:7: 'orders_total' lacks 'unit'; add 'unit': the unit of one observation",
                "shop.yaml:9: unknown field 'unti'; did you mean 'until'?",
            ],
        ),
        ("type: counter", "type: countre", ["shop.yaml:8: 'type' is 'countre'; did you mean 'counter'?"]),
        (
            "name: orders_total",
            "name: orders",
            ["shop.yaml:7: counter 'orders' lacks its suffix; expose it as 'orders_total'"],
        ),
        (
            "unit: requests",
            "unit: request",
            [f"shop.yaml:9: unit 'request' is unknown; did you mean 'requests'? Units are {', '.join(UNITS)}"],
        ),
        (
            "unit: requests",
            "unit: xyz",
            [f"shop.yaml:9: unit 'xyz' is unknown; use one of {', '.join(UNITS)}"],
        ),
        (
            "status: {values: [ok, failed]}",
            "status: {values: [ok, failed, ok], values_since: {faild: '1.2'}}",
            [
                "shop.yaml:12: 'faild' is none of the values of 'status'; did you mean 'failed'?",
                "shop.yaml:12: 'ok' stands in 'values' a second time; keep one of the two",
            ],
        ),
        (
            "metrics:\n",
            "unlisted: {weeb: {series: 2, why: counted}, '': {series: 1, why: counted}}\n"
            "parts: {more: [web, store]}\n"
            "cardinality: {shelves: {value: 3, why: a guess}}\n"
            "scrape: {port: 80, ports: {api: 81}, ready: {path: /ok, roles: [web, web, wev]}}\n"
            "metrics:\n",
            [
                "shop.yaml:6: role '' is unknown; use one of web",
                "shop.yaml:6: role 'weeb' is unknown; did you mean 'web'?",
                "shop.yaml:7: role 'store' is unknown; use one of web",
                "shop.yaml:8: no label has as many values as 'shelves'; give a label `count: shelves`, or remove it",
                "shop.yaml:9: 'web' stands in 'roles' a second time; keep one of the two",
                "shop.yaml:9: role 'api' is unknown; use one of web",
                "shop.yaml:9: role 'wev' is unknown; did you mean 'web'?",
            ],
        ),
        (
            "{values: [ok, failed]}",
            "{}",
            ["shop.yaml:11: label 'status' of 'orders_total' has no bound; give it either `values` or `bound`"],
        ),
        ("plain: [web]", "plain: [wbe]", ["shop.yaml:13: role 'wbe' is unknown; did you mean 'web'?"]),
        (
            "aggregate: sum",
            "aggregate: global",
            [
                "shop.yaml:16: counter 'orders_total' is aggregated by 'global'; "
                "use sum, or none where no sum means anything"
            ],
        ),
        (
            "title: Shop\n",
            "title: Shop\ntitle: Store\n",
            ["shop.yaml:3: 'title' stands here a second time; keep one of the two"],
        ),
        (
            "[web]",
            "[web",
            ["shop.yaml:13: not YAML: did not find expected ',' or ']'; correct the indentation, quoting or brackets"],
        ),
        ("system: shop", "system: store", ["shop.yaml:1: system 'store' is in shop.yaml; call it 'shop'"]),
    ],
)
def test_a_mistake_in_the_catalogue_is_told_with_its_line_and_a_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, problems: list[str]
) -> None:
    """One broken entry gives exactly the problems that are there."""
    assert broken_catalogue(tmp_path, monkeypatch, old, new) == problems


def test_all_mistakes_of_all_files_are_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two files with three mistakes give three problems, in the order of files and lines."""
    (tmp_path / "bank.yaml").write_text(
        SHOP.replace("shop", "bank").replace("orders_total", "orders"), encoding="utf-8"
    )

    found = broken_catalogue(
        tmp_path, monkeypatch, "unit: requests\n    help: Orders taken.", "unit: euro\n    help: Orders taken"
    )

    assert found == [
        "bank.yaml:7: counter 'orders' lacks its suffix; expose it as 'orders_total'",
        "shop.yaml:10: 'help' is 'Orders taken', but must match \\.$; one sentence: what is measured",
    ]


def module(tmp_path: Path, name: str, body: str) -> ModuleType:
    path = tmp_path / f"{name}.py"
    path.write_text(body, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


BOARD = """\
from generator.boards.layout import board, row
from generator.boards.panels import heat, lines, stat
from generator.boards.tables import Column, table
from generator.promql import *

def dashboard(site):
    lg = site.system("agent_server")
    return board(site, "agent_server_broken", "Broken", system="agent_server", about="x", rows=[row("Row",
        {panel},
    )])
"""
CATALOGUE = "generator/systems/agent_server/catalogue.yaml"


@pytest.mark.parametrize(
    ("panel", "problem"),
    [
        (
            'lines("x", rate(lg["http_requests_totl"]))',
            "no metric 'http_requests_totl' in the catalogue of agent_server; did you mean 'http_requests_total'?",
        ),
        (
            'lines("x", rate(lg["http_requests_total"], by=["zzz"]))',
            "lg_api_http_requests_total (CATALOGUE:http_requests_total) has no label 'zzz'; "
            "it has method, path, status, project_id, revision_id, deployment_type, otel_scope_name, otel_scope_version, "
            "otel_scope_schema_url, cluster, namespace, deployment, role, instance, system",
        ),
        (
            'lines("x", rate(lg["workers_max"]))',
            "rate() of lg_api_workers_max (CATALOGUE:workers_max), a gauge; rate() needs a counter",
        ),
        (
            'lines("x", total(lg["num_pending_runs"]))',
            "sum of lg_api_num_pending_runs (CATALOGUE:num_pending_runs): every process repeats one global value; use level()",
        ),
        (
            'lines("x", quantile(0.95, lg["workers_max"]))',
            "quantile() of lg_api_workers_max (CATALOGUE:workers_max), a gauge; quantile() needs a histogram",
        ),
        (
            'lines("x", quantile_of(0.95, rate(lg["http_requests_total"], by=["path"])))',
            "quantile of a query by (path): 'le' was dropped; group by 'le' too",
        ),
        (
            'lines("x", rate(lg["http_requests_total"]), mean(lg["http_requests_latency"]))',
            "panel 'x' mixes the units milliseconds, requests/s; make one panel per unit",
        ),
        (
            'stat("x", mean(lg["http_requests_latency"]), limit=site.limit("pg_pool_used"))',
            "panel 'x' in milliseconds has the limit pg_pool_used, in ratio; use a limit of its unit",
        ),
        (
            'lines("x", rate(lg["run_failed_after_retry_counter"].where(status="oops")))',
            "label 'status' of lg_api_run_failed_after_retry_counter_total (CATALOGUE:run_failed_after_retry_counter) "
            "is never 'oops'; use one of error, timeout",
        ),
        (
            'lines("x", share_above(lg["http_requests_latency"], 2000))',
            "2000 is no bucket edge of lg_api_http_requests_latency (CATALOGUE:http_requests_latency) below its last one; "
            "use one of 10, 100, 500, 1000, 5000, 15000, 30000, 60000, 120000, 300000, 600000, 1800000",
        ),
        (
            'lines("x", rate(lg["http_requests_total"], by=["path"]) / rate(lg["http_requests_total"]))',
            "'/' of a query by (path) and one by (); group both by the same labels, or nothing matches",
        ),
        (
            'table("x", [Column("a", total(lg["workers_max"], by=["role"])), Column("b", total(lg["workers_max"]))])',
            "column 'b' of 'x' is by (); group it by (role) as the first one",
        ),
        (
            'heat("x", rate(lg["http_requests_total"]))',
            "heat map 'x' of a query without 'le'; use buckets()",
        ),
    ],
)
def test_a_misuse_in_a_board_is_refused_at_its_line(tmp_path: Path, site: Site, panel: str, problem: str) -> None:
    """What has no meaning never becomes a dashboard: the board's own line is named."""
    made = module(tmp_path, "broken", BOARD.replace("{panel}", panel))

    with pytest.raises(BundleError) as caught:
        build(site, [declare("agent_server", [made], [])])

    lines = {m.name: f"{m.path}:{m.line}" for m in site.catalogue.systems["agent_server"].metrics}
    for name, place in lines.items():
        problem = problem.replace(f"CATALOGUE:{name})", f"{place})")
    assert str(caught.value) == f"{tmp_path}/broken.py:9: {problem}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("threshold: {}\n", "bundle.yaml:1: unknown field 'threshold'; did you mean 'thresholds'?"),
        (
            "scrape: {interval: 30}\n",
            "bundle.yaml:1: 'interval' must be a string, not 30; write a string: a Prometheus duration such as 30s",
        ),
        (
            "scrape: {interval: soon}\n",
            "bundle.yaml:1: 'interval' is 'soon', but must match ^[0-9]+(ms|s|m|h|d|w)$; a Prometheus duration such as 30s",
        ),
        (
            "thresholds:\n  queue_wait_p95: 250000\n",
            "bundle.yaml:2: 'queue_wait_p95' is 250000, which is no bucket edge of lg_api_run_queue_wait_time_1st_attempt "
            "below its last one; use one of 10, 100, 500, 1000, 5000, 15000, 30000, 60000, 120000, 300000, 600000, 1800000",
        ),
        (
            "slo:\n  run_success: {objective: 100}\n",
            "bundle.yaml:2: 'objective' is 100, but must be at most 99.9999; per cent of good events, from 50 to 99.9999: 99.9, not 0.999",
        ),
        (
            "slo_period: 90d\n",
            "bundle.yaml:1: slo_period 90d is longer than the 30d for which Prometheus keeps samples; "
            "use at most 30d, or set evaluation.retention to its --storage.tsdb.retention.time",
        ),
        (
            "evaluation:\n  retention: 15d\n",
            "bundle.yaml:2: slo_period 30d is longer than the 15d for which Prometheus keeps samples; "
            "use at most 15d, or set evaluation.retention to its --storage.tsdb.retention.time",
        ),
        (
            "evaluation:\n  window: 2h\n",
            "bundle.yaml:2: window 2h is no short window beside 1h, over which the fastest burn rate is taken; "
            "use at most 15m",
        ),
        (
            "alerts:\n  disable: [AgentServerRunTimeout]\n",
            "bundle.yaml:2: no alert 'AgentServerRunTimeout'; did you mean 'AgentServerRunTimeouts'?",
        ),
    ],
)
def test_a_bad_configuration_is_refused_with_place_and_fix(
    configured: Callable[[str], Site], text: str, problem: str
) -> None:
    """An unknown key, a wrong type, a threshold that no bucket edge can express: each by its whole text."""
    with pytest.raises(ConfigError) as caught:
        build(configured(text))

    assert str(caught.value) == problem


def test_what_looks_back_further_than_samples_are_kept_is_left_out_with_the_reason(
    configured: Callable[[str], Site],
) -> None:
    """Two days of samples: whatever asks last week is named, and nothing else is."""
    site = configured("evaluation: {retention: 2d}\nslo_period: 2d\n")
    reason = "longer than samples are kept (evaluation: retention: 2d)"

    made = build(site)

    assert sorted(out.what for out in made.left_out if out.why.endswith(reason)) == [
        "AgentgatewayConnectionSurge",
        "AgentgatewayLlmTokenSpike",
        "AgentgatewayMcpStopped",
        "LangSightIngestionInterrupted",
        "LangSightIngestionStopped",
        "LangSmithNginxTrafficZero",
    ]
    assert {a.name for groups in made.rules.values() for g in groups for a in g.alerts} >= {
        "AgentServerAvailabilityBurn1d"
    }


def test_a_panel_that_looks_back_further_than_samples_are_kept_is_left_out(
    tmp_path: Path, configured: Callable[[str], Site]
) -> None:
    """A comparison with last week needs a week: with a day of samples the panel is named, not empty."""
    panel = 'lines("Last week", earlier(lg["num_pending_runs"], "7d"))'
    made = module(tmp_path, "week", BOARD.replace("{panel}", panel))

    bundle = build(configured("evaluation: {retention: 1d}\nslo_period: 1d\n"), [declare("agent_server", [made], [])])

    assert "lg_api_num_pending_runs: a window of 7d is longer than samples are kept (evaluation: retention: 1d)" in [
        out.why for out in bundle.left_out
    ]


def test_a_stale_file_is_told_by_its_first_differing_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A hand edit, a missing file and a stranger: three problems, exit code 1."""
    assert main(["generate", "--out", str(tmp_path)]) == 0
    board = tmp_path / "dashboards" / "agent_server_fleet.json"
    board.write_text(board.read_text(encoding="utf-8").replace('"browser"', '"utc"'), encoding="utf-8")
    line = next(n for n, text in enumerate(board.read_text(encoding="utf-8").splitlines(), 1) if '"utc"' in text)
    (tmp_path / "scrape" / "prometheus.yml").unlink()
    (tmp_path / "alerts" / "mine.rules.yaml").write_text("groups: []\n", encoding="utf-8")
    capsys.readouterr()

    assert main(["check", "--out", str(tmp_path)]) == 1

    assert capsys.readouterr().err.splitlines() == [
        f"{tmp_path}/alerts/mine.rules.yaml:1: the generator does not make it; delete it",
        f"{tmp_path}/dashboards/agent_server_fleet.json:{line}: edited by hand: its content does not fit its own hash; make the change in bundle.yaml or the generator, and run `agentobs generate`",
        f"{tmp_path}/scrape/prometheus.yml:1: missing; run `agentobs generate`",
    ]


def test_nothing_is_written_when_something_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A bad configuration leaves the output folder as it was, and no traceback reaches the user."""
    config = tmp_path / "bundle.yaml"
    config.write_text("systems: {agent_server: {tier: 7}}\n", encoding="utf-8")

    assert main(["generate", "--config", str(config), "--out", str(tmp_path / "out")]) == 1

    assert not (tmp_path / "out").exists()
    assert (
        capsys.readouterr().err
        == f"{config}:1: 'tier' is 7, but must be at most 4; METRIC_MAX_EMITTING_TIER of the servers\n"
    )


def test_an_unwritable_folder_is_told_and_leaves_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file where a folder must be: one problem with place and fix, and no temporary files."""
    (tmp_path / "alerts").write_text("", encoding="utf-8")

    assert main(["generate", "--out", str(tmp_path)]) == 1

    assert (
        capsys.readouterr().err
        == f"{tmp_path}/alerts:1: is a file where a folder belongs; remove it, or name another folder with --out\n"
    )
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [tmp_path / "alerts"]


def test_lint_tells_a_hand_edited_query_by_file_and_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt metric, a raw counter and a fixed range in one edited board: three findings, as text and as JSON."""
    assert main(["generate", "--out", str(tmp_path)]) == 0
    path = tmp_path / "dashboards" / "agent_server_http.json"
    board = json.loads(path.read_text(encoding="utf-8"))
    matchers = 'cluster=~"$cluster", namespace=~"$namespace", deployment=~"$deployment", system="agent_server"'
    panel = next(p for p in board["panels"] if p["title"] == "Requests")
    panel["targets"][0]["expr"] = (
        f"sum(lg_api_http_requests_total{{{matchers}}}) / sum(rate(lg_api_http_request_total{{{matchers}}}[5m]))"
    )
    path.write_text(json.dumps(board, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
    line = next(
        n
        for n, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if "lg_api_http_request_total" in text
    )
    capsys.readouterr()

    assert main(["lint", "--out", str(tmp_path)]) == 1

    assert capsys.readouterr().out.splitlines() == [
        f"{path}:{line}: [promql/counters] lg_api_http_requests_total is a counter and read raw; wrap it in rate() or increase()",
        f"{path}:{line}: [promql/rate-interval] rate over a fixed 300 s; use $__rate_interval",
        f"{path}:{line}: [promql/series] no catalogue metric and no rule makes 'lg_api_http_request_total'; "
        "correct the name, or add it to the catalogue",
    ]
    assert main(["lint", "--out", str(tmp_path), "--format", "json"]) == 1
    assert [f["check"] for f in json.loads(capsys.readouterr().out)] == [
        "promql/counters",
        "promql/rate-interval",
        "promql/series",
    ]
