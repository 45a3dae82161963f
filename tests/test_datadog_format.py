"""Datadog: each alert is a monitor or left out with its reason, and what monitors ask for is what push and check deliver."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

from generator.bundle import Bundle, build, installation
from generator.catalogue import Kind, load
from generator.catalogue.metric import SUFFIXES
from generator.cli.main import main
from generator.config.site import Site
from generator.outputs import FORMATS
from generator.outputs.datadog import monitors, naming
from generator.outputs.datadog.condition import Asked, asked
from generator.outputs.datadog.openmetrics import collected
from generator.outputs.datadog.translation import Translator
from generator.outputs.datadog.value import UntranslatableError
from generator.units import number, seconds
from testbed import datadog
from testbed.servers import missing, wait_until
from testbed.servers.fake import FakeServer, Reply, Request, in_json
from testbed.servers.loopback import ask, text_of
from testbed.stack.reference import Reference

DATADOG = FORMATS["datadog"]
SYSTEMS = ("agent_server", "langsight", "agentgateway", "langsmith")


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return build(installation(load()))


@pytest.fixture(scope="module")
def files(bundle: Bundle) -> Mapping[str, Any]:
    return read(bundle)


def read(bundle: Bundle) -> Mapping[str, Any]:
    """Every file's document by its path below the format's folder."""
    return {
        str(path.relative_to("datadog")): json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
        for path, text in DATADOG.render(bundle).items()
        if path.suffix != ".py"
    }


def bodies(files: Mapping[str, Any]) -> Mapping[str, Any]:
    return {PurePosixPath(path).stem: body for path, body in files.items() if path.startswith("monitors/")}


def test_every_alert_is_a_monitor_or_left_out_with_a_reason(bundle: Bundle, files: Mapping[str, Any]) -> None:
    alerts = {alert.name for alert in bundle.alerts}
    monitors = {name for name in bodies(files) if "." not in name}
    out = {one.what: one.why for one in DATADOG.left_out(bundle)}

    assert monitors | set(out) == alerts
    assert not monitors & set(out)
    assert all(out.values())
    # Nothing that is left out today for another reason slips in unseen, nor is anything lost in silence.
    assert len(monitors) >= 70
    internal = {a.name for a in bundle.alerts if {m.exposure for m in a.query.metrics} == {"internal"}}
    assert {name: out[name] for name in internal & set(out)} == {
        "AgentServerEmittingTierTooLow": "Datadog has no count() of series",
        "AgentServerRunsAbandonedHigh": "there is no sum_over_time() over a grouped value",
    }


def test_a_composite_monitor_joins_parts_that_are_there(files: Mapping[str, Any]) -> None:
    found = bodies(files)
    joined = {name: body for name, body in found.items() if body["type"] == "composite"}
    parts = [part for body in joined.values() for part in re.findall(r"\{\{(.+?)\}\}", body["query"])]

    assert sorted(set(parts)) == sorted(name for name in found if "." in name)
    for name, body in joined.items():
        assert set(re.sub(r"\{\{.+?\}\}", "", body["query"])) <= set("&|!() "), body["query"]
        assert all(part.startswith(f"{name}.") for part in re.findall(r"\{\{(.+?)\}\}", body["query"]))


def test_limits_and_windows_are_the_alerts_own(bundle: Bundle, files: Mapping[str, Any]) -> None:
    """Read back: the limit of each query is that of its comparison, in counts instead of rates, its window is there too."""
    found, _ = monitors.translated(bundle)
    for one in found:
        rule = one.alert.to_rule(bundle.site)
        for query in asked(one.condition):
            if not isinstance(query, Asked):
                continue
            window = seconds(query.window)
            limits = {query.limit, query.limit / window}
            assert any(re.search(rf"[<>=] {re.escape(number(limit))}(?![\d.])", rule["expr"]) for limit in limits), (
                query
            )
            if query.over == "sum":
                assert any(
                    text in rule["expr"]
                    for text in (f"[{query.window}]", f"rate_{query.window}", f"ratio_{query.window}")
                )
            else:
                hold = seconds(rule.get("for", "0s"))
                times = {seconds(one) for one in re.findall(r"\[(\w+):\w+\]", rule["expr"])}
                assert window in {max(hold, 300), *(hold + time for time in times)}
    for body in bodies(files).values():
        if body["type"] == "query alert":
            assert float(body["query"].split()[-1]) == body["options"]["thresholds"]["critical"]


def names(bundle: Bundle) -> Iterator[tuple[str, str]]:
    """System and name of each metric that a monitor asks for."""
    found, _ = monitors.translated(bundle)
    yield from ((one.system, name) for one in found for name in one.names)


def test_a_monitor_asks_for_what_is_pushed_or_collected_and_nothing_else(bundle: Bundle) -> None:
    internal = {m.documented_name: m for m in bundle.site.system("agent_server") if m.exposure == "internal"}
    scraped = {system: {naming.family(m) for m in collected(bundle, system)} for system in SYSTEMS}

    for system, name in names(bundle):
        if name in internal:
            assert not name.endswith("_total")
            continue
        prefix, _, rest = name.partition(".")
        assert prefix == system
        assert rest in scraped[system] or rest.rpartition(".")[0] in scraped[system], name


TRANSLATED = {
    # Events within a window.
    "sum by (deployment) (increase(lg_api_run_success_counter_total[10m])) > 5":
        "sum(last_10m):sum:lg_api_run_success_counter{*} by {kube_deployment}.as_count() > 5",
    # A rate of 0.1 per second is 30 within five minutes.
    "sum by (deployment) (rate(lg_api_run_success_counter_total[5m])) > 0.1":
        "sum(last_5m):sum:lg_api_run_success_counter{*} by {kube_deployment}.as_count() > 30",
    # The windows of a share cancel out.
    "sum(rate(lg_api_run_failed_after_retry_counter_total[5m])) / sum(rate(lg_api_run_success_counter_total[5m])) > 0.5":
        "sum(last_5m):(sum:lg_api_run_failed_after_retry_counter{*}.as_count() / sum:lg_api_run_success_counter{*}.as_count()) > 0.5",
    # A bucket of a distribution.
    '1 - sum(rate(lg_api_stream_publish_latency_bucket{le=~"1000(\\\\.0)?"}[5m])) / sum(rate(lg_api_stream_publish_latency_count[5m])) > 0.1':
        "sum(last_5m):(1 - (count(v: v<=1000):lg_api_stream_publish_latency{*}.as_count() / count:lg_api_stream_publish_latency{*}.as_count())) > 0.1",
    # The same of a scraped one.
    'sum(increase(lg_api_http_requests_latency_bucket{le=~"1000(\\\\.0)?"}[5m])) > 1':
        "sum(last_5m):sum:agent_server.lg_api_http_requests_latency.bucket{upper_bound:1000.0}.as_count() > 1",
    # A gauge that holds: every value is beyond the limit.
    "max by (deployment) (lg_api_num_pending_runs) > 10":
        "min(last_15m):max:agent_server.lg_api_num_pending_runs{*} by {kube_deployment} > 10",
    "min by (deployment) (lg_api_workers_available) < 1":
        "max(last_15m):min:agent_server.lg_api_workers_available{*} by {kube_deployment} < 1",
    # Of a time: at each moment of it, and then of the hold.
    "min_over_time((max by (deployment) (lg_api_num_pending_runs))[15m:30s]) > 0":
        "min(last_30m):max:agent_server.lg_api_num_pending_runs{*} by {kube_deployment} > 0",
    "max_over_time((sum by (deployment) (lg_api_workers_active))[15m:30s]) == 0":
        "max(last_30m):sum:agent_server.lg_api_workers_active{*} by {kube_deployment} <= 0",
    # Of gauges of each process, one group per process.
    "max by (deployment) (lg_api_redis_pool_size / (lg_api_redis_pool_max > 0)) > 0.8":
        "min(last_15m):(max:agent_server.lg_api_redis_pool_size{*} by {kube_deployment,endpoint} / "
        "max:agent_server.lg_api_redis_pool_max{*} by {kube_deployment,endpoint}) > 0.8",
    # Filters.
    'sum(increase(lg_api_http_requests_total{method="POST", status=~"5..|429", path!="/Ok ay"}[5m])) > 1':
        "sum(last_5m):sum:agent_server.lg_api_http_requests.count{method:post AND (status:5* OR status:429) AND NOT path:/ok_ay}.as_count() > 1",
    # Whether the Agent reaches a process.
    'sum by (deployment, instance) (up{role="api"}) == 0':
        '"agent_server.openmetrics.health".over("role:api").by("kube_deployment", "endpoint").last(61).count_by_status()',
}  # fmt: skip

REFUSED = {
    "absent(up)": "there is no absent() for a monitor",
    "sum(lg_api_run_success_counter_total) > 1": "it reads a counter's total, and Datadog has what was added",
    "count(lg_api_num_pending_runs) > 1": "Datadog has no count() of series",
    "sum(increase(lg_api_num_pending_runs[5m])) > 1": "it reads how a gauge changes",
    "sum(rate(lg_api_run_success_counter_total[5m] offset 1d)) > 1": "it compares with the past",
    "sum(increase(lg_api_run_success_counter_total[5m])) / sum(increase(lg_api_run_success_counter_total[1h])) > 1": "needs two",
    "sum(increase(lg_api_run_success_counter_total[5m])) / max(lg_api_num_pending_runs) > 1": "one monitor has one window",
    'sum(increase(lg_api_http_requests_total{path=~".*a"}[5m])) > 1': "a filter by tags has no pattern like path=~'.*a'",
    'sum(increase(lg_api_http_requests_total{path=""}[5m])) > 1': "it asks for series without path",
    "sum(agentobs_x) > 1": "it reads recorded series",
    "sum(strange) > 1": "strange is no metric of the catalogue",
    "sum by (a) (lg_api_workers_max) > 1 and on (b) sum by (b) (lg_api_workers_max) > 1": "joins by all groups",
    "histogram_quantile(0.9, sum by (le) (rate(lg_api_http_requests_latency_bucket[5m]))) > 1": "a quantile needs a distribution",
    "lg_api_workers_max > 1": "it takes one value where another one lacks",
    "max_over_time((sum(lg_api_workers_max))[5m:30s]) > 1": "there is no max_over_time() over a grouped value",
    "sum(lg_api_workers_max)": "this is no such comparison",
}


@pytest.fixture(scope="module")
def translator(bundle: Bundle) -> Callable[[str], Translator]:
    known = naming.known(bundle.site)
    return lambda text: Translator(
        monitors.values(bundle, known, "agent_server", push="run_" in text or "stream" in text)
    )


@pytest.mark.parametrize("text", TRANSLATED)
def test_what_has_a_counterpart(text: str, translator: Callable[[str], Translator]) -> None:
    assert str(translator(text).condition(text, "15m")) == TRANSLATED[text]


@pytest.mark.parametrize("text", REFUSED)
def test_what_has_none_is_refused_with_the_reason(text: str, translator: Callable[[str], Translator]) -> None:
    with pytest.raises(UntranslatableError, match=re.escape(REFUSED[text])):
        translator(text).condition(text, "0s")


def test_first_events_are_part_of_the_sum_and_something_like_it_is_not_taken_for_it(bundle: Bundle) -> None:
    """What the generator writes for a counter born at its first event is one sum where what was added is sent."""
    alert = next(a for a in bundle.alerts if a.name == "AgentServerSetStatusErrors")
    expr = alert.to_rule(bundle.site)["expr"]
    by = Translator(monitors.values(bundle, naming.known(bundle.site), "agent_server", push=True))
    wanted = "sum(last_15m):sum:lg_api_run_set_status_error_counter{*} by {kube_deployment}.as_count() > 0"

    assert str(by.condition(expr, "0s")) == wanted
    with pytest.raises(UntranslatableError):
        by.condition(
            expr.replace("lg_api_run_set_status_error_counter_total", "lg_api_run_success_counter_total", 1), "0s"
        )


@pytest.mark.parametrize(
    "config", ["", "evaluation: {interval: 1m}\n", "scrape: {interval: 1m}\nevaluation: {interval: 1m}\n"]
)
def test_a_recorded_series_is_what_it_records_however_often(configured: Callable[[str], Site], config: str) -> None:
    """Its sum over a time counts an event as often as it is recorded within the window; in Datadog each counts once."""
    found = bodies(read(build(configured(config))))
    bad = "sum:lg_api_run_failed_after_retry_counter{*} by {kube_deployment}.as_count()"
    good = "sum:lg_api_run_success_counter{*} by {kube_deployment}.as_count()"
    share = f"({bad} / (default_zero({good}) + default_zero({bad})))"

    assert [found[f"AgentServerRunSuccessBurn1d.{n}"]["query"] for n in (1, 2, 3)] == [
        f"sum(last_1d):{share} > 0.03",
        f"sum(last_2h):{share} > 0.03",
        f"sum(last_1d):{bad} >= 5",
    ]


@pytest.mark.parametrize(
    ("config", "there", "absent"),
    [
        ("systems: {agent_server: {prefix: shop_}}\n", "shop_run_set_status_error_counter{", "lg_api_"),
        ("alerts: {disable: [AgentServerSetStatusErrors]}\n", "lg_api_", "AgentServerSetStatusErrors"),
        ("scrape: {cluster: blue}\n", "kube_cluster_name:blue", "kube_cluster_name:green"),
        ("thresholds: {publish_queue_slots: 77}\n", "< 77", "< 51"),
        ("systems: {langsight: {enabled: false}}\n", "agentgateway.", "langsight"),
        ("selectors: {env: prod}\n", "{env:prod}", "{*} by {kube_deployment}.as_count()"),
        ("labels: {deployment: app}\n", "by {kube_deployment}", "{app}"),
    ],
)  # fmt: skip
def test_a_configuration_reaches_the_monitors(
    configured: Callable[[str], Site], config: str, there: str, absent: str
) -> None:
    bundle = build(configured(config))
    text = "\n".join(DATADOG.render(bundle).values())

    assert there in text
    assert absent not in text


def test_named_targets_are_instances_and_others_a_template_per_role(
    configured: Callable[[str], Site], files: Mapping[str, Any]
) -> None:
    group = "{role: api, deployment: shop, namespace: web, targets: ['a:8000', 'b:8000']}"
    named = read(build(configured(f"systems: {{agent_server: {{scrape: {{static: [{group}]}}}}}}\n")))

    found = named["openmetrics.d/agent_server.yaml"]
    assert "ad_identifiers" not in found
    assert [(one["openmetrics_endpoint"], one["tags"]) for one in found["instances"]] == [
        (
            f"http://{name}:8000/metrics",
            ["kube_namespace:web", "kube_deployment:shop", "role:api", "system:agent_server"],
        )
        for name in "ab"
    ]
    template = files["openmetrics.d/agent_server.yaml"]
    assert template["ad_identifiers"] == ["agent-server"]
    assert {one["openmetrics_endpoint"] for one in template["instances"]} == {"http://%%host%%:8000/metrics"}
    assert "auth_token" in files["openmetrics.d/langsight.yaml"]["instances"][0]


def test_another_clock_is_refused(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "--format", "datadog", "--time-scale", "60", "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err == (
        "--time-scale:1: Datadog has no clock that runs faster; leave --time-scale out for the format datadog\n"
    )


class Api(FakeServer):
    """As much of Datadog's API as keeps monitors and dashboards; a composite monitor may name only what is there."""

    def __init__(self) -> None:
        self.stored: dict[str, dict[str, Any]] = {}
        super().__init__(self.respond)

    def respond(self, request: Request) -> Reply:
        kind = "widgets" if "dashboard" in request.path else "query"
        if request.method == "GET":
            found = [one for one in self.stored.values() if kind in one]
            return in_json({"dashboards": found} if kind == "widgets" else found)
        headers = {name.lower(): value for name, value in request.headers.items()}
        assert (headers["dd-api-key"], headers["dd-application-key"]) == ("one", "two")
        body = json.loads(request.body)
        if body.get("type") == "composite" and not set(re.findall(r"\w+", body["query"])) <= set(self.stored):
            return in_json({"errors": ["no such monitor"]}, 400)
        number = request.path.rpartition("/")[2] if request.method == "PUT" else str(100 + len(self.stored))
        self.stored[number] = {**body, "id": int(number)}
        return in_json(self.stored[number])


