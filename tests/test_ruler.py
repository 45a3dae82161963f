"""Rules for a ruler: the plain files' rules in their order, within the limits, and nothing parted that belongs together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from generator.bundle import Bundle, build
from generator.config.site import Site
from generator.outputs import FORMATS, documents, ruler
from generator.outputs.ruler.splitting import split
from generator.units import seconds

from . import delivered
from .test_artefacts import CONFIGURATIONS

Json = dict[str, Any]


def rendered(bundle: Bundle) -> tuple[dict[str, list[Json]], Json, Json]:
    """Read the files back: groups by namespace, Alertmanager's configuration, and the request with the same inside."""
    texts = FORMATS["ruler"].render(bundle)
    found = {path: delivered.parsed(text) for path, text in texts.items()}
    groups = {path.stem: one["groups"] for path, one in found.items() if path.parent.name == "rules"}
    return groups, found[ruler.ALERTMANAGER], found[ruler.REQUEST]


@pytest.mark.parametrize("name", ["mixed", "labels", "selectors", "slow scrapes", "high availability", "all alerts"])
def test_rules_are_those_of_the_plain_files(name: str) -> None:
    """Expressions, holds, labels and annotations, in their order; every group says how often, and is within the limits."""
    further = {
        "high availability": "alertmanager: {replica_labels: [replica]}\nscrape: {cluster: eu, external_labels: {replica: a}}\n",
        "all alerts": "alerts: {enable: [AgentServerHealthCheckFailing, LangSightNotReady], disable: [AgentServerNoWorkers], labels: {team: a}}\n",
    }
    bundle = delivered.bundle((CONFIGURATIONS | further)[name])
    plain = [group for document in documents.rules(bundle).values() for group in document["groups"]]

    found, _, _ = rendered(bundle)
    groups = [group for listed in found.values() for group in listed]

    assert {group["name"]: group["rules"] for group in groups} == {group["name"]: group["rules"] for group in plain}
    assert {g["name"]: g["interval"] for g in groups} == {
        g["name"]: g.get("interval", bundle.site.timing.evaluation) for g in plain
    }
    assert max(len(group["rules"]) for group in groups) <= ruler.RULES
    assert len(groups) <= ruler.GROUPS
    assert len({group["name"] for group in groups}) == len(groups)
    assert ruler.left_out(bundle) == ()


def test_namespaces_are_systems() -> None:
    """Five files that say by their names whom they are about."""
    found, _, _ = rendered(delivered.bundle())

    assert list(found) == [
        "agentobs.agent_server",
        "agentobs.langsight",
        "agentobs.agentgateway",
        "agentobs.langsmith",
        "agentobs.observability",
    ]


def test_on_a_fast_clock_intervals_are_shorter() -> None:
    bundle = delivered.bundle()

    found, _, _ = rendered(replace(bundle, time_scale=10))
    usual, _, _ = rendered(bundle)

    for name, groups in usual.items():
        assert [seconds(g["interval"]) * 10 for g in found[name]] == [seconds(g["interval"]) for g in groups]


def test_the_alertmanager_of_a_tenant_gets_what_the_plain_one_gets() -> None:
    bundle = delivered.bundle()

    _, alone, request = rendered(bundle)

    assert alone == documents.alertmanager_yml(bundle)
    assert request["template_files"] == {}
    assert delivered.parsed(request["alertmanager_config"]) == alone


def test_no_file_of_the_server_is_named(configured: Callable[[str], Site]) -> None:
    """A tenant's Alertmanager refuses a configuration that names one; what is missing is said."""
    bundle = build(
        configured(
            "alertmanager:\n  webhook_url: https://hook.invalid/x\n"
            "  webhook_bearer_token_file: /etc/alertmanager/secrets/token\n"
        )
    )

    _, alone, _ = rendered(bundle)

    assert [hook for one in alone["receivers"] for hook in one.get("webhook_configs", ())] == [
        {"url": "https://hook.invalid/x", "send_resolved": True}
    ] * 3
    (left_out_of,) = ruler.left_out(bundle)
    assert (left_out_of.where, left_out_of.what) == ("ruler/alertmanager/config.yml", "credentials of the webhook")


def record(name: str, expr: str, **labels: str) -> Json:
    return {"record": name, "expr": expr} | ({"labels": labels} if labels else {})


def test_a_group_is_cut_between_rules_that_do_not_read_each_other() -> None:
    """Three chains of two: a limit of three leaves each whole, where a cut after the third would tear the second."""
    chains = [
        record("a", "x"),
        record("a_sum", "sum(a)"),
        record("b", "x"),
        record("c", "x"),
        record("b_sum", "sum(rate(b[5m]))"),
        record("c_sum", "max_over_time(sum(c)[5m:1m])"),
    ]

    made = split({"name": "g", "interval": "1m", "limit": 5, "rules": chains}, 3)

    assert made == [
        {"name": "g", "interval": "1m", "limit": 5, "rules": chains[:2]},
        {"name": "g.2", "interval": "1m", "limit": 5, "rules": [chains[2], chains[4]]},
        {"name": "g.3", "interval": "1m", "limit": 5, "rules": [chains[3], chains[5]]},
    ]


def test_room_is_used_and_the_order_stays() -> None:
    rules = [record("a", "x"), record("b", "x"), record("b2", "b"), record("a2", "a"), record("c", "x")]

    made = split({"name": "g", "rules": rules}, 4)

    assert [[rule["record"] for rule in one["rules"]] for one in made] == [["a", "b", "b2", "a2"], ["c"]]


