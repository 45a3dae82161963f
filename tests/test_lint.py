"""Every named check can fail: a change that it is for makes it find something, and the shipped files make none."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from generator.bundle import build
from generator.catalogue import Catalogue
from generator.catalogue.reasons import Reason
from generator.cli.main import main
from generator.config import read
from generator.config.settings import Suppression
from generator.config.site import Site
from generator.coverage import Cases, shipped
from generator.errors import ConfigError
from generator.lint import CHECKS, run
from generator.outputs import FORMATS

Json = Any
HELD = 'cluster=~"$cluster", namespace=~"$namespace", deployment=~"$deployment"'
BOARD = "dashboards/agent_server_http.json"
RULES = "alerts/agent_server_capacity.rules.yaml"
RECORDS = "alerts/agent_server.records.rules.yaml"
SCRAPE = "scrape/langsmith.kubernetes.yml"


def panel(board: Json, title: str = "Requests") -> Json:
    return next(p for p in board["panels"] if p["title"] == title)


def query(text: str) -> Callable[[Json], None]:
    def change(board: Json) -> None:
        panel(board)["targets"][0]["expr"] = text

    return change


def expression(text: str) -> Callable[[Json], None]:
    def change(rules: Json) -> None:
        rules["groups"][0]["rules"][0]["expr"] = text

    return change


def put(*path: str | int, value: Json) -> Callable[[Json], None]:
    def change(document: Json) -> None:
        for step in path[:-1]:
            document = document[step]
        document[path[-1]] = value

    return change


def in_panel(*path: str | int, value: Json, title: str = "Requests") -> Callable[[Json], None]:
    return lambda board: put(*path, value=value)(panel(board, title))


def twice(board: Json) -> None:
    board["panels"].append({**copy.deepcopy(panel(board)), "gridPos": {"h": 4, "w": 4, "x": 0, "y": 500}})


def big(board: Json) -> None:
    board["description"] = "x" * (1 << 20)


def ungraded(board: Json) -> None:
    target = panel(board, "p95 by route")["targets"][0]
    target["expr"] = target["expr"].partition("\nand\n")[0]


def steps(board: Json) -> None:
    panel(board, "5xx ratio")["fieldConfig"]["defaults"]["thresholds"]["steps"].append({"color": "blue", "value": 0.01})


def unnamed(board: Json) -> None:
    del panel(board, "Routes")["transformations"][-1]["options"]["renameByName"]["path"]


def rule(field: str, value: Json) -> Callable[[Json], None]:
    return put("groups", 0, "rules", 0, field, value=value)


def later(rules: Json) -> None:
    first, second = rules["groups"][0]["rules"][:2]
    first["expr"] = second["record"]


#: Check -> file and the change that it must find.
MUTATIONS: dict[str, tuple[str, Callable[[Json], None]]] = {
    "dashboard/schema": (BOARD, in_panel("options", "colorMod", value="value")),
    "dashboard/variables": (
        BOARD,
        query(f'sum(rate(lg_api_http_requests_total{{{HELD}, path="$path"}}[$__rate_interval]))'),
    ),
    "dashboard/identity": (BOARD, twice),
    "dashboard/grid": (BOARD, in_panel("gridPos", "w", value=30)),
    "dashboard/filled": (BOARD, in_panel("gridPos", "w", value=2)),
    "dashboard/fits": (BOARD, in_panel("fieldConfig", "defaults", "custom", "minWidth", value=900, title="Routes")),
    "dashboard/spoken": (BOARD, unnamed),
    "dashboard/thresholds": (BOARD, steps),
    "dashboard/described": (BOARD, in_panel("description", value="")),
    "dashboard/datasource": (BOARD, in_panel("targets", 0, "datasource", "uid", value="prometheus-1")),
    "dashboard/queried": (BOARD, in_panel("targets", value=[])),
    "dashboard/refreshed": (BOARD, put("templating", "list", 1, "refresh", value=1)),
    "dashboard/units": (BOARD, in_panel("fieldConfig", "defaults", "unit", value="reqs")),
    "dashboard/links": (BOARD, in_panel("description", value="see /d/agent-server-fleeet?${__url_time_range}")),
    "dashboard/annotated": (BOARD, put("annotations", "list", 1, "target", "expr", value="ALERTS")),
    "dashboard/size": (BOARD, big),
    "dashboard/now": (BOARD, in_panel("targets", 0, "instant", value=False)),
    "dashboard/intervals": (BOARD, in_panel("targets", 0, "interval", value="15s")),
    "dashboard/greatest": (BOARD, ungraded),
    "dashboard/durations": (BOARD, in_panel("description", value="Requests over the last 5 minutes.")),
    "promql/syntax": (BOARD, query("sum(rate(lg_api_http_requests_total[5m])")),
    "promql/functions": (BOARD, query(f"histogram_avg(lg_api_workers_max{{{HELD}}})")),
    "promql/series": (BOARD, query(f"sum(lg_api_worker_max{{{HELD}}})")),
    "promql/labels": (BOARD, query(f'sum(lg_api_workers_max{{{HELD}, route="x"}})')),
    "promql/counters": (BOARD, query(f"sum(rate(lg_api_workers_max{{{HELD}}}[$__rate_interval]))")),
    "promql/rate-interval": (BOARD, query(f"sum(rate(lg_api_http_requests_total{{{HELD}}}[5m]))")),
    "promql/ranges": (
        RULES,
        expression("sum by (cluster, namespace, deployment) (rate(lg_api_http_requests_total[1m])) > 1"),
    ),
    "promql/retention": (
        RULES,
        expression(
            "min_over_time((sum by (cluster, namespace, deployment) (lg_api_workers_max offset 1d))[29d1h:1h]) > 1"
        ),
    ),
    "promql/buckets": (
        RULES,
        expression(
            'sum by (cluster, namespace, deployment) (rate(lg_api_http_requests_latency_bucket{le="1000"}[5m])) > 1'
        ),
    ),
    "promql/reach": (
        RULES,
        expression(
            "histogram_quantile(0.9, sum by (le, cluster, namespace, deployment) (rate(lg_api_http_requests_latency_bucket[5m]))) > 7200000"
        ),
    ),
    "promql/literals": (BOARD, query(f'sum(lg_api_workers_max{{{HELD}, instance="10.0.0.1:8000"}})')),
    "promql/held": (BOARD, query("sum(lg_api_workers_max)")),
    "promql/sums": (BOARD, query(f"sum(lg_api_num_pending_runs{{{HELD}}})")),
    "rule/held": (RULES, expression("sum by (cluster, namespace, deployment) (up) < 1")),
    "rule/schema": (RULES, rule("query_offset", "1m")),
    "rule/duplicates": (RULES, rule("alert", "AgentServerPgPoolErrors")),
    "rule/names": (RULES, rule("alert", "workers_saturated")),
    "rule/used": (RECORDS, rule("record", "agentobs_deployment:nobody:reads_5m")),
    "rule/order": (RECORDS, later),
    "alert/annotated": (RULES, rule("annotations", {"summary": "x"})),
    "alert/severity": (RULES, rule("labels", {"severity": "page"})),
    "alert/templates": (RULES, put("groups", 0, "rules", 0, "annotations", "summary", value="{{ $labels.pod }}")),
    "alert/comparison": (RULES, expression("sum by (cluster, namespace, deployment) (lg_api_workers_max)")),
    "alert/boards": (RULES, put("groups", 0, "rules", 0, "annotations", "dashboard", value="/d/agent-server-qeue")),
    "alert/kept": (RULES, expression("sum(lg_api_workers_max) > 1")),
    "alert/durations": (
        RULES,
        put("groups", 0, "rules", 2, "annotations", "summary", value="{{ $value }} requests failed over 2m."),
    ),
    "scrape/labels": (SCRAPE, put("scrape_configs", 0, "relabel_configs", value=[])),
    "scrape/jobs": (SCRAPE, put("scrape_configs", 1, "job_name", value="langsmith-kubernetes-backend")),
}
#: Checks that look at more than the files: each has a test of its own below.
APART = {"coverage/shown", "coverage/watched", "coverage/proved", "coverage/reasons", "promql/selectors"}


@pytest.fixture(scope="module")
def files(site: Site) -> dict[str, str]:
    """The shipped files, by path."""
    return {str(path): text for path, text in FORMATS["files"].render(build(site)).items()}


def written(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def checks(found: Iterator[Any] | list[Any]) -> set[str]:
    return {f.check for f in found}


def test_the_shipped_files_have_nothing_to_find(tmp_path: Path, files: dict[str, str], site: Site) -> None:
    """All checks, all files: silence."""
    assert run(site, written(tmp_path, files)) == []


@pytest.mark.parametrize("name", MUTATIONS)
def test_each_check_finds_what_it_is_for(name: str, tmp_path: Path, files: dict[str, str], site: Site) -> None:
    """One change to one file, and the check tells it, in that file."""
    path, change = MUTATIONS[name]
    text = files[path]
    document = json.loads(text) if path.endswith(".json") else yaml.safe_load(text)
    change(document)
    changed = json.dumps(document, indent=2) if path.endswith(".json") else yaml.safe_dump(document, sort_keys=False)

    found = run(site, written(tmp_path, {**files, path: changed}), [c for c in CHECKS if c.name == name])

    assert [f for f in found if f.path.endswith(path)]


def test_every_check_is_proved() -> None:
    """A check without a change that it finds may be one that cannot fail."""
    assert {c.name for c in CHECKS} == MUTATIONS.keys() | APART
    assert [c.name for c in CHECKS if not c.about] == []


def test_a_metric_without_a_board_or_an_alert_is_found(
    tmp_path: Path, files: dict[str, str], site: Site, catalogue: Catalogue
) -> None:
    """A new entry that nobody reads is told at its line in the catalogue, and not when it says why."""
    system = catalogue.systems["agent_server"]
    forgotten = replace(system.metrics[0], name="forgotten_total", base="forgotten_total", line=4242)

    def found(metric: Any) -> list[tuple[str, int, str]]:
        systems = {**catalogue.systems, "agent_server": replace(system, metrics=(*system.metrics, metric))}
        here = replace(site, catalogue=replace(catalogue, systems=systems))
        found = run(here, tmp_path, [c for c in CHECKS if c.name.startswith("coverage/")])
        return [(f.check, f.line, f.what) for f in found]

    written(tmp_path, files)
    assert found(forgotten) == [
        ("coverage/shown", 4242, "no board shows lg_api_forgotten_total"),
        ("coverage/watched", 4242, "no alert reads lg_api_forgotten_total"),
    ]
    assert found(replace(forgotten, no_board="only of use to its authors", no_alert="nobody can act on it")) == []


def test_a_proof_and_a_reason_that_are_none_are_found(
    tmp_path: Path, files: dict[str, str], site: Site, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An alert that lost its only quiet case, a case without an alert, a reason for a metric that an alert reads."""
    system = catalogue.systems["langsight"]
    untrue = Reason("no_alert", "spans come when they come", ("spans_ingested_total",), 77)
    systems = {**catalogue.systems, "langsight": replace(system, reasons=(untrue,))}
    known = shipped()
    evidence = {**known, "LangSightSSEDrops": replace(known["LangSightSSEDrops"], quiet=()), "LangSightGone": Cases()}
    monkeypatch.setattr("generator.coverage.everything.shipped", lambda: evidence)
    here = replace(site, catalogue=replace(catalogue, systems=systems))

    found = run(here, written(tmp_path, files), [c for c in CHECKS if c.name.startswith("coverage/")])

    assert [(Path(f.path).name, f.check, f.what) for f in found] == [
        ("evidence.json", "coverage/proved", "cases or scenarios expect LangSightGone, which is no alert"),
        ("feed.py", "coverage/proved", "no case keeps LangSightSSEDrops quiet"),
        (
            "catalogue.yaml",
            "coverage/reasons",
            "langsight_spans_ingested_total is read by LangSightIngestionStopped, and `no_alert` says why not",
        ),
    ]


