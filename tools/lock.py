"""Write the locks: what the images install, with the hashes of their wheels, and what the development environment installs.

pip itself resolves, once per machine architecture or version of Python, as if it ran there. Only wheels count, so nothing
is compiled. Run it (`make lock`) to take newer versions; the diff is the review. Anyone who installs the package from an
index is bound by neither.
"""

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
IMAGE = ROOT / "docker" / "requirements.txt"
DOCUMENTS = ROOT / "docker" / "requirements-docs.txt"
DEVELOPMENT = ROOT / "tools" / "constraints.txt"

#: Wheel platforms of one architecture that Debian's C library runs.
ARCHITECTURES = {
    "amd64": ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"),
    "arm64": ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"),
}

#: Versions of Python that people develop on: from the oldest that the package takes.
PYTHONS = ("3.11", "3.12", "3.13")

IMAGE_HEAD = """\
# Written by `make lock` (tools/lock.py). Do not edit.
# What the Dockerfile installs, for amd64 and arm64: the project's own requirements and what builds it.
"""

DOCUMENTS_HEAD = """\
# Written by `make lock` (tools/lock.py). Do not edit.
# What the Dockerfile installs to build the documentation, for amd64 and arm64: the generator's requirements and MkDocs.
"""

DEVELOPMENT_HEAD = """\
# Written by `make lock` (tools/lock.py). Do not edit.
# What `make` and CI install, as constraints for pip: the project's requirements with those of its tests and tools.
"""


class Resolved(NamedTuple):
    """A package that pip would install: its version and the hash of its wheel."""

    name: str
    version: str
    digest: str


def resolve(requirements: Iterable[str], platforms: Sequence[str] = (), python: str = "") -> list[Resolved]:
    """Ask pip what it would install for these platforms and this Python; for the running one, sources count too. Nothing is installed."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
        command += ["--report", str(report)]
        command += ["--target", folder, "--only-binary=:all:"] if platforms else []
        command += [f"--python-version={python}"] if python else []
        subprocess.run([*command, *(f"--platform={name}" for name in platforms), *requirements], check=True)
        found = json.loads(report.read_text(encoding="utf-8"))["install"]
    return [
        Resolved(
            re.sub(r"[-_.]+", "-", one["metadata"]["name"]).lower(),
            one["metadata"]["version"],
            one["download_info"]["archive_info"]["hashes"]["sha256"],
        )
        for one in found
    ]


def project() -> dict[str, list[str]]:
    """Requirements of the project by what needs them: `package`, `build`, and its extras, their own names left out."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    own = project["project"]
    extras = {
        name: [one for one in needed if not one.startswith(own["name"])]
        for name, needed in own["optional-dependencies"].items()
    }
    return {"package": own["dependencies"], "build": project["build-system"]["requires"], **extras}


def image_python() -> str:
    """Version of Python in the image, as `3.13`."""
    found = re.search(
        r"^ARG PYTHON=python:(\d+\.\d+)\.", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE
    )
    if not found:
        raise SystemExit("Dockerfile: no line ARG PYTHON=python:<version>")
    return found[1]


def writers() -> list[str]:
    """Return what builds the documentation: what the package needs, and the line of the development environment for MkDocs."""
    needed = project()
    return [*needed["package"], *(one for one in needed["dev"] if one.startswith("mkdocs"))]


def image(wanted: Sequence[str], head: str) -> str:
    """Return the lock of an image.

    The architectures must agree on versions: otherwise a wheel is missing, and pip took an older release for one of them.

    Raises:
        SystemExit: They have no version in common.

    """
    versions: dict[str, set[str]] = defaultdict(set)
    hashes: dict[str, set[str]] = defaultdict(set)
    for names in ARCHITECTURES.values():
        for one in resolve(wanted, names, image_python()):
            versions[one.name].add(one.version)
            hashes[one.name].add(one.digest)
    conflicting = {name: sorted(found) for name, found in versions.items() if len(found) > 1}
    if conflicting:
        raise SystemExit(f"no common version for all architectures: {conflicting}")
    return head + "".join(
        f"{name}=={min(versions[name])}"
        + "".join(f" \\\n    --hash=sha256:{one}" for one in sorted(hashes[name]))
        + "\n"
        for name in sorted(versions)
    )


def development() -> str:
    """Return the constraints of the development environment; where the Pythons do not agree, each has its own."""
    wanted = [one for needed in project().values() for one in needed]
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for python in PYTHONS:
        for one in resolve(wanted, ARCHITECTURES["amd64"], python):
            found[one.name][python] = one.version
    return DEVELOPMENT_HEAD + "".join(line for name in sorted(found) for line in _constraints(name, found[name]))


def _constraints(name: str, versions: dict[str, str]) -> list[str]:
    """Return the line of a package, or one for each Python; versions of Python to come take what the newest one takes."""
    if len(set(versions.values())) == 1:
        return [f"{name}=={next(iter(versions.values()))}\n"]
    newest = max(versions, key=PYTHONS.index)
    return [
        f'{name}=={version} ; python_version {">=" if python == newest else "=="} "{python}"\n'
        for python, version in versions.items()
    ]


def main() -> None:
    """Write both."""
    needed = project()
    made = (
        (IMAGE, image([*needed["package"], *needed["build"]], IMAGE_HEAD)),
        (DOCUMENTS, image(writers(), DOCUMENTS_HEAD)),
        (DEVELOPMENT, development()),
    )
    for path, text in made:
        path.write_text(text, encoding="utf-8")
        print(f"{path.relative_to(ROOT)}: {len(re.findall('^[a-z]', text, re.MULTILINE))} packages")


if __name__ == "__main__":
    main()
