"""Virtual environments with a real Agent Server in them, one per release, made once.

What goes in is pinned to the last package in `requirements-<release>.txt`. `make newest` moves the new era on.
"""

import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Literal, TypeAlias

from testbed.servers.cache import cache_root, locked
from testbed.servers.debian import Found

Era: TypeAlias = Literal["new", "old"]

#: What names a file of pins: an era, whose server every run of the tests takes, or a version, which `make matrix` takes.
Release: TypeAlias = str

#: An installation takes 20 s with a near index; ten minutes mean that nothing arrives any more.
INSTALL_SECONDS = 600

#: Name of the empty file that is written last.
COMPLETE = "complete"


def requirements(release: Release) -> Path:
    """File with every package of a release's environment, pinned exactly."""
    return Path(__file__).with_name(f"requirements-{release}.txt")


def pinned(release: Release, package: str) -> str:
    """Version of a package among a release's pins; empty when it is not among them."""
    found = re.search(rf"^{package}==(.+)$", requirements(release).read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else ""


#: Era to the version of `langgraph-api` that stands for it. The border is 0.11.0: the newest one when it was pinned, and the
#: last one before the border that was tried.
ERAS: dict[Era, str] = {"new": pinned("new", "langgraph-api"), "old": pinned("old", "langgraph-api")}

#: The releases of `make matrix`, each named as its version: what the eras do not show. 0.9.1 is of the old page with another
#: set of routes, 0.11.0 the first of the new page, 0.12.12 the last but one exporter, 0.16.0 the last one before today's.
BETWEEN: tuple[Release, ...] = ("0.9.1", "0.11.0", "0.12.12", "0.16.0")


@functools.cache
def install(release: Release) -> Found:
    """Return the path of the Python that has a release's server; installs it when it was never needed before.

    The environment belongs to the pins and to the version of the Python that runs the tests. One
    call with the network away tries once; later calls give the same answer.
    """
    subject = f"Agent Server {pinned(release, 'langgraph-api')}"
    return environment(cache_root() / "agent_server" / release, requirements(release), subject)


def environment(place: Path, pins: Path, subject: str) -> Found:
    """Return the path of the Python that has what a file pins; installs it when it was never needed before.

    Args:
        place: Where the environment is; its name gets a mark of the pins and of this Python's version.
        pins: File with every package, pinned exactly.
        subject: What is in it, where it cannot be had.

    """
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    mark = hashlib.sha256(pins.read_bytes() + python.encode()).hexdigest()[:12]
    folder = place.with_name(f"{place.name}-{mark}")
    with locked(folder):
        if not (folder / COMPLETE).exists():
            # What an interrupted run left behind.
            shutil.rmtree(folder, ignore_errors=True)
            reason = _make(folder, pins)
            if reason:
                return Found(None, f"no {subject}: {reason}")
            (folder / COMPLETE).touch()
    return Found(_python(folder))


def _make(folder: Path, pins: Path) -> str:
    """Make the environment; return the reason why it could not be done, or nothing."""
    try:
        _run([sys.executable, "-m", "venv", "--without-pip", str(folder)])
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        return _why(error)
    reason = ""
    for command in _installers(folder, pins):
        try:
            _run(command)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            reason = _why(error)
        else:
            return ""
    return reason


def _installers(folder: Path, pins: Path) -> list[list[str]]:
    """Return the commands that install the pins, the faster one first, the surer one last.

    uv reads neither pip's configuration nor its certificates, so it may fail where pip does not.
    The pins are complete: looking for dependencies could only add what nobody pinned. The pip is ours, and compiles nothing:
    a server compiles what it imports, which is a small part, when it first starts.
    """
    python = str(_python(folder))
    wanted = ["--no-deps", "-r", str(pins)]
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--quiet",
        "--retries",
        "1",
        "--no-compile",
        *wanted,
    ]
    uv = shutil.which("uv")
    return [[uv, "pip", "install", "--quiet", "--python", python, *wanted], pip] if uv else [pip]


def _run(command: list[str]) -> None:
    subprocess.run(
        command,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
        timeout=INSTALL_SECONDS,
    )


def _why(error: subprocess.CalledProcessError | subprocess.TimeoutExpired) -> str:
    if isinstance(error, subprocess.TimeoutExpired):
        return f"{error.cmd[0]} took over {INSTALL_SECONDS} s"
    output: str = error.stdout
    lines = [line for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or [f"{error.cmd[0]} ended with {error.returncode}"])[0]


def _python(folder: Path) -> Path:
    return folder / "bin" / "python"
