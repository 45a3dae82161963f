"""Every query is held to our own targets: by the system label, or by what an operator says stands for it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from generator.bundle import build
from generator.config.site import Site
from generator.lint import CHECKS, run
from generator.lint.expression import parsed, selectors
from generator.lint.finding import read
from generator.lint.queries import texts
from generator.outputs import FORMATS
from generator.rules.rule import GROUP_PREFIX, RECORD_PREFIX
from generator.units import seconds

RULES = "alerts/agent_server_capacity.rules.yaml"

#: What an operator whose targets lack the system label says of two systems.
MATCHED = """
systems:
  agent_server: {match: {job: agents}}
  agentgateway: {match: {team: "~edge|core", tier: gateway}}
"""


def files(site: Site) -> dict[str, str]:
    return {str(path): text for path, text in FORMATS["files"].render(build(site)).items()}


def written(root: Path, made: dict[str, str]) -> Path:
    for name, text in made.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def shipped(site: Site) -> dict[str, str]:
    return files(site)


def strange(site: Site, root: Path, made: dict[str, str], expr: str) -> list[str]:
    """What the check says of one expression in the place of a rule's."""
    document = yaml.safe_load(made[RULES])
    document["groups"][0]["rules"][0]["expr"] = expr
    written(root, {RULES: yaml.safe_dump(document, sort_keys=False)})
    return [f.what for f in run(site, root, [c for c in CHECKS if c.name == "rule/held"])]


STRANGE = [
    ("up == 0", ["up (no matchers) reads anybody's series"]),
    ('up{system="checkout"} == 0', ["up (system Equal 'checkout') reads anybody's series"]),
    ('up{system!="agent_server"} == 0', ["up (system NotEqual 'agent_server') reads anybody's series"]),
    ('up{system=~"agent_.*"} == 0', ["up (system Re 'agent_.*') reads anybody's series"]),
    ('up{system=~"agent_server|checkout"} == 0', ["up (system Re 'agent_server|checkout') reads anybody's series"]),
    ('{otel_metric_overflow="true"}', ["a nameless selector (otel_metric_overflow Equal 'true') reads anybody's series"]),
    ("rate(process_cpu_seconds_total[5m]) > 1", ["process_cpu_seconds_total (no matchers) reads anybody's series"]),
    ('pg_up{deployment="langsmith"} == 0', ["pg_up (deployment Equal 'langsmith') reads anybody's series"]),
    ("lg_api_workers_max > 1", ["lg_api_workers_max (no matchers) reads anybody's series"]),
    ("deployment:slo_error:ratio_1h > 1", ["deployment:slo_error:ratio_1h (no matchers) reads anybody's series"]),
    ("slo:sli_error:ratio_rate5m > 1", ["slo:sli_error:ratio_rate5m (no matchers) reads anybody's series"]),
    ('ALERTS{alertstate="firing"}', ["ALERTS (alertstate Equal 'firing') reads anybody's series"]),
    ('ALERTS{alertname=~"(AgentServer|Checkout).*"}', ["ALERTS (alertname Re '(AgentServer|Checkout).*') reads anybody's series"]),
    ("max_over_time((up == 0)[5m:30s])", ["up (no matchers) reads anybody's series"]),
    ('lg_api_workers_max{system="agent_server"} and on (instance) up', ["up (no matchers) reads anybody's series"]),
    ('up and on (deployment) lg_api_workers_max{system="agent_server"}', ["up (no matchers) reads anybody's series"]),
    ('up unless on (instance) lg_api_workers_max{system="agent_server"}', ["up (no matchers) reads anybody's series"]),
    ('rate(prometheus_rule_evaluation_failures_total{rule_group=~".*"}[5m]) > 0',
     ["prometheus_rule_evaluation_failures_total (rule_group Re '.*') reads anybody's series"]),
    ('rate(prometheus_rule_evaluation_failures_total{rule_group!~".*;agentobs[.].*"}[5m]) > 0',
     ["prometheus_rule_evaluation_failures_total (rule_group NotRe '.*;agentobs[.].*') reads anybody's series"]),
    ('alertmanager_config_last_reload_successful{job="other"}',
     ["alertmanager_config_last_reload_successful (job Equal 'other') reads anybody's series"]),
]  # fmt: skip

OURS = [
    'up{system="langsmith", role="redis"} == 0',
    'sum(up{system=~"agent_server|langsight"})',
    "agentobs_deployment:slo_error:ratio_1h > 0.1",
    'count by (deployment) ({system="agent_server", otel_metric_overflow="true"}) > 0',
    'ALERTS{alertname="AgentServerTargetDown"}',
    'ALERTS{alertname=~"(AgentServer|Observability).*", severity="critical"}',
    'rate(prometheus_rule_evaluation_failures_total{rule_group=~".*;agentobs[.].*"}[5m]) > 0',
    'rate(vmalert_alerting_rules_errors_total{group=~"agentobs[.].*"}[5m]) > 0',
    'up == 0 and on (job, instance) lg_api_workers_max{system="agent_server"}',
    'alertmanager_config_last_reload_successful{job="alertmanager"} == 0',
    "vector(1)",
]


@pytest.mark.parametrize(("expr", "messages"), STRANGE, ids=[e for e, _ in STRANGE])
def test_a_selector_that_anybodys_series_fit_is_refused(
    expr: str, messages: list[str], tmp_path: Path, shipped: dict[str, str], site: Site
) -> None:
    """One that is not held reads a stranger, and pages for him."""
    assert strange(site, tmp_path, shipped, expr) == messages


@pytest.mark.parametrize("expr", OURS)
def test_a_selector_that_is_provably_ours_is_accepted(
    expr: str, tmp_path: Path, shipped: dict[str, str], site: Site
) -> None:
    """By the system label, by our prefix of records and groups, by an alert's name, or by a join with one of these."""
    assert strange(site, tmp_path, shipped, expr) == []


