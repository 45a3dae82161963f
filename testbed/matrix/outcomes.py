"""What comes out of the boards, the alert cases and the scenarios on one engine, as far as it is not what it must be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path

from reference_server.scenarios import library as scenarios
from testbed import fidelity
from testbed.cases.proving import CASES, deviations, off
from testbed.matrix import panels
from testbed.matrix.differences import Place
from testbed.matrix.engines import NEWEST, Engine, Stage, stage
from testbed.replay import Replay, Restore, Server
from testbed.rule_files import load

#: What is on by default; and with what is off, which has cases nevertheless.
RULES = load(panels.rule_texts())
PROVED = [*RULES, *off()]


@cache
def reference() -> dict[panels.Shown, panels.Values]:
    """Return what the newest Prometheus shows."""
    with stage(NEWEST) as running:
        start, _ = panels.fill(running, RULES)
        return {query: panels.answer(running, query, start) for query in panels.queries()}


def boards(found: dict[panels.Shown, panels.Values]) -> dict[Place, str]:
    """Return how panels differ from those on the newest Prometheus, by board and title; the last query's words count."""
    return {
        (query.board, query.panel): what
        for query, shown in found.items()
        if (what := panels.differs(reference()[query], shown))
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