@pytest.mark.parametrize(
    ("name", "text", "messages"),
    [
        ("deployment:slo_bad:rate_5m", "sum(rate(lg_api_http_requests_total[5m]))", ["record 'deployment:slo_bad:rate_5m'"]),
        ("agentobs_deployment:x:rate", "sum(rate(lg_api_http_requests_total[5m]))", ["record 'agentobs_deployment:x:rate' looks back for 300 s"]),
        ("agentobs_deployment:x:p99", "sum(rate(lg_api_http_requests_total[5m]))", ["record 'agentobs_deployment:x:p99' looks back for 300 s"]),
        ("agentobs_deployment:x:rate_1h", "sum(rate(lg_api_http_requests_total[5m]))", ["record 'agentobs_deployment:x:rate_1h' looks back for 300 s"]),
        ("agentobs_deployment:x:max_5m", "max(lg_api_workers_max)", ["record 'agentobs_deployment:x:max_5m' looks at this moment only"]),
        ("agentobs_deployment:x:max", "max(lg_api_workers_max)", []),
        ("agentobs_deployment:x:max_1h", "max_over_time(max(lg_api_workers_max)[30m:1m] offset 30m)", []),
        ("agentobs_deployment:x:rate_5m", "sum(rate(lg_api_http_requests_total[5m]))", []),
    ],
)  # fmt: skip
def test_a_record_carries_our_prefix_and_its_window(
    name: str, text: str, messages: list[str], tmp_path: Path, files: dict[str, str], site: Site
) -> None:
    """Nobody else's recorded series can be taken for ours, and a reader sees over what time a figure is."""
    document = yaml.safe_load(files[RECORDS])
    document["groups"][0]["rules"][0] |= {"record": name, "expr": text}
    written(tmp_path, {**files, RECORDS: yaml.safe_dump(document, sort_keys=False)})
    assert [f.what for f in run(site, tmp_path, [c for c in CHECKS if c.name == "rule/names"])] == messages


