"""`agentobs validate --scenario`: what a scenario expects is asked for, played, delivered and called off."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
import requests

from generator.bundle import build
from generator.config.site import Site
from generator.errors import GeneratorError
from generator.validate.access import Access
from generator.validate.context import Context, Driven, documents
from generator.validate.evidence import Evidence
from generator.validate.plays import Expected, Play, find, read
from generator.validate.probe import AbsentError, Probe, SilentError
from generator.validate.prometheus import Prometheus
from generator.validate.scenarios import _silence, looks_back, scenarios
from generator.validate.verdict import State
from generator.validate.webhook import Delivery, Webhook
from reference_server.agent_server import settings
from reference_server.core.rates.app import build as build_service
from reference_server.core.rates.settings import ServiceSettings
from reference_server.core.serve import Running, bind
from reference_server.scenarios import live
from reference_server.scenarios.live import start
from testbed.servers.fake import FakeServer, in_json
from testbed.stack.__main__ import main


def test_a_reference_server_tells_what_a_scenario_expects() -> None:
    """Times in virtual seconds; a scenario that it does not have is told, and so is a server that is none."""
    with start(settings.read({"scenario": "idle"}, {})) as server:
        probe = Probe("the reference server", server.url, Access())
        play = read(probe, "F10")
        with pytest.raises(AbsentError, match="has no scenario 'F99'; `agent-reference-server scenarios` lists them"):
            read(probe, "F99")
        refused = [
            requests.get(f"{server.url}/scenarios/{name}", timeout=10).status_code for name in ("..%2Fbusy", "x.yaml")
        ]
        method = requests.post(f"{server.url}/scenarios/F10", timeout=10).status_code
        probe.close()

    assert play.id == "F10"
    assert Expected("AgentServerPgPoolErrors", (20 + 15) * 60.0) in play.fire
    assert play.lasts == 75 * 60
    assert play.silent == {"critical", "AgentServerRedisPoolNearlyFull"}
    assert (refused, method) == ([404, 404], 415)


@pytest.mark.parametrize(
    "answer", [{}, [], {"id": "x", "deployments": []}, {"id": "x", "deployments": ["demo"], "fire": []}]
)
def test_a_server_that_describes_scenarios_otherwise(answer: object) -> None:
    """One sentence, no traceback."""
    with FakeServer(lambda _: in_json(answer)) as fake:
        probe = Probe("the reference server", fake.url, Access())
        with pytest.raises(SilentError, match="answers /scenarios/F10 in another shape than its API"):
            read(probe, "F10")
        probe.close()


def test_a_scenario_is_played_where_its_system_is() -> None:
    """Each reference server knows the scenarios of its own system; what none of them knows is told with all addresses."""
    other = build_service(live.service(ServiceSettings("langsmith")), {})
    with start(settings.read({"scenario": "idle"}, {})) as agents, Running(other, bind("127.0.0.1", 0)) as langsmith:
        probes = [Probe("the reference server", url, Access()) for url in (agents.url, langsmith.url)]
        by = {name: find(probes, name) for name in ("F10", "S03", "S07", "calm")}
        with pytest.raises(AbsentError, match=rf"has a scenario 'G09': {agents.url}, {langsmith.url}"):
            find(probes, "G09")
        for probe in probes:
            probe.close()

    assert {name: (reference.url, play.system) for name, (reference, play) in by.items()} == {
        "F10": (agents.url, "agent_server"), "S03": (langsmith.url, "langsmith"), "S07": (langsmith.url, "langsmith"),
        "calm": (agents.url, "agent_server"),
    }  # fmt: skip
    assert Expected("LangSmithIngestStalled", (20 + 35) * 60.0) in by["S03"][1].fire
    assert (by["S03"][1].past, by["S07"][1].past) == (0, 8 * 86_400)


@pytest.mark.parametrize("flags", [[], ["--keep"]])
def test_a_scenario_that_needs_days_of_history_is_refused_before_anything_starts(
    flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Its alerts compare with yesterday or last week."""
    assert main(["--scenario", "F10", "L05", *flags]) == 1

    told_of = capsys.readouterr().err
    assert "l05-ingestion-stopped.yaml:1: L05 begins with days of history, which no live server has" in told_of
    assert "make fidelity" in told_of


