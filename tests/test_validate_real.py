"""`agentobs validate` on real servers: nothing to complain of where all is well, and a verdict that names what is broken."""

from __future__ import annotations

import copy
import math
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import yaml

from generator.validate import CHECKS, Context, prepared, run
from generator.validate.verdict import State
from testbed.servers import Prometheus, find, free_port, wait_until
from testbed.servers.fake import FakeServer, exposition
from tests.validating import Installation, judged, settled, troubles

pytestmark = pytest.mark.real

#: What a metric or panel may be empty for in a busy deployment without faults.
REASONS = (
    "nothing of the kind has happened yet",
    "no process is shutting down",
    "not in Agent Server 0.11.0 and later",
    "no scrape can see it",
    "no target has the label",
    "nothing was observed in the window",
    "nothing happened in the window",
    "no alert is there with",
    "no alert is pending or firing",
    "no value of",
    "nothing to record yet",
    "has no past of",  # what changed is compared with some minutes ago
    "has fewer than two samples within the range",  # a counter that was born a moment ago
    "everything that it would show is left out",
)


#: Seconds between two evaluations of a group whose first one is waited for by a test that does not ask for all.
OFTEN = 6


@contextmanager
def broken(
    live: Installation, *, config: Any = None, rules: dict[str, str] | None = None, often: float = OFTEN
) -> Iterator[Context]:
    """The same installation seen by a Prometheus whose configuration or rules are others.

    Every target was scraped, and every group evaluated that comes at least each `often` seconds.
    """
    found = find("prometheus", "newest").path
    assert found
    own = yaml.safe_load(live.text("scrape/prometheus.yml")) if config is None else config
    own.pop("rule_files", None)
    texts = live.rules() if rules is None else rules
    with Prometheus(found, yaml.safe_dump(own), rules=texts.values()) as server:
        wait_until(
            lambda: scraped(server, own) and all(g.last_evaluation for g in server.groups() if g.interval <= often),
            what="scrapes and evaluations",
            limit_seconds=60,
        )
        with prepared(live.bundle, live.options(prometheus=server.url), lambda _: None) as context:
            yield settled(context)


def scraped(server: Prometheus, config: Any) -> bool:
    """Whether every target of a configuration was scraped."""
    jobs = config.get("scrape_configs", ())
    wanted = sum(len(group["targets"]) for job in jobs for group in job["static_configs"])
    found = server.targets()
    return len(found) == wanted and all(t.last_scrape for t in found)


def test_nothing_is_wrong_where_nothing_is_wrong(live: Installation) -> None:
    """Every item of every family is ok, or empty for a reason that is one of a handful."""

    with live.context() as context:
        verdicts = list(run(context))

    assert [v for v in verdicts if v.state in (State.WRONG, State.WARNING)] == []
    assert [v for v in verdicts if v.state is State.EMPTY and not any(r in v.why for r in REASONS)] == []
    counts = {c.category: sum(v.category == c.category for v in verdicts) for c in CHECKS}
    assert {name for name, count in counts.items() if count} == {
        "targets", "metrics", "variables", "panels", "rules", "records", "alertmanager", "annotations",
    }  # fmt: skip
    queries = sum(len(p.possible) for board in context.bundle.boards.values() for p in board.panels)
    groups = [g for groups in context.bundle.rules.values() for g in groups]
    assert counts["panels"] == queries
    assert counts["rules"] == len(groups) + sum(len(g.records) + len(g.alerts) for g in groups)
    assert counts["records"] == sum(len(g.records) for g in groups)
    assert sum(v.state is State.OK for v in verdicts if v.category == "panels") > queries * 3 / 4


