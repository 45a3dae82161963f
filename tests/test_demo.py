"""`make demo`: it says at once what it does, prints the alerts of its faults only, each once, and ends well by Ctrl-C."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reference_server.scenarios import library as scenarios
from testbed.servers import wait_until
from testbed.servers.cache import REPOSITORY
from testbed.servers.webhook import Notice
from testbed.stack.demo import Bulletin, introduction

from .processes import ENVIRONMENT
from .test_stack import relatives

CTRL_C = b"\x03"


def notice(alert: str, status: str = "firing", deployment: str = "split", **labels: str) -> Notice:
    return Notice(
        1_800_000_000.0,
        status,
        {"alertname": alert, "deployment": deployment, "severity": "critical"} | labels,
        "pager",
    )


@pytest.fixture
def bulletin() -> Bulletin:
    """F10 was played by `split`."""
    made = Bulletin()
    made.expect(scenarios.find("F10"), "split")
    return made


def said(bulletin: Bulletin, *notices: Notice) -> list[list[str]]:
    return [line.split()[1:] for line in bulletin.lines(notices)]


def test_an_alert_is_printed_when_it_fires_and_when_it_ends(bulletin: Bulletin) -> None:
    """Once each, though Alertmanager repeats what goes on, and tells of each instance."""
    alert = "AgentServerPgPoolErrors"
    firing = [notice(alert, instance=one) for one in "ab"]
    ended = [notice(alert, "resolved", instance=one) for one in "ab"]

    assert said(bulletin, *firing, *firing) == [["fires", "critical", alert, "split"]]
    assert said(bulletin, ended[0], firing[1]) == []
    assert said(bulletin, ended[1], ended[1]) == [["ends", "critical", alert, "split"]]
    assert said(bulletin, firing[0]) == [["fires", "critical", alert, "split"]]


def test_what_belongs_to_no_played_fault_is_not_printed(bulletin: Bulletin) -> None:
    """Another alert, the same one of another deployment, and the end of what nobody saw begin."""
    others = [
        notice("LangSightNotReady", deployment="observed"),
        notice("AgentServerPgPoolErrors", deployment="single"),
        notice("AgentServerPgPoolErrors", "resolved"),
        notice("ObservabilityWatchdog", deployment=""),
    ]

    assert said(bulletin, *others) == []
    assert bulletin.unexpected == {"LangSightNotReady", "AgentServerPgPoolErrors"}


def test_what_a_fault_opens_late_is_printed_with_the_next_one(bulletin: Bulletin) -> None:
    """An alert that outlasts its scenario is still one of what was played."""
    assert said(bulletin, notice("AgentServerPgPoolErrors")) != []
    bulletin.expect(scenarios.find("L01"), "observed")

    assert said(bulletin, notice("AgentServerPgPoolErrors", "resolved")) != []
    assert said(bulletin, notice("LangSightIngestRejected", deployment="observed")) != []
    assert bulletin.unexpected == set()


def test_the_introduction_names_what_is_played_and_how_long_it_takes() -> None:
    text = introduction(("F10", "F18"), 60)

    assert "60 times as fast as life" in text
    assert "F10, F18" in text
    assert re.search(r"each for \d+ to \d+ s\.\n.*not delivered.*Ctrl-C ends everything\.$", text)


@contextmanager
def on_a_terminal(makefile: Path, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """`make demo` in the foreground of a terminal of its own: process and terminal."""
    terminal, other = pty.openpty()
    child = subprocess.Popen(
        ["setsid", "--ctty", "make", f"--file={makefile}", "demo"],
        cwd=REPOSITORY,
        env={**ENVIRONMENT, "TMPDIR": str(folder)},
        stdin=other,
        stdout=other,
        stderr=other,
    )
    os.close(other)
    try:
        yield child, terminal
    finally:
        os.close(terminal)  # hangs up on all that is left
        child.wait(60)
        wait_until(lambda: not relatives(folder), what="all to be gone", limit_seconds=60)


def read_until(terminal: int, part: str, text: str = "") -> str:
    """Return what was written to a terminal, `text` before it, up to some part or the end."""
    while part not in text:
        try:
            text += os.read(terminal, 65_536).decode(errors="replace")
        except OSError:  # the other side is closed
            return text
    return text


def end(child: subprocess.Popen[bytes], terminal: int, text: str) -> tuple[int, str]:
    """Press Ctrl-C; return make's exit code and all that was written."""
    os.write(terminal, CTRL_C)
    text = read_until(terminal, "\0", text)
    return child.wait(60), text


@pytest.fixture
def makefile(tmp_path: Path) -> Path:
    """Make with the target as the project's own has it, on the interpreter of the tests."""
    (recipe,) = re.findall(
        r"^demo:.*\n\t@(.+)$", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    path = tmp_path / "Makefile"
    recipe = recipe.replace("$(BIN)/python", sys.executable).replace("$(ARGS)", "--scenario F18")
    path.write_text(f"demo:\n\t@{recipe}\n", encoding="utf-8")
    return path


@pytest.mark.real
def test_ctrl_c_ends_a_demo_well_while_it_starts(programs: tuple[Path, Path], makefile: Path, tmp_path: Path) -> None:
    """What it does is said before anything starts; make takes no error from its end, and nothing is left."""
    assert programs
    (folder := tmp_path / "tmp").mkdir()
    with on_a_terminal(makefile, folder) as (child, terminal):
        text = read_until(terminal, "Ctrl-C ends everything")
        wait_until(lambda: "reference_server" in str(relatives(folder)), what="a server", limit_seconds=120)
        code, text = end(child, terminal, text)

    assert code == 0, text
    assert "nothing is left running" in text
    assert "Error" not in text
    assert "Interrupt" not in text
    assert list(folder.iterdir()) == []


@pytest.mark.real
@pytest.mark.matrix
def test_a_demo_shows_where_to_look_and_its_alert(programs: tuple[Path, Path], makefile: Path, tmp_path: Path) -> None:
    """A table of addresses after progress; then the fault, its alert as it fires and as it ends; Ctrl-C ends it well."""
    assert programs
    (folder := tmp_path / "tmp").mkdir()
    with on_a_terminal(makefile, folder) as (child, terminal):
        text = read_until(terminal, "AgentServerSetStatusErrors  split")
        text = read_until(terminal, "ends   ", text)
        code, text = end(child, terminal, text)

    assert code == 0, text
    assert re.search(r"look here first: alerts, as they fire +http://127\.0\.0\.1:\d+/alerts", text)
    assert re.search(r"\d+ of \d+ targets are scraped", text)
    assert re.search(r"F18: .*, on split\.", text)
    lines = re.findall(r"^ +[\d:]+  (fires|ends)  +(\w+) +(\w+)  (\w+)", text, flags=re.MULTILINE)
    assert [(what, alert) for what, _, alert, _ in lines[:2]] == [
        ("fires", "AgentServerSetStatusErrors"), ("ends", "AgentServerSetStatusErrors")
    ]  # fmt: skip
