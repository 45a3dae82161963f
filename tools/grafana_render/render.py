"""Put every board through Grafana's own libraries, tell what is wrong, and draw each one to `docs/images/`.

A maintainers' tool: it needs node, npm, Chromium and the test servers of `make test`. Commands only: what is asked is said
in `answers.py`, what counts as wrong in `problems.ts`, how a panel is drawn in `page.tsx`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import answers
import faults
import thousand

from testbed import pictures

HERE = Path(__file__).resolve().parent
BUILD = HERE.parents[1] / "build" / "grafana"

#: The oldest Node that has what bundle.mjs uses.
NODE = 20

#: What a browser is called: Debian's first.
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main(wanted: str) -> int:
    """Check and draw; return 1 if a panel has a problem or could not be drawn, or if a program is missing."""
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    lacking = [name for name in ("node", "npm") if not shutil.which(name)]
    lacking += [] if browser else ["chromium (Debian: apt-get install chromium)"]
    if not lacking and major() < NODE:
        lacking = [f"node {NODE} or newer"]
    if lacking or not browser:
        sys.stderr.write(f"nothing was rendered; missing: {', '.join(lacking)}\n")
        return 1
    install()
    if wanted == "faults":
        return draw_faults(browser)
    answers.main(BUILD / "answers", thousand.main)
    run("node", "bundle.mjs", str(BUILD))
    failed = [
        run("node", str(BUILD / "check.mjs"), str(BUILD / "answers")),
        run("node", "shoot.mjs", str(BUILD), browser, *([wanted] if wanted else [])),
    ]
    taken = sorted((BUILD / "pictures").glob(f"{wanted}*.webp"))
    for picture in taken:
        shutil.copy(picture, pictures.IMAGES / picture.name)
    pictures.note({picture.name: picture.stem for picture in taken})
    sys.stdout.write(f"pictures: {len(taken)} in {pictures.IMAGES}\n")
    return int(any(failed))


def draw_faults(browser: str) -> int:
    """Draw the board of each fault in its fault, to `docs/images/faults/`; return 1 if one could not be drawn."""
    root, target = BUILD / "faults", pictures.IMAGES / "faults"
    known = faults.main(root / "answers")
    run("node", "bundle.mjs", str(root))
    failed = run("node", "shoot.mjs", str(root), browser)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for name in known:
        shutil.copy(root / "pictures" / f"{name}.webp", target / f"{name}.webp")
    pictures.note({f"faults/{name}.webp": stem for name, stem in known.items()})
    sys.stdout.write(f"pictures: {len(known)} in {target}\n")
    return failed


def major() -> int:
    """Return the major version of node."""
    return int(
        subprocess.run(["node", "--version"], check=True, capture_output=True, text=True).stdout[1:].split(".")[0]
    )


def install() -> None:
    """Make `node_modules` hold exactly the versions of `package.json`. No script of a package is run."""
    versions: dict[str, str] = json.loads((HERE / "package.json").read_text(encoding="utf-8"))["dependencies"]
    files = {name: HERE / "node_modules" / name / "package.json" for name in versions}
    if any(
        not f.exists() or json.loads(f.read_text(encoding="utf-8"))["version"] != versions[n] for n, f in files.items()
    ):
        options = ("--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund")
        subprocess.run(["npm", "install", *options], cwd=HERE, check=True)


def run(*command: str) -> int:
    """Run a command in this folder; return its exit code."""
    return subprocess.run(command, cwd=HERE, check=False).returncode


if __name__ == "__main__":
    sys.exit(main("".join(sys.argv[1:2])))
