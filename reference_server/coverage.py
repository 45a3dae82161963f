"""Which scenario moves which metric: what the README shows, and what a test holds the simulation to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from generator.catalogue import Metric
from reference_server.replay import play
from reference_server.scenarios import START, Scenario, shipped

#: Coarser than Prometheus, and still within every drain.
INTERVAL_SECONDS = 60.0

#: How often the values of a page are looked at while no series of it is born.
LOOK_SECONDS = 300.0


def seen(scenario: Scenario, metrics: Iterable[Metric], interval: float = INTERVAL_SECONDS) -> Mapping[str, bool]:
    """Return the names of the metrics on the pages of a scenario, its past left aside, and whether a series of it was ever above 0.

    Metrics of another prefix count under their name in the catalogue.
    """
    known = tuple(metrics)
    names = {series.removeprefix(m.prefix): m.name for m in known for series in m.series}
    names |= {series: m.name for m in known for series in m.series}
    out: dict[str, bool] = {}
    last: dict[str, object] = {}
    now = replace(scenario, service=scenario.service.without_past()) if scenario.service else scenario
    for at in play(now, interval=interval, metrics=known):
        prefix = at.deployment.prefix
        for target, scrape in at.scrapes:
            if last.get(target.instance) is scrape.keys and (at.at - START) % LOOK_SECONDS:
                continue
            last[target.instance] = scrape.keys
            for (series, _), value in zip(scrape.keys, scrape.values, strict=True):
                name = names.get(series.removeprefix(prefix))
                if name is not None:
                    out[name] = out.get(name, False) or value > 0
    return out


def table(metrics: Iterable[Metric]) -> Mapping[str, str]:
    """Return each metric of a system that a scrape can see with the id of the first scenario that moves it; empty when none does."""
    everything = tuple(metrics)
    known = [m for m in everything if not m.never_scraped]
    out = {m.name: "" for m in known}
    for scenario in shipped(everything[0].system):
        found = seen(scenario, everything)
        for name in [n for n, who in out.items() if not who and found.get(n)]:
            out[name] = scenario.id
        if all(out.values()):
            break
    return out


def markdown(metrics: Iterable[Metric]) -> str:
    """Write the README's table."""
    known = tuple(metrics)
    found = table(known)
    lines = [f"| `{m.documented_name}` | {found[m.name] or '-'} |" for m in known if m.name in found]
    return "\n".join(["| metric | moves in |", "| --- | --- |", *lines]) + "\n"