def test_targets_that_are_down_twice_there_mislabelled_or_not_there(live: Installation) -> None:
    """Each by its address, with what to do."""
    config = yaml.safe_load(live.text("scrape/prometheus.yml"))
    job = next(one for one in config["scrape_configs"] if one["job_name"] == "agent-server")
    down, absent = f"127.0.0.1:{free_port()}", live.queue.address
    job["static_configs"] = [
        {"targets": [live.api.address], "labels": {"deployment": "demo", "role": "api"}},
        {"targets": [down], "labels": {"deployment": "demo", "role": "apj"}},
    ]
    again = {**job, "job_name": "again"}
    nameless = {
        **job,
        "job_name": "agent-server-file",
        "static_configs": [{"targets": [f"localhost:{live.api.port}"], "labels": {"role": "api"}}],
    }
    large = {**again, "job_name": "large", "sample_limit": 1, "params": {"large": ["1"]}}
    large["static_configs"] = [job["static_configs"][0]]
    config["scrape_configs"] = [job, {**again, "static_configs": [job["static_configs"][0]]}, nameless, large]

    with broken(live, config=config) as context:
        found = troubles(judged(context, "targets"))

    api = f"http://{live.api.address}/metrics"
    assert found[f"agent_server {api} (api)"].startswith("it is scraped 2 times, by again, agent-server:")
    assert re.match("it is down: .*connection refused", found[f"agent_server http://{down}/metrics (apj)"])
    assert found[f"agent_server http://localhost:{live.api.port}/metrics (api)"] == "it lacks the label deployment"
    assert found[f"agent_server {api}?large=1 (api)"] == "Prometheus refuses its whole page: sample limit exceeded"
    assert found["agent_server role queue"] == "it is configured, and no target has it"
    assert found[f"agent_server {absent}"] == "it is configured, and Prometheus does not scrape it"


def test_a_system_without_any_target_is_told_once_and_explains_the_rest(live: Installation) -> None:
    """The one thing that is wrong is the target; nothing else of the system is judged, and boards of all name it."""
    with broken(live, config={"global": {"evaluation_interval": "1s"}}) as context:
        targets, metrics = judged(context, "targets"), judged(context, "metrics")
        variables, panels = judged(context, "variables"), judged(context, "panels")

    assert list(troubles(targets)) == ["agent_server", *(f"agent_server {s.address}" for s in (live.api, live.queue))]
    assert metrics == {}
    assert troubles(variables) == troubles(panels) == {}
    assert {v.why for v in variables.values()} == {"no target of the bundle is scraped; see targets"}
    assert {item.partition(" / ")[0] for item in panels} == {"All systems"}
    assert sum("no target of the system agent_server is scraped" in v.why for v in panels.values()) > len(panels) / 2


def test_rules_that_are_edited_lost_added_or_relabelled(live: Installation) -> None:
    """Whatever someone changed by hand is named, rule by rule."""
    rules = live.rules()
    pools = yaml.safe_load(rules["agent_server_capacity.rules.yaml"])
    names = [rule["alert"] for rule in pools["groups"][0]["rules"]]
    first, second, third, *_, last = pools["groups"][0]["rules"]
    first["expr"] = "vector(1) > 2"
    second["for"] = "59s"
    third["labels"]["severity"] = "page"
    pools["groups"][0]["rules"][3]["annotations"]["summary"] = "Edited."
    pools["groups"][0]["rules"].remove(last)
    pools["groups"][0]["rules"].append({"alert": "Mine", "expr": "vector(1) > 2"})
    rules["agent_server_capacity.rules.yaml"] = yaml.safe_dump(pools)
    del rules["agent_server_http.rules.yaml"]
    records = yaml.safe_load(rules["agent_server.records.rules.yaml"])
    slow = next(g for g in records["groups"] if "interval" in g and g["name"].endswith("slow"))
    slow["interval"] = "3s"
    rules["agent_server.records.rules.yaml"] = yaml.safe_dump(records)

    with broken(live, rules=rules) as context:
        verdicts = judged(context, "rules")
    found = troubles(verdicts)

    group = "agentobs.agent-server-capacity"
    assert found[f"{group} / {names[0]}"] == "its expression differs from the generated one: vector(1) > 2"
    assert found[f"{group} / {names[1]}"].startswith("its for is 59 s, and ")
    assert found[f"{group} / {names[2]}"].startswith("its label severity is page, and ")
    assert found[f"{group} / {names[3]}"] == "its annotations differ: summary"
    assert found[f"{group} / {names[-1]}"] == "it is not loaded"
    assert found[f"{group} / Mine"] == "it is loaded, and the bundle does not make it"
    assert found["agentobs.agent-server-http"] == "the group is not loaded"
    assert found[slow["name"]] == "its interval is 3 s, and 6 s is generated"
    assert {v.state for item, v in verdicts.items() if item in found and "annotations" not in v.why} == {
        State.WRONG,
        State.WARNING,
    }