def test_panels_variables_and_marks_are_looked_at_too(tmp_path: Path, shipped: dict[str, str], site: Site) -> None:
    """A board that counts strangers lies as a rule does that pages for them."""
    path = "dashboards/agent_server_http.json"
    board = json.loads(shipped[path])
    board["panels"][1]["targets"][0]["expr"] = "count(up)"
    board["templating"]["list"][1]["query"]["query"] = "label_values(process_open_fds, cluster)"
    board["annotations"]["list"][1]["expr"] = 'ALERTS{severity="critical"}'
    written(tmp_path, {**shipped, path: json.dumps(board, indent=2)})

    places = [f.what.partition(" ")[0] for f in run(site, tmp_path, [c for c in CHECKS if c.name == "rule/held"])]

    assert sorted(places) == ["ALERTS", "process_open_fds", "up"]


def read_names(made: dict[str, str], root: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Every selector of every file: its name, and its matchers as `label: op value`."""
    for text in texts(read(written(root, made))):
        for selector in selectors(parsed(text.text)):
            yield selector.name, {m.label: f"{m.op} {m.value}" for m in selector.matchers}


def test_a_matcher_stands_for_the_system_label_everywhere(tmp_path: Path, configured: Callable[[str], Site]) -> None:
    """Rules, records, panels, variables: all ask for what the operator named, and for nothing that the targets lack."""
    site = configured(MATCHED)
    made = files(site)

    assert run(site, written(tmp_path, made)) == []

    seen = list(read_names(made, tmp_path))
    assert not [m for _, m in seen if m.get("system") in ("Equal agent_server", "Equal agentgateway")]
    own = [m for name, m in seen if name.startswith("lg_api_")]
    assert own
    assert {m.get("job") for m in own} == {"Equal agents"}
    gateways = [m for name, m in seen if name.startswith("agentgateway_")]
    assert gateways
    assert {(m.get("team"), m.get("tier")) for m in gateways} == {("Re edge|core", "Equal gateway")}
    assert {m.get("system") for name, m in seen if name.startswith("langsight_")} == {"Equal langsight"}


def test_a_board_of_all_systems_finds_targets_by_several_labels(configured: Callable[[str], Site]) -> None:
    """`label_values()` takes one selector, so the variable asks for a result where systems are told by different labels."""
    board = json.loads(files(configured(MATCHED))["dashboards/overview.json"])

    cluster = next(v for v in board["templating"]["list"] if v["name"] == "cluster")
    assert cluster["query"]["query"] == (
        "query_result(count by (cluster) ("
        'last_over_time(up{system=~"langsight|langsmith"}[$__range])'
        ' or last_over_time(up{job="agents"}[$__range])'
        ' or last_over_time(up{team=~"edge|core", tier="gateway"}[$__range])))'
    )
    assert re.fullmatch(cluster["regex"].strip("/"), 'cluster="main"', re.DOTALL)
    counted = next(p for p in board["panels"] if p["title"] == "Systems scraped")["targets"][0]["expr"]
    assert "label_replace(up{" in counted
    assert '"system", "agent_server", "", ""' in counted


def test_generated_jobs_carry_what_stands_for_the_system(configured: Callable[[str], Site]) -> None:
    """What is scraped as we say is found as we ask: a matcher for one value is set on the targets."""
    site = configured(MATCHED)
    jobs = yaml.safe_load(files(site)["scrape/agent_server.kubernetes.yml"])["scrape_configs"]

    assert jobs
    for job in jobs:
        assert {"target_label": "job", "replacement": "agents"} in job["relabel_configs"]


def test_records_keep_the_label_by_which_queries_choose_several_values(
    tmp_path: Path, configured: Callable[[str], Site]
) -> None:
    """A recorded series without it would be one of which every query asks in vain."""
    made = files(configured('selectors: {env: "~prod|staging"}\n'))

    rules = [r for name, text in made.items() if name.endswith(".rules.yaml") for r in _rules(text) if "record" in r]
    asked = {name for name, m in read_names(made, tmp_path) if name.startswith(RECORD_PREFIX) and "env" in m}
    assert {r["record"] for r in rules} == asked
    assert [r["record"] for r in rules if not re.search(r"\bby \([^)]*\benv\b", r["expr"])] == []


def _rules(text: str) -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def test_every_record_and_group_has_our_prefix(shipped: dict[str, str]) -> None:
    """A Prometheus that others use too tells what is ours by the name alone."""
    groups = [
        g for name, text in shipped.items() if name.endswith(".rules.yaml") for g in yaml.safe_load(text)["groups"]
    ]

    assert {g["name"].startswith(GROUP_PREFIX) for g in groups} == {True}
    assert {r["record"].startswith(RECORD_PREFIX) for g in groups for r in g["rules"] if "record" in r} == {True}


def test_a_record_tells_the_window_that_it_looks_back_for(shipped: dict[str, str]) -> None:
    """Anyone who reads `…_1h` reads an hour; a name without a window is of this moment."""
    records = [
        rule
        for name, text in shipped.items()
        if name.endswith(".rules.yaml")
        for group in yaml.safe_load(text)["groups"]
        for rule in group["rules"]
        if "record" in rule
    ]

    by_record = {r["record"]: re.findall(r"_(\d+[smhdw])$", r["record"]) for r in records}
    back = {r["record"]: re.findall(r"(?:\[|offset )(\d+[smhdw])", r["expr"]) for r in records}

    assert by_record
    assert {n: max(windows, key=seconds, default="") for n, windows in back.items()} == {
        n: "".join(windows) for n, windows in by_record.items()
    }
