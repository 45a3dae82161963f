"""Debian packages, downloaded by the machine's own apt, with a configuration of their own.

Nothing is installed, nothing of the machine's apt changes, and no root is needed. Which mirror to ask is read from the
machine's configuration, so no address is written here.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from testbed.servers import pins

#: An index and the packages of a batch are 70 MB at most: more than a minute means a mirror that hangs.
FETCH_SECONDS = 600

#: Seconds without an answer after which apt gives a mirror up. It is asked once only.
MIRROR_SECONDS = 20

#: Private apt configuration. It is read after the machine's own, of which it keeps what is about
#: the network (a proxy, certificates) and drops what would touch the machine (hooks, pinning).
CONFIGURATION = """\
Dir::State "{folder}/state";
Dir::State::status "{folder}/status";
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


class Archive(NamedTuple):
    """A Debian archive: its address, and apt's options for it in brackets or nothing."""

    address: str
    options: str


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
            message = re.search(r"^E: (.*)", error.stderr, re.MULTILINE)
            return message[1] if message else f"{error.cmd[0]} ended with {error.returncode}"
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


def unpack(suite: str, packages: Iterable[str], root: Path, work: Path) -> None:
    """Put all files of packages of `suite`, and of those that they depend on, into `root`; no script of theirs is run.

    Args:
        suite: A suite of the machine's own archive.
        packages: Debian packages.
        root: What is filled; it need not exist.
        work: A folder for what is downloaded.

    Raises:
        RuntimeError: A command failed; has what it wrote.

    """
    try:
        apt = updated(suite, machine_archives()[0], work)
        _run(["apt-get", *apt, "install", "--yes", "--download-only", "--no-install-recommends", *packages], work)
        root.mkdir(exist_ok=True)
        # Its links, /lib to usr/lib and the like, are where the files of others go.
        for package in sorted(
            (work / "cache/archives").glob("*.deb"), key=lambda p: not p.name.startswith("base-files_")
        ):
            _run(["dpkg", "-x", str(package), str(root)], work)
    except subprocess.CalledProcessError as error:
        message = f"no packages of Debian {suite}: {error}\n{error.stderr}"
        raise RuntimeError(message) from error


def machine_archives() -> list[Archive]:
    """Debian's own archives in the machine's apt configuration, in order."""
    return archives(_source_texts())


def archives(texts: Iterable[str]) -> list[Archive]:
    """Return Debian's own archives among apt sources, in order, without those of other vendors.

    Args:
        texts: Contents of source files, one-line style or deb822 style.
    """
    found = [archive for text in texts for archive in (*_one_line(text), *_deb822(text))]
    return list(dict.fromkeys(found))


def _download(suite: str, archive: Archive, packages: Iterable[str], work: Path) -> None:
    apt = updated(suite, archive, work)
    _run(["apt-get", *apt, "download", *packages], work / "packages")
    for package in (work / "packages").glob("*.deb"):
        _run(["dpkg", "-x", str(package), str(work / "files")], work)


def updated(suite: str, archive: Archive, work: Path) -> list[str]:
    """Lay out a private apt of one suite in `work`, its index fetched; return the options that make apt use it."""
    for name in ("state/lists/partial", "cache/archives/partial", "files", "packages"):
        (work / name).mkdir(parents=True)
    (work / "status").touch()  # nothing is installed
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
        source = re.fullmatch(r"deb\s+(?:(\[[^]]*\])\s+)?(\S+)\s+(\S+)\s+(.+)", line.strip())
        if source and _is_debian(source[2], [source[3]], source[4].split()):
            keys = re.search(r"signed-by=(/[^\s\]]+)", source[1] or "")
            yield _archive(source[2], keys[1] if keys else "")


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
    """Return whether this is Debian's archive, by its last path segment: neither its security archive nor another vendor's.

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
