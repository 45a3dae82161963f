"""Prometheus, Alertmanager and VictoriaMetrics as Debian releases have them, old to new.

Packages are downloaded by the machine's own apt, with a configuration of their own: nothing is
installed, nothing of the machine's apt changes, and no root is needed. Which mirror to ask is read
from the machine's configuration, so no address is written here.
"""

import functools
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple, NoReturn, TypeAlias
from urllib.parse import urlsplit

import pytest

from testbed.servers import pins
from testbed.servers.cache import cache_root, locked

Program: TypeAlias = Literal["prometheus", "alertmanager", "victoria-metrics", "vmalert", "vmagent"]
Age: TypeAlias = Literal["oldest", "middle", "newest"]

#: Age to Debian suite. Bookworm's Prometheus 2.42 is the oldest that the bundle promises to serve,
#: trixie has the last 2.x, sid the newest 3.x, which `newest.json` names.
AGES: dict[Age, str] = {"oldest": "bookworm", "middle": "trixie", "newest": "sid"}

#: Debian's Alertmanager of every version reads its default templates from here and nowhere else.
TEMPLATES = Path("/usr/share/prometheus/alertmanager/default.tmpl")

#: Program to the name of its file in `/usr/bin`, where the two differ.
FILES: dict[Program, str] = {"alertmanager": "prometheus-alertmanager"}


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
)

#: What an installed program must be for us to spare the download of the oldest.
OLDEST: dict[Program, str] = {"prometheus": "2.42", "alertmanager": "0.25"}

#: An index and the packages of a batch are 70 MB at most: more than a minute means a mirror that hangs.
FETCH_SECONDS = 600

#: Seconds without an answer after which apt gives a mirror up. It is asked once only.
MIRROR_SECONDS = 20

#: Private apt configuration. It is read after the machine's own, of which it keeps what is about
#: the network (a proxy, certificates) and drops what would touch the machine (hooks, pinning).
CONFIGURATION = """\
Dir::State "{folder}/state";
Dir::State::status "/dev/null";
Dir::Cache "{folder}/cache";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Sandbox::User "";
Acquire::Retries "0";
Acquire::http::Timeout "{seconds}";
Acquire::https::Timeout "{seconds}";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"""


class Found(NamedTuple):
    """What was looked for, or a sentence that says why it is not there."""

    path: Path | None
    reason: str = ""


class Archive(NamedTuple):
    """A Debian archive: its address, and apt's options for it in brackets or nothing."""

    address: str
    options: str


@functools.cache
def find(program: Program, age: Age) -> Found:
    """Path of a program of that age; downloads it when it was never needed before.

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
    """First two numbers of a program's version, such as `2.42`.

    Debian's VictoriaMetrics does not know its own: the package's version is taken down when it is unpacked.
    """
    noted = binary.parent / "victoria-metrics.version"
    if noted.exists():
        return noted.read_text(encoding="utf-8")
    told = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True, timeout=60)
    # 2.x tells its version on stdout, some Alertmanagers on stderr.
    found = re.search(r"version (\d+\.\d+)", told.stdout + told.stderr)
    if not found:
        message = f"{binary} --version does not tell a version"
        raise ValueError(message)
    return found[1]


def missing(reason: str) -> NoReturn:
    """Skip the running test because something is not there; in CI, fail it."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def fetch(suite: str, packages: Iterable[str], paths: Iterable[str], folder: Path) -> str:
    """Put files of packages of `suite` into `folder`, which appears complete or not at all.

    Args:
        suite: A suite of the machine's own archive.
        packages: Debian packages.
        paths: Files in them; each keeps its name.
        folder: What appears.

    Returns:
        The reason why it could not be done, or nothing.

    """
    absent = [tool for tool in ("apt-get", "dpkg") if not shutil.which(tool)]
    if absent:
        return f"{absent[0]} is not on this machine"
    known = machine_archives()
    if not known:
        return "the machine's apt configuration names no Debian archive"
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f"{suite}-") as temporary:
        work = Path(temporary)
        try:
            _download(suite, known[0], packages, work)
        except subprocess.CalledProcessError as error:
            told = re.search(r"^E: (.*)", error.stderr, re.MULTILINE)
            return told[1] if told else f"{error.cmd[0]} ended with {error.returncode}"
        except subprocess.TimeoutExpired:
            return f"the mirror took over {FETCH_SECONDS} s"
        (work / "complete").mkdir()
        for path in paths:
            shutil.move(work / "files" / path, work / "complete" / Path(path).name)
        for package in (work / "packages").glob("victoria-metrics_*.deb"):
            number = ".".join(package.name.split("_")[1].split(".")[:2])
            (work / "complete" / "victoria-metrics.version").write_text(number, encoding="utf-8")
        pins.note(work / "complete", (work / "packages").glob("*.deb"))
        (work / "complete").rename(folder)
    return ""


