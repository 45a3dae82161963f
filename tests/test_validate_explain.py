"""Why an expression gives nothing: looked up part by part on a real Prometheus, and no reason where there is none."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from generator.bundle import build
from generator.catalogue import Catalogue
from generator.config import read
from generator.config.site import Site
from generator.validate import prepared
from generator.validate.context import Context
from generator.validate.evidence import Evidence, Processes
from generator.validate.explain import UNEXPLAINED, Explainer
from generator.validate.gather import gather
from generator.validate.panels import explainer
from generator.validate.prepare import Options
from generator.validate.syntax import same, tree
from generator.validate.verdict import State
from testbed.servers import Prometheus, find, missing
from tests.validating import settled

DEMO = {"deployment": "demo", "role": "api", "instance": "a", "system": "agent_server"}
QUEUE = {"deployment": "other", "role": "queue", "instance": "b", "system": "agent_server"}


@dataclass(frozen=True, slots=True)
class Demo:
    """A Prometheus with a few series, and what explains expressions on it."""

    context: Context
    explainer: Explainer


@pytest.fixture(scope="module")
def demo_prometheus(catalogue: Catalogue) -> Iterator[Demo]:
    """An API process of one deployment and a worker of another, ten minutes of both."""
    found = find("prometheus", "newest")
    if not found.path:
        missing(found.reason)
    now = time.time()
    times = [now - 600 + 15 * i for i in range(41)]
    steady, grows, zero = [1.0] * 41, [float(i) for i in range(41)], [0.0] * 41
    series = [
        ({"__name__": "up", **DEMO}, steady),
        ({"__name__": "up", **QUEUE}, steady),
        ({"__name__": "lg_api_num_pending_runs", **DEMO}, steady),
        ({"__name__": "lg_api_http_requests_total", "method": "GET", "path": "/x", "status": "200", **DEMO}, grows),
        ({"__name__": "lg_api_http_requests_latency_bucket", "le": "10", "method": "GET", "path": "/x", **DEMO}, zero),
        (
            {"__name__": "lg_api_http_requests_latency_bucket", "le": "+Inf", "method": "GET", "path": "/x", **DEMO},
            zero,
        ),
        ({"__name__": "lg_api_http_requests_latency_count", "method": "GET", "path": "/x", **DEMO}, zero),
        ({"__name__": "lg_api_workers_max", **QUEUE}, steady),
        ({"__name__": "agentobs_deployment:slo_bad:rate_5m", "slo": "http_availability", "deployment": "demo"}, steady),
    ]
    assert found.path
    with Prometheus(found.path, history=True) as server:
        server.push(series, times)
        server.push([({"__name__": "lg_api_redis_pool_max", **DEMO}, [1.0])], times[-1:])
        bundle = build(Site(catalogue, read(catalogue)))
        with prepared(bundle, Options(server.url), lambda _: None) as fresh:
            context = settled(fresh)
            yield Demo(context, explainer(context))


HTTP = "lg_api_http_requests_total"

CASES = [
    ("lg_api_nonsense", State.WRONG, "lg_api_nonsense is neither in the catalogue nor recorded by a rule"),
    (f'{HTTP}{{status=~"5.."}}', State.EMPTY, f'nothing of the kind has happened yet: no series of {HTTP} has status=~"5.."'),
    (f'{HTTP}{{stat="5"}}', State.WRONG, f"{HTTP} has no label 'stat'"),
    (f'rate({HTTP}{{status="500"}}[5m]) > 1', State.EMPTY, "nothing of the kind has happened yet"),
    ('lg_api_http_requests_latency_bucket{le="11"}', State.WRONG, 'no bucket of lg_api_http_requests_latency_bucket has le="11"'),
    ("rate(lg_api_redis_pool_max[5m])", State.EMPTY, "lg_api_redis_pool_max has fewer than two samples within the range"),
    ("lg_api_num_pending_runs > 7", State.EMPTY, "no value of lg_api_num_pending_runs is > 7"),
    ("lg_api_num_pending_runs offset 30m", State.EMPTY, "lg_api_num_pending_runs has no past of 1800 s yet"),
    ("lg_api_num_pending_runs and lg_api_num_pending_runs > 7", State.EMPTY, "no value of lg_api_num_pending_runs is > 7"),
    ('lg_api_num_pending_runs and on (role) up{role="queue"}', State.EMPTY, "no series fulfils both of its conditions"),
    ("lg_api_num_pending_runs unless up", State.WRONG, None),
    ("lg_api_num_pending_runs unless on () up", State.EMPTY, "everything that it would show is left out by up"),
    ("lg_api_num_pending_runs + lg_api_workers_max", State.WRONG, "both have series, but none with the same labels"),
    ("absent(up)", State.EMPTY, "up is there, and it looks for the absence"),
    ("lg_api_nonsense or lg_api_num_pending_runs > 7", State.WRONG, "lg_api_nonsense is neither"),
    ("(lg_api_num_pending_runs > 7) or (lg_api_workers_max > 8)", State.EMPTY,
     "no value of lg_api_num_pending_runs is > 7; no value of lg_api_workers_max is > 8"),
    ("sum(min_over_time((lg_api_num_pending_runs > 7)[5m:1m]))", State.EMPTY, "no value of lg_api_num_pending_runs is > 7"),
    ("max(max_over_time((lg_api_num_pending_runs)[1h:100d]))", State.PENDING,
     "lg_api_num_pending_runs is looked at every 8.64e+06 s here, and was not there yet the last time"),
    ("max(max_over_time((lg_api_num_pending_runs)[1s:1m]))", State.WRONG, None),
    ('lg_api_num_pending_runs{deployment="other"}', State.EMPTY,
     'lg_api_num_pending_runs comes from the role api or combined, and none is chosen: deployment="other"'),
    ('lg_api_workers_max{deployment="demo"}', State.EMPTY,
     'lg_api_workers_max comes from the role combined or queue, and none is chosen: deployment="demo"'),
    ('lg_api_num_pending_runs{instance="c"}', State.EMPTY, "and none is chosen"),
    ('lg_api_redis_pool_max{deployment="other"}', State.WRONG,
     'lg_api_redis_pool_max is missing for deployment="other", although other targets have it'),
    (f'{HTTP}{{deployment=~"x|demo", role="combined"}}', State.EMPTY, "and none is chosen"),
    ('sum(up{system="agent_server", role=~".*", role="ingest-queue"})', State.EMPTY,
     'no process is scraped that has role="ingest-queue"'),
    ('sum(up{system="agent_server", deployment="other", role="api"})', State.WRONG, 'up is missing for system="agent_server"'),
    ("lg_api_graph_recursion_limit_error_counter_total", State.EMPTY, "internal metrics are not exposed"),
    ("lg_api_pg_pool_max", State.WRONG, "no series of lg_api_pg_pool_max, although the configuration promises it"),
    ("lg_api_pending_runs_wait_time_max", State.EMPTY, "not in Agent Server 0.11.0 and later"),
    ("prometheus_rule_evaluation_failures_total", State.EMPTY, "Prometheus does not scrape itself"),
    ("vmalert_alerting_rules_errors_total", State.EMPTY, "no vmalert is scraped"),
    ("alertmanager_config_last_reload_successful", State.EMPTY, "no Alertmanager is scraped"),
    ("probe_success", State.EMPTY, "no exporter with probe_success is scraped"),
    ('ALERTS{alertstate="firing"}', State.EMPTY, "no alert is pending or firing"),
    ('sum(up{system="langsight"})', State.EMPTY, "no target of the system langsight is scraped"),
    ('count({otel_scope_name="x"})', State.EMPTY, 'no series has otel_scope_name="x"'),
    ('agentobs_deployment:slo_bad:rate_5m{slo="queue_wait"}', State.EMPTY, "agentobs_deployment:slo_bad:rate_5m is recorded from nothing: "),
    ('agentobs_deployment:slo_bad:rate_5m{slo="nonsense"}', State.WRONG, "slo of agentobs_deployment:slo_bad:rate_5m is never 'nonsense'"),
    ("agentobs_deployment:lg_api_http_requests_latency:p95_5m", State.WRONG, "is not recorded, although its rule would give something"),
    ('label_replace(lg_api_num_pending_runs > 7, "a", "b\\\\c\\"", "", "")', State.EMPTY, "no value of lg_api_num_pending_runs is > 7"),
    ("this is not promql", State.WRONG, "it is not PromQL"),
]  # fmt: skip


@pytest.mark.real
@pytest.mark.parametrize(("expr", "state", "why"), CASES, ids=[c[0] for c in CASES])
def test_the_reason_is_the_one_that_holds(demo_prometheus: Demo, expr: str, state: State, why: str | None) -> None:
    """Wrong for what nobody could ever see; empty, with the reason, for what is right to be empty."""
    if why is None:
        # `unless` with the same labels leaves nothing: that is a reason, too, when both are there.
        assert demo_prometheus.explainer.nothing(expr).state in (State.EMPTY, State.WRONG)
        return
    found = demo_prometheus.explainer.nothing(expr)

    assert why in found.why
    assert found.state is state


NUMBERS = [
    ("histogram_quantile(0.9, sum by (le) (rate(lg_api_http_requests_latency_bucket[5m])))", State.EMPTY, "nothing was observed in the window: lg_api_http_requests_latency_bucket"),
    ("sum(rate(lg_api_http_requests_latency_count[5m])) / sum(rate(lg_api_http_requests_latency_count[5m]))", State.EMPTY, "nothing happened in the window: lg_api_http_requests_latency_count gives 0 to divide by"),
    ("0 * lg_api_num_pending_runs / 0", State.WRONG, "it gives NaN without a reason"),
    ("sqrt(-1 * lg_api_num_pending_runs)", State.WRONG, "it gives NaN without a reason"),
]  # fmt: skip


@pytest.mark.real
@pytest.mark.parametrize(("expr", "state", "why"), NUMBERS)
def test_no_number_is_right_only_where_nothing_happened(
    demo_prometheus: Demo, expr: str, state: State, why: str
) -> None:
    """Nothing by nothing has no value; anything else that has none is broken."""
    found = demo_prometheus.explainer.no_number(expr)

    assert (found.state, found.why) == (state, why)


@pytest.mark.real
def test_everything_there_and_yet_nothing_is_unexplained(demo_prometheus: Demo) -> None:
    """No blanket excuse."""
    assert demo_prometheus.explainer.nothing("topk(0, up)") == UNEXPLAINED


@pytest.mark.real
def test_a_few_small_queries_tell_what_is_there(demo_prometheus: Demo) -> None:
    """Counts by metric, processes by role."""
    evidence = demo_prometheus.context.evidence

    assert evidence.processes["agent_server"] == Processes({"api": 1, "queue": 1}, {"api": 1, "queue": 1})
    lg = demo_prometheus.context.site.system("agent_server")
    assert [evidence.count(lg[n]) for n in ("num_pending_runs", "http_requests_latency", "pg_pool_max")] == [1, 1, 0]
    assert gather(demo_prometheus.context.site, demo_prometheus.context.prometheus, since=time.time() - 300) == evidence


@pytest.mark.real
@pytest.mark.parametrize(
    ("ago", "interval", "state", "why"),
    [
        (200.0, 300.0, State.WRONG, "is not recorded, although its rule would give something"),
        (300.0, 400.0, State.EMPTY, "there was nothing to record yet at its last evaluation"),
    ],
)
def test_what_was_written_while_its_rule_was_evaluated_is_no_miss(
    demo_prometheus: Demo, ago: float, interval: float, state: State, why: str
) -> None:
    """A sample may be there with a time before the evaluation that did not see it; one a whole interval older was there."""
    evaluated = demo_prometheus.context.now - ago, interval
    found = explainer(replace(demo_prometheus.context, evaluated=lambda _: evaluated)).nothing(
        "agentobs_deployment:lg_api_http_requests_latency:p95_5m"
    )

    assert found.state is state
    assert why in found.why


@pytest.mark.real
def test_what_is_recorded_seldom_is_looked_for_over_its_interval(demo_prometheus: Demo) -> None:
    """Ten minutes after its evaluation an instant query finds nothing of it, and nothing is wrong."""
    seldom = explainer(replace(demo_prometheus.context, evaluated=lambda _: (demo_prometheus.context.now - 400, 600.0)))
    record = next(iter(demo_prometheus.context.records()))

    assert seldom.lately(replace(record, name="lg_api_num_pending_runs", labels={})) == (1, 600.0)
    assert seldom.lately(replace(record, name="agentobs_nobody", labels={})) is None
    often = explainer(replace(demo_prometheus.context, evaluated=lambda _: (demo_prometheus.context.now - 20, 30.0)))
    assert often.lately(replace(record, name="lg_api_num_pending_runs", labels={})) is None


def test_reasons_follow_the_configuration(configured: Callable[[str], Site]) -> None:
    """Each switch of bundle.yaml is the reason of what it leaves out; a gate that is closed, of what it holds back."""
    plain = {"api": 1, "queue": 1}

    def why(text: str, metric: str, counts: dict[str, int], reached: dict[str, int] = plain, age: float = 1e6) -> str:
        site = configured(text)
        seen = {("agent_server", site.system("agent_server")[name].full_name): n for name, n in counts.items()}
        evidence = Evidence(site, {"agent_server": Processes(reached, reached)}, seen, {"agent_server": age})
        return evidence.reason(site.system("agent_server")[metric]).why

    def system(text: str) -> str:
        return f"systems: {{agent_server: {{{text}}}}}\n"

    assert why(system("exposure: ui"), "run_success_counter", {}) == "internal metrics are off (exposure: ui)"
    assert why(system("tier: 2"), "stream_data_size_bytes", {}) == "emitted from tier 3 on (tier: 2)"
    assert why(system("switches: []"), "publish_queue_availability", {}) == "switch async_publish_queue is off"
    started = {"server_started_counter": 1, "num_pending_runs": 1}
    assert (
        why("", "run_success_counter", started)
        == "nothing of the kind has happened yet: its series is born at the first event"
    )
    assert why("", "run_success_counter", {}).startswith("internal metrics are not exposed")
    assert why("", "publish_queue_availability", started).startswith(
        "switch async_publish_queue: off on these servers? It needs FF_ASYNC_PUBLISH_QUEUE=true"
    )
    assert (
        why("", "num_pending_runs", {"workers_max": 1}, {"queue": 1}) == "no process of role api or combined is scraped"
    )
    assert why("", "num_pending_runs", {"workers_max": 1}) == (
        "only the runtime postgres emits it, and the runtime is inmem"
    )
    assert why(system("runtimes: [postgres]"), "num_pending_runs", {}).startswith(
        "no series of lg_api_num_pending_runs, although"
    )
    assert why(system("runtimes: [postgres]"), "num_pending_runs", {}, age=30).startswith(
        "a process is younger than two ticks"
    )
    site = configured("")
    waiting = Evidence(site, {}, {}, {"agent_server": 30.0})
    numbers = [site.system("agent_server")[name] for name in ("num_pending_runs", "server_started_counter")]
    assert [f and f.state for f in (waiting.unticked(m, "agent_server") for m in numbers)] == [State.PENDING, None]
    assert (
        why(system("versions: mixed"), "pending_runs_wait_time_max", {"num_pending_runs": 1})
        == "no server is Agent Server before 0.11.0"
    )
    assert why("", "run_abandoned_by_shutdown_counter", started) == "no process is shutting down"
    assert why("", "delta_channel_read_counter", started) == (
        "only Agent Server 0.16.0 and later has it, and nothing that only these have is seen"
    )
    newest = 'versions: "0.16.7"'
    assert why(system(newest), "delta_channel_read_counter", started) == "when it first appears is not known"
    assert why("", "num_pending_runs", {}, {}) == "no target of the system agent_server is scraped"


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ('sum by (a) (rate(x{b="1", c=~"2|3"}[5m]))', 'sum by (a) (rate(x{c=~"2|3",b="1"}[5m]))', True),
        ("x > 1000000", "x > 1e+06", True),
        ('x{a="b\\\\.c"}', 'x{a="b\\\\.d"}', False),
        ("x > 1", "x > 2", False),
        ("x[", "x[", True),
        ("x[", "x", False),
    ],
)  # fmt: skip
def test_expressions_are_compared_by_what_they_mean(one: str, other: str, expected: bool) -> None:  # noqa: FBT001 - a table
    """Servers print them in their own way."""
    assert same(one, other) is expected


@pytest.mark.parametrize("text", ['x{a="b\\\\.c\\"d,}", e!~"f|{g}"}', 'label_replace(x, "a", "$1\\\\", "b", "(.*)")'])
def test_a_part_of_an_expression_keeps_its_literals(text: str) -> None:
    """Escapes, quotes, braces and commas come back as they were written."""
    expression = tree(f"sum({text})")

    assert same(expression.of(expression.node.expr).text, text)