def test_labels_tell_series_of_one_name_apart() -> None:
    """Objectives record under one name; each reads only its own."""
    rules = [
        record("t", "x", slo="a"),
        record("t", "x", slo="b"),
        record("r", 't{slo="a"} / 2'),
        record("r", 't{slo="b"} / 2'),
    ]

    made = split({"name": "g", "rules": rules}, 2)

    assert [one["rules"] for one in made] == [[rules[0], rules[2]], [rules[1], rules[3]]]


@pytest.mark.parametrize("expr", ["t", 't{slo=~"a|b"}', '{slo="a"} or {slo="b"}', '{__name__=~"t.*"}', 't{other="x"}'])
def test_what_may_be_read_is_not_parted(expr: str) -> None:
    """When in doubt, together."""
    rules = [record("t", "x", slo="a"), record("t", "x", slo="b"), record("r", expr)]

    (made,) = split({"name": "g", "rules": rules}, 2)

    assert made["rules"] == rules


@pytest.mark.parametrize("expr", ["u", 't{slo=~"c|d"}', 't{slo!~"a|b"}', '{__name__=~"u.*"}', 'x{slo="a"}'])
def test_what_cannot_be_read_is_no_reason(expr: str) -> None:
    rules = [record("t", "x", slo="a"), record("t", "x", slo="b"), record("r", expr)]

    assert [len(one["rules"]) for one in split({"name": "g", "rules": rules}, 2)] == [2, 1]


def test_alerts_that_read_alerts_stay_with_them() -> None:
    rules: list[Json] = [
        {"alert": "A", "expr": "x > 1", "labels": {"severity": "info"}},
        {"alert": "B", "expr": "x > 2"},
        {"alert": "C", "expr": 'count(ALERTS{alertname="A", severity="info"}) > 3'},
    ]

    made = split({"name": "g", "rules": rules}, 2)

    assert [[rule["alert"] for rule in one["rules"]] for one in made] == [["A", "C"], ["B"]]


@pytest.mark.parametrize("limit", [3, 4, 7, 12])
def test_whatever_the_limit_no_rule_is_lost_and_none_is_before_what_it_reads(
    monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    """The shipped rules under lower limits: a reader of a group's own record comes behind it in the same group."""
    bundle = delivered.bundle()
    monkeypatch.setattr(ruler, "RULES", limit)
    plain = {g["name"]: g["rules"] for document in documents.rules(bundle).values() for g in document["groups"]}

    found, _, _ = rendered(bundle)
    groups = [group for listed in found.values() for group in listed]
    parts: dict[str, list[Json]] = {}
    for group in groups:
        name = group["name"] if group["name"] in plain else group["name"].rpartition(".")[0]
        order = [plain[name].index(rule) for rule in group["rules"]]
        assert order == sorted(order)
        parts.setdefault(name, []).extend(group["rules"])

    assert {name: sorted(map(str, rules)) for name, rules in parts.items()} == {
        name: sorted(map(str, rules)) for name, rules in plain.items()
    }
    misplaced = [
        (group["name"], rule["record"])
        for group in groups
        for rule in group["rules"]
        if 'slo_bad:rate_5m{slo="run_success"}' in rule["expr"] and "record" in rule and group["interval"] == "30s"
        if not any(
            one.get("record", "").endswith("slo_bad:rate_5m") and one["labels"] == {"slo": "run_success"}
            for one in group["rules"]
        )
    ]
    assert misplaced == []


def test_what_cannot_be_within_the_limits_is_whole_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """An objective records four series each time, of which the last read the first: three a group are too few."""
    bundle = delivered.bundle()
    monkeypatch.setattr(ruler, "RULES", 3)
    monkeypatch.setattr(ruler, "GROUPS", 30)

    found, _, _ = rendered(bundle)
    reasons = [one.why for one in ruler.left_out(bundle)]

    large = [group for groups in found.values() for group in groups if len(group["rules"]) > 3]
    assert [[rule["labels"]["slo"] for rule in group["rules"]] for group in large[:3]] == [
        ["http_availability"] * 4,
        ["run_success"] * 4,
        ["queue_wait"] * 4,
    ]
    assert [why for why in reasons if "read each other" in why] == [
        f"its {len(g['rules'])} rules read each other, and apart they would be an evaluation late; "
        f"set the tenant's ruler_max_rules_per_rule_group to {len(g['rules'])} or more"
        for g in large
    ]
    assert reasons[-1].startswith(f"there are {sum(map(len, found.values()))}; ")


def test_an_own_system_has_a_namespace(tmp_path: Path, configured: Callable[[str], Site]) -> None:
    source = Path(__file__).parent / "data/shop.yaml"
    (tmp_path / "shop.yaml").write_bytes(source.read_bytes())
    bundle = build(configured("systems: {shop: {catalogue: ./shop.yaml}}\n"))

    found, _, _ = rendered(bundle)

    assert {rule["alert"] for group in found["agentobs.shop"] for rule in group["rules"] if "alert" in rule} >= {
        "ShopTargetDown"
    }


def test_the_page_has_the_numbers_and_the_namespaces() -> None:
    text = " ".join((Path(__file__).parents[1] / "docs/formats/ruler.md").read_text(encoding="utf-8").split())
    found, _, _ = rendered(delivered.bundle())
    sizes = [len(group["rules"]) for groups in found.values() for group in groups]

    assert f"Mimir takes {ruler.RULES} rules a group and {ruler.GROUPS} groups a tenant" in text
    assert f"the default bundle has {len(sizes)} groups, the largest of {max(sizes)} rules" in text
    assert f"--namespaces {','.join(found)} " in text
