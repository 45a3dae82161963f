"""A Docker engine for tests: one of our own that nobody else sees, or the one that answers already.

Our own is Debian's, with a socket, a store and namespaces of its own: whatever ends the tests ends it and everything in
it. It touches neither the machine's firewall nor another engine. It needs root. Images and the layers of builds are kept
for the next run, which so makes anew only what has changed.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from testbed.servers.cache import cache_root
from testbed.servers.debian import find, missing
from testbed.servers.loopback import wait_until
from testbed.servers.started import Started

#: Programs of our own engine, and the Debian packages that have them.
PROGRAMS = {"dockerd": "docker.io", "docker": "docker.io", "unshare": "util-linux"}

#: Closing its databases takes dockerd a second or two.
STOP_SECONDS = 60

#: How much of earlier builds is kept: the packages of the image, and some versions of our own code.
KEPT = "3gb"

#: Containers find each other on their bridge and ports are published by a process, so nothing has to be forwarded,
#: and the machine's firewall stays as it is.
FLAGS = ("--bridge=none", "--iptables=false", "--ip-forward=false", "--ip-masq=false", "--group=root")


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that answers.

    Attributes:
        environment: The environment with which Docker's commands reach it.
        ours: It was started for these tests: image names in it are ours to give.
        folder: Where it is at home; empty for an engine that is not ours.

    """

    environment: Mapping[str, str]
    ours: bool
    folder: Path | None = None

    def docker(self, *words: str | Path, limit_seconds: float = 300) -> str:
        """Return the output of a `docker` command.

        Raises:
            EngineError: It failed; has what it wrote.

        """
        return run(["docker", *map(str, words)], self.environment, limit_seconds=limit_seconds)


class EngineError(Exception):
    """A command of Docker failed. The text is its own."""


def running_engine() -> Engine | None:
    """The engine that answers on this machine, if one does."""
    if not shutil.which("docker"):
        return None
    engine = Engine(dict(os.environ), ours=False)
    try:
        engine.docker("version", "--format", "{{.Server.Version}}", limit_seconds=30)
    except EngineError:
        return None
    return engine


def obstacle() -> str:
    """Why no engine of our own can be started here, or nothing."""
    absent = sorted({package for program, package in PROGRAMS.items() if not shutil.which(program)})
    if absent:
        fix = f"apt-get install --no-install-recommends {' '.join(absent)} (from trixie on docker-cli too)"
        return f"no Docker engine of our own: {fix}"
    if os.geteuid() != 0:
        return "no Docker engine of our own: it needs root"
    return find("prometheus", "newest").reason or find("alertmanager", "newest").reason


@contextmanager
def own_engine() -> Iterator[Engine]:
    """Start an engine of our own, and end it with everything in it; skip the test (in CI: fail) where that cannot be."""
    reason = obstacle()
    if reason:
        missing(reason)
    store = cache_root() / "compose"
    store.mkdir(parents=True, exist_ok=True)
    with stored(store) as large, _Daemon(large) as daemon:
        engine = Engine(daemon.settings(), ours=True, folder=daemon.folder)
        yield engine
        _stop(engine, daemon)


class _Daemon(Started):
    """Dockerd, as the first process of a process namespace: when it ends, the system ends all that it started."""

    def __init__(self, store: Path) -> None:
        # A socket's path may have 107 characters; what containers write needs more room than there is.
        super().__init__("docker", inside=Path("/run"))
        self._store = store
        with self.starting():
            (self.folder / "config").mkdir()
            self.write("daemon.json", "{}\n")  # not the machine's own settings
            self.start()

    def settings(self) -> Mapping[str, str]:
        """Return the environment with which Docker's commands reach it."""
        ours = {"DOCKER_HOST": f"unix://{self.folder}/docker.sock", "DOCKER_CONFIG": f"{self.folder}/config"}
        others = {k: v for k, v in os.environ.items() if not k.startswith(("DOCKER_", "COMPOSE_", "BUILDKIT_"))}
        return {**others, **ours}

    def command(self) -> list[str | Path]:
        """Return the program with its flags."""
        return [
            *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
            "dockerd",
            f"--config-file={self.folder / 'daemon.json'}",
            f"--host=unix://{self.folder / 'docker.sock'}",
            f"--exec-root={self.folder / 'exec'}",
            f"--pidfile={self.folder / 'pid'}",
            f"--data-root={self._store / 'data'}",
            *FLAGS,
        ]

    def answers(self) -> bool:
        """Say whether it answers a command."""
        try:
            run(["docker", "version"], self.settings(), limit_seconds=10)
        except EngineError:
            return False
        return True


@contextmanager
def stored(parent: Path) -> Iterator[Path]:
    """Yield the folder with what earlier runs made; another one, which goes, where a run that is not over has that.

    What a run leaves behind that did not come to its end is thrown away.
    """
    with (parent / "engine.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with tempfile.TemporaryDirectory(prefix="engine-", dir=parent) as other:
                yield Path(other)
            return
        folder = parent / "engine"
        mark = folder / "in-use"
        if mark.exists():
            shutil.rmtree(folder)
        folder.mkdir(exist_ok=True)
        mark.touch()
        yield folder
        mark.unlink()


def _stop(engine: Engine, daemon: Started) -> None:
    """Remove what no later run needs, and let dockerd close what it has open.

    Raises:
        EngineError: A container is left, or dockerd does not end.

    """
    left = engine.docker("ps", "--all", "--quiet").split()
    if left:
        raise EngineError(f"{len(left)} containers are left")
    engine.docker("image", "prune", "--force")
    engine.docker("builder", "prune", "--force", f"--keep-storage={KEPT}")
    # It is the only child of the command that made its namespaces.
    number = Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text(encoding="utf-8")
    with contextlib.suppress(ProcessLookupError):
        os.kill(int(number), signal.SIGTERM)
    wait_until(lambda: not daemon.alive(), what="dockerd to end", limit_seconds=STOP_SECONDS)


def run(command: list[str], environment: Mapping[str, str], *, limit_seconds: float, folder: Path | None = None) -> str:
    """Return the output of a command, both streams.

    Raises:
        EngineError: It failed or took too long; has what it wrote.

    """
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            timeout=limit_seconds,
        )
    except subprocess.TimeoutExpired as error:
        wrote = error.stdout if isinstance(error.stdout, str) else (error.stdout or b"").decode(errors="replace")
        raise EngineError(f"{' '.join(command)}: took over {limit_seconds:g} s:\n{wrote[-4000:]}") from error
    if done.returncode:
        raise EngineError(f"{' '.join(command)}: ended with {done.returncode}:\n{done.stdout[-4000:]}")
    return done.stdout