def machine_archives() -> list[Archive]:
    """Debian's own archives in the machine's apt configuration, in order."""
    return archives(_source_texts())


def archives(texts: Iterable[str]) -> list[Archive]:
    """Debian's own archives among apt sources, in order, without those of other vendors.

    Args:
        texts: Contents of source files, one-line style or deb822 style.
    """
    found = [archive for text in texts for archive in (*_one_line(text), *_deb822(text))]
    return list(dict.fromkeys(found))


def _installed(program: Program) -> Path | None:
    for name in dict.fromkeys((program, FILES.get(program, program))):
        path = shutil.which(name)
        if path and program in OLDEST and version(Path(path)) == OLDEST[program]:
            return Path(path)
    return None


def _download(suite: str, archive: Archive, packages: Iterable[str], work: Path) -> None:
    apt = updated(suite, archive, work)
    _run(["apt-get", *apt, "download", *packages], work / "packages")
    for package in (work / "packages").glob("*.deb"):
        _run(["dpkg", "-x", str(package), str(work / "files")], work)


def updated(suite: str, archive: Archive, work: Path) -> list[str]:
    """Lay out a private apt of one suite in `work`, its index fetched; return the options that make apt use it."""
    for name in ("state/lists/partial", "cache/archives/partial", "files", "packages"):
        (work / name).mkdir(parents=True)
    line = f"deb {archive.options} {archive.address} {suite} main\n"
    (work / "sources.list").write_text(line, encoding="utf-8")
    text = CONFIGURATION.format(folder=work, seconds=MIRROR_SECONDS)
    (work / "apt.conf").write_text(text, encoding="utf-8")
    options = [f"-c={work / 'apt.conf'}", "-q"]
    # Without this, a mirror that does not answer is a warning and apt goes on with nothing.
    _run(["apt-get", *options, "update", "--error-on=any"], work)
    return options


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        timeout=FETCH_SECONDS,
    )


def _source_texts() -> list[str]:
    parts = sorted(Path("/etc/apt/sources.list.d").glob("*"))
    files = [Path("/etc/apt/sources.list"), *parts]
    return [
        path.read_text(encoding="utf-8", errors="replace")
        for path in files
        if path.suffix in {".list", ".sources"} and path.is_file()
    ]


def _one_line(text: str) -> Iterator[Archive]:
    for line in text.splitlines():
        told = re.fullmatch(r"deb\s+(?:(\[[^]]*\])\s+)?(\S+)\s+(\S+)\s+(.+)", line.strip())
        if told and _is_debian(told[2], [told[3]], told[4].split()):
            keys = re.search(r"signed-by=(/[^\s\]]+)", told[1] or "")
            yield _archive(told[2], keys[1] if keys else "")


def _deb822(text: str) -> Iterator[Archive]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for stanza in re.split(r"\n\s*\n", "\n".join(lines)):
        # A value goes on in lines that start with a space.
        fields = {
            name.lower(): value.split()
            for name, value in re.findall(r"^([\w-]+):((?:.*)(?:\n[ \t].*)*)", stanza, re.MULTILINE)
        }
        if "deb" not in fields.get("types", []) or fields.get("enabled") == ["no"]:
            continue
        keys = fields.get("signed-by", [""])[0]
        for address in fields.get("uris", []):
            if _is_debian(address, fields.get("suites", []), fields.get("components", [])):
                yield _archive(address, keys)


def _archive(address: str, keys: str) -> Archive:
    """Without a key file, apt's trusted keys decide."""
    return Archive(address.rstrip("/"), f"[signed-by={keys}]" if keys.startswith("/") else "")


def _is_debian(address: str, suites: list[str], components: list[str]) -> bool:
    """Tell Debian's archive by its last path segment, from its security archive and from others'.

    A cloud image names a file of mirrors, `debian.list`, instead of one mirror.
    """
    url = urlsplit(address)
    last = url.path.rstrip("/").rpartition("/")[2]
    return (
        url.scheme != "cdrom"
        and last in {"debian", "debian.list"}
        and "main" in components
        and any(re.fullmatch(r"[a-z]+(-updates)?", suite) for suite in suites)
    )
