"""What the generator makes, in real Prometheus servers: files load, rules are healthy, panels show what they must."""

from __future__ import annotations

import contextlib
import json
import math
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from generator.bundle import Bundle, build
from generator.catalogue import Catalogue
from generator.config.site import Site
from generator.outputs import FORMATS
from generator.promql import mean, quantile, rate, share_above
from generator.promql.query import Query
from generator.promql.scope import Scope
from generator.validate import CHECKS, Options, Verdict, prepared, run
from generator.validate.verdict import State
from reference_server.scenarios.systems import SYSTEMS
from testbed.agent_server import AgentServer, drive, install
from testbed.servers import Prometheus, StartError, find, missing, wait_until
from testbed.servers.debian import Age
from testbed.stack.reference import Reference

from .conftest import MIXED

#: Bounds that a version of Prometheus would refuse are found here, not at an operator's.
TESTED: tuple[Age, ...] = ("oldest", "newest")
#: What Grafana's variables for windows stand for here: several scrapes, on a machine that misses some too.
WINDOW = "30s"
#: How often rules are evaluated: what waits for a recorded series waits a little longer, and all of them cost a fraction.
EVALUATED = "2s"
#: Between two drives of a server: with the time that one takes, less than `WINDOW`.
TRAFFIC_PAUSE_SECONDS = 5.0
#: Panels whose titles other systems share, and which a system in trouble fills.
FAILING = ("5xx rate by route", "5xx rate by process")
#: Panels that stay empty here, because the event that they show cannot be brought about.
NOTHING_HAPPENED = {
    "Firing alerts": "all is well",
    "Status write errors": "needs a database that fails",
    "Broken connections by method": "needs a connection that breaks inside a write",
    "5xx rate by route": "no request of the driver ends in a 5xx",
    "5xx rate by process": "no request of the driver ends in a 5xx",
}


@pytest.fixture(scope="module", params=TESTED)
def binary(request: pytest.FixtureRequest) -> Path:
    """The oldest supported Prometheus, and the newest."""
    return program(request.param)


@pytest.fixture(scope="module")
def pair() -> list[Path]:
    """Both of them, for tests that let them scrape the same servers at once."""
    return [program(age) for age in TESTED]


def program(age: Age) -> Path:
    found = find("prometheus", age)
    if not found.path:
        missing(found.reason)
    assert found.path
    return found.path


def texts(bundle: Bundle, folder: str, suffix: str) -> dict[str, str]:
    return {
        path.name: text
        for path, text in FORMATS["files"].render(bundle).items()
        if path.parts[0] == folder and path.name.endswith(suffix)
    }


@pytest.mark.real
@pytest.mark.parametrize(
    "config",
    ["", MIXED, "systems: {agent_server: {versions: old}}\n", "systems: {agentgateway: {versions: documented}}\n"],
)
def test_rules_load_and_are_healthy_without_data(binary: Path, configured: Callable[[str], Site], config: str) -> None:
    """Every rule of every era loads, and evaluates without an error when there is nothing yet: nothing fires."""
    bundle = build(configured(config))

    with Prometheus(
        binary, "global: {evaluation_interval: 200ms}\n", rules=texts(bundle, "alerts", ".rules.yaml").values()
    ) as server:
        wait_until(
            lambda: all(r.last_evaluation for g in server.groups() for r in g.rules if g.interval < 1),
            what="the first evaluation",
            limit_seconds=20,
        )
        rules = [r for g in server.groups() for r in g.rules]

        assert [(r.name, r.error) for r in rules if r.health == "err"] == []
        assert len(rules) == sum(len(g.records) + len(g.alerts) for groups in bundle.rules.values() for g in groups)
        # Nobody is scraped here, and the watchdog never sleeps; everything else is silent.
        assert {a.labels["alertname"] for a in server.alerts()} <= {
            "ObservabilityWatchdog",
            *(f"{s.alerts}TargetsMissing" for s in bundle.site.catalogue.systems.values() if s.alerts),
        }


@pytest.mark.real
def test_every_scrape_configuration_loads(binary: Path, site: Site) -> None:
    """prometheus.yml and each fragment, of systems that are off too, are accepted and have the jobs that they name."""
    bundle = build(site)
    for name, made in texts(bundle, "scrape", ".yml").items():
        text = made
        jobs = {job["job_name"] for job in yaml.safe_load(text)["scrape_configs"]}
        if "kubernetes" in name and not knows_kubernetes(binary):
            text = re.sub(r"  kubernetes_sd_configs:\n(  - .*\n(    .*\n)*)+", "  static_configs: []\n", text)
        with Prometheus(binary, text) as server:
            loaded = yaml.safe_load(server.get("/api/v1/status/config")["yaml"])

        assert {job["job_name"] for job in loaded["scrape_configs"]} == jobs, name


