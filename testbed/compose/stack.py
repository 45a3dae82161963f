"""The stack of docker-compose.yml under a project name and ports of its own, so that it meets no other one."""

import json
import os
import re
import shutil
import ssl
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from testbed.compose.engine import Engine, EngineError, run
from testbed.compose.stand_ins import python_tag, undigested
from testbed.servers.apt import fetch
from testbed.servers.cache import REPOSITORY, cache_root, locked
from testbed.servers.debian import missing
from testbed.servers.loopback import ask, free_port, text_of

PROJECT = "agent-observability-test"

#: Which profiles are on, with commas between.
PROFILES = "AGENTOBS_PROFILES"

COMPOSE = REPOSITORY / "docker-compose.yml"

#: What is different where no image can be pulled.
OFFLINE = REPOSITORY / "testbed" / "compose" / "ci.yml"

#: Compose v2 as Debian has it.
COMPOSE_SUITE, COMPOSE_PACKAGES = "trixie", ("docker-compose",)
COMPOSE_FILES = ("usr/libexec/docker/cli-plugins/docker-compose",)

#: Longest wait for one command: a build downloads 30 packages, a start waits for health checks.
LIMIT_SECONDS = 900

#: What pip must know of the machine to reach packages.
PIP_SETTINGS = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "default-timeout")


@cache
def compose_file() -> dict[str, Any]:
    """docker-compose.yml, read."""
    made: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    return made


def profiles() -> tuple[str, ...]:
    """The profiles that are on: all of them unless the environment says otherwise."""
    return tuple(name for name in os.environ.get(PROFILES, "all").split(",") if name)


def running(on: Sequence[str]) -> list[str]:
    """The services that run with these profiles."""
    services = compose_file()["services"].items()
    return [name for name, one in services if not one.get("profiles") or set(one["profiles"]) & set(on)]


class Stack:
    """The services, asked and told through Compose. `ports` has each published port by the variable that sets it."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        """Choose ports and write what the build needs into `folder`; nothing is started."""
        self.engine = engine
        variables = re.findall(r"\$\{([A-Z_]+_PORT):-", COMPOSE.read_text(encoding="utf-8"))
        self.ports = {name: free_port() for name in dict.fromkeys(variables)}
        self.environment = {
            **engine.environment,
            **{name: str(port) for name, port in self.ports.items()},
            "SECRETS": str(folder),
            "COMPOSE_PROFILES": ",".join(profiles()),
            "COMPOSE_PROGRESS": "plain",
        }
        self._command = [*compose_command(engine), f"--project-name={PROJECT}", f"--file={COMPOSE}"]
        if engine.ours:
            self._command += [f"--file={OFFLINE}", f"--file={_write_images(folder)}"]
            _write_secrets(folder)

    def compose(self, *words: str) -> str:
        """Return the output of a Compose command.

        Raises:
            EngineError: It failed; has what it wrote.

        """
        return run([*self._command, *words], self.environment, limit_seconds=LIMIT_SECONDS, folder=REPOSITORY)

    def exit_code(self, *words: str, besides: Sequence[Path] = ()) -> tuple[int, str]:
        """Return exit code and output of a Compose command, whatever the code.

        Args:
            besides: Further Compose files, which win over the others.

        """
        done = subprocess.run(
            [*self._command, *(f"--file={path}" for path in besides), *words],
            cwd=REPOSITORY,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            timeout=LIMIT_SECONDS,
        )
        return done.returncode, done.stdout

    def containers(self, *services: str) -> list[dict[str, Any]]:
        """What the engine knows of each container of the services; of all of them, when none is named."""
        names = self.compose("ps", "--all", "--quiet", *services).split()
        found: list[dict[str, Any]] = json.loads(self.engine.docker("inspect", *names)) if names else []
        return found

    def get(self, variable: str, path: str) -> Any:
        """Return the parsed JSON that the service with that port answers.

        Raises:
            OSError: Nobody listens.
            ServerError: The answer is an error.

        """
        return json.loads(text_of(*ask(self.ports[variable], "GET", path)))

    def down(self) -> None:
        """Stop everything and remove containers, networks and volumes."""
        self.compose("down", "--volumes", "--remove-orphans", "--timeout=5")


def compose_command(engine: Engine) -> list[str]:
    """Compose v2: the engine's own, else Debian's."""
    try:
        engine.docker("compose", "version", limit_seconds=30)
    except EngineError:
        pass
    else:
        return ["docker", "compose"]
    folder = cache_root() / "servers" / "docker-compose"
    with locked(folder):
        reason = "" if folder.is_dir() else fetch(COMPOSE_SUITE, COMPOSE_PACKAGES, COMPOSE_FILES, folder)
    if reason:
        missing(f"no Compose v2 from Debian {COMPOSE_SUITE}: {reason}")
    return [str(folder / "docker-compose")]


def _write_images(folder: Path) -> Path:
    """Write a Compose file that names the images without digests, so that stand-ins can be meant."""
    services: dict[str, dict[str, Any]] = {
        name: {"image": undigested(one["image"])} for name, one in compose_file()["services"].items()
    }
    for name in ("agent-api", "docs"):
        services[name]["build"] = {"args": {"PYTHON": python_tag()}}
    path = folder / "images.yml"
    path.write_text(yaml.safe_dump({"services": services}), encoding="utf-8")
    return path


def _write_secrets(folder: Path) -> None:
    """Write what pip knows on this machine for the build: where packages are, and whose certificates count."""
    settings = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    # Lines are `global.index-url='...'`; the environment comes as `:env:` and wins over files.
    given = dict(re.findall(r"^(?!:env:)[\w-]+\.([\w-]+)='(.*)'$", settings, re.MULTILINE))
    given |= dict(re.findall(r"^:env:\.([\w-]+)='(.*)'$", settings, re.MULTILINE))
    lines = [f"{name} = {given[name]}\n" for name in PIP_SETTINGS if name in given]
    bundle = given.get("cert") or os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
    target = folder / "ca_bundle"
    if bundle and Path(bundle).is_file():
        shutil.copy(bundle, target)
        lines.append("cert = /run/secrets/ca_bundle\n")
    else:
        target.touch()
    (folder / "pip.conf").write_text("[global]\n" + "".join(lines), encoding="utf-8")
