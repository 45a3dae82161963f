"""Who spends: boards, budgets and alerts by labels that an operator's own configuration of the gateway adds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from generator.bundle import Bundle, build, installation
from generator.catalogue import load
from generator.cli.main import main
from generator.errors import ConfigError
from generator.outputs import FORMATS
from reference_server.agentgateway.model import ATTRIBUTION, MODEL, adapt
from reference_server.agentgateway.workload import GatewayWorkload
from reference_server.core.rates.deployment import Service
from reference_server.core.settings import SettingsError

LABELS = "attribution: [team, {label: agent, values: 40}]"
PRICES = "prices: [{model: gpt-4o, input: 2.5, output: 10}]"
BUDGETS = "budgets: [{label: team, value: search, usd_per_day: 50}, {label: agent, value: 'crawl$er', usd_per_day: 5}]"


def made(folder: Path, *lines: str) -> Bundle:
    path = folder / "bundle.yaml"
    path.write_text(f"systems: {{agentgateway: {{{', '.join(lines)}}}}}\n", encoding="utf-8")
    return build(installation(load(), path))


def expressions(bundle: Bundle, stem: str) -> Iterator[str]:
    board = json.loads(FORMATS["files"].render(bundle)[PurePosixPath(f"dashboards/{stem}.json")])
    panels = [inner for panel in board["panels"] for inner in (panel, *panel.get("panels", ()))]
    yield from (target["expr"] for panel in panels for target in panel.get("targets", ()))


def test_without_labels_there_is_no_board_and_the_reason_is_said() -> None:
    bundle = build(installation(load()))

    reasons = {(out.what, out.why) for out in bundle.left_out if "spend" in out.where}
    reason = "agentgateway_gen_ai_client_cost_usd_total: systems.agentgateway.attribution names no label"
    assert ("the whole board", reason) in reasons
    assert ("AgentgatewayBudgetSpent", reason) in reasons
    assert "AgentgatewayAttributionValues" in {what for what, _ in reasons}


def test_every_query_of_both_boards_is_held_to_the_chosen_values(tmp_path: Path) -> None:
    """Series that have a route get the labels; a budget is of the whole installation, whatever is chosen."""
    bundle = made(tmp_path, LABELS, BUDGETS, PRICES)

    for stem in ("agentgateway_spend", "agentgateway_llm"):
        for text in expressions(bundle, stem):
            selectors = re.findall(r"agentgateway_\w+\{([^}]*)\}", text)
            assert all('team=~"$team"' in one and 'agent=~"$agent"' in one for one in selectors), text
            assert selectors or "agentobs_attribution:" in text


def test_prices_fill_in_where_the_gateway_tells_no_cost(tmp_path: Path) -> None:
    bundle = made(tmp_path, LABELS, PRICES, 'versions: "1.3"')

    texts = [text for text in expressions(bundle, "agentgateway_spend") if "token_price_usd" in text]
    assert texts
    assert not any("gen_ai_client_cost_usd_total" in text for text in texts)
    records = {
        (r.name, r.labels.get("gen_ai_token_type")): r for g in bundle.rules["agentgateway.records"] for r in g.records
    }
    price = records["agentobs_model:agentgateway_token_price_usd:configured", "output"]
    assert price.to_rule(bundle.site)["expr"] == "vector(0.00001)"


def test_a_site_whose_gateways_tell_no_cost_is_told_so_where_it_has_no_prices(tmp_path: Path) -> None:
    bundle = made(tmp_path, LABELS, BUDGETS, 'versions: "1.3"')

    (why,) = {out.why for out in bundle.left_out if out.what == "AgentgatewayBudgetSpent"}
    assert "only in agentgateway 1.4 and later" in why


def test_what_is_written_is_linted_clean(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made(tmp_path, LABELS, BUDGETS, PRICES)
    config = ["--config", str(tmp_path / "bundle.yaml"), "--out", str(tmp_path / "out")]

    assert main(["generate", *config]) == 0
    assert main(["lint", *config]) == 0
    assert "nothing found" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("lines", "what"),
    [
        (("attribution: [route]",), "the label 'route' is one of agentgateway itself: no configuration adds it"),
        (("attribution: [team, team]",), "'team' stands in 'attribution' a second time"),
        (("attribution: [team, {label: team, values: 3}]",), "the label 'team' stands here a second time"),
        (("attribution: [deployment]",), "the label 'deployment' is a target label, which boards ask for already"),
        (("attribution: [__team]",), "the label '__team' begins with __"),
        (("attribution: [le]",), "the label 'le' is taken"),
        (("attribution: [value]",), "the label 'value' is what boards and alerts call something else"),
        (("attribution: [a b]",), "'a b'"),
        (("attribution: []",), "'attribution'"),
        (("attribution: [{label: team, values: 0}]",), "'attribution'"),
        (("budgets: [{label: team, value: a, usd_per_day: 1}]",), "'team' is not in attribution"),
        ((LABELS, "budgets: [{label: teams, value: a, usd_per_day: 1}]"), "did you mean 'team'?"),
        ((LABELS, "budgets: [{label: team, value: a, usd_per_day: 0}]"), "usd_per_day"),
        (
            (LABELS, "budgets: [{label: team, value: a, usd_per_day: 1}, {label: team, value: a, usd_per_day: 2}]"),
            "second time",
        ),
        (
            (LABELS, "prices: [{model: a, input: 1, output: 2}, {model: a, input: 1, output: 3}]"),
            "'a' stands here a second time",
        ),
        ((LABELS, "prices: [{model: a, input: -1, output: 2}]"), "input"),
    ],
)
def test_what_no_gateway_can_tell_is_refused(tmp_path: Path, lines: tuple[str, ...], what: str) -> None:
    with pytest.raises(ConfigError) as error:
        made(tmp_path, *lines)

    assert what in str(error.value)
    assert f"{tmp_path / 'bundle.yaml'}:1:" in str(error.value)


def test_another_system_has_no_such_thing(tmp_path: Path) -> None:
    path = tmp_path / "bundle.yaml"
    path.write_text("systems: {langsight: {attribution: [team]}}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="attribution"):
        installation(load(), path)


SHARES = {"team": {"search": 0.7, "unknown": 0.3}, "agent": {"crawler": 0.5, "chat": 0.5}}


@pytest.mark.long
def test_the_reference_gateway_adds_the_fields_to_all_that_has_a_route() -> None:
    work = adapt(GatewayWorkload(), {ATTRIBUTION: json.dumps(SHARES)})
    played = Service(MODEL, workload=work, seed=3)
    played.advance(played.start + 3600.0)
    process = played.processes[0]

    text = MODEL.page(process).decode()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    routed = [line for line in lines if "route=" in line]
    assert routed
    assert all('team="' in line and 'agent="' in line for line in routed)
    assert not any('team="' in line for line in lines if "route=" not in line)
    tokens = {team: process.instruments.value("gen_ai_client_cost_usd_total", team=team) for team in SHARES["team"]}
    assert tokens["search"] / sum(tokens.values()) == pytest.approx(0.7, abs=0.05)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"team": 1}',
        '{"team": {"a": 0.5}}',
        '{"team": {"a": 2, "b": -1}}',
        '{"te am": {"a": 1}}',
        '{"team": {"a": "x"}}',
    ],
)
def test_fields_that_cannot_be_are_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=ATTRIBUTION):
        adapt(GatewayWorkload(), {ATTRIBUTION: text})
