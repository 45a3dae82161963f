"""Versions: which are in the field, what they lack, and who says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from generator.bundle import build
from generator.catalogue import Catalogue, Versions, load
from generator.config.site import Site
from generator.errors import GeneratorError
from generator.validate.evidence import Evidence, Processes
from generator.validate.verdict import State
from reference_server.agentgateway import MODEL
from reference_server.agentgateway.page import write
from reference_server.agentgateway.workload import GatewayWorkload
from reference_server.core.rates import Service


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("1.4.1", "1.4.1", "1.4.1"),
        ("1.4", "1.4", "1.4"),
        ("1.2 - 1.4.1", "1.2", "1.4.1"),
        ("1.2-1.4.1", "1.2", "1.4.1"),
        (">=1.2", "1.2", ""),
        ("<= 1.4", "", "1.4"),
    ],
)
def test_versions_are_read(text: str, first: str, last: str) -> None:
    """One, a range, or a range that is open at one side."""
    assert Versions.read(text) == Versions(first, last)


@pytest.mark.parametrize("text", ["", "new", "v1.4", "1.4 - 1.2", ">1.2", ">=1.2 - 1.4", "1..2", "1.2 -", "1.x"])
def test_other_texts_are_no_versions(text: str) -> None:
    """Nor is a range in which there is none."""
    assert Versions.read(text) is None


@pytest.mark.parametrize(
    ("versions", "since", "until", "has"),
    [
        ("1.4.1", "1.3", "", True),
        ("1.4.1", "1.5", "", False),
        ("1.4", "1.4.1", "", True),
        ("1.2 - 1.4.1", "1.4", "", True),
        ("1.2 - 1.4.1", "1.5", "", False),
        (">=0.11", "0.5.6", "0.11.0", False),
        ("<=0.10", "0.5.6", "0.11.0", True),
        ("0.10.3 - 0.12", "", "0.11.0", True),
        ("0.11.0", "", "0.11.0", False),
    ],
)
def test_a_range_has_what_one_of_its_versions_has(versions: str, since: str, until: str, *, has: bool) -> None:
    """`since` is among those that have it, `until` is the first that has it no more."""
    read = Versions.read(versions)

    assert read is not None
    assert read.has(since, until) is has


@pytest.mark.parametrize("given", ["v1.4", "1.4 - 1.2", "newest", "mixed"])
def test_a_text_that_is_no_version_is_refused(configured: Callable[[str], Site], given: str) -> None:
    """With its line, and what would be right."""
    with pytest.raises(GeneratorError) as refused:
        configured(f'systems:\n  agentgateway: {{versions: "{given}"}}\n')

    assert "bundle.yaml:2: " in str(refused.value)
    assert '"1.2 - 1.4.1"' in str(refused.value)


@pytest.mark.parametrize(
    ("versions", "lacking"),
    [
        ("", {"requests_shed_total", "gen_ai_server_inter_chunk_latency"}),
        ("1.4.1", {"requests_shed_total", "gen_ai_server_inter_chunk_latency"}),
        ("1.2.0", {"requests_shed_total", "config_synchronized", "gen_ai_client_cost_usd_total"}),
        ("0.10.4", {"tokio_num_workers", "process_rss", "retries_total"}),
        (">=1.2", set()),
        ("code", set()),
    ],
)
def test_boards_leave_out_what_no_version_has(
    configured: Callable[[str], Site], versions: str, lacking: set[str]
) -> None:
    """By name, with the version that brought it; what some version has stays."""
    site = configured(f"systems: {{agentgateway: {{versions: {versions!r}}}}}\n" if versions else "{}\n")
    names = {m.name: m.missing for m in site.system("agentgateway") if m.missing.startswith("only in agentgateway")}
    shown = {m.name for board in build(site, kinds=["boards"]).boards.values() for m in board.metrics}

    assert lacking <= set(names)
    assert not set(names) & shown
    assert bool(lacking) or not names


def test_a_value_that_no_version_has_takes_the_alert_with_it(configured: Callable[[str], Site]) -> None:
    """FailOpen is known since 1.3: before, the alert on it cannot fire, and is left out by name."""
    found = {}
    for versions in ("1.2.0", "1.3.0"):
        bundle = build(configured(f"systems: {{agentgateway: {{versions: {versions}}}}}\n"))
        found[versions] = {rule.name for groups in bundle.rules.values() for g in groups for rule in g.alerts}

    assert found["1.3.0"] - found["1.2.0"] >= {"AgentgatewayGuardrailFailOpen", "AgentgatewayConfigNotSynchronized"}


def evidence(site: Site, seen: Mapping[str, int]) -> Evidence:
    reached = Processes({"": 1}, {"": 1})
    return Evidence(site, {"agentgateway": reached}, {("agentgateway", k): n for k, n in seen.items()}, {})


def test_what_only_later_versions_have_is_never_wrong(configured: Callable[[str], Site]) -> None:
    """While nothing of a later version is seen; where something is, what it has from its start has to be there."""
    site = configured('systems: {agentgateway: {versions: ">=1.2"}}\n')
    synchronized = site.system("agentgateway")["config_synchronized"]

    older = evidence(site, {}).reason(synchronized)
    newer = evidence(site, {"agentgateway_request_processing_seconds": 1}).reason(synchronized)

    assert older.state is State.EMPTY
    assert older.why == "only agentgateway 1.3 and later has it, and nothing that only these have is seen"
    assert newer.state is State.WRONG


@pytest.mark.parametrize(
    ("version", "there", "absent"),
    [
        ("1.4.1", "agentgateway_config_synchronized ", "agentgateway_requests_shed_total"),
        ("1.2.0", "agentgateway_process_rss ", "agentgateway_config_synchronized"),
        ("0.10.5", "agentgateway_tokio_num_workers ", "agentgateway_cgroup_usage"),
    ],
)
def test_the_reference_is_of_the_version_that_it_is_told(version: str, there: str, absent: str) -> None:
    """Its page lacks what came later, and its build says so."""
    service = Service(
        MODEL, workload=GatewayWorkload(version=version), metrics=load().systems["agentgateway"].metrics, start=0
    )
    service.advance(600)
    page = write(service.processes[0]).decode()

    assert f'tag="{version}"' in page
    assert f"\n{there}" in page
    assert absent not in page


def test_pages_of_python_are_there_since_the_new_era(catalogue: Catalogue, configured: Callable[[str], Site]) -> None:
    """A page that is written by hand has no `process_*`; boards of such servers ask for none."""
    assert catalogue.systems["agent_server"].pages_since == {"process": "0.11.0", "python": "0.11.0"}
    old = configured("systems: {agent_server: {versions: old}}\n").system("process", on="agent_server")
    mixed = configured("systems: {agent_server: {versions: mixed}}\n").system("process", on="agent_server")

    assert {m.missing for m in old} == {"only in Agent Server 0.11.0 and later (versions: <=0.10)"}
    assert {m.missing for m in mixed} == {""}
