"""Alertmanager's configuration: real ones load it, and each alert is a notification of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from generator.bundle import build
from generator.config.site import Site
from generator.outputs import FORMATS
from generator.rules.alertmanager import CHOICES, configuration
from testbed.servers import Alertmanager, find, missing, wait_until
from testbed.servers.fake import FakeServer, always
from testbed.servers.loopback import ask

ages = pytest.mark.parametrize("age", ["oldest", "newest"])


@contextmanager
def loaded(age: str, site: Site) -> Iterator[Alertmanager]:
    """A real Alertmanager with the generated configuration."""
    found = find("alertmanager", age)
    if not found.path:
        missing(found.reason)
    text = next(t for p, t in FORMATS["files"].render(build(site)).items() if p.name == "alertmanager.yml")
    with Alertmanager(Path(str(found.path)), text) as server:
        yield server


def test_groups_and_inhibitions_use_the_configured_labels(site: Site) -> None:
    """All by the labels that name a deployment."""
    made = configuration(site, build(site).alerts)

    assert made["route"]["group_by"] == ["alertname", "cluster", "namespace", "deployment"]
    assert made["inhibit_rules"]
    assert all(rule["equal"][:3] == ["cluster", "namespace", "deployment"] for rule in made["inhibit_rules"])


@pytest.mark.real
@ages
def test_a_real_alertmanager_loads_it(age: str, site: Site) -> None:
    """And has our routes and receivers."""
    with loaded(age, site) as server:
        running = yaml.safe_load(server.get("/api/v2/status")["config"]["original"])

    assert [r["name"] for r in running["receivers"]] == ["pages", "tickets", "watchdog", "nobody"]
    assert len(running["inhibit_rules"]) == len(configuration(site, build(site).alerts)["inhibit_rules"])


@pytest.mark.real
@ages
def test_a_second_page_of_one_deployment_is_a_notification_of_its_own(age: str, site: Site) -> None:
    """What is added to a group that was told of waits for its next interval, and reads like more of the same."""
    where = {"cluster": "main", "namespace": "agents", "deployment": "shop", "severity": "critical"}
    names = ["AgentServerStreamDataLossHigh", "AgentServerPgPoolErrors"]

    with loaded(age, site) as server:

        def nonempty_groups() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = server.get("/api/v2/alerts/groups")
            return [group for group in found if group["alerts"]]

        server.post([{**where, "alertname": name} for name in names])
        # Alerts are there before the groups that they are put into.
        wait_until(lambda: len(nonempty_groups()) == len(names), what="a group of each alert", limit_seconds=30)
        groups = nonempty_groups()

    assert sorted((g["receiver"]["name"], g["labels"]["alertname"]) for g in groups) == [
        ("pages", "AgentServerPgPoolErrors"),
        ("pages", "AgentServerStreamDataLossHigh"),
    ]


@pytest.mark.real
@ages
def test_a_notification_opens_the_board_at_the_time_of_its_alert(age: str, tmp_path: Path) -> None:
    """The link of the example for Slack, as a real Alertmanager fills it in: also for an alert whose link has no variables."""
    found = find("alertmanager", age)
    if not found.path:
        missing(found.reason)
    example = yaml.safe_load("\n".join(line.removeprefix("#") for line in CHOICES.splitlines()[3:]))
    (slack,) = example["slack_configs"]
    began = datetime(2026, 11, 3, 4, 5, 6, tzinfo=UTC)
    links = {"A": "https://g.example/d/queue?var-deployment=a%26b", "B": "https://g.example/d/prometheus"}
    alerts = [
        {"labels": {"alertname": name}, "annotations": {"dashboard": link}, "startsAt": began.isoformat()}
        for name, link in links.items()
    ]

    with FakeServer(always(200, {"Content-Type": "text/plain"}, b"ok")) as chat:
        (tmp_path / "url").write_text(f"http://127.0.0.1:{chat.port}/hook", encoding="utf-8")
        receiver = {"name": "chat", "slack_configs": [{**slack, "api_url_file": str(tmp_path / "url")}]}
        config = {"route": {"receiver": "chat", "group_by": ["alertname"], "group_wait": "0s"}, "receivers": [receiver]}
        with Alertmanager(Path(str(found.path)), yaml.safe_dump(config)) as server:
            headers = {"Content-Type": "application/json"}
            assert ask(server.port, "POST", "/api/v2/alerts", json.dumps(alerts).encode(), headers)[0] == 200
            wait_until(lambda: len(chat.requests) == len(links), what="both notifications", limit_seconds=30)
        links_sent = {json.loads(request.body)["attachments"][0]["title_link"] for request in chat.requests}

    first = round(began.timestamp() * 1000) - 3_600_000
    assert links_sent == {f"{links['A']}&from={first}&to=now", f"{links['B']}?from={first}&to=now"}
