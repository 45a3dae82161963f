"""Ask every query of every board of a real Prometheus, and write down what it answers.

The server is filled with the simulated history of all four systems that `make matrix` uses. Each board is asked four times:
with its variables at All, with a calm deployment of its system chosen, with the one that is worst off, and at a time of which
there is nothing. The boards that open with all deployments are asked once more where there are a thousand. Each answer is the
text that Prometheus sent. What Grafana makes of it is for the Node half of this folder.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from testbed.matrix import fleet, panels
from testbed.matrix.engines import NEWEST, Stage, stage
from testbed.matrix.outcomes import RULES
from testbed.rule_files import lookback

#: Seconds from the start of the history to now: dates in pictures are recent, and no sample is of the future, which Prometheus
#: refuses.
AGO = 86_400.0

#: The choices of a board.
CHOICES = ("all", "one", "fault", "empty")

#: What a board shows: seconds since the start of the history, from and to.
WHOLE = (panels.BEGIN, fleet.DURATION - panels.STEP)

#: How long before the history nothing was there, in seconds.
BEFORE = 86_400.0 * 10


def main(folder: Path, also: Callable[[Stage, float, Path], None]) -> None:
    """Fill the newest Prometheus, and write `<board>.<choice>.json` for each board and choice to a folder, and what `also` writes."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with stage(NEWEST) as running:
        start, _ = panels.fill(running, RULES, first=time.time() - lookback(RULES) - AGO)
        for stem, board in panels.boards().items():
            for choice in CHOICES:
                text = json.dumps(asked(running, stem, board, start, choice), indent=0)
                (folder / f"{stem}.{choice}.json").write_text(text, encoding="utf-8")
        also(running, start, folder)
    sys.stdout.write(f"{len(panels.boards())} boards, {len(panels.queries())} queries asked of {NEWEST.title}\n")


def asked(
    running: Stage,
    stem: str,
    board: Mapping[str, Any],
    start: float,
    choice: str,
    *,
    deployment: str = "",
    span: tuple[float, float] = WHOLE,
) -> dict[str, Any]:
    """Return a board with what its queries are answered, for a deployment if there is one, else for that of the choice.

    `span` is what it shows, in seconds since `start`.
    """
    played = fleet.SCENARIOS[panels.systems(stem)[0]]
    place = {"one": 0, "fault": -1}.get(choice)
    chosen = {"deployment": deployment or fleet.name_of(played[place])} if place is not None else {}
    start -= BEFORE if choice == "empty" else 0
    times = (start + span[0] + panels.SKEW, start + span[1] + panels.SKEW)
    return {
        "stem": stem,
        "choice": choice,
        "chosen": chosen,
        "from": times[0],
        "to": times[1],
        "step": panels.STEP,
        "board": board,
        "empty": [title for where, title in panels.EMPTY if where == stem],
        "answers": {
            str(panel["id"]): {
                target["refId"]: answer(running, target, times, chosen) for target in panel.get("targets", ())
            }
            for panel in each_panel(board)
        },
    }


def answer(
    running: Stage, target: Mapping[str, Any], times: tuple[float, float], chosen: Mapping[str, str]
) -> dict[str, Any]:
    """Return the `data` of the answer of Prometheus to one query, as Grafana asks it."""
    expr, (begin, end) = panels.filled(target["expr"], chosen), times
    if target.get("instant"):
        form: dict[str, object] = {"query": expr, "time": end}
        path = "query"
    else:
        form = {"query": expr, "start": begin, "end": end, "step": panels.STEP}
        path = "query_range"
    data: dict[str, Any] = running.queried.get(f"/api/v1/{path}?{urlencode(form)}")
    return {"expr": expr, **data}


def each_panel(board: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every panel that is no row, those in collapsed rows too."""
    for top in board["panels"]:
        yield from (p for p in (top, *top.get("panels", ())) if p["type"] != "row")