def test_a_rule_that_fails_is_told_with_the_servers_own_words(live: Installation) -> None:
    """A rule that loads and then cannot be evaluated."""
    failing = {
        "groups": [
            {
                "name": "failing",
                "rules": [{"alert": "Failing", "expr": "up + on () up", "labels": {"a": "b"}, "annotations": {}}],
            }
        ]
    }
    texts = {**live.rules(), "z.yaml": yaml.safe_dump(failing)}

    with broken(live, rules=texts, often=math.inf) as context:
        wait_until(
            lambda: any(r.error for g in context.ruler.groups() for r in g.rules),
            what="the error",
            limit_seconds=60,
        )
        own = {**context.files, "alerts/z.rules.yaml": failing}
        found = troubles(judged(replace(context, files=own), "rules"))

    assert list(found) == ["failing / Failing"]
    assert "duplicate series for the match group" in found["failing / Failing"]


def test_a_group_that_is_late_or_was_never_evaluated(live: Installation) -> None:
    """By the clock of anyone who asks: two intervals later nothing was evaluated in time."""
    with live.context() as context:
        late = judged(replace(context, now=context.now + 1000), "rules")
        slow = judged(context, "rules")

    assert re.match(
        "its last evaluation is 1...? s ago, and it has to be evaluated every 6 s",
        late["agentobs.agent_server.records.slow"].why,
    )
    assert troubles(slow) == {}


def test_a_group_that_is_loaded_twice(live: Installation) -> None:
    """Two files with one group evaluate every rule twice."""
    texts = {**live.rules(), "copy.yaml": live.rules()["agent_server_http.rules.yaml"]}

    with broken(live, rules=texts) as context:
        found = troubles(judged(context, "rules"))

    assert found["agentobs.agent-server-http"].startswith("the group is loaded 2 times: ")


def test_a_recorded_series_that_no_rule_makes(live: Installation) -> None:
    """Without the rule file its series are not there, although there is something to record."""
    texts = {name: text for name, text in live.rules().items() if ".records." not in name}

    with broken(live, rules=texts) as context:
        wait_until(
            lambda: context.prometheus.query("count(rate(lg_api_http_requests_total[6s] offset 2s))"),
            what="a rate that is no news",
            limit_seconds=30,
        )
        now = replace(context, now=time.time())
        records, panels = judged(now, "records"), judged(now, "panels")

    name = "agentobs_deployment:lg_api_http_requests_latency:p95_5m"
    assert records[name].state is State.WRONG
    assert records[name].why == f"{name} is not recorded, although its rule would give something"
    # A panel on it is blank, and says why.
    assert any(v.state is State.WRONG and " is not recorded" in v.why for v in panels.values())


def mistyped(context: Context, board: str, title: str, old: str, new: str) -> Context:
    """The context with another text in the queries of one panel."""
    name = f"dashboards/{board}.json"
    data = copy.deepcopy(context.files[name])
    panels = [p for top in data["panels"] for p in (top, *top.get("panels", ()))]
    (panel,) = (p for p in panels if p["title"] == title)
    for target in panel["targets"]:
        assert old in target["expr"]
        target["expr"] = target["expr"].replace(old, new)
    only = replace(context.bundle, boards={board: context.bundle.boards[board]})
    return replace(context, bundle=only, files={**context.files, name: data})


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (
            "lg_api_http_requests_total",
            "lg_api_http_request_total",
            "lg_api_http_request_total is neither in the catalogue nor recorded by a rule",
        ),
        ('path!=""', 'pth!=""', "lg_api_http_requests_total has no label 'pth'"),
        ('path!=""', 'pth="x"', "lg_api_http_requests_total has no label 'pth'"),
        ("$__rate_interval", "$__rate_intervall", "the query fails: "),
        ("sum by", "smu by", "the query fails: "),
        ("sum by", "-sum by", "and what it measures cannot be negative"),
        (
            "sum by (status)",
            "count by (role) (up) + sum by (status)",
            "both have series, but none with the same labels",
        ),
        ("sum by (status)", "0 / 0 * sum by (status)", "it gives NaN without a reason"),
    ],
)
def test_a_mistyped_panel_is_wrong_and_says_where(live: Installation, old: str, new: str, why: str) -> None:
    """A name, a label, a macro, a function, a sign: whatever is mistyped is an error, and nothing excuses it."""
    title = "Request rate by status"
    with live.context() as context:
        found = judged(mistyped(context, "agent_server_http", title, old, new), "panels")
    verdicts = [v for item, v in found.items() if item.startswith(f"Agent Server / HTTP API / {title}")]

    assert [v.state for v in verdicts] == [State.WRONG]
    assert why in verdicts[0].why