@pytest.mark.long
def test_the_program_beside_the_files_brings_them_and_makes_nothing_twice(
    tmp_path: Path, files: Mapping[str, Any]
) -> None:
    assert main(["generate", "--format", "datadog", "--out", str(tmp_path)]) == 0

    def run(given: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", str(tmp_path / "datadog" / "apply.py")]
        return subprocess.run(command, env=dict(given), capture_output=True, text=True, timeout=120, check=False)

    with Api() as api:
        environment = {"DD_URL": api.url, "DD_API_KEY": "one", "DD_APP_KEY": "two"}
        first = run(environment)
        once = dict(api.stored)
        second = run(environment)
        assert api.stored == once
        nobody = run({})

    sent = [body for path, body in files.items() if path.endswith(".json")]
    assert first.stdout == second.stdout == f"{len(bodies(files))} monitors, 4 dashboards\n", first.stderr
    called = {one.get("name", one.get("title")): one for one in once.values()}
    assert set(called) == {one.get("name", one.get("title")) for one in sent}
    assert len(once) == len(sent)
    joined = called["AgentServerPgPoolErrors"]["query"]
    assert [once[number]["name"] for number in joined.split(" && ")] == [
        f"AgentServerPgPoolErrors, condition {n} of 2" for n in (1, 2)
    ]
    assert nobody.returncode == 1
    assert nobody.stderr == "'DD_API_KEY' is not set: the keys of your organisation, see Organization Settings\n"


@pytest.fixture(scope="module")
def python() -> Any:
    found = datadog.install()
    return found.path or missing(found.reason)


@pytest.mark.matrix
def test_the_api_knows_every_key_and_value(python: Any, files: Mapping[str, Any]) -> None:
    """And a slip would be seen: a key, a kind, a number that no model has."""
    sent = {path: body for path, body in files.items() if path.endswith(".json")}
    one = sent["monitors/AgentServerSetStatusErrors.json"]

    assert len(sent) > 100
    assert datadog.refused(python, sent) == []
    wrong = {
        "key": {**one, "querry": "x"},
        "kind": {**one, "type": "query alarm"},
        "option": {**one, "options": {**one["options"], "thresholds": {"kritical": 1}}},
        "number": {**one, "priority": "high"},
    }
    assert {text.partition(":")[0].partition(".")[0] for text in datadog.refused(python, wrong)} == set(wrong)


@pytest.mark.matrix
@pytest.mark.parametrize("system", SYSTEMS)
def test_the_agents_check_collects_the_names_that_monitors_ask_for(
    python: Any, bundle: Bundle, files: Mapping[str, Any], system: str
) -> None:
    """Of all pages of a played system: what the check hands on is what the catalogue names, with the monitors' tags."""
    flags = ["--system", system] if system != "agent_server" else ["--runtime", "postgres", "--scenario", "busy"]
    with Reference(*flags, "--time-scale", "60") as server:
        server.ready()
        if system == "agent_server":
            wait_until(
                lambda: "lg_api_workers_max" in series_of(server, ["/metrics"]), what="workers", limit_seconds=60
            )
        paths = pages(server, system)
        configured = files[f"openmetrics.d/{system}.yaml"]["instances"][0]
        instance = {key: value for key, value in configured.items() if key != "auth_token"}
        before = series_of(server, paths)
        found = datadog.collected(
            python, [{**instance, "openmetrics_endpoint": f"http://127.0.0.1:{server.port}{path}"} for path in paths]
        )
        after = series_of(server, paths)

    there = {one.name: one.kind for one in found if not one.name.endswith(".quantile")}
    sure, possible = (kinds(bundle, system, shown) for shown in (before, after))
    assert {name: kind for name, kind in sure.items() if there.get(name) != kind} == {}
    assert {name: kind for name, kind in there.items() if possible.get(name) != kind} == {}
    asked_for = {name for of, name in names(bundle) if of == system and name.startswith(f"{system}.")}
    assert asked_for & set(there)
    queries = [body["query"] for body in bodies(files).values() if f":{system}." in body["query"]]
    edges = {edge for query in queries for edge in re.findall(r"upper_bound:[\d.]+", query)}
    assert edges <= {tag for one in found for tag in one.tags}
    assert f"system:{system}" in found[0].tags


def kinds(bundle: Bundle, system: str, shown: set[str]) -> Mapping[str, str]:
    """What the Agent should be handed of a page with these series: names and kinds, by the catalogue."""
    suffixed = ((m, suffix) for m in collected(bundle, system) for suffix in SUFFIXES[m.kind])
    return {
        naming.Series(m, suffix).name(system): "gauge" if m.kind is Kind.GAUGE else "monotonic_count"
        for m, suffix in suffixed
        if f"{m.full_name}{suffix}" in shown
    }


def series_of(server: Reference, paths: Sequence[str]) -> set[str]:
    """Names of the series on some pages of a server."""
    pages = [text_of(*ask(server.port, "GET", path)) for path in paths]
    return {name for text in pages for name in re.findall(r"^([A-Za-z_:][\w:]*)[ {]", text, re.MULTILINE)}


def pages(server: Reference, system: str) -> list[str]:
    """Where a played system has its metrics: one page, or one for each of its processes."""
    if system == "agent_server":
        return ["/metrics"]
    groups = server.get("/targets")
    return [g["labels"]["__metrics_path__"] for g in groups if g["labels"].get("role") != "queue-depth"]
