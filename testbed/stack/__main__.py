"""`python -m testbed.stack`: the whole stack on this machine, without Docker, validated; or left running for someone to look at."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from generator.errors import GeneratorError, Problem
from reference_server.scenarios import library as scenarios
from testbed.servers import ServerError, free_port
from testbed.servers.cache import REPOSITORY
from testbed.stack.demo import demo
from testbed.stack.deployments import players
from testbed.stack.proof import markdown
from testbed.stack.running import WAIT_SECONDS, running

#: A fault of the pools, one of the streams, and one of each other system: each shows within an hour of its own time.
SCENARIOS = ("F10", "F18", "L01", "G09", "S03")

#: Virtual seconds per second: half an hour is half a minute.
SCALE = 60.0

#: Between two looks at what runs.
LOOK_SECONDS = 0.5

#: How often a machine that misses scrapes gets half the scale before what it says is believed.
SLOWER = 2


class Ended(BaseException):
    """SIGINT or SIGTERM: everything is to be ended."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stack; return the exit code of `agentobs validate`, 1 when the stack could not run, 130 when it was ended. A demo ends with 0."""
    parser = argparse.ArgumentParser(prog="python -m testbed.stack", description=__doc__)
    parser.add_argument("--scenario", nargs="+", default=list(SCENARIOS), metavar="ID", help="what is played in turn")
    parser.add_argument("--time-scale", type=float, default=SCALE, metavar="N", help=f"default: {SCALE:g}")
    parser.add_argument(
        "--interval",
        default="",
        metavar="TIME",
        help="between two scrapes and evaluations, in virtual time; default: the bundle's",
    )
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the verdicts as tables there")
    parser.add_argument("--keep", action="store_true", help="leave it running and tell what fires; Ctrl-C stops it")
    args = parser.parse_args(argv)
    try:
        _playable(args.scenario)
        with _signals():
            return (
                demo(args.scenario, args.time_scale, args.interval)
                if args.keep
                else _proved(args.scenario, args.time_scale, args.markdown, args.interval)
            )
    except Ended:
        print("ended; nothing is left running", file=sys.stderr)
        return 0 if args.keep else 130  # a demo is there to be ended
    except (GeneratorError, ServerError, OSError, ValueError, TimeoutError) as error:
        print(error, file=sys.stderr)
        return 1


def _playable(names: Sequence[str]) -> None:
    """Look all scenarios up before anything starts.

    Raises:
        GeneratorError: There is none of some name, or its alerts compare with days before.

    """
    fix = "play another one; `make fidelity` plays this one on a virtual clock"
    found = [scenarios.find(name) for name in names]
    problems = [
        Problem(one.path, 1, f"{one.id} begins with days of history, which no live server has", fix)
        for one in found
        if one.past
    ]
    if problems:
        raise GeneratorError(problems)


@contextmanager
def _signals() -> Iterator[None]:
    """Raise Ended at the first signal, and let no second one disturb the end."""

    def ended(*_: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        raise Ended

    before = {number: signal.signal(number, ended) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _proved(names: Sequence[str], scale: float, page: Path | None, interval: str) -> int:
    """Validate; where something is wrong and the machine missed scrapes, it was too slow for the scale: again, slower."""
    for _ in range(SLOWER):
        code, late = _validate(names, scale, page, interval)
        if not code or not late:
            return code
        scale /= 2
        print(f"{late} targets took too long to scrape for this machine: once more, at {scale:g}", file=sys.stderr)
    return _validate(names, scale, page, interval)[0]


def _validate(names: Sequence[str], scale: float, page: Path | None, interval: str) -> tuple[int, int]:
    """Return the exit code of `agentobs validate`, and for how many targets this machine was too slow."""
    webhook = f"127.0.0.1:{free_port()}"
    with running(scale, f"http://{webhook}/", interval=interval) as stack:
        monitoring = stack.monitoring
        command = [
            sys.executable, "-m", "generator", "validate", "--config", str(monitoring.config),
            "--prometheus", monitoring.prometheus.url, "--alertmanager", f"http://{monitoring.alertmanager.address}",
            "--time-scale", f"{scale:g}", "--wait", str(WAIT_SECONDS), "--webhook", webhook,
            *(word for one in players(stack.processes).values() for word in ("--reference", one.server.url)),
            *(word for name in names for word in ("--scenario", name)),
        ]  # fmt: skip
        report = monitoring.config.with_name("report.json")
        if page:
            command += ["--format", "json", "--output", str(report)]
        with _child(command) as child:
            while child.poll() is None:
                stack.look()
                time.sleep(LOOK_SECONDS)
        if child.returncode:
            stack.look()  # a server that ended explains it better than the command that asked it
        if page and report.exists():
            page.write_text(markdown(json.loads(report.read_text(encoding="utf-8")), _titles()), encoding="utf-8")
        return child.returncode, monitoring.late() if child.returncode else 0


def _titles() -> list[str]:
    boards = (REPOSITORY / "dashboards").glob("*.json")
    return [json.loads(board.read_text(encoding="utf-8"))["title"] for board in boards]


@contextmanager
def _child(command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command with our own terminal; it gets the time to say what it knows when it is ended."""
    child = subprocess.Popen(command, cwd=REPOSITORY, env={**os.environ, "PYTHONPATH": str(REPOSITORY)})
    try:
        yield child
    finally:
        if child.poll() is None:
            child.send_signal(signal.SIGINT)
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
        child.wait()


if __name__ == "__main__":
    sys.exit(main())
