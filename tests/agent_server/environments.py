"""Virtual environments with a real Agent Server in them, one per era, made once.

What goes in is pinned to the last package in `requirements-<era>.txt`. `make newest` moves the new era on.
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

from tests.servers.cache import cache_root, locked
from tests.servers.debian import Found

Era: TypeAlias = Literal["new", "old"]


#: An installation takes 20 s with a near index; ten minutes mean that nothing arrives any more.
INSTALL_SECONDS = 600

#: Name of the empty file that is written last.
COMPLETE = "complete"


def requirements(era: Era) -> Path:
    """File with every package of an era's environment, pinned exactly."""
    return Path(__file__).with_name(f"requirements-{era}.txt")


def _pinned(era: Era) -> str:
    """Version of `langgraph-api` among an era's pins."""
    (found,) = re.findall(r"^langgraph-api==(.+)$", requirements(era).read_text(encoding="utf-8"), re.MULTILINE)
    return str(found)


#: Era to the version of `langgraph-api` that stands for it. The border is 0.11.0: the newest one when it was pinned, and the
#: last one before the border that was tried.
ERAS: dict[Era, str] = {"new": _pinned("new"), "old": _pinned("old")}


@functools.cache
def install(era: Era) -> Found:
    """Path of the Python that has an era's server; installs it when it was never needed before.

    The environment belongs to the pins and to the version of the Python that runs the tests. One
    call with the network away tries once; later calls give the same answer.
    """
    pins = requirements(era)
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    mark = hashlib.sha256(pins.read_bytes() + python.encode()).hexdigest()[:12]
    folder = cache_root() / "agent_server" / f"{era}-{mark}"
    with locked(folder):
        if not (folder / COMPLETE).exists():
            # What an interrupted run left behind.
            shutil.rmtree(folder, ignore_errors=True)
            reason = _make(folder, pins)
            if reason:
                return Found(None, f"no Agent Server {ERAS[era]}: {reason}")
            (folder / COMPLETE).touch()
    return Found(_python(folder))


def _make(folder: Path, pins: Path) -> str:
    """Make the environment; return the reason why it could not be done, or nothing."""
    try:
        _run([sys.executable, "-m", "venv", str(folder)])
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
    """Commands that install the pins, the faster one first, the surer one last.

    uv reads neither pip's configuration nor its certificates, so it may fail where pip does not.
    The pins are complete: looking for dependencies could only add what nobody pinned.
    """
    python = str(_python(folder))
    wanted = ["--no-deps", "-r", str(pins)]
    pip = [python, "-m", "pip", "install", "--quiet", "--retries", "1", *wanted]
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
