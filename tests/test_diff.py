"""`agentobs diff`: equal is equal, and a mutation of each kind is named as that kind, with the right rank."""

from __future__ import annotations

import json
import re
import runpy
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from generator.cli.main import main
from generator.diff.change import Change
from generator.diff.meaning import difference
from generator.lint.canonical import canonical
from testbed.servers.debian import find, missing
from testbed.servers.prometheus import Prometheus

from .conftest import ROOT

CONFIGURATIONS = {
    "defaults": "{}\n",
    "other names": "labels: {deployment: app}\nsystems: {agent_server: {prefix: shop_}}\n",
    "two eras": "systems: {agent_server: {versions: mixed}}\n",
    "spending": "systems: {agentgateway: {attribution: [team], budgets: [{label: team, value: a, usd_per_day: 3}]}}\n",
    "off": "alerts: {disable: [AgentServerQueueStalled]}\nthresholds: {gateway_error_ratio: 0.2}\n",
}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    assert main(["generate", "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def other(bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle, tmp_path / "other"))


def differences(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[dict[str, str]]]:
    capsys.readouterr()
    code = main(["diff", *words, "--format", "json"])
    return code, json.loads(capsys.readouterr().out)["changes"]


@pytest.mark.long
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_bundle_and_itself_mean_the_same(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The folder that a configuration writes, and the configuration itself."""
    path = tmp_path / "bundle.yaml"
    path.write_text(CONFIGURATIONS[name], encoding="utf-8")
    assert main(["generate", "--config", str(path), "--out", str(tmp_path / "out")]) == 0

    for one, another in ((path, path), (tmp_path / "out", path), (path, tmp_path / "out")):
        assert differences(capsys, str(one), str(another)) == (0, [])


def rule_file(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the alert about the 5xx ratio of the gateway, or its group."""
    path = folder / "alerts" / "agentgateway_traffic.rules.yaml"
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(document["groups"][0])
    path.write_text(yaml.safe_dump(document), encoding="utf-8")


def alert(group: dict[str, Any], name: str = "AgentgatewayHigh5xx") -> dict[str, Any]:
    return next(rule for rule in group["rules"] if rule["alert"] == name)


def board_file(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = folder / "dashboards" / "agentgateway_traffic.json"
    board = json.loads(path.read_text(encoding="utf-8"))
    change(board)
    path.write_text(json.dumps(board), encoding="utf-8")


def panel(board: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(p for p in board["panels"] if p.get("targets"))
    return found


def records(folder: Path, change: Callable[[list[dict[str, Any]]], Any]) -> None:
    path = folder / "alerts" / "agentgateway.records.rules.yaml"
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(document["groups"][0]["rules"])
    path.write_text(yaml.safe_dump(document), encoding="utf-8")


Mutation = Callable[[Path], None]
A = "AgentgatewayHigh5xx"
MUTATIONS: dict[str, tuple[Mutation, str, str, str]] = {
    "alert removed": (lambda f: rule_file(f, lambda g: g["rules"].remove(alert(g))), "breaking", f"alert {A}", "removed"),
    "alert renamed": (lambda f: rule_file(f, lambda g: alert(g).update(alert="Another")), "breaking", f"alert {A}", "renamed to Another"),
    "alert added": (
        lambda f: rule_file(f, lambda g: g["rules"].append({"alert": "Mine", "expr": "up == 0", "labels": {"severity": "info"}})),
        "behaviour", "alert Mine", "added, info",
    ),
    "threshold": (
        lambda f: rule_file(f, lambda g: alert(g).update(expr=alert(g)["expr"].replace("> 0.05", "> 0.1"))),
        "behaviour", f"alert {A}", "threshold: 0.05 becomes 0.1",
    ),
    "hold": (lambda f: rule_file(f, lambda g: alert(g).update({"for": "33m"})), "behaviour", f"alert {A}", "becomes 33m"),
    "severity": (
        lambda f: rule_file(f, lambda g: alert(g)["labels"].update(severity="info")),
        "behaviour", f"alert {A}", "label severity: 'critical' becomes 'info'",
    ),
    "label removed": (
        lambda f: rule_file(f, lambda g: alert(g)["labels"].pop("severity")), "breaking", f"alert {A}", "label severity='critical' removed",
    ),
    "label added": (
        lambda f: rule_file(f, lambda g: alert(g)["labels"].update(team="a")), "behaviour", f"alert {A}", "label team: nothing becomes 'a'",
    ),
    "expression": (
        lambda f: rule_file(f, lambda g: alert(g).update(expr=alert(g)["expr"].replace("5..", "4.."))),
        "behaviour", f"alert {A}", 'expression: without status=~"5.."; with status=~"4.."',
    ),
    "labels of the result": (
        lambda f: rule_file(f, lambda g: alert(g).update(expr=f"sum without (deployment) ({alert(g)['expr']})")),
        "breaking", f"alert {A}", "its series have no label deployment any more",
    ),
    "runbook": (
        lambda f: rule_file(f, lambda g: alert(g)["annotations"].update(runbook_url="elsewhere")), "breaking", f"alert {A}", "becomes 'elsewhere'",
    ),
    "text": (
        lambda f: rule_file(f, lambda g: alert(g)["annotations"].update(summary="else")), "cosmetic", f"alert {A}", "annotation summary: another text",
    ),
    "group": (lambda f: rule_file(f, lambda g: g.update(name="mine")), "cosmetic", f"alert {A}", "group: agentobs.agentgateway-traffic becomes mine"),
    "record removed": (
        lambda f: records(f, lambda rules: rules.pop(2)), "breaking",
        "record agentobs_deployment_gateway:agentgateway_requests:rate_5m", "removed; read by board ",
    ),
    "record": (
        lambda f: records(f, lambda rules: rules[2].update(expr=rules[2]["expr"].replace("rate(", "irate("))), "behaviour",
        "record agentobs_deployment_gateway:agentgateway_requests:rate_5m", "expression: without rate; with irate",
    ),
    "board removed": (lambda f: (f / "dashboards" / "agentgateway_traffic.json").unlink(), "breaking", "board agentgateway / Traffic and errors", "lead nowhere"),
    "board renamed": (lambda f: board_file(f, lambda b: b.update(title="Mine")), "cosmetic", "board agentgateway / Traffic and errors", "called Mine"),
    "panel removed": (lambda f: board_file(f, lambda b: b["panels"].remove(panel(b))), "breaking", "panel agentgateway / Traffic and errors / ", "removed"),
    "panel renamed": (
        lambda f: board_file(f, lambda b: panel(b).update(id=7, title="Mine")), "breaking", "panel agentgateway / Traffic and errors / ", "renamed to 'Mine'",
    ),
    "panel's query": (
        lambda f: board_file(f, lambda b: panel(b)["targets"][0].update(expr="up")), "behaviour", "panel agentgateway / Traffic and errors / ", "expression: ",
    ),
    "panel's look": (
        lambda f: board_file(f, lambda b: panel(b)["options"].update(x=1)), "cosmetic", "panel agentgateway / Traffic and errors / ", "another options",
    ),
    "variable removed": (
        lambda f: board_file(f, lambda b: b["templating"]["list"].pop()), "breaking", "variable agentgateway / Traffic and errors / instance", "var-instance",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_of_each_kind_is_named_as_that_kind(
    name: str, bundle: Path, other: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mutate, rank, whose, what = MUTATIONS[name]
    mutate(other)

    code, changes = differences(capsys, str(bundle), str(other))
    found = [
        c for c in changes if f"{c['kind']} {c['name']}".startswith(whose) and what in c["what"] and c["rank"] == rank
    ]
    assert found, changes
    assert code == int(any(c["rank"] == "breaking" for c in changes))
    assert {f"{c['kind']} {c['name']}" for c in changes if c["rank"] == rank} >= {
        f"{found[0]['kind']} {found[0]['name']}"
    }


@pytest.mark.parametrize(
    ("one", "another", "same"),
    [
        ('sum by (a, b) (rate(x{c="1", d="2"}[5m]))', 'sum by(b,a)(rate(x{d="2",c="1"}[300s]))', True),
        ("(x) > 5.0", "x > 5", True),
        ("x or (y and z)", "x or y and z", True),
        ("(x or y) and z", "x or y and z", False),
        ("rate(x[$__rate_interval])", "rate(x[${__rate_interval}])", True),
        ('x{a=~"$b"}', 'x{a=~"$c"}', False),
        ("x offset 1d", "x", False),
        ("x / on (a) y", "x / ignoring (a) y", False),
        ("x > bool 1", "x > 1", False),
        ("topk(3, x)", "topk(4, x)", False),
        ("x[5m:1m]", "x[5m:]", False),
        ("x @ end()", "x", False),
        ('x{a="1\\", b=\\"2"}', 'x{a="1", b="2"}', False),
        ("x > 1.0000000000001", "x > 1", False),
        ("a - (b - c)", "a - b - c", False),
        ("this is no PromQL", "this  is no PromQL", True),
    ],
)
def test_expressions_are_equal_when_they_mean_the_same(one: str, another: str, *, same: bool) -> None:
    assert (canonical(one) == canonical(another)) is same
    assert bool(difference(one, another)) is not same


@pytest.mark.parametrize(("gate", "code"), [("breaking", 0), ("behaviour", 1), ("cosmetic", 1), ("nothing", 0)])
def test_the_gate_is_chosen(gate: str, code: int, tmp_path: Path) -> None:
    path = tmp_path / "bundle.yaml"
    path.write_text("thresholds: {gateway_error_ratio: 0.2}\n", encoding="utf-8")

    assert main(["diff", "defaults", str(path), "--fail-on", gate]) == code


def test_a_report_for_a_pull_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bundle.yaml"
    path.write_text("alerts: {disable: [AgentServerQueueStalled]}\n", encoding="utf-8")

    assert main(["diff", "defaults", str(path), "--format", "markdown"]) == 1
    assert "| alert | AgentServerQueueStalled | removed |" in capsys.readouterr().out.splitlines()


def test_the_example_of_the_page_is_what_the_command_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "diff.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```console\n\$ agentobs diff defaults bundle.yaml\n(.*?)```", page, re.DOTALL)
    lines = re.findall(r"`((?:alerts|thresholds): \{.*?\})`", page)
    Path("bundle.yaml").write_text("\n".join(lines), encoding="utf-8")

    assert main(["diff", "defaults", "bundle.yaml"]) == 1
    assert capsys.readouterr().out == shown


def strange(folder: Path) -> Iterator[tuple[str, str]]:
    (folder / "empty").mkdir()
    yield str(folder / "nothing"), "is not there; name a folder"
    yield str(folder / "empty"), "has neither alerts/*.rules.yaml nor dashboards/*.json"
    (folder / "broken" / "alerts").mkdir(parents=True)
    (folder / "broken" / "alerts" / "a.rules.yaml").write_text("groups: [", encoding="utf-8")
    yield str(folder / "broken"), "a.rules.yaml:1:"
    (folder / "odd" / "alerts").mkdir(parents=True)
    (folder / "odd" / "alerts" / "a.rules.yaml").write_text(
        "groups: [{name: a, rules: [{alert: X}]}]", encoding="utf-8"
    )
    yield str(folder / "odd"), "is not as servers have them"
    (folder / "bundle.yaml").write_text("thresholds: {x: 1}\n", encoding="utf-8")
    yield str(folder / "bundle.yaml"), "bundle.yaml:1:"
    yield "http://127.0.0.1:1", "http://127.0.0.1:1:1:"


@pytest.mark.long
def test_what_is_no_bundle_is_told_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for source, what in strange(tmp_path):
        capsys.readouterr()
        assert main(["diff", "defaults", source]) == 1
        assert what in capsys.readouterr().err


@pytest.mark.real
@pytest.mark.parametrize("age", ["oldest", "newest"])
def test_what_a_real_prometheus_has_loaded_is_what_was_generated(
    age: Any, bundle: Path, other: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = find("prometheus", age)
    if not found.path:
        missing(found.reason)
    rule_file(other, lambda g: g["rules"].remove(alert(g)))
    texts = [path.read_text(encoding="utf-8") for path in sorted((bundle / "alerts").glob("*.rules.yaml"))]
    mine = yaml.safe_dump({"groups": [{"name": "mine", "rules": [{"alert": "Mine", "expr": "up == 0"}]}]})
    with Prometheus(found.path, "scrape_configs: []\n", rules=[*texts, mine]) as server:
        assert differences(capsys, str(bundle), server.url) == (0, [])
        code, changes = differences(capsys, server.url, str(other))

    assert code == 1
    assert [(c["name"], c["what"]) for c in changes] == [(A, "removed")]


def test_the_section_of_the_changelog_names_what_breaks_and_counts_what_only_looks_different(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`make changes` for one difference of each kind."""
    monkeypatch.syspath_prepend(ROOT / "tools")
    section = runpy.run_path(str(ROOT / "tools" / "changes.py"))["section"]
    found = [
        Change("breaking", "alert", "Gone", "removed"),
        Change("breaking", "alert", "Old", "renamed to New"),
        Change("breaking", "alert", "Torn", "its series have no label path any more"),
        Change("behaviour", "alert", "Later", "for: 5m becomes 10m"),
        Change("behaviour", "alert", "Fresh", "added, critical"),
        Change("behaviour", "alert", "Asks", "expression: with system"),
        Change("breaking", "record", "a:b", "renamed to agentobs_a:b; read by board X / Y"),
        Change("breaking", "panel", "X / Y / Traffic", "renamed to 'Request rate': links to the panel open the board"),
        Change("breaking", "panel", "X / Y / Errors", "removed"),
        Change("cosmetic", "panel", "X / Y / Latency", "another description"),
    ]

    lines = re.sub(r"\n  ", " ", section(found)).splitlines()

    assert lines == [
        "- Alerts that are gone or have another name; take them out of silences and routes: `Gone`, `Old` (now `New`).",
        "- Alerts that fire at another time or notify others: `Later` (for: 5m becomes 10m).",
        "- Recorded series that are gone or have another name; look for them in rules and boards of your own: "
        "`a:b` (now `agentobs_a:b`).",
        "- Panels: 1 with another title, 1 gone; a link to one of them opens its board: *X / Y* (2).",
        "- Also look for: alert `Torn` (its series have no label path any more).",
        "- New alerts; each has a runbook: `Fresh` (critical).",
        "- 1 alerts ask otherwise; `agentobs diff` of your two bundles shows how.",
        "- 6 differences break something; 3 are of behaviour, 1 in looks.",
    ]
    assert section([]) == "- Nothing breaks; 0 are of behaviour, 0 in looks.\n"


def test_every_state_of_the_changelog_says_how_to_upgrade_to_it() -> None:
    """From the state before it, and that a state's name is written once."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    states = re.findall(r"^## (\S+)", text, re.MULTILINE)

    assert states[0] == "Unreleased"
    assert len(states) == len(set(states)) > 2
    assert re.findall(r"^### Upgrade from (\S+)$", text, re.MULTILINE) == states[1:]
