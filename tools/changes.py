"""Write what an operator has to do about a newer version: the section "Upgrade" of CHANGELOG.md, from the generated files of two commits.

Usage: `make changes FROM=900db51 TO=8967e85`. It prints Markdown. What breaks and what fires otherwise is named; what only looks
different is counted. All of it is what `agentobs diff` finds, by meaning, between the committed files.
"""

from __future__ import annotations

import argparse
import io
import re
import subprocess
import sys
import tarfile
import tempfile
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from generator import diff
from generator.diff.change import Change
from generator.diff.reading import Servers
from generator.diff.state import State

ROOT = Path(__file__).resolve().parents[1]

#: What of a commit is compared: the files that people load.
FOLDERS = ("alerts", "dashboards", "scrape")

#: Characters of a line of CHANGELOG.md.
WIDTH = 140

#: Properties of an alert whose change an operator notices, beside its expression.
TELLING = re.compile(r"(?:for|keep_firing_for|label severity|threshold): ")

_RENAMED = re.compile(r"renamed to '?([^';]+)'?")


def changes(old: str, new: str) -> list[Change]:
    """Return what differs between the generated files of two commits.

    Raises:
        subprocess.CalledProcessError: There is no such commit, or it has no generated files.

    """
    with tempfile.TemporaryDirectory() as folder:
        states = [_state(commit, Path(folder, side)) for side, commit in (("old", old), ("new", new))]
        return diff.compare(*states)


def _state(commit: str, folder: Path) -> State:
    packed = subprocess.run(["git", "archive", commit, *FOLDERS], cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return diff.read(str(folder), Servers())


def section(found: Sequence[Change]) -> str:
    """Return the section's items in Markdown: first what has to be done, then what is new, then what only looks different."""
    lines = (
        textwrap.fill(f"- {item}", WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
        for item in _items(found)
    )
    return "".join(f"{line}\n" for line in lines)


def _items(found: Sequence[Change]) -> Iterator[str]:
    alerts = [c for c in found if c.kind == "alert"]
    removed = [f"`{c.name}`{_becomes(c)}" for c in alerts if c.what.startswith(("removed", "renamed"))]
    if removed:
        yield f"Alerts that are gone or have another name; take them out of silences and routes: {', '.join(removed)}."
    alerts_changed = {c.name: "" for c in alerts if TELLING.match(c.what) and c.rank == "behaviour"}
    alerts_changed |= {
        name: "; ".join(
            c.what.replace("label ", "").replace("0ms", "0") for c in alerts if c.name == name and TELLING.match(c.what)
        )
        for name in alerts_changed
    }
    if alerts_changed:
        yield f"Alerts that fire at another time or notify others: {', '.join(f'`{name}` ({what})' for name, what in alerts_changed.items())}."
    records = [f"`{c.name}`{_becomes(c)}" for c in found if c.kind == "record" and c.rank == "breaking"]
    if records:
        yield f"Recorded series that are gone or have another name; look for them in rules and boards of your own: {', '.join(records)}."
    panels = [c for c in found if c.kind == "panel" and c.rank == "breaking"]
    if panels:
        renamed = sum(bool(_RENAMED.search(c.what)) for c in panels)
        boards = Counter(c.name.rpartition(" / ")[0] for c in panels)
        named = ", ".join(f"*{name}* ({count})" for name, count in sorted(boards.items()))
        counted = [f"{renamed} with another title"] * bool(renamed) + [f"{len(panels) - renamed} gone"] * (
            renamed < len(panels)
        )
        yield f"Panels: {', '.join(counted)}; a link to one of them opens its board: {named}."
    told_above = ("record", "panel")
    rest = [
        f"{c.kind} `{c.name}` ({c.what})"
        for c in found
        if c.rank == "breaking"
        and c.kind not in told_above
        and not (c.kind == "alert" and c.what.startswith(("removed", "renamed")))
    ]
    if rest:
        yield f"Also look for: {', '.join(rest)}."
    new = [f"`{c.name}` ({c.what.partition(', ')[2]})" for c in alerts if c.what.startswith("added")]
    if new:
        yield f"New alerts; each has a runbook: {', '.join(new)}."
    asked = sorted({c.name for c in alerts if c.what.startswith("expression") and c.rank == "behaviour"})
    if asked:
        yield f"{len(asked)} alerts ask otherwise; `agentobs diff` of your two bundles shows how."
    ranks = Counter(c.rank for c in found)
    broken = f"{ranks['breaking']} differences break something" if ranks["breaking"] else "Nothing breaks"
    yield f"{broken}; {ranks['behaviour']} are of behaviour, {ranks['cosmetic']} in looks."


def _becomes(change: Change) -> str:
    found = _RENAMED.search(change.what)
    return f" (now `{found[1]}`)" if found else ""


def main() -> int:
    """Print the section; 1 when there is no such commit, or it has no generated files."""
    parser = argparse.ArgumentParser(description='Print the section "Upgrade" of CHANGELOG.md.')
    parser.add_argument("old", help="the commit that is loaded")
    parser.add_argument("new", help="the commit that is to be")
    args = parser.parse_args()
    try:
        sys.stdout.write(section(changes(args.old, args.new)))
    except subprocess.CalledProcessError as error:
        sys.stderr.write(error.stderr.decode())
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
