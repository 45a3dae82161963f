"""Which scenario moves which metric: what a page of docs/ shows, and what holds the simulation to the catalogue."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from generator.catalogue import Metric
from reference_server.core.scenario import START, Scenario
from reference_server.scenarios.library import shipped
from reference_server.scenarios.replay import play
from reference_server.scenarios.systems import SERVICES, model

#: Coarser than Prometheus, and still within every drain.
INTERVAL_SECONDS = 60.0

#: How often the values of a page are looked at while no series of it is born.
LOOK_SECONDS = 300.0


def moved(
    scenario: Scenario, metrics: Iterable[Metric], wanted: Collection[str], interval: float = INTERVAL_SECONDS
) -> set[str]:
    """Return those of the wanted metrics of which a series was above 0 on a page of the scenario, its past left aside.

    It is played until there is nothing left to look for. Metrics of another prefix count under their name in the catalogue.
    """
    known = tuple(metrics)
    names = {series.removeprefix(m.prefix): m.name for m in known for series in m.series}
    names |= {series: m.name for m in known for series in m.series}
    open_ = set(wanted)
    last: dict[str, object] = {}
    for at in play(scenario.without_past(), interval=interval, metrics=known):
        prefix = at.deployment.prefix
        for target, scrape in at.scrapes:
            if last.get(target.instance) is scrape.keys and (at.at - START) % LOOK_SECONDS:
                continue
            last[target.instance] = scrape.keys
            open_ -= {
                names.get(series.removeprefix(prefix))
                for (series, _), value in zip(scrape.keys, scrape.values, strict=True)
                if value > 0
            }
        if not open_:
            break
    return set(wanted) - open_


def table(metrics: Iterable[Metric], named: Mapping[str, str] | None = None) -> Mapping[str, str]:
    """Return each metric of a system that a scrape can see with the id of a scenario that moves it; empty when none does.

    What the model says is still is not looked for.

    Args:
        metrics: All of one system.
        named: Scenarios by metric, which are tried first: one that still moves its metric stays. The others get the first one
            that moves them.

    """
    everything = tuple(metrics)
    system = everything[0].system
    still = model(system).still if system in SERVICES else frozenset()
    out = {m.name: "" for m in everything if not m.never_scraped}
    scenarios = list(shipped(system))
    for scenario in scenarios:
        wanted = {name for name in out if (named or {}).get(name) == scenario.id}
        out |= dict.fromkeys(moved(scenario, everything, wanted), scenario.id) if wanted else {}
    for scenario in scenarios:
        wanted = {name for name, who in out.items() if not who and name not in still}
        if not wanted:
            break
        out |= dict.fromkeys(moved(scenario, everything, wanted), scenario.id)
    return out


def named(page: str, metrics: Iterable[Metric]) -> Mapping[str, str]:
    """Return what a table of `markdown` says: scenario by metric."""
    rows = dict(re.findall(r"^\| `([^`]+)` \| ([^ ]+) \|$", page, re.MULTILINE))
    return {m.name: rows[m.documented_name] for m in metrics if m.documented_name in rows}


def markdown(metrics: Iterable[Metric], page: str = "") -> str:
    """Write the table of docs/scenarios.md, of which `page` may be an older version."""
    known = tuple(metrics)
    found = table(known, named(page, known))
    lines = [f"| `{m.documented_name}` | {found[m.name] or '-'} |" for m in known if m.name in found]
    return "\n".join(["| metric | moves in |", "| --- | --- |", *lines]) + "\n"
