"""Scenarios played through all rules, one after another or on all processors."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from multiprocessing import get_context

from reference_server.core.scenario import Scenario
from reference_server.scenarios import library as scenarios
from reference_server.scenarios.history import collect
from reference_server.scenarios.replay import before, play
from testbed.fidelity.installation import Fleet, about, catalogue, of_version, rules, within_reach
from testbed.fidelity.verdict import Verdict, judge
from testbed.neighbours import beside
from testbed.replay import Replay, Restore, Server, restored
from testbed.servers import Prometheus, find, missing
from testbed.servers.remote_write import History

#: By how much their processes give way to others: a virtual clock waits, and what plays beside them against the wall does not.
YIELDING = 3

#: Scenarios that one process plays before it asks for more.
AT_A_TIME = 5


def run(
    wanted: Iterable[Scenario],
    server: Server,
    *,
    step: float = 30.0,
    thresholds: Mapping[str, float] | None = None,
    restore: Restore = restored,
    fleet: Fleet = (),
) -> Iterator[tuple[Verdict, float]]:
    """Yield each scenario's verdict and the seconds that it took. `thresholds` overrides limits of the rules."""
    all_rules, alerts = rules(tuple((thresholds or {}).items()), fleet)
    severities = {name: severity for name, (severity, _) in alerts.items()}
    replay = Replay(server, all_rules, restore)
    for scenario in (within_reach(of_version(s, fleet), fleet, alerts) for s in wanted):
        begin = time.perf_counter()
        own = about(scenario, alerts)
        results = replay.run(
            played(scenario, own, step),
            scenario.duration,
            own,
            scrape=step,
            outages=outages(scenario),
            past=before(scenario.past),
            unread=False,
        )
        yield judge(scenario, results, severities), time.perf_counter() - begin


def played(
    scenario: Scenario, own: set[str], step: float = 30.0
) -> Callable[[float, Sequence[float]], Iterator[History]]:
    """Return what makes the samples of a scenario, beside neighbours that `own` alerts must not read."""

    def history(start: float, offsets: Sequence[float]) -> Iterator[History]:
        rounds = play(scenario, start=start, interval=step, metrics=catalogue())
        samples = collect(rounds, [start + offset for offset in offsets])
        found = ((dict(labels), values) for labels, values in samples.series.items())
        yield from beside(found, start, offsets, own)  # type: ignore[arg-type]  # STALE is the same word in both

    return history


@contextmanager
def newest() -> Iterator[tuple[Server, Restore]]:
    """Give the newest Prometheus, taking any past."""
    found = find("prometheus", "newest")
    if not found.path:
        missing(found.reason)
    assert found.path
    with Prometheus(found.path, history=True) as server:
        yield server, restored


def spread(
    wanted: Iterable[Scenario],
    serve: Callable[[], AbstractContextManager[tuple[Server, Restore]]] = newest,
    hours: Mapping[str, float] | None = None,
    fleet: Fleet = (),
) -> Iterator[tuple[Verdict, float]]:
    """Yield what `run` does, in the same order: each processor plays some scenarios at a time, on servers of its own.

    Args:
        wanted: Shipped scenarios.
        serve: Gives a server and what a restart of its rules does; a function of a module, so that it can be sent away.
        hours: How much longer some are played, by id.
        fleet: Versions in the field.

    """
    ids = [scenario.id for scenario in wanted]
    parts = [ids[n : n + AT_A_TIME] for n in range(0, len(ids), AT_A_TIME)]
    count = min(os.cpu_count() or 1, len(parts))
    with ProcessPoolExecutor(count, get_context("spawn"), initializer=os.nice, initargs=(YIELDING,)) as pool:
        for found in pool.map(partial(_part, serve, hours or {}, fleet), parts):
            yield from found


def longer(scenario: Scenario, seconds: float) -> Scenario:
    """Return the scenario with a later end, until which goes on what lasts to its end."""
    end = scenario.duration + seconds
    fire = [replace(e, until=end) if e.until >= scenario.duration else e for e in scenario.fire]
    return replace(scenario, duration=end, fire=tuple(fire))


def _part(
    serve: Callable[[], AbstractContextManager[tuple[Server, Restore]]],
    hours: Mapping[str, float],
    fleet: Fleet,
    ids: Sequence[str],
) -> list[tuple[Verdict, float]]:
    known = {scenario.id: longer(scenario, hours.get(scenario.id, 0.0) * 3600) for scenario in scenarios.shipped()}
    with serve() as (server, restore):
        return list(run([known[name] for name in ids], server, restore=restore, fleet=fleet))


def outages(scenario: Scenario) -> list[tuple[float, float]]:
    """Return when the scenario has Prometheus itself down, in seconds since its start."""
    out: list[tuple[float, float]] = []
    for part in scenario.plans:
        changes = [
            (c.at - scenario.past, c.verbs["monitoring"].get("running"))
            for c in part.timeline
            if "monitoring" in c.verbs
        ]
        downs = [at for at, running in changes if running is False]
        ups = [at for at, running in changes if running is True]
        out += zip(downs, [*ups, *[scenario.duration] * (len(downs) - len(ups))], strict=True)
    return out