def knows_kubernetes(binary: Path) -> bool:
    """Debian 12 builds Prometheus without Kubernetes discovery; everything else of a fragment is still looked at."""
    try:
        with Prometheus(binary, "scrape_configs: [{job_name: x, kubernetes_sd_configs: []}]"):
            return True
    except StartError as error:
        if "field kubernetes_sd_configs not found" not in str(error):
            raise
        return False


def panel_queries(bundle: Bundle) -> Iterator[tuple[str, str, Query, str]]:
    """Board, panel, query and PromQL as Grafana would send it, with every variable at All."""
    for path, text in texts(bundle, "dashboards", ".json").items():
        board = bundle.boards[Path(path).stem]
        panels = {p["title"]: p for top in json.loads(text)["panels"] for p in (top, *top.get("panels", ()))}
        for shown in board.panels:
            for query, target in zip(shown.possible, panels[shown.title].get("targets", ()), strict=True):
                expr = (
                    target["expr"]
                    .replace("$__rate_interval", WINDOW)
                    .replace("$__range", WINDOW)
                    .replace("$__interval", "1s")
                )
                yield board.stem, shown.title, query, re.sub(r'"\$(\w+)"', '".*"', expr)


def about(bundle: Bundle, query: tuple[str, str, Query, str], system: str) -> bool:
    """Whether a panel is about one system: on a board of its own, or on its row of the overview of all of them."""
    board, title, _, _ = query
    return board.startswith(system) or (
        board == "overview" and title.startswith(bundle.site.catalogue.systems[system].title)
    )


def alone(system: str, own: str = "") -> str:
    """Return a bundle.yaml with every other system off: a rule of theirs would be evaluated again and again, over nothing."""
    document: dict[str, Any] = yaml.safe_load(own) or {}
    off = {name: {"enabled": False} for name in SYSTEMS if name != system}
    return yaml.safe_dump({**document, "systems": {**off, **document.get("systems", {})}})


def scrape_config(targets: Mapping[str, str]) -> str:
    """Scrape each address every second with its role; all belong to one deployment."""
    jobs = [
        {
            "job_name": f"agent-server-{number}",
            "scrape_interval": "1s",
            "scrape_timeout": "1s",
            "static_configs": [
                {"targets": [address], "labels": {"deployment": "demo", "role": role, "system": "agent_server"}}
            ],
        }
        for number, (address, role) in enumerate(targets.items())
    ]
    return yaml.safe_dump({"global": {"evaluation_interval": EVALUATED}, "scrape_configs": jobs})


def fast(bundle: Bundle) -> list[str]:
    """Rule files whose slow groups are as fast as the rest, so that their series are there at once."""
    return [re.sub(r"  interval: .*\n", "", text) for text in texts(bundle, "alerts", ".rules.yaml").values()]


@pytest.fixture(scope="module")
def agent() -> Iterator[AgentServer]:
    """A server of the new era, in-memory; more traffic disturbs none of its tests."""
    found = install("new")
    if not found.path:
        missing(found.reason)
    with AgentServer("new") as server:
        yield server


@contextlib.contextmanager
def traffic(url: str) -> Iterator[None]:
    """Drive a server every few seconds, so that whoever looks sees traffic in any window."""
    over = threading.Event()

    def go_on() -> None:
        while not over.wait(TRAFFIC_PAUSE_SECONDS):
            with contextlib.suppress(TimeoutError, AssertionError):  # what it did not send is missed by who looks
                drive(url)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(go_on)
        try:
            yield
        finally:
            over.set()