@pytest.mark.parametrize("name", ["WorkersSaturated", "LangSightWorkersSaturated", "AgentServer"])
def test_an_alert_is_called_after_its_system(name: str, tmp_path: Path, files: dict[str, str], site: Site) -> None:
    """Boards count the alerts of their system by the beginning of the name."""
    document = yaml.safe_load(files[RULES])
    rule("alert", name)(document)
    written(tmp_path, {**files, RULES: yaml.safe_dump(document)})

    (found,) = run(site, tmp_path, [c for c in CHECKS if c.name == "rule/names"])

    assert (found.what, found.fix) == (
        f"alert {name!r}",
        "use CamelCase after AgentServer: boards find their alerts by it",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ $value }} requests failed within 10 minutes.", ""),
        ("Requests failed over the last 10m, for five minutes.", ""),
        ("A day is the default; after an hour of retries it gives up.", ""),
        ("Requests failed within {{ $value }} ms for 5000 ms, and last as long as they want.", ""),
        ("Requests failed within two minutes.", "within two minutes"),
        ("Requests failed over the last half an hour.", "over the last half an hour"),
        ("Requests failed for 1h30m.", "for 1h30m"),
        ("Nothing happened in a day.", "in a day"),
    ],
)
def test_a_text_says_the_durations_of_its_expression_and_no_others(
    text: str, message: str, tmp_path: Path, files: dict[str, str], site: Site
) -> None:
    """AgentServerPgPoolErrors looks over ten minutes and over four, and is held for five."""
    rules = yaml.safe_load(files[RULES])
    rules["groups"][0]["rules"][2]["annotations"]["summary"] = text

    changed = {RULES: yaml.safe_dump(rules, sort_keys=False)}
    found = run(site, written(tmp_path, changed), [c for c in CHECKS if c.name == "alert/durations"])

    mine = [(f.check, f.what, f.fix) for f in found]
    what = f"summary of AgentServerPgPoolErrors says {message!r}, and its expression does not look over that"
    fix = "say 4 minutes, 5 minutes, 10 minutes: take it from site.timing"
    assert mine == ([("alert/durations", what, fix)] if message else [])


