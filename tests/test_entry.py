"""The command as a process: an end by Ctrl-C at any time, and output that cannot be written, are one line each."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import pytest

from testbed.servers import free_port
from testbed.servers.fake import FakeServer, Reply, Request, in_json

from .conftest import ROOT

FULL = Path("/dev/full")

#: Runs the command, and interrupts itself when a module is imported.
WHILE_IMPORTING = """
import builtins, os, signal, sys
from generator.cli import entry
module = sys.argv.pop(1)
real = builtins.__import__
def imports(name, *args, **more):
    if name == module:
        os.kill(os.getpid(), signal.SIGINT)
    return real(name, *args, **more)
builtins.__import__ = imports
sys.exit(entry.main())
"""

#: Runs the command, and interrupts itself when all is done but the end of the interpreter.
AT_THE_END = """
import os, signal, sys
from generator.cli import entry
real = signal.signal
def handled(number, handler):
    if handler == signal.SIG_IGN:
        os.kill(os.getpid(), signal.SIGINT)
    return real(number, handler)
signal.signal = handled
sys.exit(entry.main())
"""


def run(
    args: Sequence[str], *, out: int | IO[bytes] = subprocess.PIPE, err: int | IO[bytes] = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    """Run python with arguments in the root of the project."""
    return subprocess.run(
        [sys.executable, *args], cwd=ROOT, stdout=out, stderr=err, text=True, timeout=120, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


@pytest.mark.parametrize("module", ["generator", "yaml", "requests", "promql_parser"])
def test_control_c_while_it_is_being_loaded(module: str) -> None:
    """Before there is anything to end in order."""
    url = f"http://127.0.0.1:{free_port()}"

    done = run(["-c", WHILE_IMPORTING, module, "validate", "--prometheus", url])

    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")


def test_control_c_at_the_very_end() -> None:
    """When everything is said."""
    done = run(["-c", AT_THE_END, "lint", "--list"])

    assert (done.returncode, done.stderr) == (130, "interrupted\n")


@pytest.mark.parametrize("number", [1, 2, 40])
def test_control_c_while_a_server_is_being_asked(number: int) -> None:
    """At whichever request: what was judged so far, and one line."""
    child: list[subprocess.Popen[str]] = []
    count, lock = [0], threading.Lock()

    def respond(request: Request) -> Reply:
        with lock:
            count[0] += 1
            if count[0] == number:
                child[0].send_signal(signal.SIGINT)
        if request.path.startswith("/api/v1/status"):
            return 404, {}, b""
        kind = "vector" if request.path.startswith("/api/v1/query") else ""
        data = {"resultType": kind, "result": []} if kind else []
        return in_json({"status": "success", "data": data})

    with FakeServer(respond) as fake:
        child.append(
            subprocess.Popen(
                [sys.executable, "-m", "generator", "validate", "--prometheus", fake.url],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        out, err = child[0].communicate(timeout=120)

    assert child[0].returncode == 130
    assert err.splitlines()[-1] == "interrupted"
    assert "Traceback" not in out + err


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize(
    "args", [["list", "boards"], ["lint", "--list"], ["validate", "--format", "json"]], ids=lambda a: a[0]
)
def test_a_full_disk_on_standard_output_is_told_in_one_line(args: list[str]) -> None:
    """Also where what was to be written is short: nothing is lost in silence."""
    more = ["--prometheus", f"http://127.0.0.1:{free_port()}"] if args[0] == "validate" else []
    with FULL.open("wb") as full:
        done = run(["-m", "generator", *args, *more], out=full)

    assert done.returncode == 1
    assert done.stderr == (
        "standard output:1: cannot be written: No space left on device; make room, or write it elsewhere\n"
    )


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")
def test_a_full_disk_on_standard_error_changes_no_exit_code() -> None:
    """Nobody need read it."""
    with FULL.open("wb") as full:
        done = run(["-m", "generator", "validate", "--prometheus", f"http://127.0.0.1:{free_port()}"], err=full)

    assert (done.returncode, done.stdout) == (1, "")


def test_a_reader_who_goes_away_is_no_mistake() -> None:
    """As `head` does."""
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as closed:
        done = run(["-m", "generator", "list", "rules"], out=closed)

    assert (done.returncode, done.stderr) == (0, "")