def test_a_share_above_one_and_an_infinite_value_are_implausible(live: Installation) -> None:
    """What is drawn as per cent of a whole cannot be more than the whole."""
    with live.context() as context:
        board = context.bundle.boards["agent_server_http"]
        shown = next(p for p in board.panels if any(q.unit == "ratio" for q in p.possible))
        data = context.files["dashboards/agent_server_http.json"]
        panel = next(p for top in data["panels"] for p in (top, *top.get("panels", ())) if p["title"] == shown.title)
        text = panel["targets"][0]["expr"]
        share = judged(mistyped(context, "agent_server_http", shown.title, text, "vector(1.5)"), "panels")
        infinite = judged(mistyped(context, "agent_server_http", shown.title, text, "vector(1) / 0"), "panels")

    item = next(i for i in share if i.startswith(f"Agent Server / HTTP API / {shown.title}"))
    assert share[item].why == "it shows a share of 1.5, more than the whole"
    assert infinite[item].why == "it shows an infinite value"


PAGE = """\
# TYPE lg_api_num_pending_runs counter
lg_api_num_pending_runs 3
# TYPE lg_api_http_requests_total counter
lg_api_http_requests_total{method="GET",status="200"} 3
# TYPE lg_api_workers_max gauge
lg_api_workers_max{surprise="x"} 3
# TYPE lg_api_http_requests_latency histogram
lg_api_http_requests_latency_bucket{method="GET",path="/x",le="77"} 1
lg_api_http_requests_latency_bucket{method="GET",path="/x",le="+Inf"} 1
lg_api_http_requests_latency_sum{method="GET",path="/x"} 1
lg_api_http_requests_latency_count{method="GET",path="/x"} 1
# TYPE target_info gauge
target_info{service_name="lsd_langgraph_api"} 1
# TYPE lg_api_http_requests_latency_seconds histogram
lg_api_http_requests_latency_seconds_count{method="GET",path="/x"} 1
"""


def test_metrics_of_another_type_with_other_labels_or_edges(live: Installation) -> None:
    """A page that differs from the catalogue is told metric by metric; what should be there and is not, too."""
    with FakeServer(lambda _: exposition(PAGE)) as page:
        config = yaml.safe_load(live.text("scrape/prometheus.yml"))
        job = next(one for one in config["scrape_configs"] if one["job_name"] == "agent-server")
        job["static_configs"] = [
            {"targets": [page.url.removeprefix("http://")], "labels": {"deployment": "demo", "role": "api"}}
        ]
        with broken(live, config=config) as context:
            verdicts = judged(context, "metrics")
    found = troubles(verdicts)

    assert found["agent_server lg_api_num_pending_runs"] == "it is a counter, and the catalogue says gauge"
    assert found["agent_server lg_api_http_requests_total"] == "no series has the label path"
    assert found["agent_server lg_api_workers_max"] == "it has a label that the catalogue does not know: surprise"
    assert found["agent_server lg_api_http_requests_latency"].startswith("it has no bucket edge 10, 100, 500")
    assert found["agent_server lg_api_http_requests_latency_seconds"].startswith(
        "it is there, although the configuration leaves it out"
    )
    assert found["agent_server lg_api_pg_pool_max"].startswith("no series of lg_api_pg_pool_max, although")
    # Nothing internal is there, although it is configured: one warning, and the reason of the rest.
    assert found["agent_server exposure internal"].startswith("nothing of it is seen: internal metrics are not exposed")
    assert (
        "internal metrics are not exposed" in verdicts["agent_server lg_api_protocol_v2_resume_gap_counter_total"].why
    )
    # What a process is may be unset: project, deployment type, names in Kubernetes.
    assert verdicts["agent_server target_info"].state is State.OK
    # Workers are the queue's business, and no queue is scraped.
    assert verdicts["agent_server lg_api_workers_active"].why == "no process of role combined or queue is scraped"


def test_the_oldest_supported_prometheus_is_judged_alike(live: Installation) -> None:
    """2.42 prints expressions in its own way and has fewer answers; nothing of that is an error."""
    found = find("prometheus", "oldest").path
    assert found
    config = yaml.safe_load(live.text("scrape/prometheus.yml"))
    config.pop("rule_files")
    with Prometheus(found, yaml.safe_dump(config), rules=live.rules().values()) as server:
        wait_until(
            lambda: server.query("agentobs_deployment:slo_error:ratio_30d"), what="the slowest rule", limit_seconds=120
        )

        with prepared(live.bundle, live.options(prometheus=server.url), lambda _: None) as context:
            verdicts = list(run(context))

    assert [v for v in verdicts if v.state in (State.WRONG, State.WARNING)] == []
