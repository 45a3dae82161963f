"""The webhook takes what Alertmanager delivers, says it in a line each, and cannot be talked into anything else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from reference_server.core.serve import Running, bind
from reference_server.core.webhook import MOST_BYTES, MOST_CHARACTERS, MOST_LINES, MOST_NOTIFICATIONS, lines, webhook
from testbed.servers import Alertmanager, find, missing, wait_until
from testbed.servers.loopback import ask, free_port

from .conftest import ROOT

ALERT = {
    "status": "firing",
    "labels": {"alertname": "AgentServerNoWorkers", "severity": "critical", "deployment": "chat", "team": "a"},
    "annotations": {"summary": "nobody executes runs"},
}


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def port(said: list[str]) -> Iterator[int]:
    with Running(webhook(said.append), bind("127.0.0.1", 0)) as running:
        yield urlsplit(running.url).port or 0


def post(port: int, body: object) -> int:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return ask(port, "POST", "/", data, {"Content-Type": "application/json"})[0]


def shown(port: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(ask(port, "GET", "/")[1])
    return found


def test_each_alert_is_a_line_and_the_notification_is_kept(port: int, said: list[str]) -> None:
    """Receiver, status, the labels that tell which, the summary."""
    assert shown(port) == []
    assert post(port, {"receiver": "pages", "alerts": [ALERT, {**ALERT, "status": "resolved"}]}) == 200

    assert said == [
        "pages: firing critical AgentServerNoWorkers chat: nobody executes runs",
        "pages: resolved critical AgentServerNoWorkers chat: nobody executes runs",
    ]
    assert [n["receiver"] for n in shown(port)] == ["pages"]


def test_the_newest_come_first_and_the_oldest_are_forgotten(port: int) -> None:
    """Memory has a bound."""
    for number in range(MOST_NOTIFICATIONS + 3):
        post(port, {"receiver": str(number), "alerts": []})

    assert [n["receiver"] for n in shown(port)] == [str(n) for n in range(MOST_NOTIFICATIONS + 2, 2, -1)]


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 422), (b"{", 422), ([], 422), ("text", 422), (b"[" * 100_000, 422), (b" " * (MOST_BYTES + 1), 413)],
    ids=["empty", "broken", "list", "text", "deep", "large"],
)
def test_what_is_no_notification_is_refused_and_not_kept(port: int, said: list[str], body: object, status: int) -> None:
    """Anyone who sends it is told; nothing else happens."""
    assert post(port, body) == status
    assert (shown(port), said) == ([], [])


@pytest.mark.parametrize("alerts", [None, 7, [7], {"a": 1}, "text"])
def test_a_notification_without_alerts_has_no_line(alerts: object) -> None:
    """Nothing is guessed."""
    assert lines({"receiver": "pages", "alerts": alerts}) == []


def test_an_alert_is_one_line_whatever_its_texts_are() -> None:
    """A line break in an annotation does not make a second line in the log."""
    alert = {"labels": {"alertname": "A\r\nB", "severity": ["x"]}, "annotations": {"summary": "a\nfiring\x85c\u2028d"}}

    (line,) = lines({"alerts": [alert]})
    assert line.splitlines() == [line] == ["?: ? ['x'] A B: a firing c d"]
    assert lines({"alerts": [{"labels": 3, "annotations": None}]}) == ["?: ? :"]


def test_a_notification_has_so_many_lines_and_no_more(port: int, said: list[str]) -> None:
    """Two megabytes hold a hundred thousand empty alerts."""
    assert post(port, {"alerts": [{}] * (MOST_LINES + 5)}) == 200

    assert (len(said), said[-1]) == (MOST_LINES + 1, "and 5 more")


def test_a_line_does_nothing_to_a_terminal_and_has_a_bound() -> None:
    """Escape codes are gone, and no text of megabytes fills the log."""
    (line,) = lines({"alerts": [{"annotations": {"summary": "\x1b]0;owned\x07\x9b2J" + "x" * 10_000}}]})

    assert line.isprintable()
    assert len(line) <= MOST_CHARACTERS


def test_the_command_serves_until_it_is_told_to_end() -> None:
    """It says where it answers, answers, and ends with 0."""
    command = [sys.executable, "-m", "reference_server", "webhook", "--port", str(free_port())]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ}) as process:
        assert process.stdout
        port = urlsplit(process.stdout.readline().strip()).port or 0
        assert ask(port, "GET", "/ok")[0] == 200
        assert post(port, {"receiver": "pages", "alerts": [ALERT]}) == 200
        assert process.stdout.readline().startswith("pages: firing critical AgentServerNoWorkers")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


@pytest.mark.real
@pytest.mark.parametrize("age", ["oldest", "newest"])
def test_a_real_alertmanager_delivers_to_it(port: int, said: list[str], age: Any) -> None:
    """With the routes and receivers that the project generates."""
    binary, reason = find("alertmanager", age)
    if not binary:
        missing(reason)
    config = yaml.safe_load((ROOT / "docker" / "generated" / "alerts" / "alertmanager.yml").read_text(encoding="utf-8"))
    for receiver in config["receivers"]:
        for one in receiver.get("webhook_configs", ()):
            one["url"] = f"http://127.0.0.1:{port}/"
    config["route"]["routes"][1]["group_wait"] = "0s"

    with Alertmanager(binary, yaml.safe_dump(config)) as alertmanager:
        alert = {"labels": ALERT["labels"], "annotations": ALERT["annotations"]}
        body, kind = json.dumps([alert]).encode(), {"Content-Type": "application/json"}
        assert ask(alertmanager.port, "POST", "/api/v2/alerts", body, kind)[0] == 200
        wait_until(lambda: said, what="the delivery", limit_seconds=60)

    assert said == ["pages: firing critical AgentServerNoWorkers chat: nobody executes runs"]
