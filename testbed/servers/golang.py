"""Programs written in Go, built once from the module proxy that this machine's Go is set up with, into the cache.

They serve checks of ours alone: no user needs one. The versions stand here, so that a check means the same tomorrow.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from testbed.servers.cache import cache_root, locked
from testbed.servers.debian import Found

#: A module with all it needs is downloaded and compiled within this many seconds, on a slow machine too.
BUILD_SECONDS = 3600


@functools.cache
def tool(package: str, version: str, name: str = "") -> Found:
    """Return the program of a Go package; builds it when it was never needed before.

    Args:
        package: Its import path, such as `sigs.k8s.io/kustomize/kustomize/v5`.
        version: Its module's version, such as `v5.4.3`.
        name: What the program is called; the last part of the path, without a version, when left out.

    """
    name = name or next(part for part in reversed(package.split("/")) if not part.lstrip("v").isdigit())
    folder = cache_root() / "go" / f"{name}-{version}"
    with locked(folder):
        if not folder.is_dir() and (reason := _install(f"{package}@{version}", folder)):
            return Found(None, f"no {name} {version}: {reason}")
    return Found(folder / name)


@functools.cache
def program(source: Path, name: str) -> Found:
    """Return the program of a Go module of ours in `source`; builds it anew whenever its files differ."""
    import hashlib

    files = sorted(path for path in source.rglob("*") if path.is_file())
    digest = hashlib.sha256(b"\0".join(path.name.encode() + b"\0" + path.read_bytes() for path in files)).hexdigest()
    folder = cache_root() / "go" / f"{name}-{digest[:16]}"
    with locked(folder):
        if not folder.is_dir() and (reason := _build(source, name, folder)):
            return Found(None, f"no {name}: {reason}")
    return Found(folder / name)


@functools.cache
def unlisted(path: str, version: str, package: str) -> Found:
    """Return the program of a package of a module whose versions the proxy does not list, which `go install` asks for first.

    Args:
        path: The module, such as `github.com/perses/perses`.
        version: Its version.
        package: The package in it, such as `cmd/percli`.

    """
    go, name = shutil.which("go"), package.rpartition("/")[2]
    folder = cache_root() / "go" / f"{name}-{version}"
    with locked(folder):
        if folder.is_dir():
            return Found(folder / name)
        if not go:
            return Found(None, f"no {name} {version}: Go is not on this machine")
        work = folder.with_name(f"{folder.name}.new")
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        (work / "go.mod").write_text(f"module built\n\ngo 1.25.0\n\nrequire {path} {version}\n", encoding="utf-8")
        done = _run(
            [go, "build", "-o", str(work / name), f"{path}/{package}"], work, GOFLAGS="-mod=mod -buildvcs=false"
        )
        if reason := _finish(done, work, folder):
            return Found(None, f"no {name} {version}: {reason}")
    return Found(folder / name)


@functools.cache
def module(path: str, version: str) -> Found:
    """Return the folder with the sources of a Go module, such as one that has the CRDs of an operator."""
    go = shutil.which("go")
    if not go:
        return Found(None, "Go is not on this machine")
    folder = cache_root() / "go" / "modules"
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / "download"):
        done = _run([go, "mod", "download", "-json", f"{path}@{version}"], folder)
    import json

    report = json.loads(done.stdout or "{}")
    if "Dir" not in report:
        return Found(None, f"no {path} {version}: {report.get('Error') or _last(done)}")
    return Found(Path(report["Dir"]))


@functools.cache
def replaced(path: str, version: str, package: str, tags: str = "") -> Found:
    """Return a program that is built in its module's sources, as its makers do.

    `go install` refuses a module that replaces others, and looks for one at every part of the path, which a proxy may forbid.

    Args:
        path: The module's import path, such as `github.com/cortexproject/cortex`.
        version: Its version, such as `v1.21.1`.
        package: Where the program stands in it, such as `./cmd/cortex`; its last part is what it is called.
        tags: Build tags, with commas between.

    """
    name = package.rpartition("/")[2]
    folder = cache_root() / "go" / f"{name}-{version}"
    sources = module(path, version)
    if not sources.path:
        return sources
    with locked(folder):
        if folder.is_dir():
            return Found(folder / name)
        with tempfile.TemporaryDirectory(prefix="agentobs-go-") as temporary:
            copy = Path(temporary) / "src"  # what a download is stays as it was
            shutil.copytree(sources.path, copy, copy_function=shutil.copyfile)
            for one in (copy, *copy.rglob("*/")):
                one.chmod(0o755)
            if reason := _build(
                copy, name, folder, "-mod=mod", f"-tags={tags}", "-trimpath", "-ldflags=-s -w", package
            ):
                return Found(None, f"no {name} {version}: {reason}")
    return Found(folder / name)


def _install(package: str, folder: Path) -> str:
    go = shutil.which("go")
    if not go:
        return "Go is not on this machine"
    work = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(work, ignore_errors=True)
    done = _run([go, "install", package], folder.parent, GOBIN=str(work))
    return _finish(done, work, folder)


def _build(source: Path, name: str, folder: Path, *words: str) -> str:
    go = shutil.which("go")
    if not go:
        return "Go is not on this machine"
    work = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    done = _run([go, "build", "-o", str(work / name), *(words or ["."])], source)
    return _finish(done, work, folder)


def _finish(done: subprocess.CompletedProcess[str], work: Path, folder: Path) -> str:
    if done.returncode:
        shutil.rmtree(work, ignore_errors=True)
        return _last(done)
    work.rename(folder)
    return ""


def _run(words: list[str], where: Path, **more: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            words,
            cwd=where,
            env=os.environ | {"GOWORK": "off"} | more,
            capture_output=True,
            text=True,
            check=False,
            timeout=BUILD_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(words, 1, "", f"Go took over {BUILD_SECONDS} s")


def _last(done: subprocess.CompletedProcess[str]) -> str:
    """Return the last line that Go said, which is what went wrong."""
    return next(
        (line for line in reversed(done.stderr.splitlines()) if line.strip()), f"Go ended with {done.returncode}"
    )
