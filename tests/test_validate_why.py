"""Why something is not there, where something on the way took or changed it: looked up on a real Prometheus."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import pytest
import yaml

from generator.bundle import Bundle, build
from generator.catalogue import Catalogue
from generator.config import read
from generator.config.site import Site
from generator.validate import prepared
from generator.validate.context import Context, documents
from generator.validate.gather import gather
from generator.validate.panels import Judge, Shot, explainer
from generator.validate.prepare import Options
from generator.validate.target import Target, judge
from generator.validate.verdict import State, Verdict, failed, pending
from testbed.servers import Prometheus, find, missing, wait_until
from testbed.servers.fake import FakeServer, always
from tests.validating import judged, settled, troubles

pytestmark = pytest.mark.real

EDGES = (10, 100, 500, 1000, 5000, 15000, 30000, 60000, 120000, 300000, 600000, 1800000, 3600000)
API = "lg_api_http_requests_latency"


def histogram(name: str, labels: str) -> str:
    """A histogram in which something was observed, as a page has it."""
    buckets = "".join(f'{name}_bucket{{{labels},le="{edge}"}} 1\n' for edge in (*EDGES, "+Inf"))
    return f"# TYPE {name} histogram\n{buckets}{name}_sum{{{labels}}} 5\n{name}_count{{{labels}}} 1\n"


PLAIN = (
    histogram(API, 'method="GET",path="/x"')
    + "# TYPE lg_api_num_pending_runs gauge\nlg_api_num_pending_runs 3\n"
    + "# TYPE lg_api_workers_max gauge\nlg_api_workers_max 3\n"
    + '# TYPE lg_api_http_requests_total counter\nlg_api_http_requests_total{method="GET",path="/x",status="200"} 3\n'
)
OTHERWISE = (
    histogram(f"{API}_milliseconds", 'method="GET",path="/x"')
    + "# TYPE lg_api_num_pending_runs_ratio gauge\nlg_api_num_pending_runs_ratio 3\n"
    + '# TYPE lg_api_http_requests counter\nlg_api_http_requests{method="GET",path="/x",status="200"} 3\n'
    + "# TYPE otel_lg_api_workers_max gauge\notel_lg_api_workers_max 3\n"
    + "# TYPE num_running_runs gauge\nnum_running_runs 3\n"
)

#: What the page of each job is, and what its scrape job has beside the usual.
JOBS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "plain": (PLAIN, {}),
    "renamed": (OTHERWISE, {}),
    "native": (PLAIN, {"convert_classic_histograms_to_nhcb": True}),
    "dropped": (PLAIN, {"metric_relabel_configs": [{"source_labels": ["__name__"], "regex": ".*_bucket", "action": "drop"}]}),
    "edges": (PLAIN, {"metric_relabel_configs": [{"source_labels": ["le"], "regex": "(10|100)([.]0)?", "action": "drop"}]}),
    "labels": (PLAIN, {"metric_relabel_configs": [{"regex": "path", "action": "labeldrop"}]}),
    "typeless": (PLAIN, {}),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Jobs:
    """A Prometheus that scrapes one process per job, each in another way; `see` judges one job as if it were all."""

    server: Prometheus
    bundle: Bundle
    see: Callable[[str], Context]


@pytest.fixture(scope="module")
def jobs(catalogue: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    """One Prometheus, scraped once a second."""
    found = find("prometheus", "newest")
    if not found.path:
        missing(found.reason)
    folder = tmp_path_factory.mktemp("why")
    own = {name: {"enabled": False} for name in ("langsight", "agentgateway", "langsmith")}

    def bundled(match: Mapping[str, str]) -> Bundle:
        path = folder / "bundle.yaml"
        server = {"match": match} if match else {}
        config = {"systems": {"agent_server": server, **own}, "docs_url": "https://docs.example"}
        path.write_text(yaml.safe_dump(config), encoding="utf-8")
        return build(Site(catalogue, read(catalogue, path)))

    with ExitStack() as stack:
        pages = {}
        for job, (text, _) in JOBS.items():
            kind = {"Content-Type": "text/html" if job == "typeless" else "text/plain; version=0.0.4"}
            pages[job] = stack.enter_context(FakeServer(always(200, kind, text.encode()))).address
        jobs = [
            {
                "job_name": job,
                "static_configs": [
                    {
                        "targets": [pages[job]],
                        "labels": {"app" if job == "labels" else "deployment": "demo", "role": "combined"},
                    }
                ],
                **more,
            }
            for job, (_, more) in JOBS.items()
        ]
        config = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": jobs}
        server = stack.enter_context(
            Prometheus(found.path, yaml.safe_dump(config), history=True, flags=["--enable-feature=native-histograms"])
        )
        wait_until(
            lambda: len(server.query("count by (job) (up)")) == len(JOBS), what="a scrape of each", limit_seconds=60
        )
        plain = bundled({})
        base = stack.enter_context(prepared(plain, Options(server.url), lambda _: None))

        def see(job: str) -> Context:
            bundle = bundled({"job": job})
            evidence = gather(bundle.site, base.prometheus, since=time.time() - 300)
            return replace(base, bundle=bundle, evidence=evidence, now=time.time())

        yield Jobs(server, plain, see)


def test_a_metric_under_another_name_is_told_with_that_name(jobs: Jobs) -> None:
    """Another unit, suffix or prefix: it did happen, and it is not there as the boards ask for it."""
    context = jobs.see("renamed")
    found = judged(context, "metrics")
    says = explainer(context)

    def why(name: str) -> tuple[State, str]:
        verdict = found[f"agent_server {name}"]
        return verdict.state, verdict.why

    assert why(API) == (State.WRONG, f"it is here as {API}_milliseconds: something on the way adds units")
    assert why("lg_api_num_pending_runs") == (
        State.WRONG,
        "it is here as lg_api_num_pending_runs_ratio: something on the way adds units",
    )
    assert why("lg_api_http_requests_total") == (
        State.WRONG,
        "it is here as lg_api_http_requests: something on the way takes _total away",
    )
    assert why("lg_api_workers_max") == (
        State.WRONG,
        "it is here as otel_lg_api_workers_max: something on the way puts a prefix before names",
    )
    assert why("lg_api_num_running_runs") == (
        State.WRONG,
        "it is here as num_running_runs: something on the way changes the prefix of names",
    )
    query = says.nothing(f'histogram_quantile(0.9, sum by (le) (rate({API}_bucket{{job="renamed"}}[1m])))')
    assert f"it is here as {API}_milliseconds" in query.why
    # What has no other form keeps its own reason.
    assert [item for item, v in found.items() if "it is here as" in v.why] == [
        f"agent_server {name}"
        for name in (
            "lg_api_http_requests_total", API, "lg_api_num_pending_runs", "lg_api_num_running_runs", "lg_api_workers_max"
        )
    ]  # fmt: skip
    assert not any("catalogue/" in v.fix or "generator/" in v.fix for v in found.values())


def test_native_histograms_without_buckets_are_told(jobs: Jobs) -> None:
    """They are stored, and nothing that reads buckets sees them."""
    context = jobs.see("native")

    found = judged(context, "metrics")[f"agent_server {API}"]

    assert (found.state, found.why) == (
        State.WRONG,
        "it is stored as a native histogram, without the buckets that boards and rules read",
    )
    assert "always_scrape_classic_histograms" in found.fix


def test_buckets_edges_and_labels_that_were_dropped_are_told(jobs: Jobs) -> None:
    """With the place to look at, which is never a file of the package."""
    dropped, edges, labels = (
        judged(jobs.see(job), "metrics")[f"agent_server {API}"] for job in ("dropped", "edges", "labels")
    )
    query = explainer(jobs.see("dropped")).nothing(f'rate({API}_bucket{{job="dropped"}}[1m])')
    chosen = explainer(jobs.see("labels")).nothing('lg_api_http_requests_total{job="labels", path="/x"}')

    assert dropped.fix.endswith(f"; what it is: https://docs.example/metrics/agent_server.html#{API}")
    assert dropped.why == "its _sum and _count are there and its _bucket is not: something drops it"
    assert edges.why == "it has no bucket edge 10, 100, and others are there: something drops single ones"
    assert labels.why == "no series has the label path"
    assert query.why == f"{API}: {dropped.why}"
    assert chosen.why == "no series of lg_api_http_requests_total has the label path"
    for verdict in (dropped, edges, labels, query, chosen):
        assert verdict.state is State.WRONG
        assert "metric_relabel_configs" in verdict.fix
        assert "catalogue" not in verdict.fix


def test_a_process_that_is_as_promised_has_nothing_wrong(jobs: Jobs) -> None:
    """The same page, scraped as it should be: nothing that is there is complained of."""
    found = judged(jobs.see("plain"), "metrics")

    for name in (API, "lg_api_num_pending_runs", "lg_api_workers_max", "lg_api_http_requests_total"):
        assert found[f"agent_server {name}"].state is State.OK


def test_targets_with_labels_of_another_convention(jobs: Jobs) -> None:
    """The label that may be meant is named, and where to say so; targets that nothing holds for ours are found by what they have."""
    base = jobs.see("plain")
    system = base.site.labels.system
    (listed,) = (t for t in base.prometheus.targets() if t.pool == "labels")
    ours = replace(listed, labels={**listed.labels, system: "agent_server"})
    absent = troubles(
        judged(
            settled(replace(base, bundle=jobs.bundle, evidence=gather(jobs.bundle.site, base.prometheus))), "targets"
        )
    )
    found = judge(
        base, Target("agent_server", ours.labels, ours.url, ours.pool, up=True, error="", last_scrape=base.now)
    )

    assert (found.state, found.why) == (State.WRONG, 'it lacks the label deployment, and has app="demo"')
    assert "labels: {deployment: app}" in found.fix
    assert absent["agent_server"] == (
        'its series are here, scraped by the job "dropped" and "edges" and "labels", and its targets lack system="agent_server"'
    )


def test_a_page_of_a_type_that_prometheus_refuses(jobs: Jobs) -> None:
    """Not "down" alone: the process runs, and its page is not taken."""
    base = jobs.see("typeless")
    (listed,) = (t for t in base.prometheus.targets() if t.pool == "typeless")
    labels = {**listed.labels, base.site.labels.system: "agent_server"}
    found = judge(
        base,
        Target(
            "agent_server",
            labels,
            listed.url,
            listed.pool,
            up=False,
            error=listed.error,
            last_scrape=listed.last_scrape,
        ),
    )

    assert found.why.startswith("Prometheus refuses what it serves: ")
    assert "fallback_scrape_protocol" in found.fix


def test_an_idle_server_has_objectives_without_a_value(jobs: Jobs) -> None:
    """0 of 0 requests is neither good nor bad: recorded as NaN, and no error of anybody."""
    now = time.time()
    times = [now - 600 + 15 * n for n in range(41)]
    own = {"slo": "http_availability", "deployment": "idle"}
    zero, none = [0.0] * 41, [math.nan] * 41
    jobs.server.push(
        [
            ({"__name__": "agentobs_deployment:slo_bad:rate_5m", **own}, zero),
            ({"__name__": "agentobs_deployment:slo_total:rate_5m", **own}, zero),
            ({"__name__": "agentobs_deployment:slo_error:ratio_1h", **own}, none),
        ],
        times,
    )
    base = jobs.see("plain")

    found = explainer(replace(base, bundle=jobs.bundle, files=documents(jobs.bundle))).no_number(
        'max(agentobs_deployment:slo_error:ratio_1h{slo="http_availability", deployment="idle"}) / 0.001'
    )

    assert found.state is State.EMPTY
    assert found.why == (
        "agentobs_deployment:slo_error:ratio_1h has no value: nothing happened in the window: "
        "agentobs_deployment:slo_total:rate_5m gives 0 to divide by"
    )


def test_what_may_still_come_is_pending_after_a_start_and_decides_by_a_flag(jobs: Jobs) -> None:
    """Right after a start nothing is missed yet; later the same is wrong."""
    base = jobs.see("plain")
    fresh = replace(base, evidence=replace(base.evidence, too_early="Prometheus started 3 s ago"))
    name = "agent_server lg_api_workers_active"

    early, late = judged(fresh, "metrics")[name], judged(base, "metrics")[name]

    assert (early.state, late.state) == (State.PENDING, State.WRONG)
    assert early.why == f"{late.why}; Prometheus started 3 s ago"
    verdicts: list[Verdict] = [pending("later").of("rules", "x")]
    assert not failed(verdicts)
    assert failed(verdicts, pending=True)


def test_a_graph_is_judged_by_its_newest_value(jobs: Jobs) -> None:
    """What was there an hour ago and is gone is no data."""
    now = time.time()
    series = {"__name__": "lg_api_num_running_runs", "system": "agent_server", "deployment": "gone", "role": "combined"}
    jobs.server.push([(series, [1.0] * 41)], [now - 3600 + 15 * n for n in range(41)])
    base = replace(jobs.see("plain"), started=now - 86_400, now=now)
    graph = Shot("panels", "x", 'lg_api_num_running_runs{deployment="gone"}', instant=False, query=None)

    found = Judge(base).verdict(graph, [])

    assert base.prometheus.query_range(graph.expr, now - 7200, now, 60)
    assert found.state is not State.OK
    assert "lg_api_num_running_runs" in found.why