@pytest.mark.real
def test_panels_that_the_real_server_can_fill_return_data(
    pair: list[Path], agent: AgentServer, configured: Callable[[str], Site]
) -> None:
    """A driven server of the new era, in-memory: every panel that is not left out for it shows something, on either Prometheus."""
    own = "systems: {agent_server: {runtimes: [inmem], roles: [combined], switches: []}}\nscrape: {interval: 5s, timeout: 5s}\n"
    bundle = build(configured(alone("agent_server", own)))
    with contextlib.ExitStack() as running:
        config = scrape_config({agent.url.removeprefix("http://"): "combined"})
        servers = [running.enter_context(Prometheus(binary, config, rules=fast(bundle))) for binary in pair]
        drive(agent.url)
        for server in servers:
            wait_until(partial(server.query, "sum(up)"), what="the first scrape", limit_seconds=30)
        drive(agent.url)
        for _ in range(2):
            assert requests.get(agent.url, timeout=10).json()["ok"] is True

        def panels(server: Prometheus) -> list[Verdict]:
            with prepared(bundle, Options(server.url), lambda _: None) as context:
                return list(run(context, [c for c in CHECKS if c.category == "panels"]))

        left: dict[str, list[Verdict]] = {}

        def filled(server: Prometheus) -> bool:
            own = [v for v in panels(server) if v.item.startswith("Agent Server / ")]
            assert own
            left[server.url] = [
                v for v in own if v.state is not State.OK and v.item.split(" / ")[2] not in NOTHING_HAPPENED
            ]
            return not left[server.url]

        with traffic(agent.url):  # a look at all panels takes longer than their windows where a machine is slow
            for server in servers:
                with contextlib.suppress(TimeoutError):
                    wait_until(partial(filled, server), what="data", limit_seconds=150)
            groups = [group for server in servers for group in server.groups()]

    assert "\n".join(f"{url}: {v.item}: {v.state}: {v.why}" for url, found in left.items() for v in found) == ""
    assert [(r.name, r.error) for g in groups for r in g.rules if r.health == "err"] == []


def shows(server: Prometheus, expr: str) -> bool:
    return any(not math.isnan(s.value) for s in server.query(expr))


@pytest.mark.real
def test_a_mixed_fleet_reads_right_on_both_eras(
    pair: list[Path], agent: AgentServer, configured: Callable[[str], Site]
) -> None:
    """One deployment with a server of each era: units, counts and identity are as if both were new."""
    found = install("old")
    if not found.path:
        missing(found.reason)
    site = configured(alone("agent_server", MIXED))
    bundle = build(site)
    lg, scope = site.system("agent_server"), Scope("1m")
    latency = quantile(0.95, lg["http_requests_latency"], by=("instance",)).build(scope)
    identity = 'count by (project_id) (label_replace(lg_api_workers_max, "project_id", "", "project_id", "None"))'
    with AgentServer("old") as old, contextlib.ExitStack() as running:
        targets = {agent.url.removeprefix("http://"): "combined", old.url.removeprefix("http://"): "combined"}
        config = scrape_config(targets)
        servers = [running.enter_context(Prometheus(binary, config, rules=fast(bundle))) for binary in pair]
        for server in servers:
            wait_until(partial(server.query, "sum(up) == 2"), what="both targets", limit_seconds=30)
        with ThreadPoolExecutor() as pool:
            list(pool.map(drive, (agent.url, old.url)))
        for server in servers:
            wait_until(partial(shows, server, latency), what="latencies", limit_seconds=30)
            means = server.query(mean(lg["http_requests_latency"], by=("instance",)).build(scope))
            both = {s.labels["instance"]: s.value for s in means}

            assert [r.error for g in server.groups() for r in g.rules if r.health == "err"] == []
            assert both.keys() == targets.keys()
            # The same calls on both: means of the same order, where seconds read as milliseconds would be a thousand apart.
            assert max(both.values()) / min(both.values()) < 20
            assert min(both.values()) > 10
            assert [s.labels for s in server.query(identity)] == [{}]


def histogram(
    name: str, edges: list[str], counts: list[int], labels: dict[str, str], steps: int
) -> list[tuple[dict[str, str], list[float]]]:
    """A histogram whose buckets gain `counts` (not cumulative) at every step."""
    total, out = 0, []
    for edge, gain in zip([*edges, "+Inf"], counts, strict=True):
        total += gain
        out.append(({"__name__": f"{name}_bucket", "le": edge, **labels}, [float(total * i) for i in range(steps)]))
    out.append(({"__name__": f"{name}_count", **labels}, [float(total * i) for i in range(steps)]))
    return out


