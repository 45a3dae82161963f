"""The simulated agentgateway: its page, its paths, its eras, its scenarios; and what the generator makes of both eras."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import requests
import yaml

from generator.bundle import Bundle, build
from generator.catalogue import Kind, load
from generator.config.site import Site
from generator.lint import run
from generator.outputs import FORMATS
from reference_server.agentgateway import MODEL
from reference_server.agentgateway.model import ERA
from reference_server.agentgateway.page import OPEN_METRICS, TEXT, content_type, number, write
from reference_server.agentgateway.workload import DOCUMENTED, GatewayWorkload
from reference_server.core.rates import Service
from reference_server.core.rates.app import build as app
from reference_server.core.rates.settings import ServiceSettings
from reference_server.core.serve import Running, bind
from reference_server.core.settings import SettingsError
from reference_server.scenarios import coverage, live
from reference_server.scenarios import library as scenarios
from testbed.evidence import Evidence, evidence, slow_share
from testbed.servers import Prometheus, find, missing, wait_until

METRICS = load().systems["agentgateway"].metrics
BOTH = {"requests_total", "request_duration_seconds", "mcp_requests_total"}


def played(seconds: float = 600, **workload: object) -> Service:
    service = Service(MODEL, workload=GatewayWorkload(**workload), metrics=METRICS, start=0)  # type: ignore[arg-type]
    service.advance(seconds)
    return service


def lines(service: Service) -> list[str]:
    return write(service.processes[0]).decode().splitlines()


@contextmanager
def serving(**environment: str) -> Iterator[str]:
    hosting = live.service(ServiceSettings("agentgateway", time_scale=60.0))
    with Running(app(hosting, environment), bind("127.0.0.1", 0)) as running:
        yield running.url


# The page.


def test_the_page_is_spelt_as_prometheus_client_of_rust_does() -> None:
    """HELP, TYPE, UNIT; counters and info without their suffix; whole counts, `le` first, sum and count before buckets."""
    text = lines(played())

    place = text.index("# TYPE agentgateway_tls_handshake_duration_seconds histogram")
    assert text[place - 1].startswith("# HELP agentgateway_tls_handshake_duration_seconds Duration to complete")
    assert text[place + 1] == "# UNIT agentgateway_tls_handshake_duration_seconds seconds"
    assert re.fullmatch(r"agentgateway_tls_handshake_duration_seconds_sum\{.*\} \d+\.\d+", text[place + 2])
    assert re.fullmatch(r"agentgateway_tls_handshake_duration_seconds_count\{.*\} \d+", text[place + 3])
    assert text[place + 4].startswith('agentgateway_tls_handshake_duration_seconds_bucket{le="0.0005",bind="8443/')
    assert "# TYPE agentgateway_requests counter" in text
    assert "# TYPE agentgateway_build info" in text
    assert 'agentgateway_build_info{tag="1.5.0"} 1' in text
    assert "# UNIT agentgateway_gen_ai_client_cost_usd usd" in text
    assert any(re.fullmatch(r"agentgateway_gen_ai_client_cost_usd_total\{.*\} \d+\.\d+", line) for line in text)
    assert any('le="5e-5"' in line for line in text)
    assert text[-1] == "# EOF"


def test_an_unset_label_is_the_text_unknown() -> None:
    refused = [line for line in lines(played(refused={"JwtAuth": 5.0})) if 'reason="JwtAuth"' in line]

    assert refused
    assert all('backend="unknown"' in line and 'protocol="http"' in line for line in refused)


def test_a_family_without_series_is_not_on_the_page() -> None:
    """prometheus-client writes none, so a name that is missing says nothing about the build."""
    text = "\n".join(lines(played(xds_messages=0, xds_errors=0)))

    assert "agentgateway_xds_message" not in text
    assert "agentgateway_requests_shed_total{" in text


@pytest.mark.long
def test_what_is_said_to_be_still_is_on_the_page_and_never_moves() -> None:
    """Nobody looks in every scenario for what moves it; a storm of connections does not."""
    nothing = {line.removeprefix("agentgateway_") for line in lines(played()) if line.endswith(" 0")}

    assert {name for name in MODEL.still if {f"{name} 0", f"{name}_total 0"} & nothing} == MODEL.still
    assert coverage.moved(scenarios.find("G08"), METRICS, MODEL.still) == set()


@pytest.mark.parametrize(("value", "text"), [(1.0, "1.0"), (5e-05, "5e-5"), (0.001, "0.001"), (float("inf"), "+Inf")])
def test_floats_are_written_as_rust_does(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("", TEXT),
        ("*/*", TEXT),
        ("text/plain;version=0.0.4", TEXT),
        ("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5", OPEN_METRICS),
    ],
)
def test_the_content_type_follows_accept(accept: str, wanted: str) -> None:
    assert content_type(accept) == wanted


def test_both_paths_have_the_page_and_readiness_is_answered() -> None:
    """Port 15020 has /metrics and /stats/prometheus; readiness, which the real one has on 15021, is here on the same port."""
    with serving() as url:
        pages = [
            requests.get(url + path, timeout=10)
            for path in ("/metrics", "/stats/prometheus", "/processes/agentgateway-1/metrics")
        ]
        ready = requests.get(f"{url}/healthz/ready", timeout=10)
        asked = requests.get(
            f"{url}/stats/prometheus", headers={"Accept": "application/openmetrics-text; version=1.0.0"}, timeout=10
        )

    assert [p.status_code for p in pages] == [200, 200, 200]
    assert {p.headers["content-type"] for p in pages} == {TEXT}
    assert asked.headers["content-type"] == OPEN_METRICS
    assert asked.text.endswith("# EOF\n")
    assert (ready.status_code, ready.text) == (200, "ready\n")


@pytest.mark.real
@pytest.mark.parametrize("age", ["oldest", "newest"])
def test_a_real_prometheus_reads_the_open_metrics_text(age: str) -> None:
    """Its strict parser takes the page: names, units, EOF; and knows type and unit of a counter."""
    found = find("prometheus", age)
    if not found.path:
        missing(found.reason)
    assert found.path
    with serving() as url:
        targets = [{"targets": [url.removeprefix("http://")]}]
        job = {"job_name": "x", "scrape_interval": "3s", "scrape_timeout": "3s", "static_configs": targets}
        with Prometheus(found.path, yaml.safe_dump({"scrape_configs": [job]})) as server:
            wait_until(lambda: server.query("agentgateway_requests_total") != [], what="a scrape", limit_seconds=60)
            (target,) = server.targets()
            known = server.get("/api/v1/metadata")

    assert (target.health, target.error) == ("up", "")
    assert known["agentgateway_requests"][0]["type"] == "counter"
    assert known["agentgateway_request_duration_seconds"][0]["unit"] == "seconds"


# Eras.


def names(service: Service) -> set[str]:
    found = (re.match(r"agentgateway_(\w+?)(_bucket|_sum|_count)?[{ ]", line) for line in lines(service))
    return {m.group(1) for m in found if m}


def test_the_documented_page_has_the_eleven_names_and_no_other() -> None:
    assert names(played(era=DOCUMENTED)) == {m.name for m in METRICS if DOCUMENTED in m.emission}


def test_the_codes_page_has_no_name_of_the_documentation_alone() -> None:
    alone = {m.name for m in METRICS if set(m.emission) == {DOCUMENTED}}

    assert names(played(llm_errors={"openai": 0.5})) & alone == set()
    assert len(alone) == 11 - len(BOTH)


def test_the_environment_sets_the_era() -> None:
    with serving(**{ERA: DOCUMENTED}) as url:
        wait_until(
            lambda: "llm_requests" in requests.get(f"{url}/metrics", timeout=10).text, what="traffic", limit_seconds=60
        )
        text = requests.get(f"{url}/metrics", timeout=10).text

    assert "agentgateway_build_info" not in text


def test_another_era_is_refused() -> None:
    with pytest.raises(SettingsError) as caught:
        MODEL.adapt(GatewayWorkload(), {ERA: "future"})

    assert caught.value.problems == [f"{ERA} is 'future'; wanted: code or documented"]


def read_by(bundle: Bundle) -> set[str]:
    boards = {m.name for b in bundle.boards.values() for m in b.metrics if m.system == "agentgateway"}
    alerts = [a.query for groups in bundle.rules.values() for g in groups for a in g.alerts]
    records = [r.query for groups in bundle.rules.values() for g in groups for r in g.records]
    return boards | {m.name for q in (*alerts, *records) for m in q.metrics if m.system == "agentgateway"}


@pytest.mark.parametrize("era", ["code", "documented"])
def test_boards_and_rules_read_every_name_of_the_era_and_no_other(configured: Callable[[str], Site], era: str) -> None:
    bundle = build(configured(f"systems: {{agentgateway: {{versions: {era}}}}}\n"))

    assert read_by(bundle) == {m.name for m in METRICS if era in m.emission and not m.no_board}
    assert all(out.why for out in bundle.left_out)


@pytest.mark.parametrize("era", ["code", "documented"])
def test_what_is_made_for_an_era_is_clean(configured: Callable[[str], Site], tmp_path: Path, era: str) -> None:
    """Every named check, over the files that the command would write."""
    site = configured(f"systems: {{agentgateway: {{versions: {era}}}}}\n")
    for path, text in FORMATS["files"].render(build(site)).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")

    assert run(site, tmp_path) == []


def test_alerts_that_the_documentation_cannot_express_are_left_out_with_the_reason(
    configured: Callable[[str], Site],
) -> None:
    bundle = build(configured("systems: {agentgateway: {versions: documented}}\n"))
    reasons = {out.what: out.why for out in bundle.left_out if out.what.startswith("Agentgateway")}

    assert reasons.keys() == {
        "AgentgatewayGuardrailDown", "AgentgatewayGuardrailFailOpen", "AgentgatewayConfigNotSynchronized", "AgentgatewayXdsErrors",
        "AgentgatewayTlsHandshakeSlow", "AgentgatewayOverheadHigh", "AgentgatewayLlmSlowFirstToken",
        "AgentgatewayLlmTokenSpike", "AgentgatewayLlmCostBudget", "AgentgatewayUnpricedModels",
        "AgentgatewayBudgetSpent", "AgentgatewayAttributionValues",  # nor do other versions without attribution
    }  # fmt: skip
    assert reasons["AgentgatewayGuardrailFailOpen"] == (
        "agentgateway_guardrail_checks_total: not in agentgateway by its documentation"
    )


# Scenarios.

IDS = ["documented", *(f"G{n:02}" for n in range(1, 13)), "B23", "B25"]

#: What tells each scenario from a calm day, from the series alone. Minutes.
SIGNATURES: dict[str, Callable[[Evidence], bool]] = {
    "documented": lambda e: e.increase("llm_requests_total", 0, 40) > 1000,
    "G01": lambda e: not any(e.up(21, 49)) and all(e.up(55, 90)),
    "G11": lambda e: (
        e.increase("requests_total", 20, 90, reason="DirectResponse", status="403") > 20_000
        and e.increase("requests_total", 20, 90, reason="MCP", status="500", backend="agents/files") > 5_000
    ),
    "B25": lambda e: (
        e.increase("requests_total", 20, 90, reason="MCP", status="400") > 1_000
        and e.increase("requests_total", 20, 90, reason="Internal", status="503") > 2_000
        and e.increase("cost_catalog_lookups_total", 20, 90, gen_ai_request_model="gpt-17", status="Missing") > 100
    ),
    "G02": lambda e: (
        e.increase("requests_total", 20, 90, reason="JwtAuth") > 20_000
        and 0.05 < e.share("requests_total", "requests_total", 20, 90, status="500") < 0.08
    ),
    "G03": lambda e: e.increase("requests_total", 20, 60, reason="NoHealthyBackend") > 1000,
    "G04": lambda e: slow_share(e, "request_processing_seconds", "0.05", 25, 75) > 0.5,
    "G05": lambda e: e.increase("mcp_requests_total", 21, 105, server="web") == 0,
    "G06": lambda e: slow_share(e, "gen_ai_server_time_to_first_token", "5.0", 25, 90) > 0.5,
    "G07": lambda e: e.increase("gen_ai_client_token_usage_sum", 60, 120) > 1.5e8,
    "G08": lambda e: e.increase("downstream_connections_total", 30, 90) / 3600 > 100,
    "G09": lambda e: (
        e.increase("guardrail_checks_total", 30, 60, action="FailOpen")
        == e.increase("guardrail_checks_total", 30, 60)
        > 0
    ),
    "G10": lambda e: set(e.values("config_synchronized", 25, 75)) == {0.0},
    "G12": lambda e: (
        e.up(61, 120) == []
        and {s[2] for s in e.scrapes if 21 <= s[0] <= 39 and s[3]} != {s[2] for s in e.scrapes if s[0] <= 19}
    ),
    "B23": lambda e: slow_share(e, "gen_ai_server_request_duration", "81.92", 10, 120) > 0.9,
}


@pytest.mark.long
@pytest.mark.parametrize("word", IDS)
def test_a_scenario_plays_what_it_says(word: str) -> None:
    assert SIGNATURES[word](evidence(word))


ORDINARY = """\
id: ordinary
system: agentgateway
title: An ordinary day
plays: Nothing happens.
duration: 2h
expect: {}
"""


@pytest.fixture(scope="module")
def ordinary(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """A day without any fault."""
    path = tmp_path_factory.mktemp("ordinary") / "ordinary.yaml"
    path.write_text(ORDINARY, encoding="utf-8")
    return evidence(str(path))


@pytest.mark.long
@pytest.mark.parametrize("word", IDS)
def test_an_ordinary_day_has_no_such_signature(ordinary: Evidence, word: str) -> None:
    """A check that is true of everything checks nothing."""
    assert not SIGNATURES[word](ordinary)


def test_all_scenarios_are_shipped_and_faults_name_alerts() -> None:
    shipped = list(scenarios.shipped("agentgateway"))

    assert [s.id for s in shipped] == IDS
    for scenario in shipped:
        assert bool(scenario.fire) == scenario.id.startswith("G"), scenario.id
        assert all(e.alert.startswith("Agentgateway") for e in scenario.fire)
        assert all(e.since + e.within <= scenario.duration for e in scenario.fire), scenario.id


def test_the_same_seed_is_the_same_page() -> None:
    assert lines(played()) == lines(played())


def test_work_is_shared_and_cost_follows_tokens() -> None:
    """Ten times the tokens cost ten times the money; half of the processes do half of the work."""
    calm, dear = played(), played(input_tokens=12_000.0, output_tokens=3_500.0)

    def spent(service: Service) -> float:
        return sum(p.instruments.value("gen_ai_client_cost_usd_total") for p in service.processes)

    counts = [p.instruments.value("requests_total", protocol="http") for p in calm.processes]
    assert 8 < spent(dear) / spent(calm) < 12
    assert 0.8 < counts[0] / counts[1] < 1.25


def test_histograms_of_the_documentation_get_edges() -> None:
    """It gives none, and a page needs some; the catalogue stays as it is."""
    recorded = {m.name: m for m in MODEL.metrics("", METRICS)}

    assert all(m.buckets for m in recorded.values() if m.kind is Kind.HISTOGRAM)
    assert replace(recorded["request_size_bytes"], buckets=()) == next(
        m for m in METRICS if m.name == "request_size_bytes"
    )


def pages(service: Service) -> str:
    """Return the pages of all processes."""
    return "".join(write(one).decode() for one in service.processes)


def test_whole_answers_have_no_first_token_and_streamed_ones_no_checks() -> None:
    """Seen on the real 1.4.1."""
    complete, streamed = played(streamed=0.0), played(streamed=1.0)

    assert "gen_ai_server_time_to_first_token" not in pages(complete)
    assert "gen_ai_server_time_per_output_token" not in pages(complete)
    assert "gen_ai_client_token_usage" in pages(complete)
    assert 'phase="Response"' in pages(complete)
    assert 'phase="Response"' not in pages(streamed)


def test_each_guard_that_a_request_passes_is_a_check() -> None:
    def checks(service: Service) -> float:
        return sum(p.instruments.value("guardrail_checks_total", phase="Request") for p in service.processes)

    assert 2.5 < checks(played(guards=3)) / checks(played()) < 3.5


def test_bytes_are_counted_when_a_connection_ends() -> None:
    """Seen on the real 1.4.1: nothing while it is open, all of it at its end."""
    service = played(connections=0.0)
    (process, _) = service.processes

    assert process.instruments.value("downstream_sent_bytes_total") == 0
    service.workload = replace(service.workload, connections=8.0)
    carried = process.state["carried"]["8443/agents/ai-gateway"]
    service.advance(service.now + 60)
    assert process.instruments.value("downstream_sent_bytes_total", gateway="agents/ai-gateway") > carried * 3_500
