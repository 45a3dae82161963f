"""One history for all engines: several scenarios of the reference server side by side, each a deployment of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

from generator.catalogue import load
from reference_server import scenarios
from reference_server.history import collect
from reference_server.replay import play
from tests.servers import STALE, Value
from tests.servers.remote_write import History

#: Everything that a healthy deployment can do, and the faults that move what it never does: Postgres out, status writes
#: that fail, poison runs, lost stream events.
SCENARIOS = ("busy", "F11", "F18", "F19", "F21")

#: Length, in seconds; shorter scenarios end earlier, and their targets vanish.
DURATION = 7200.0

#: Seconds between two scrapes.
SCRAPE = 30.0


def histories(start: float, offsets: Sequence[float]) -> Iterator[History]:
    """Yield every series, given the unix time of the start and the seconds since then of each scrape."""
    return iter(_played(start, len(offsets)))


@cache
def _played(start: float, count: int) -> tuple[History, ...]:
    metrics = load().systems["agent_server"].metrics
    known = {scenario.id: scenario for scenario in scenarios.shipped()}
    out: list[History] = []
    for name in SCENARIOS:
        scenario = known[name]
        times = [start + n * SCRAPE for n in range(int(scenario.duration // SCRAPE) + 1)]
        for labels, column in collect(
            play(scenario, start=start, interval=SCRAPE, metrics=metrics), times
        ).series.items():
            own = {**dict(labels), "deployment": f"{dict(labels)['deployment']}-{name.lower()}"}
            values: list[Value] = [STALE if v == STALE else v for v in column]  # type: ignore[misc]
            if values[-1] not in (None, STALE):
                values.append(STALE)
            out.append((own, [*values, *[None] * count][:count]))
    return tuple(out)
