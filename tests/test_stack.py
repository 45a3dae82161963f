"""`python -m testbed.stack`, the whole stack of all systems: it proves the bundle, can be ended at any moment, and leaves nothing."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from testbed.servers import wait_until
from tests.processes import outcome, started

WHOLE = (sys.executable, "-m", "testbed.stack")

#: What is only started, and ended before it has shown anything, is started with the least that goes on in it.
BRIEF = (*WHOLE, "--scenario", "F18", "--interval", "2m")


def relatives(folder: Path) -> dict[int, str]:
    """Processes that were started with `folder` as their TMPDIR, or that work in it: number to command."""
    out = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            environment = (entry / "environ").read_bytes()
            if command and (str(folder).encode() in environment or str(folder) in command):
                out[int(entry.name)] = command
    return out


def wait_for(child: subprocess.Popen[str], folder: Path, part: str) -> None:
    """Wait until a stack has started a process with `part` in its command."""
    wait_until(
        lambda: child.poll() is not None or any(part in command for command in relatives(folder).values()),
        what=part,
        limit_seconds=180,
    )
    assert child.poll() is None, outcome(child)


def asks(number: int) -> bool:
    """Say whether a process has a connection, as a validation that has begun to ask."""
    with contextlib.suppress(OSError):
        return any(file.readlink().name.startswith("socket:") for file in Path(f"/proc/{number}/fd").iterdir())
    return False


#: The first thing that is started and the last; those between are more of the same.
MOMENTS = (
    pytest.param("reference_server --port", signal.SIGINT, id="reference_server-SIGINT"),
    pytest.param("alertmanager", signal.SIGINT, id="alertmanager-SIGINT", marks=pytest.mark.matrix),
    pytest.param("storage.tsdb.path", signal.SIGTERM, id="prometheus-SIGTERM", marks=pytest.mark.matrix),
    pytest.param("generator validate", signal.SIGTERM, id="validate-SIGTERM"),
)


@pytest.mark.real
@pytest.mark.parametrize(("moment", "number"), MOMENTS)
def test_the_stack_can_be_ended_at_any_moment(
    programs: tuple[Path, Path], tmp_path: Path, moment: str, number: signal.Signals
) -> None:
    """While servers start, and while they are validated: nothing runs on, no folder stays."""
    assert programs
    with started([*BRIEF], TMPDIR=str(tmp_path)) as child:
        wait_for(child, tmp_path, moment)
        child.send_signal(number)
        found = outcome(child, 60)

    assert found.code == 130, found.errors
    assert "nothing is left running" in found.errors
    wait_until(lambda: not relatives(tmp_path), what="all to be gone", limit_seconds=20)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.real
def test_the_stack_proves_the_bundle_and_leaves_nothing(programs: tuple[Path, Path], tmp_path: Path) -> None:
    """`make validate` with one fault: every item of all systems judged, nothing wrong, and everything gone afterwards.

    The fault is played from a reference server through Prometheus and Alertmanager to our own webhook, thirty times as fast
    as life, which a machine that has other work keeps up with; it is told and called off. Rules are evaluated half as often as
    by default, over windows that are the same.
    """
    assert programs
    command = [*WHOLE, "--scenario", "F18", "--time-scale", "30", "--interval", "1m"]
    with started(command, TMPDIR=str(tmp_path)) as child:
        found = outcome(child)

    assert found.code == 0, found.text
    part = found.text.partition("scenarios:")[2].partition("\n\n")[0]
    told_of = [line.split(maxsplit=1) for line in part.splitlines()[1:]]
    assert {state for state, _ in told_of} == {"ok"}
    items = " ".join(item for _, item in told_of)
    for item in ("AgentServerSetStatusErrors fires", "AgentServerSetStatusErrors resolves", "nothing else fires"):
        assert f"F18 {item}" in items
    assert list(tmp_path.iterdir()) == []
    assert relatives(tmp_path) == {}


@pytest.mark.real
def test_a_server_of_the_stack_is_killed(programs: tuple[Path, Path], tmp_path: Path) -> None:
    """Prometheus dies under the validation: it is told, and the rest of the stack is taken down."""
    assert programs
    with started([*BRIEF], TMPDIR=str(tmp_path)) as child:
        wait_for(child, tmp_path, "generator validate")
        wait_until(
            lambda: any(asks(n) for n, command in relatives(tmp_path).items() if "generator validate" in command),
            what="a validation that asks",
            limit_seconds=60,
        )
        (victim,) = [
            n for n, command in relatives(tmp_path).items() if "storage.tsdb.path" in command and "sh -c" not in command
        ]
        os.kill(victim, signal.SIGKILL)
        found = outcome(child, 120)

    assert found.code == 1
    assert "Prometheus ended; everything else is ended too" in found.errors
    assert "Traceback" not in found.errors
    wait_until(lambda: not relatives(tmp_path), what="all to be gone", limit_seconds=20)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.real
def test_nothing_outlives_a_stack_that_is_killed(programs: tuple[Path, Path], tmp_path: Path) -> None:
    """SIGKILL lets nobody clean up; the servers end all the same. (The folders stay.)"""
    assert programs
    with started([*BRIEF, "--keep"], TMPDIR=str(tmp_path)) as child:
        wait_for(child, tmp_path, "storage.tsdb.path")
        child.kill()
        child.communicate()

    wait_until(lambda: not relatives(tmp_path), what="all to be gone", limit_seconds=20)
