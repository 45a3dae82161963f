"""One history for all engines: scenarios of every system side by side, each a deployment of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from generator.catalogue import load
from reference_server.core.scenario import START, Scenario
from reference_server.scenarios import library as scenarios
from reference_server.scenarios.history import collect
from reference_server.scenarios.replay import play
from testbed.servers import STALE, Value
from testbed.servers.remote_write import History

#: Everything that healthy deployments can do, and what moves the metrics that they never do. Agent Server: Postgres out,
#: status writes that fail, poison runs, lost stream events. Names of systems are scenarios of `FOLDER`.
SCENARIOS: Mapping[str, tuple[str, ...]] = {
    "agent_server": ("busy", "F11", "F18", "F19", "F21"),
    "langsight": ("langsight", "L04"),
    "agentgateway": ("agentgateway", "G08"),
    "langsmith": ("langsmith", "B24"),
}

#: All of them.
WHOLE = tuple(name for names in SCENARIOS.values() for name in names)

#: Scenarios that nobody else plays: every trouble of a system at once.
FOLDER = Path(__file__).parent / "scenarios"

#: Length, in seconds; shorter scenarios end earlier, and their targets vanish.
DURATION = 7200.0

#: Seconds between two scrapes.
SCRAPE = 30.0


def name_of(scenario: str) -> str:
    """Return the deployment that plays a scenario."""
    return f"demo-{scenario.lower()}"


def deployments(systems: Iterable[str] = SCENARIOS) -> list[str]:
    """Return the deployments of some systems."""
    return sorted(name_of(scenario) for system in systems for scenario in SCENARIOS[system])


def histories(start: float, offsets: Sequence[float], ids: tuple[str, ...] = ()) -> Iterator[History]:
    """Yield every series, given the unix time of the start and the seconds since then of each scrape; of `ids` alone if there are any."""
    count, later = len(offsets), start - START
    clocks = {metric.full_name for metric in load() if metric.unit == "unixtime"}
    for labels, column in played(ids or WHOLE):
        clock = labels["__name__"] in clocks
        values = [v + later if clock and isinstance(v, float) else v for v in column]
        yield labels, [*values, *[None] * count][:count]


@cache
def played(ids: tuple[str, ...]) -> tuple[History, ...]:
    """Play scenarios, which takes a while the first time; clocks in the values begin at `START`."""
    own = map(scenarios.load, sorted(FOLDER.glob("*.yaml")))
    known = {scenario.id: _cut(scenario) for scenario in (*scenarios.shipped(), *own)}
    return tuple(one for name in ids for one in _series(known[name]))


def _cut(scenario: Scenario) -> Scenario:
    """Return a scenario without its past, and not longer than the history."""
    return replace(scenario.without_past(), duration=min(scenario.duration, DURATION))


def _series(scenario: Scenario) -> Iterator[History]:
    times = [START + n * SCRAPE for n in range(int(scenario.duration // SCRAPE) + 1)]
    rounds = play(scenario, start=START, interval=SCRAPE, metrics=load())
    for labels, column in collect(rounds, times).series.items():
        values: list[Value] = [STALE if v == STALE else v for v in column]  # type: ignore[misc]
        if values[-1] not in (None, STALE):
            values.append(STALE)
        yield {**dict(labels), "deployment": name_of(scenario.id)}, values
