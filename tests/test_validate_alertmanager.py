"""`agentobs validate --alertmanager` on real Alertmanagers: the generated configuration, and what someone made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import yaml

from generator.validate.access import Access
from generator.validate.alertmanager import waits
from generator.validate.answer import Answer
from generator.validate.probe import Probe
from generator.validate.verdict import State
from testbed.servers import Alertmanager, find
from testbed.servers.fake import FakeServer, in_json
from tests.validating import Installation, judged, troubles

pytestmark = pytest.mark.real


def other(live: Installation, config: Mapping[str, Any]) -> dict[str, str]:
    """What is said of an Alertmanager with this configuration, the address apart."""
    found = find("alertmanager", "newest").path
    assert found
    with (
        Alertmanager(found, yaml.safe_dump(config)) as server,
        live.context(alertmanager=f"http://{server.address}") as context,
    ):
        verdicts = troubles(judged(context, "alertmanager"))
    # Prometheus tells the other one.
    assert verdicts.pop("Prometheus sends to it").endswith("may be the same under another name")
    return verdicts


def generated(live: Installation) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load(live.text("alerts/alertmanager.yml"))
    return config


def test_the_generated_configuration_is_recognised(live: Installation) -> None:
    """Each route, inhibition and receiver, and that Prometheus tells it."""
    config = generated(live)
    with live.context() as context:
        verdicts = judged(context, "alertmanager")

    assert {v.state for v in verdicts.values()} == {State.OK}
    assert len(verdicts) == 2 + len(config["route"]["routes"]) + len(config["inhibit_rules"]) + len(config["receivers"])


def test_routes_that_are_lost_changed_or_in_another_order(live: Installation) -> None:
    """Each by its matchers, with what is loaded and what is generated."""
    config = generated(live)
    watchdog, pages, tickets, nobody = config["route"]["routes"]
    pages["receiver"] = "tickets"
    tickets["group_wait"] = "59s"
    config["route"]["routes"] = [tickets, pages, nobody]

    found = other(live, config)

    assert found['the route of alertname="ObservabilityWatchdog"'] == "it is not loaded"
    assert found['the route of severity="critical"'] == "its receiver is tickets, and pages is generated"
    assert found['the route of severity="warning"'].startswith("its group_wait is 59 s, and ")
    assert found["the order of the routes"] == "they stand in another order, and the first that matches wins"
    assert watchdog["receiver"] == "watchdog"


def test_inhibitions_and_receivers_that_are_lost_or_changed(live: Installation) -> None:
    """A receiver may tell whom it likes, but someone."""
    config = generated(live)
    lost, changed, *_ = config["inhibit_rules"]
    config["inhibit_rules"].remove(lost)
    changed["equal"] = ["deployment"]
    for receiver in config["receivers"]:
        if receiver["name"] == "tickets":
            receiver.pop("webhook_configs")
        if receiver["name"] == "pages":
            receiver["webhook_configs"] = [{"url": "http://elsewhere/"}]
    config["route"]["routes"] = [r for r in config["route"]["routes"] if r["receiver"] != "nobody"]
    config["receivers"] = [r for r in config["receivers"] if r["name"] != "nobody"]

    found = other(live, config)

    def named(rule: Mapping[str, Any]) -> str:
        return f"{' and '.join(rule['source_matchers'])} silences {' and '.join(rule['target_matchers'])}"

    assert found[named(lost)] == "the inhibition is not loaded"
    assert found[named(changed)].startswith("it holds for equal deployment, and ")
    assert found["the receiver tickets"] == "it tells nobody"
    assert found["the receiver nobody"] == "it is not loaded"
    assert "the receiver pages" not in found


def test_a_prometheus_that_tells_nobody(live: Installation) -> None:
    """Alerts that fire and go nowhere."""
    with (
        FakeServer(lambda _: in_json({"status": "success", "data": {"activeAlertmanagers": []}})) as fake,
        live.context() as context,
    ):
        probe = Probe("Prometheus", fake.url, Access())
        found = judged(replace(context, ruler=type(context.ruler)(probe)), "alertmanager")
        probe.close()

    assert found["Prometheus sends to it"].why == "it sends its alerts to nobody"


@pytest.mark.parametrize(
    "answer", [{"config": {"original": "route: ["}}, {"config": {}}, [], {"config": {"original": "text"}}]
)
def test_something_else_than_an_alertmanager(live: Installation, answer: object) -> None:
    """One sentence, no traceback."""
    with FakeServer(lambda _: in_json(answer)) as fake, live.context(alertmanager=fake.url) as context:
        found = judged(context, "alertmanager")

    assert found["configuration"].why.startswith(f"Alertmanager at {fake.url} answers /api/v2/status in another shape")


def test_how_long_a_configuration_waits() -> None:
    """The longest route decides; what is unset is Alertmanager's default."""
    routes = {"route": {"group_wait": "1s", "routes": [{"group_wait": "10s"}, {"group_interval": "20m"}]}}
    config, nothing = Answer(routes, "", ValueError), Answer({}, "", ValueError)

    assert waits(config, "group_wait") == 10
    assert waits(config, "group_interval") == 1200
    assert waits(nothing, "group_wait") == 30