@pytest.mark.real
def test_quantiles_over_both_eras_are_those_of_all_observations(
    binary: Path, configured: Callable[[str], Site], catalogue: Catalogue
) -> None:
    """Seconds and milliseconds, both spellings of `le`: the quantile of the union, exactly."""
    site = configured(MIXED)
    lg = site.system("agent_server")
    latency = lg["http_requests_latency"]
    known = {m.name: m for m in catalogue.systems["agent_server"].metrics}
    # As the servers write them; Prometheus 3 would rewrite all of them on a scrape, so both are tried.
    new_texts = ["10.0", "100.0", "500.0", *(str(int(e)) for e in known["http_requests_latency"].buckets[3:])]
    old_texts = [f"{e:g}" for e in known["http_requests_latency_seconds"].buckets]
    new_counts = [0, 10, 30, 5, 5, *[0] * 9]
    old_counts = [0, 0, 10, 20, 20, *[0] * 9]
    identity = {"system": "agent_server", "deployment": "d", "path": "/threads", "method": "GET", "instance": "a"}
    times = [1_700_000_000.0 + 15 * i for i in range(41)]
    with Prometheus(binary, history=True) as server:
        series = histogram(
            "lg_api_http_requests_latency",
            new_texts,
            new_counts,
            {**identity, "otel_scope_name": "lsd_langgraph_api"},
            41,
        )
        series += histogram("lg_api_http_requests_latency_seconds", old_texts, old_counts, identity, 41)
        server.push(series, times)

        def value(query: Query) -> float:
            (sample,) = server.query(query.build(Scope("5m")), time=times[-1] + 1)
            return sample.value

        # 100 observations a step: 10 up to 100 ms, 40 up to 500, 25 up to 1000, 25 up to 5000.
        assert value(quantile(0.5, latency)) == pytest.approx(500)
        assert value(quantile(0.75, latency)) == pytest.approx(1000)
        assert value(quantile(0.95, latency)) == pytest.approx(1000 + 4000 * 20 / 25)
        assert value(share_above(latency, 1000)) == pytest.approx(0.25)


@pytest.mark.real
def test_pool_counters_of_both_eras_add_up(binary: Path, configured: Callable[[str], Site]) -> None:
    """`..._queued` before 0.11.0 and `..._queued_total` after, on two processes of one deployment: one rate."""
    lg, ours = configured(MIXED).system("agent_server"), {"system": "agent_server", "deployment": "d"}
    times = [1_700_000_000.0 + 15 * i for i in range(41)]
    with Prometheus(binary, history=True) as server:
        server.push(
            [
                ({**ours, "__name__": "lg_api_pg_pool_requests_queued_total"}, [15.0 * i for i in range(41)]),
                ({**ours, "__name__": "lg_api_pg_pool_requests_queued"}, [30.0 * i for i in range(41)]),
            ],
            times,
        )

        found = server.query(
            rate(lg["pg_pool_requests_queued_total"], by=("deployment",)).build(Scope("5m")), time=times[-1] + 1
        )

    assert [(s.labels, round(s.value, 6)) for s in found] == [({"deployment": "d"}, 3.0)]


#: What the environment calls the token of LangSight's page.
TOKEN = "LANGSIGHT_METRICS_TOKEN"  # noqa: S105 - a name

#: A LangSight on which everything goes wrong at once.
LANGSIGHT_TROUBLE = """\
id: trouble
system: langsight
title: Everything at once
plays: A little of each fault, from the start.
duration: 10h
workload:
  requests: {POST /api/investigate: 0.2}
  error_ratio: 0.1
  rejected_ratio: 0.1
  scanned: 0.05
  latency_seconds: 0.5
  latency_spread: 1.0
  sse_slow_clients: 2
  servers: {github-mcp: down, search-mcp: degraded}
expect: {}
"""


#: A gateway on which everything goes wrong at once, so that every panel has something to show.
GATEWAY_TROUBLE = """\
id: trouble
system: agentgateway
title: Everything at once
plays: A little of each fault, from the start.
duration: 10h
workload:
  http_errors: {shop: 0.1, search: 0.1}
  gone: {docs: 0.3}
  unreached: {docs: 0.3}
  refused: {JwtAuth: 2, APIKeyAuth: 1}
  limited: 2
  shed_requests: 1
  shed_connections: 1
  llm: {internal/llama-3.3-70b: 1}
  llm_errors: {openai: 0.1}
  llm_limited: {openai: 0.1}
  retried: 0.3
  unpriced: [internal/llama-3.3-70b]
  mcp_errors: {files: 0.3}
  mcp_streams: 1
  guardrail_open: 0.1
  guardrail_masked: 0.1
  guardrail_rejected: 0.1
  xds_errors: 1
  xds_messages: 2
  substrate: 3
expect: {}
"""


@dataclass(frozen=True, slots=True)
class Played:
    """A simulated system that fills the boards of one configuration.

    Attributes:
        system: Its id.
        config: The bundle.yaml.
        scenario: What it plays; an ordinary day when empty.
        environment: Its variables.
        nothing: Panels that stay empty, each with the reason.
        lacking: Metrics that it never records, so every query of them stays empty.

    """

    system: str
    config: str
    scenario: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    nothing: Mapping[str, str] = field(default_factory=dict)
    lacking: tuple[str, ...] = ()


#: Labels of the operator's own, budgets, and prices for an estimate.
SPENDING = """\
systems:
  agentgateway:
    versions: code
    attribution: [team]
    budgets: [{label: team, value: search, usd_per_day: 1}]
    prices: [{model: gpt-4o, input: 2.5, output: 10}]
"""

