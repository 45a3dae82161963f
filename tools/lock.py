"""Write docker/requirements.txt: every package of the image with its version and the hashes of its wheels.

pip itself resolves, once per machine architecture, as if it ran in the image. Only wheels count, so nothing is compiled
in the image. Run it (`make lock`) to take newer versions; the diff is the review.
"""

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "docker" / "requirements.txt"

#: Wheel platforms of one architecture that Debian's C library runs.
ARCHITECTURES = {
    "amd64": ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"),
    "arm64": ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"),
}

HEAD = """\
# Written by `make lock` (tools/lock.py). Do not edit.
# What the Dockerfile installs, for amd64 and arm64: the project's own requirements and what builds it.
"""


def wanted() -> list[str]:
    """Requirements of the project, of its reference server and of its build."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    own = project["project"]
    return [*own["dependencies"], *own["optional-dependencies"]["reference"], *project["build-system"]["requires"]]


def image_python() -> str:
    """Python version of the image, as `3.13`."""
    found = re.search(r"^FROM python:(\d+\.\d+)\.", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    if not found:
        raise SystemExit("Dockerfile: no line FROM python:<version>")
    return found[1]


def resolve(requirements: list[str], platforms: tuple[str, ...]) -> list[dict[str, Any]]:
    """Ask pip what it would install; nothing is."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
        command += ["--report", str(report), "--target", folder, "--only-binary=:all:"]
        command += ["--python-version", image_python(), *(f"--platform={name}" for name in platforms)]
        subprocess.run([*command, *requirements], check=True)
        found: list[dict[str, Any]] = json.loads(report.read_text(encoding="utf-8"))["install"]
    return found


def main() -> None:
    """Write the lock.

    The architectures must agree on versions: otherwise a wheel is missing, and pip took an older release for one of them.
    """
    versions: dict[str, set[str]] = defaultdict(set)
    hashes: dict[str, set[str]] = defaultdict(set)
    for platforms in ARCHITECTURES.values():
        for one in resolve(wanted(), platforms):
            name = re.sub(r"[-_.]+", "-", one["metadata"]["name"]).lower()
            versions[name].add(one["metadata"]["version"])
            hashes[name].add(one["download_info"]["archive_info"]["hashes"]["sha256"])
    torn = {name: sorted(found) for name, found in versions.items() if len(found) > 1}
    if torn:
        raise SystemExit(f"no common version for all architectures: {torn}")
    lines = [
        f"{name}=={min(versions[name])}"
        + "".join(f" \\\n    --hash=sha256:{one}" for one in sorted(hashes[name]))
        + "\n"
        for name in sorted(versions)
    ]
    LOCK.write_text(HEAD + "".join(lines), encoding="utf-8")
    print(f"{LOCK.relative_to(ROOT)}: {len(lines)} packages")


if __name__ == "__main__":
    main()
