"""A thousand deployments: copies of a calm one in the history, and what the boards of many deployments then cost."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import answers

from testbed.matrix import fleet, panels
from testbed.matrix.engines import Stage

#: How many.
MANY = 1000

#: Boards that open with all deployments, and the system whose deployments there are many of.
BOARDS = {"agent_server_fleet": "agent_server", "overview": "agent_server"}

#: Seconds between two samples of a copy: what a graph of the history shows.
STEP = 60.0


def main(running: Stage, start: float, folder: Path) -> None:
    """Copy the calm deployment, ask the boards, and write `<board>.thousand.json`; print seconds and series of each panel."""
    known = panels.boards()
    for system in {*BOARDS.values()}:
        names = {name for stem, own in BOARDS.items() if own == system for name in _read(known[stem])}
        _copy(running, start, fleet.name_of(fleet.SCENARIOS[system][0]), names)
    for stem in BOARDS:
        began = time.monotonic()
        one = answers.asked(running, stem, known[stem], start, "thousand")
        elapsed = time.monotonic() - began
        (folder / f"{stem}.thousand.json").write_text(json.dumps(one, indent=0), encoding="utf-8")
        titles = {str(panel["id"]): panel["title"] for panel in answers.each_panel(known[stem])}
        most = {
            titles[number]: max((len(a["result"]) for a in found.values()), default=0)
            for number, found in one["answers"].items()
        }
        lines = sorted(most.items(), key=lambda pair: -pair[1])[:4]
        summary = ", ".join(f"{title} {count}" for title, count in lines)
        sys.stdout.write(
            f"{stem} with {MANY} deployments: all queries one by one {elapsed:.1f} s; most series: {summary}\n"
        )


def _read(board: Mapping[str, Any]) -> set[str]:
    """Return the names of the series that a board reads."""
    exprs = " ".join(t["expr"] for panel in answers.each_panel(board) for t in panel.get("targets", ()))
    return set(re.findall(r"\b([a-zA-Z_][a-zA-Z0-9_:]*)\{", exprs)) - {"ALERTS"}


def _copy(running: Stage, start: float, deployment: str, names: set[str]) -> None:
    end = start + fleet.DURATION - STEP
    times = [start + panels.BEGIN + n * STEP for n in range(int((end - start - panels.BEGIN) // STEP) + 1)]
    for name in sorted(names):
        found = running.queried.query_range(f'{name}{{deployment="{deployment}"}}', times[0], times[-1], STEP)
        originals = [(dict(s.labels), [s.values.get(at) for at in times]) for s in found]
        running.evaluated.push(_copies(name, originals), times)


def _copies(
    name: str, originals: list[tuple[dict[str, str], list[float | None]]]
) -> Iterator[tuple[dict[str, str], Any]]:
    for number in range(MANY):
        share = 1.0 if name == "up" else 0.5 + number / MANY
        for labels, values in originals:
            named = {**labels, "__name__": name, "deployment": f"team-{number:04}"}
            yield named, [None if value is None else value * share for value in values]
