"""The board of each fault in its fault: what the first alert that must fire links to, asked of a real Prometheus.

Every fault is a deployment of one history, each with all that the rules make of it. The board shows its deployment alone, from at most
half an hour before the trouble of the first alert until that of the last one is over, so all parts of a fault in several.
"""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import answers

from generator.bundle import build, installation
from generator.catalogue import load
from reference_server.core.scenario import Scenario
from reference_server.scenarios import library as scenarios
from testbed.matrix import fleet, panels
from testbed.matrix.engines import NEWEST, stage
from testbed.matrix.outcomes import RULES
from testbed.rule_files import lookback

#: Seconds from which rates have values, and for which a picture shows what was before the first change.
SETTLED, BEFORE = 300.0, 1800.0


def boards() -> dict[str, str]:
    """Return the stem of the board of each fault of one deployment, by the id of its scenario: that of the first alert that must fire."""
    explains = {alert.name: alert.board for alert in build(installation(load())).alerts}
    alone = [s for s in scenarios.shipped() if s.fire and len(s.plans) == 1]
    return {s.id: explains[s.fire[0].alert] for s in alone if s.fire[0].alert in explains}


def shown(scenario: Scenario) -> tuple[float, float]:
    """Return what a picture shows, in seconds since the scenario's start: from before the first trouble until the end of the last.

    What the history is too short for is not in it.
    """
    end = max(min(max(alert.until for alert in scenario.fire), scenario.duration, fleet.DURATION), SETTLED + BEFORE)
    begin = min(*(alert.since for alert in scenario.fire), end) - BEFORE
    return max(SETTLED, begin), end - panels.STEP


def main(folder: Path) -> dict[str, str]:
    """Write `<id>.json` for each fault to a folder; return the stem of the board of each."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    wanted, known = boards(), panels.boards()
    with stage(NEWEST) as running:
        first = time.time() - lookback(RULES) - answers.AGO
        start, _ = panels.fill(running, RULES, first=first, ids=tuple(wanted))
        for scenario, stem in wanted.items():
            span = shown(scenarios.named(scenario))
            one = answers.asked(
                running, stem, known[stem], start, "fault", deployment=fleet.name_of(scenario), span=span
            )
            (folder / f"{scenario}.json").write_text(
                json.dumps({**one, "picture": scenario}, indent=0), encoding="utf-8"
            )
    return wanted
