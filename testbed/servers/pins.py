"""The newest servers that the tests run on, by name: Debian's package versions in `newest.json`, which `make newest` renews.

Debian's unstable suite keeps one version of a package. Once it has moved on, the named one is had by who has it already;
everybody else gets what there is, and the end of a test run says so.
"""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import unquote

FILE = Path(__file__).with_name("newest.json")

#: In a folder of fetched programs: which version of which package they are from, one a line.
VERSIONS = "versions"


def named() -> Mapping[str, str]:
    """Return version by Debian package."""
    found: Mapping[str, str] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def suffix(packages: Iterable[str]) -> str:
    """Return what a folder's name ends in that is for the named versions of these packages."""
    versions = named()
    return "".join(f"-{versions[package]}" for package in packages)


def packaged(files: Iterable[Path]) -> dict[str, str]:
    """Return version by package, from the names of package files.

    A package that was only built anew, which its version ends in (`+b4`), is the same one.
    """
    parts = [unquote(file.name).split("_") for file in files]
    return {name: re.sub(r"\+b\d+$", "", version.rpartition(":")[2]) for name, version, _ in parts}


def note(folder: Path, files: Iterable[Path]) -> None:
    """Write down what the programs in a folder are from."""
    lines = [f"{name} {version}\n" for name, version in sorted(packaged(files).items())]
    (folder / VERSIONS).write_text("".join(lines), encoding="utf-8")


def outdated(servers: Path) -> list[str]:
    """Return a sentence for each fetched program that is of another version than the named one.

    Args:
        servers: The folder of all folders of fetched programs.

    """
    out = []
    for package, version in named().items():
        for noted in sorted(servers.glob(f"*-{version}*/{VERSIONS}")):
            found = dict(line.split(" ", 1) for line in noted.read_text(encoding="utf-8").splitlines())
            if found.get(package, version) != version:
                out.append(
                    f"{package} {version} is named in {FILE.name}, and Debian has {found[package]}: "
                    f"the tests ran on that; `make newest` names it, {noted.parent} can go"
                )
    return out
