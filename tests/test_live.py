"""Two time paths agree: what fires on the virtual clock fires in a real Prometheus too, and a real Alertmanager tells and
calls off."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest

from reference_server.scenarios import library as scenarios
from testbed.fidelity import run
from testbed.servers import Prometheus, find, missing
from testbed.stack import Reference, binaries
from testbed.stack.live import SCALE, Play, Theatre, disagreements

#: Faults of different kinds (an objective burns, twice; a pool is full; the queue is stuck; nobody works; a counter is born;
#: streams are lost; targets are down; a tier is not scraped), a rolling deploy, which must page nobody, and a fault of
#: each other system.
WHOLE = ("F01", "F04", "F10", "F14", "F16", "F18", "F21", "F26", "F28", "B02", "L01", "G09", "S03")

#: Three kinds that show within 40 virtual minutes (a counter is born, streams are lost, a tier is not scraped), the rolling
#: deploy until its targets would have been missed, and a fault of each other system.
SOON = ("F18", "F21", "F28", "B02", "L01", "G01", "S09")

#: When a benign scenario is given up watching there, in virtual seconds; its deploy begins in minute 20.
SOON_SECONDS = 45 * 60.0

#: Scenarios, how long benign ones are watched, how many alerts are demanded.
PLAYED = (
    pytest.param(SOON, SOON_SECONDS, 11, id="soon"),
    pytest.param(WHOLE, math.inf, 24, id="whole", marks=pytest.mark.matrix),
)

#: Virtual seconds per second: slower than this no machine is.
SLOWEST = 10.0


def virtual(ids: tuple[str, ...]) -> Mapping[str, Mapping[str, float]]:
    """What fires when, by scenario, on the virtual clock."""
    found = find("prometheus", "newest")
    if not found.path:
        missing(found.reason)
    assert found.path
    with Prometheus(found.path, history=True) as server:
        return {v.scenario: v.fired for v, _ in run([scenarios.find(name) for name in ids], server)}


@pytest.mark.real
@pytest.mark.parametrize(("ids", "watched", "count"), PLAYED)
def test_scenarios_live_are_what_they_are_on_the_virtual_clock(
    ids: tuple[str, ...], watched: float, count: int
) -> None:
    """Twenty-five times as fast as life: every demanded alert fires in time, is delivered, and called off when the fault ends.

    Nothing fires that does not on the virtual clock; the benign one is silent.
    """
    programs = binaries()
    if isinstance(programs, str):
        missing(programs)
    expected = virtual(ids)
    found: dict[str, tuple[Play, list[str]]] = {}
    todo = ids
    scale = SCALE
    while todo and scale >= SLOWEST:
        with Theatre(todo, programs, scale, watched) as theatre:
            plays = theatre.run()
        found |= {p.scenario.id: (p, disagreements(p, expected[p.scenario.id])) for p in plays}
        # A machine that was too slow for the scale has shown nothing; with fewer to play and more time it will.
        todo = tuple(name for name in todo if found[name][1] and found[name][0].late)
        scale /= 2

    plays = [found[name][0] for name in ids]
    assert {name: found[name][1] for name in ids} == {name: [] for name in ids}, (
        f"virtual seconds per second: {[round(p.speed, 1) for p in plays]}"
    )
    assert sum(len(p.demanded) for p in plays) == count
    assert [p.fired for p in plays if p.scenario.id == "B02"] == [{}]


def play(scenario: str) -> Play:
    """A play of a scenario that has not begun; nobody asks its server."""
    made = Play(scenarios.find(scenario), Reference.__new__(Reference))
    made.progress = [(1000.0, 0.0), (1010.0, 400.0), (1020.0, 600.0)]
    return made


KEY = ("AgentServerAvailabilityBurn1h", "f01-demo")


def test_virtual_time_is_read_off_the_servers_own_clock() -> None:
    """Between two looks it goes on evenly; a machine that fell behind is seen."""
    made = play("F01")

    assert [made.virtual(at) for at in (1000.0, 1005.0, 1015.0, 1020.0)] == [0.0, 200.0, 500.0, 600.0]
    assert made.speed == 30.0


def test_an_agreement_has_nothing_to_say() -> None:
    """Fired where it fired virtually, delivered, called off."""
    made = play("F01")
    made.fired, made.told, made.called_off = {KEY: 1_900.0}, {KEY}, {KEY}

    assert disagreements(made, {KEY[0]: 1_880.0}) == []


@pytest.mark.parametrize(
    ("fired", "delivered", "called_off", "still", "messages"),
    [
        ({}, set(), set(), set(), ["did not fire"]),
        ({KEY: 1_900.0}, set(), set(), set(), ["was not delivered"]),
        ({KEY: 1_900.0}, {KEY}, set(), set(), ["was not called off"]),
        ({KEY: 1_900.0}, {KEY}, {KEY}, {KEY}, ["still fires"]),
        ({KEY: 3_300.0}, {KEY}, {KEY}, set(), ["fired in minute 55.0, after 48.0", "fired in minute 55.0, virtually in 31.3"]),
        ({KEY: 1_900.0, ("Other", "f01-demo"): 5.0}, {KEY}, {KEY}, set(), ["Other of f01-demo fired live only"]),
    ],
)  # fmt: skip
def test_every_disagreement_is_told(
    fired: dict[tuple[str, str], float],
    delivered: set[tuple[str, str]],
    called_off: set[tuple[str, str]],
    still: set[tuple[str, str]],
    messages: list[str],
) -> None:
    """The comparison can fail, each way for itself."""
    made = play("F01")
    made.fired, made.told, made.called_off, made.still = fired, delivered, called_off, still

    found = disagreements(made, {KEY[0]: 1_880.0})

    assert len(found) == len(messages)
    assert all(part in text for part, text in zip(messages, found, strict=True))
