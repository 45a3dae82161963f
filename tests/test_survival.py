"""What goes wrong around us: servers that go away and come back, targets that answer nonsense or not at all, full disks,
signals. Every time: a clear verdict, nothing left running, no half-written file.

The stack runs 120 times as fast as life, and looks every two minutes of it: once a second.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reference_server.scenarios.systems import SERVICES
from testbed.servers import Prometheus, free_port, wait_until
from testbed.stack import Monitoring, Reference
from tests.processes import Outcome, outcome, started

SCALE = 120

#: A quarter as often as the defaults, the longest that is allowed, and half a second for a scrape: a slow machine needs it.
LOOKS: Mapping[str, Mapping[str, str]] = {
    "scrape": {"interval": "2m", "timeout": "1m"},
    "evaluation": {"interval": "2m"},
}


class Talker:
    """A listener on loopback that answers every connection with the same bytes, or, without any, never."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            if self._answer:
                with connection, contextlib.suppress(OSError):
                    connection.recv(65_536)
                    connection.sendall(self._answer)
            else:
                self._open.append(connection)

    def close(self) -> None:
        """End; what still hangs is let go."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()
        for connection in self._open:
            connection.close()


PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=1.0.0; charset=utf-8\r\nConnection: close\r\n\r\n"
#: A login page, and bytes of no meaning.
GARBAGE = PAGE + b"<!doctype html><title>Log in</title>\n" + bytes(range(256)) * 20


@dataclass(frozen=True)
class Stack:
    """A good deployment, one that is going to be killed, and two targets that never were any good."""

    good: Reference
    victim: Reference
    garbage: str
    hanging: str
    monitoring: Monitoring
    webhook: str

    def command(self, *words: str) -> list[str]:
        """The validation of this stack, as JSON."""
        return [
            sys.executable, "-m", "generator", "validate", "--config", str(self.monitoring.config),
            "--prometheus", self.monitoring.prometheus.url, "--alertmanager", f"http://{self.monitoring.alertmanager.address}",
            "--reference", self.good.url, "--webhook", self.webhook, "--time-scale", str(SCALE), "--format", "json", *words,
        ]  # fmt: skip

    def validate(self, *words: str) -> Outcome:
        """Validate to the end."""
        with started(self.command(*words)) as child:
            return outcome(child)


@pytest.fixture(scope="module")
def stack(programs: tuple[Path, Path]) -> Iterator[Stack]:
    """Everything up, and scraped at least once."""
    with contextlib.ExitStack() as open_:
        flags = ("--role", "combined", "--scenario", "calm", "--time-scale", str(SCALE))
        good, victim = (open_.enter_context(Reference(*flags)) for _ in range(2))
        garbage, hanging = Talker(GARBAGE), Talker(b"")
        open_.callback(garbage.close)
        open_.callback(hanging.close)
        names = {"good": good.ready().address, "victim": victim.ready().address,
                 "garbage": garbage.address, "hanging": hanging.address}  # fmt: skip
        groups = [{"role": "combined", "deployment": name, "targets": [at]} for name, at in names.items()]
        systems: dict[str, Any] = {name: {"enabled": False} for name in SERVICES}
        config = {**LOOKS, "systems": {"agent_server": {"scrape": {"static": groups}}, **systems}}
        webhook = f"127.0.0.1:{free_port()}"
        monitoring = open_.enter_context(Monitoring(programs, config, scale=SCALE, webhook=f"http://{webhook}/"))
        made = Stack(good, victim, garbage.address, hanging.address, monitoring, webhook)
        wait_up(monitoring.prometheus, 2)
        wait_until(
            lambda: monitoring.prometheus.query('count(up{system!=""}) == 4'), what="four targets", limit_seconds=60
        )
        yield made


def wait_up(prometheus: Prometheus, count: int) -> None:
    wait_until(
        lambda: prometheus.query(f'sum(up{{system!=""}}) == {count}'),
        what=f"{count} targets that are up",
        limit_seconds=60,
    )


@pytest.mark.real
def test_each_broken_target_is_told_with_its_reason(stack: Stack) -> None:
    """One answers garbage, one hangs, one was killed, one is well: the others are judged all the same."""
    stack.victim.stop()
    wait_up(stack.monitoring.prometheus, 1)
    try:
        found = stack.validate("--wait", "60")
    finally:
        stack.victim.start()
        stack.victim.ready()

    assert found.clear()
    assert found.report["ended_early"] == ""
    reasons = {name: found.of("targets", at) for name, at in (
        ("good", stack.good.address), ("victim", stack.victim.address), ("garbage", stack.garbage), ("hanging", stack.hanging))}  # fmt: skip
    assert [state for state, _ in reasons["good"]] == ["ok"]
    assert [state for name in ("victim", "garbage", "hanging") for state, _ in reasons[name]] == ["wrong"] * 3
    assert "connection refused" in reasons["victim"][0][1]
    assert "deadline exceeded" in reasons["hanging"][0][1]
    assert reasons["garbage"][0][1] not in {reasons["victim"][0][1], reasons["hanging"][0][1]}

    wait_up(stack.monitoring.prometheus, 2)
    again = stack.validate("--wait", "60")
    assert [state for state, _ in again.of("targets", stack.victim.address)] == ["ok"]


@contextlib.contextmanager
def playing(stack: Stack, minutes: float) -> Iterator[subprocess.Popen[str]]:
    """A validation that plays F18, whose fault comes in minute 20, after so many virtual minutes of it."""
    with started(stack.command("--wait", "60", "--scenario", "F18")) as child:
        wait_until(lambda: stack.good.get("/scenario")["scenario"] == "F18" or child.poll() is not None,
                   what="the scenario", limit_seconds=120)  # fmt: skip
        reached(stack, minutes)
        assert child.poll() is None
        yield child


def reached(stack: Stack, minutes: float) -> None:
    wait_until(lambda: stack.good.elapsed_seconds() > 60 * minutes, what=f"minute {minutes}", limit_seconds=120)


@pytest.mark.real
def test_prometheus_restarts_in_the_middle_and_the_alert_comes_all_the_same(stack: Stack) -> None:
    """It is killed and comes back with what it had; the fault after that is told and called off."""
    with playing(stack, 5) as child:
        stack.monitoring.prometheus.stop()
        stack.monitoring.prometheus.start()
        found = outcome(child)

    assert found.clear()
    assert [state for state, _ in found.of("scenarios", "AgentServerSetStatusErrors")] == ["ok", "ok"], found.text[
        -2000:
    ]


@pytest.mark.real
def test_alertmanager_is_away_for_a_while(stack: Stack) -> None:
    """It is killed, and is back when the fault comes: told and called off, or said to be away."""
    with playing(stack, 3) as child:
        stack.monitoring.alertmanager.stop()
        reached(stack, 10)
        stack.monitoring.alertmanager.start()
        found = outcome(child)

    assert found.clear()
    states = {state for state, _ in found.of("scenarios", "")}
    away = [why for state, why in found.of("scenarios", "") if state == "wrong"]
    assert states == {"ok"} or all(
        "Alertmanager" in why for why in (*away, *[found.report["ended_early"]] * (not away))
    )


@pytest.mark.real
def test_an_interrupted_validation_says_so_and_leaves_the_reference_server_calm(stack: Stack) -> None:
    """Ctrl-C in the middle of a scenario: what was judged stands, exit code 130."""
    with playing(stack, 1) as child:
        child.send_signal(signal.SIGINT)
        found = outcome(child, 60)

    assert (found.code, found.report["ended_early"]) == (130, "interrupted")
    assert found.of("targets", stack.good.address)[0][0] == "ok"
    assert "Traceback" not in found.errors
    assert stack.good.get("/scenario")["scenario"] == "calm"


@pytest.mark.real
def test_prometheus_goes_away_for_good(stack: Stack) -> None:
    """The validation ends by itself, and says who is gone."""
    stack.monitoring.prometheus.stop()
    try:
        found = stack.validate("--wait", "3")
    finally:
        stack.monitoring.prometheus.start()

    assert found.clear()
    assert stack.monitoring.prometheus.url in found.report["ended_early"]
    wait_up(stack.monitoring.prometheus, 2)