PLAYED = {
    "langsight-documented": Played("langsight", "", LANGSIGHT_TROUBLE),
    "langsight-code": Played(
        "langsight",
        "",
        LANGSIGHT_TROUBLE,
        {"AGENT_REFERENCE_BEHAVIOUR": "code", TOKEN: "of-the-page"},  # without a token there is no page
        lacking=("health_checks_total",),
    ),
    "agentgateway-code": Played(
        "agentgateway",
        SPENDING,
        GATEWAY_TROUBLE,
        {"AGENT_REFERENCE_ATTRIBUTION": '{"team": {"search": 0.6, "unknown": 0.4}}'},
        nothing={
            "Request bytes": "the code does not measure them",
            "Open connections": "the code has no such gauge",
            "Open sessions": "the code has no such gauge",
        },
    ),
    "agentgateway-documented": Played(
        "agentgateway",
        "systems: {agentgateway: {versions: documented}}\n",
        GATEWAY_TROUBLE,
        {"AGENT_REFERENCE_ERA": "documented"},
    ),
}

#: Between two scrapes of a simulated system, and the longest that one may take: a slow machine writes a large page in time.
SCRAPED = "4s"

#: A query of another day: the servers here have no past.
PAST = re.compile(r" offset \d+d")


def reference(played: Played, folder: Path) -> Reference:
    """Start the simulated system, sixty times as fast as life."""
    path = folder / "trouble.yaml"
    path.write_text(played.scenario, encoding="utf-8")
    flags = ["--scenario", str(path)] if played.scenario else []
    return Reference("--system", played.system, "--time-scale", "60", *flags, env=played.environment)


def up(server: Prometheus) -> bool:
    """Say whether every target of a Prometheus is up, and there is one."""
    return {target.health for target in server.targets()} == {"up"}


def rated(server: Prometheus) -> bool:
    """Say whether every target of a Prometheus was scraped often enough for a rate."""
    found = server.query("count_over_time(up[1h])")
    return bool(found) and all(sample.value > 2 for sample in found)


@pytest.mark.real
@pytest.mark.parametrize("name", PLAYED)
def test_panels_of_a_played_system_return_data(
    pair: list[Path], configured: Callable[[str], Site], tmp_path: Path, name: str
) -> None:
    """Real servers find and scrape a simulated system in trouble: every panel of its boards shows something on each of them."""
    played = PLAYED[name]
    bundle = build(configured(alone(played.system, played.config)))
    with reference(played, tmp_path) as process:
        url = process.ready().url
        discovery = {"http_sd_configs": [{"url": f"{url}/targets", "refresh_interval": "5s"}]}
        job: dict[str, Any] = {
            "job_name": played.system,
            "scrape_interval": SCRAPED,
            "scrape_timeout": SCRAPED,
            **discovery,
        }
        if token := played.environment.get(TOKEN):
            job["authorization"] = {"credentials": token}
        config = yaml.safe_dump({"global": {"evaluation_interval": EVALUATED}, "scrape_configs": [job]})
        with contextlib.ExitStack() as running:
            servers = [running.enter_context(Prometheus(binary, config, rules=fast(bundle))) for binary in pair]
            own = [q for q in panel_queries(bundle) if about(bundle, q, played.system)]
            never = [q for q in own if q[1] in played.nothing or any(m.name in played.lacking for m in q[2].metrics)]
            past = [q for q in own if PAST.search(q[3])]
            due = [q for q in own if (q[1] not in NOTHING_HAPPENED or q[1] in FAILING) and q not in (*never, *past)]
            left = [(server, q) for server in servers for q in due]
            for server in servers:  # before that no rate is there, and hundreds of queries would ask for nothing
                wait_until(partial(rated, server), what="three scrapes", limit_seconds=60)

            def filled() -> bool:
                left[:] = [(server, q) for server, q in left if not shows(server, q[3])]
                return not left

            with contextlib.suppress(TimeoutError):
                wait_until(filled, what="data", limit_seconds=90)
            after_all = {q[1] for server in servers for q in never if shows(server, q[3])}
            rules = [r for server in servers for g in server.groups() for r in g.rules]
            health = [(r.name, r.error) for r in rules if r.health == "err"]
            # A scrape now and then may take longer than the seconds that it has; a target that is down stays so.
            for server in servers:
                wait_until(partial(up, server), what="every target to be up", limit_seconds=30)

    assert own
    assert "\n".join(f"{server.url}: {q[0]}: {q[1]}: {q[3]}" for server, q in left) == ""
    assert after_all == set()
    assert health == []
