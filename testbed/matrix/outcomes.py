"""What comes out of the boards, the alert cases and the scenarios on one engine, as far as it is not what it must be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from reference_server.scenarios import library as scenarios
from testbed import fidelity
from testbed.cases.proving import CASES, deviations, off
from testbed.matrix import fleet, panels
from testbed.matrix.differences import Place
from testbed.matrix.engines import NEWEST, Engine, Stage, stage
from testbed.replay import Replay, Restore, Server
from testbed.rule_files import load

#: What is on by default; and with what is off, which has cases nevertheless.
RULES = load(panels.rule_texts())
PROVED = [*RULES, *off()]


#: What is chosen on the boards of each system.
CHOSEN = {system: fleet.name_of(ids[0]) for system, ids in fleet.SCENARIOS.items()}


@dataclass(frozen=True, slots=True)
class Screen:
    """What all boards show on one engine.

    Attributes:
        unfiltered: The answer to each query with every variable at All.
        narrow: The same with one deployment chosen.
        offered: The values of each variable, by board.
        marks: Whether each mark over the graphs has an answer.

    """

    unfiltered: dict[panels.Shown, panels.Values]
    narrow: dict[panels.Shown, panels.Values]
    offered: dict[str, dict[str, list[str]]]
    marks: dict[panels.Shown, bool]


@cache
def screen(engine: Engine) -> Screen:
    """Return what boards show on an engine that has the fleet's history and what the rules make of it; asked once."""
    asked = panels.queries()
    with stage(engine) as running:
        start, _ = panels.fill(running, RULES)
        return Screen(
            {query: panels.answer(running, query, start) for query in asked},
            {
                query: panels.answer(running, query, start, {"deployment": CHOSEN[panels.systems(query.board)[0]]})
                for query in asked
            },
            {stem: panels.variables(running, board, start) for stem, board in panels.boards().items()},
            {query: bool(panels.answer(running, query, start)) for query in panels.marks()},
        )


def boards(found: dict[panels.Shown, panels.Values]) -> dict[Place, str]:
    """Return how panels differ from those on the newest Prometheus, by board and title; the last query's words count."""
    newest = screen(NEWEST).unfiltered
    return {
        (query.board, query.panel): what
        for query, shown in found.items()
        if (what := panels.differs(newest[query], shown))
    }


def cases(running: Stage) -> dict[Place, str]:
    """Return what fires, or stays silent, otherwise than a case says, by file and case; those known to be wrong left out."""
    out: dict[Place, str] = {}
    replay = Replay(running.evaluated, PROVED, running.restore)
    for case in CASES:
        got = replay.run(
            lambda start, offsets, case=case: case.history(start, offsets, running.major),  # type: ignore[misc]
            case.duration,
            case.alerts,
            scrape=case.scrape,
            outages=case.outages,
            unread=False,
        )
        if (what := deviations(case, got)) and not case.known_wrong:
            out[Path(case.path).stem, case.name] = what
    return out


def played(engine: Engine) -> dict[str, str]:
    """Return what scenarios of the reference server miss, and what fires in them without reason, by id."""
    verdicts = [v for v, _ in fidelity.spread(scenarios.shipped(), partial(_served, engine))]
    return {
        v.scenario: f"missed: {', '.join(v.missed) or 'none'}; false: {', '.join(v.false) or 'none'}"
        for v in verdicts
        if v.missed or v.false
    }


@contextmanager
def _served(engine: Engine) -> Iterator[tuple[Server, Restore]]:
    with stage(engine) as running:
        yield running.evaluated, running.restore