def test_validate_says_that_it_cannot_play_such_a_scenario(configured: Callable[[str], Site]) -> None:
    """Nothing is switched, and it is no success."""
    bundle = build(configured(""))
    hosting = live.service(ServiceSettings("langsmith"))
    with Running(build_service(hosting, {}), bind("127.0.0.1", 0)) as server:
        probe = Probe("the reference server", server.url, Access())
        driven = Driven((probe,), ("S07",), ("127.0.0.1", 0))
        prometheus = Prometheus(probe)
        context = Context(
            bundle, {}, prometheus, prometheus, probe, None, Evidence(bundle.site, {}, {}, {}), 0, 0, driven=driven
        )
        (verdict,) = scenarios(context)
        probe.close()

    assert (verdict.item, verdict.state) == ("S07", State.WRONG)
    assert "begins with 8 days of history" in verdict.why
    assert hosting.scenario.id == "calm"


def delivery(name: str, severity: str, began: float = 10, *, firing: bool = True) -> Delivery:
    return Delivery({"alertname": name, "severity": severity}, firing, began, began + 1)


def test_what_has_to_be_silent_is_named() -> None:
    """By severity or by name; what is tolerated, what began before, and what is resolved, does not count."""
    play = Play("F1", 60, (), (), frozenset({"Tolerated"}), frozenset({"critical", "Named"}))

    assert _silence(play, [delivery("Ticket", "warning"), delivery("Tolerated", "critical"), delivery("Old", "critical", 4),
                           delivery("Over", "critical", firing=False), delivery("ObservabilityWatchdog", "critical")], 5).state is State.OK  # fmt: skip
    loud = _silence(play, [delivery("Page", "critical"), delivery("Named", "warning")], 5)
    assert (loud.state, loud.why) == (State.WRONG, "Named, Page fired")


def test_how_far_an_alert_looks_back_goes_through_what_is_recorded(configured: Callable[[str], Site]) -> None:
    """An hour of a rate over five minutes that is recorded, and what it is kept firing for."""
    bundle = build(configured(""))
    probe = Probe("Prometheus", "http://127.0.0.1:1", Access())
    prometheus, files = Prometheus(probe), documents(bundle)
    context = Context(bundle, files, prometheus, prometheus, None, None, Evidence(bundle.site, {}, {}, {}), 0, 0)
    rules = {r["alert"]: r for g in context.groups() for r in g["rules"] if "alert" in r}
    scaled = replace(bundle, time_scale=60)

    assert looks_back(context, "AgentServerAvailabilityBurn1h") >= 3600 + 300
    assert looks_back(replace(context, files=documents(scaled)), "AgentServerAvailabilityBurn1h") == pytest.approx(
        looks_back(context, "AgentServerAvailabilityBurn1h") / 60, rel=0.01
    )
    assert looks_back(context, "ObservabilityWatchdog") == 0
    assert "ObservabilityWatchdog" in rules


def test_the_webhook_remembers_notifications_and_refuses_what_is_none() -> None:
    """Firing and resolved, with the time at which they began."""
    alerts = [
        {"labels": {"alertname": "A"}, "status": "firing", "startsAt": "2026-01-02T03:04:05Z"},
        {"labels": {"alertname": "B"}, "status": "resolved"},
    ]
    begin = time.time()
    with Webhook(("127.0.0.1", 0)) as webhook:
        url = f"http://{webhook.address}/"
        codes = [
            requests.post(url, data=body, timeout=10).status_code
            for body in (json.dumps({"alerts": alerts}), "[", json.dumps({"alerts": 7}), json.dumps([]))
        ]
        found = webhook.since(begin)
        with pytest.raises(GeneratorError, match="cannot be listened on"):
            Webhook(("127.0.0.1", int(webhook.address.rpartition(":")[2])))
        assert webhook.since(time.time() + 1) == []

    assert codes == [200, 400, 400, 400]
    assert [(d.name, d.firing) for d in found] == [("A", True), ("B", False)]
    assert found[0].began == 1767323045