@pytest.mark.long
def test_a_demanded_selector_that_is_not_there_is_found(
    tmp_path: Path, files: dict[str, str], configured: Callable[[str], Site]
) -> None:
    """Files made without the configuration's selectors do not fit it."""
    found = run(configured("selectors: {env: prod}\n"), written(tmp_path, files))

    assert checks(found) == {"promql/selectors"}


def test_a_suppression_hides_a_finding_and_must_be_of_use(tmp_path: Path, files: dict[str, str], site: Site) -> None:
    """With a reason a finding is accepted; a suppression of nothing is a finding itself."""
    text = files[BOARD].replace('"unit": "reqps"', '"unit": "reqs"')
    written(tmp_path, {**files, BOARD: text})
    accepted = [
        Suppression(check, f"*{BOARD}", "our Grafana has a plugin")
        for check in ("dashboard/units", "dashboard/schema", "dashboard/grid")
    ]

    found = run(replace(site, config=replace(site.config, suppressions=tuple(accepted))), tmp_path)

    assert [(f.check, f.what) for f in found] == [
        ("lint/suppressions", f"nothing to suppress for 'dashboard/grid' in '*{BOARD}'")
    ]


@pytest.fixture
def mistaken(tmp_path: Path, files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one mistake, and a configuration that suppresses it up to the end of March."""
    written(tmp_path, {**files, BOARD: files[BOARD].replace('"unit": "reqps"', '"unit": "reqs"')})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bundle.yaml").write_text(
        "lint:\n  suppress:\n"
        f"    - {{check: dashboard/schema, where: '*{BOARD}', reason: our Grafana has a plugin}}\n"
        f"    - {{check: dashboard/units, where: '*{BOARD}', reason: our Grafana has a plugin, until: '2027-03-31'}}\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    ("options", "variable", "ended"),
    [
        (["--today", "2027-03-31"], None, False),
        (["--today", "2027-04-01"], None, True),
        ([], "1806537599", False),  # the last second of 31 March 2027 in UTC
        ([], "1806537600", True),
        (["--today", "2027-03-31"], "1806537600", False),
    ],
)
def test_a_suppression_ends_with_its_last_day(
    mistaken: Path,
    options: list[str],
    variable: str | None,
    ended: bool,  # noqa: FBT001 - a parameter of the test
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Then what it hid is a finding again, and its own line is one; the clock is not asked where a day is given."""
    if variable:
        monkeypatch.setenv("SOURCE_DATE_EPOCH", variable)
    assert main(["lint", "--config", "bundle.yaml", *options]) == int(ended)

    found = capsys.readouterr().out.splitlines()
    own = (
        f"bundle.yaml:4: [lint/suppressions] the suppression of 'dashboard/units' in '*{BOARD}' ended on 2027-03-31; "
        "mend what it hid, or name a later day"
    )
    assert [line for line in found if "[lint/suppressions]" in line] == [own] * ended
    assert any(line.startswith(BOARD) and "[dashboard/units]" in line for line in found) == ended
    assert mistaken.is_dir()


@pytest.mark.parametrize(
    ("until", "what"),
    [
        ("2027-03-31", "'until' is 2027-03-31, a date"),
        ("2027-02-30", "'2027-02-30' cannot be read as 'timestamp'"),
        ('"2027-02-30"', "'2027-02-30' is no day"),
        ('"20270331"', "'20270331' is no day"),
        ("2027-W13-3", "'2027-W13-3' is no day"),
        ("end of March", "'end of March' is no day"),
        ("20270331", "'until' must be a string, not 20270331"),
        ("", "'until' must be a string, not empty"),
    ],
)
def test_a_last_day_that_is_none_is_refused(tmp_path: Path, catalogue: Catalogue, until: str, what: str) -> None:
    """At its line, whether YAML takes it for a date or not."""
    path = tmp_path / "bundle.yaml"
    path.write_text(
        "lint:\n  suppress:\n    - check: dashboard/units\n      where: '*'\n      reason: we have a plugin\n"
        f"      until: {until}\n"
    )
    with pytest.raises(ConfigError) as caught:
        read(catalogue, path)

    assert {p.line for p in caught.value.problems} == {6}
    assert what in [p.what for p in caught.value.problems]


def test_a_variable_that_is_no_time_is_refused(
    mistaken: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for value in ("", "yesterday", "9" * 40):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", value)
        assert main(["lint", "--config", "bundle.yaml"]) == 1
        assert "is no number of seconds since 1970; write one, or unset it" in capsys.readouterr().err
    assert mistaken.is_dir()


def test_a_file_that_cannot_be_parsed_is_told_before_anything_else(
    tmp_path: Path, files: dict[str, str], site: Site
) -> None:
    """Broken YAML and broken JSON, each at its line."""
    found = run(site, written(tmp_path, {**files, BOARD: "{", RULES: "groups: ["}))

    assert [(f.path.removeprefix(f"{tmp_path}/"), f.check) for f in found] == [
        (BOARD, "file/parse"),
        (RULES, "file/parse"),
    ]
