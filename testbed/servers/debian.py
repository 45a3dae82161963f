"""Prometheus, Alertmanager and VictoriaMetrics as Debian releases have them, old to new."""

import functools
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Literal, NamedTuple, NoReturn, TypeAlias

import pytest

from testbed.servers import pins
from testbed.servers.apt import fetch
from testbed.servers.cache import cache_root, locked

Program: TypeAlias = Literal["prometheus", "alertmanager", "victoria-metrics", "vmalert", "vmagent", "blackbox", "etcd"]
Age: TypeAlias = Literal["oldest", "middle", "newest"]

#: Age to Debian suite. Bookworm's Prometheus 2.42 is the oldest that the bundle promises to serve,
#: trixie has the last 2.x, sid the newest 3.x, which `newest.json` names.
AGES: dict[Age, str] = {"oldest": "bookworm", "middle": "trixie", "newest": "sid"}

#: Debian's Alertmanager of every version reads its default templates from here and nowhere else.
TEMPLATES = Path("/usr/share/prometheus/alertmanager/default.tmpl")

#: Program to the name of its file in `/usr/bin`, where the two differ.
FILES: dict[Program, str] = {"alertmanager": "prometheus-alertmanager", "blackbox": "prometheus-blackbox-exporter"}


class Batch(NamedTuple):
    """Packages that are fetched together, because who wants one soon wants the other.

    Attributes:
        packages: Debian packages.
        programs: What they have that we want.
        suffix: Added to the suite's name, it is the name of their folder.

    """

    packages: tuple[str, ...]
    programs: tuple[Program, ...]
    suffix: str


BATCHES = (
    Batch(("prometheus", "prometheus-alertmanager"), ("prometheus", "alertmanager"), ""),
    Batch(("victoria-metrics",), ("victoria-metrics", "vmalert", "vmagent"), "-victoria"),
    Batch(("prometheus-blackbox-exporter",), ("blackbox",), "-blackbox"),
    Batch(("etcd-server",), ("etcd",), "-etcd"),
)

#: What an installed program must be for us to spare the download of the oldest.
OLDEST: dict[Program, str] = {"prometheus": "2.42", "alertmanager": "0.25"}


class Found(NamedTuple):
    """What was looked for, or a sentence that says why it is not there."""

    path: Path | None
    reason: str = ""


@functools.cache
def find(program: Program, age: Age) -> Found:
    """Return the path of a program of that age; downloads it when it was never needed before.

    One call with the network away tries once; later calls give the same answer.
    """
    if program == "alertmanager" and not TEMPLATES.exists():
        return Found(None, f"Debian's Alertmanager wants {TEMPLATES}: install the package prometheus-alertmanager")
    if age == "oldest" and (installed := _installed(program)):
        return Found(installed)
    suite = AGES[age]
    batch = next(b for b in BATCHES if program in b.programs)
    of = pins.suffix(batch.packages) if age == "newest" else ""
    folder = cache_root() / "servers" / f"{suite}{batch.suffix}{of}"
    with locked(folder):
        if not folder.is_dir():
            paths = [f"usr/bin/{FILES.get(program, program)}" for program in batch.programs]
            reason = fetch(suite, batch.packages, paths, folder)
            if reason:
                return Found(None, f"no {program} of Debian {suite}: {reason}")
    return Found(folder / FILES.get(program, program))


def prometheus_binaries() -> list[tuple[str, Path]]:
    """Label (`2.42`) and path of each Prometheus that could be found, oldest first."""
    paths = [found.path for age in AGES if (found := find("prometheus", age)).path]
    return [(version(path), path) for path in paths]


@functools.cache
def version(binary: Path) -> str:
    """Return the first two numbers of a program's version, such as `2.42`.

    Debian's VictoriaMetrics does not know its own: the package's version is taken down when it is unpacked.

    Raises:
        ValueError: It does not say.

    """
    noted = binary.parent / "victoria-metrics.version"
    if noted.exists():
        return noted.read_text(encoding="utf-8")
    done = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True, timeout=60)
    # 2.x tells its version on stdout, some Alertmanagers on stderr.
    found = re.search(r"version (\d+\.\d+)", done.stdout + done.stderr)
    if not found:
        message = f"{binary} --version does not tell a version"
        raise ValueError(message)
    return found[1]


def missing(reason: str) -> NoReturn:
    """Skip the running test because something is not there; in CI, fail it."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def _installed(program: Program) -> Path | None:
    for name in dict.fromkeys((program, FILES.get(program, program))):
        path = shutil.which(name)
        if path and program in OLDEST and version(Path(path)) == OLDEST[program]:
            return Path(path)
    return None
