"""A system of an operator's own: one catalogue file gives a whole bundle, and what is wrong in it is told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from generator.bundle import Bundle, build, installation
from generator.catalogue import load
from generator.cli.main import main
from generator.errors import ConfigError
from generator.outputs import FORMATS

from .conftest import ROOT

CATALOGUE = (ROOT / "tests/data/shop.yaml").read_text(encoding="utf-8")

BUNDLE = """\
systems:
  shop:
    catalogue: ./shop.yaml
    scrape:
      static: [{deployment: eu, targets: ["127.0.0.1:9100"]}]
      dns: [{deployment: eu, names: [shop]}]
      kubernetes: {namespaces: [shops]}
"""


@pytest.fixture
def installed(tmp_path: Path) -> Callable[..., Path]:
    """Write a configuration and its catalogue, and return the configuration's path."""

    def write(catalogue: str = CATALOGUE, bundle: str = BUNDLE) -> Path:
        (tmp_path / "shop.yaml").write_text(catalogue, encoding="utf-8")
        path = tmp_path / "bundle.yaml"
        path.write_text(bundle, encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The bundle of the shop beside the shipped systems."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "shop.yaml").write_text(CATALOGUE, encoding="utf-8")
    (folder / "bundle.yaml").write_text(BUNDLE, encoding="utf-8")
    return build(installation(load(), folder / "bundle.yaml"))


@pytest.fixture(scope="module")
def texts(bundle: Bundle) -> dict[str, str]:
    """Its files."""
    return {str(path): text for path, text in FORMATS["files"].render(bundle).items()}


def test_one_file_gives_everything_that_a_system_has(texts: dict[str, str]) -> None:
    """Scrape fragments of every kind, boards, rules, a collector: under the system's name."""
    made = {path for path in texts if "shop" in path}

    assert made == {
        "alerts/shop.records.rules.yaml",
        "alerts/shop_signals.rules.yaml",
        "alerts/shop_telemetry.rules.yaml",
        "dashboards/shop_metrics.json",
        "dashboards/shop_overview.json",
        "dashboards/shop_telemetry.json",
        "scrape/shop.dns.yml",
        "scrape/shop.file.yml",
        "scrape/shop.kubernetes.yml",
        "scrape/shop.otel-gateway.yaml",
        "scrape/shop.static.yml",
    }


def test_targets_and_golden_signals_have_their_alerts(bundle: Bundle) -> None:
    """Each leads to a board that is there and to a runbook that is written."""
    own = [alert for alert in bundle.alerts if alert.name.startswith("Shop")]

    assert [alert.name for alert in own] == [
        "ShopAllTargetsDown", "ShopDeploymentVanished", "ShopTargetDown", "ShopTargetsMissing",
        "ShopErrorRatioHigh", "ShopLatencyHigh", "ShopPoolNearlyFull", "ShopQueueLong",
    ]  # fmt: skip
    assert {alert.board for alert in own} <= set(bundle.boards)
    for alert in own:
        assert alert.runbook
        assert (ROOT / "docs/runbooks" / f"{alert.runbook}.md").exists(), alert.runbook


def test_every_metric_is_on_a_board_with_the_function_of_its_type(bundle: Bundle, texts: dict[str, str]) -> None:
    """Rates of counters, quantiles and heat map of histograms, levels of gauges by their aggregate."""
    panels = json.loads(texts["dashboards/shop_metrics.json"])["panels"]
    shown = [p for row in panels for p in (row.get("panels") or [row])]
    queries = {p["title"]: (p["type"], *[t["expr"] for t in p["targets"]]) for p in shown if p.get("targets")}

    matchers = '{cluster=~"$cluster", namespace=~"$namespace", deployment=~"$deployment", instance=~"$instance", system="shop"}'
    counter, *_ = queries["shop_http_requests_total"][1:]
    assert counter.startswith("sum by (status) (rate(shop_http_requests_total{")
    _, *three = queries["shop_http_request_duration_seconds: quantiles"]
    assert [q.partition(",")[0] for q in three] == [f"histogram_quantile({q}" for q in (0.5, 0.95, 0.99)]
    assert queries["shop_http_request_duration_seconds: distribution"][0] == "heatmap"
    assert queries["shop_orders_waiting"][1] == f"max(shop_orders_waiting{matchers})"
    assert queries["shop_db_connections"][1] == f"max by (instance) (shop_db_connections{matchers})"
    assert queries["shop_payload_bytes: mean"][1].count("shop_payload_bytes_sum") == 1
    assert {m.name for m in bundle.site.system("shop")} == {m.name for m in bundle.boards["shop_metrics"].metrics}


def test_it_has_a_row_among_all_systems(texts: dict[str, str]) -> None:
    """Behind the shipped ones, with its golden signals by deployment and the way to its first board."""
    panels = json.loads(texts["dashboards/overview.json"])["panels"]

    assert [p["title"] for p in panels if p["type"] == "row"][-1] == "Shop"
    table = next(p for p in panels if p["title"] == "Shop: deployments")
    assert len(table["targets"]) == 7
    assert "/d/shop-overview?" in json.dumps(table)


def test_generate_lint_and_check_agree(
    installed: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is written is what is checked, and lint finds nothing in it."""
    config = ["--config", str(installed()), "--out", str(tmp_path / "out")]

    assert main(["generate", *config]) == 0
    assert main(["check", *config]) == 0
    capsys.readouterr()
    assert main(["lint", *config]) == 0
    assert "nothing found" in capsys.readouterr().out


def test_files_do_not_tell_where_the_configuration_stands(bundle: Bundle, texts: dict[str, str]) -> None:
    """The same configuration makes the same bytes in every folder."""
    folder = str(Path(bundle.site.config.line("systems")[0]).parent)

    assert Path(folder).is_absolute()
    assert not [path for path, text in texts.items() if folder in text]


def test_a_runbook_lists_the_limits_of_its_alert_alone(bundle: Bundle) -> None:
    """Of those of the system, which all its alerts share: two of errors, three of durations, none of what is down."""
    pages = {path.stem: text for path, text in FORMATS["docs"].render(bundle).items() if path.parent.name == "runbooks"}
    listed = {name: re.findall(r"^\| `?(shop_\w+)", text, re.MULTILINE) for name, text in pages.items()}

    assert {name: found for name, found in listed.items() if found} == {
        "ShopErrorRatioHigh": ["shop_error_ratio", "shop_error_floor"],
        "ShopLatencyHigh": ["shop_latency", "shop_slow_ratio", "shop_slow_floor"],
        "ShopPoolNearlyFull": ["shop_pool_used"],
        "ShopQueueLong": ["shop_queue_depth"],
    }
    assert "ShopTargetDown" in pages


def test_thresholds_of_its_signals_are_set_by_name(installed: Callable[..., Path]) -> None:
    """As those of the shipped systems: a number in its unit, and an edge of the histogram."""
    made = build(
        installation(load(), installed(bundle=BUNDLE + "thresholds: {shop_error_ratio: 0.2, shop_latency: 5}\n"))
    )
    texts = {a.name: a.to_rule(made.site)["expr"] for a in made.alerts}

    assert "> 0.2" in texts["ShopErrorRatioHigh"]
    assert 'le=~"5(\\\\.0)?"' in texts["ShopLatencyHigh"]


@pytest.mark.parametrize(
    ("catalogue", "bundle", "problems"),
    [
        (
            CATALOGUE,
            BUNDLE.replace("./shop.yaml", "./shoe.yaml"),
            ["bundle.yaml:3: no file './shoe.yaml', seen from FOLDER; name a file in the catalogue's format"],
        ),
        (
            CATALOGUE.replace("system: shop", "system: store"),
            BUNDLE,
            ["shop.yaml:3: system 'store' is in shop.yaml; call it 'shop'"],
        ),
        (
            CATALOGUE.replace("metric: http_requests_total", "metric: http_request_total"),
            BUNDLE,
            ["shop.yaml:9: no metric 'http_request_total'; did you mean 'http_requests_total'?"],
        ),
        (
            CATALOGUE.replace("slow: 1", "slow: 2"),
            BUNDLE,
            [
                "shop.yaml:10: 2 is no bucket edge of http_request_duration_seconds below its last one; use one of 0.1, 0.5, 1, 5"
            ],
        ),
        (
            CATALOGUE.replace("depth: orders_waiting", "depth: http_requests_total"),
            BUNDLE,
            ["shop.yaml:12: 'http_requests_total' is a counter; name a gauge"],
        ),
        (
            CATALOGUE,
            BUNDLE.replace("shop:\n", "langsight_shop:\n", 1),
            [
                "bundle.yaml:2: the name 'langsight_shop' would be taken for a part of langsight; call it by another name"
            ],
        ),
        (
            CATALOGUE,
            BUNDLE.replace("shop:\n", "langsight:\n", 1),
            [
                "bundle.yaml:2: 'langsight' comes with a catalogue of its own; leave out its catalogue, or call yours by another name"
            ],
        ),
        (
            CATALOGUE.replace("title: Shop", "title: Shop\nalerts: LangS"),
            BUNDLE,
            [
                "bundle.yaml:3: alerts of shop begin with LangS, and those of langsight with LangSight; set `alerts` in the catalogue file to a word that begins no other one",
                "bundle.yaml:3: alerts of shop begin with LangS, and those of langsmith with LangSmith; set `alerts` in the catalogue file to a word that begins no other one",
            ],
        ),
        (
            CATALOGUE,
            "systems:\n  shop: {enabled: true}\n",
            ["bundle.yaml:2: unknown field 'shop'; use agent_server, agentgateway, langsight, langsmith"],
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    installed: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    catalogue: str,
    bundle: str,
    problems: list[str],
) -> None:
    """Of the configuration and of the catalogue file alike."""
    path = installed(catalogue, bundle)
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ConfigError) as caught:
        installation(load(), Path(path.name))

    assert [str(p).replace("FOLDER", ".") for p in caught.value.problems] == [
        p.replace("FOLDER", ".") for p in problems
    ]


def test_an_entry_needs_no_more_than_name_type_unit_and_help(installed: Callable[..., Path]) -> None:
    """Where and when a metric exists, and how it is known, may stay unsaid."""
    site = installation(load(), installed())
    metric = site.system("shop")["db_connections"]

    assert (metric.aggregate, metric.source.evidence, metric.missing) == ("instance", "operator", "")


def test_shipped_entries_say_it_all() -> None:
    """What an operator may leave out is no excuse for us."""
    for path in sorted((ROOT / "generator/systems").glob("*/catalogue.yaml")):
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["metrics"]:
            assert {"emitted", "born", "refresh", "aggregate", "source"} <= entry.keys(), entry["name"]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("title: Shop", "title: Sh{{op}}", "has {{ or }} in it"),
        ("title: Shop", 'title: "Sh\\nop"', "has a control character in it"),
        ("title: Shop", "title: ''", "write one of 1 to 40 characters"),
        ("title: Shop", "title: 'Sh|op <b>'", "with < > | in it, which pages and links take for markup"),
        ("path: {bound", "path: {count: 1.5, bound", "'count' must be an integer or a string, not 1.5"),
        ("many: true", "many: true, count: [3]", "'count' must be an integer or a string, not [3]"),
        ("title: Shop", "title: $shop", "would be taken for a variable by Grafana"),
        ("title: Shop", "title: Shop\nalerts: Obs", "as those of the monitoring do"),
        ("status: {values", "le: {values", "the label 'le' is one that targets or histograms have"),
        ("path: {bound", "instance: {bound", "call it exported_instance, as Prometheus does"),
        ("path: {bound", "a-b: {bound", "is no name of a label"),
        ('"5.."', '"5("', "is no regular expression: missing )"),
        ('"5.."', '"(?=5).."', "is no regular expression"),
        ('"5.."', '"5$x"', "would be taken for a variable by Grafana"),
        ("[0.1, 0.5, 1, 5, 10]", "[0.1, 0.5, 1, .inf]", "which is no number"),
        ("many: 100", "many: .nan", "which is no number"),
        ("{port: 9100}", "{port: 9100, path: metrics}", "write a path that begins with /"),
        ("pages: [process]", "pages: [langsight]", "use process or python, or leave out `pages`"),
        ("pages: [process]", "roles: {'we b(': x}", "the role 'we b(' is no name"),
        (
            "pages: [process]",
            "limits: {shop_sloww_ratio: {value: 1, unit: ratio, why: x}}",
            "nothing is compared with the limit shop_sloww_ratio; did you mean 'shop_slow_ratio'?",
        ),
        ("pages: [process]", "switches: {fast: x}", "no metric of shop needs the switch fast; give one `switch: fast`"),
        ("pages: [process]", "unlisted: {web: {series: 1, why: x}}", "role 'web' is unknown"),
        ("pages: [process]", "pages: [process, process]", "'process' stands in 'pages' a second time"),
        ("pages: [process]", "objectives: {run_success: {objective: 99}}", "leave them out"),
        (
            "pages: [process]",
            "limits: {shop_error_ratio: {value: 1, unit: seconds, why: x}}",
            "the limit shop_error_ratio is in seconds, and its signal in ratio",
        ),
        ("pages: [process]", "limits: {shop_x: {value: 1, unit: foos, why: x}}", "unit 'foos' is unknown"),
        (
            "pages: [process]",
            "limits: {http_error_ratio: {value: 1, unit: ratio, why: x}}",
            "are those of agent_server",
        ),
    ],
)
def test_what_no_server_would_take_is_refused(installed: Callable[..., Path], old: str, new: str, problem: str) -> None:
    """Templates, variables, names and numbers that a rule file, a board or a query cannot hold: one problem each."""
    assert old in CATALOGUE

    with pytest.raises(ConfigError) as caught:
        installation(load(), installed(CATALOGUE.replace(old, new, 1)))

    assert [str(p) for p in caught.value.problems if problem not in str(p)] == []


@pytest.mark.parametrize(
    "text", ["", "- a\n", "shop", "a: &a [*a]\n", "\tsystem: x", "a: &a [x,x,x,x]\nb: [" + "*a," * 9 + "]\n"]
)
def test_what_is_no_catalogue_ends_in_a_line(installed: Callable[..., Path], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        installation(load(), installed(text))

    assert all(str(p.path).endswith("shop.yaml") for p in caught.value.problems)


def test_switched_off_it_is_nowhere(installed: Callable[..., Path]) -> None:
    """As a shipped system."""
    made = build(installation(load(), installed(bundle="systems: {shop: {catalogue: ./shop.yaml, enabled: false}}\n")))

    assert [path for path in FORMATS["files"].render(made) if "shop" in path.name] == []
