"""What each switch of an installation would save or add, and which boards, panels and alerts go blank without it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from generator.boards.layout import LeftOut
from generator.bundle import Bundle, build
from generator.catalogue import System
from generator.config.settings import SystemConfig
from generator.config.site import Site
from generator.cost.fleet import Fleet, Key
from generator.cost.process import Process, process
from generator.doctor.variants import UI
from generator.systems import registry


@dataclass(frozen=True, slots=True)
class Switch:
    """One other way to install a system.

    Attributes:
        system: The system's id.
        name: The key of bundle.yaml with its other value, such as `tier: 2`.
        how: How the servers are set so.
        series: How many series of the fleet it adds; below 0 what it saves.
        boards: Titles of boards that are left out as a whole then.
        panels: Board and title of panels that go blank.
        alerts: Names of alerts that are left out.

    """

    system: str
    name: str
    how: str
    series: int
    boards: tuple[str, ...] = ()
    panels: tuple[tuple[str, str], ...] = ()
    alerts: tuple[str, ...] = ()


def switches(bundle: Bundle, fleet: Fleet, processes: Mapping[Key, Process]) -> Iterator[Switch]:
    """Yield every switch of the systems that the fleet has, those that save most first."""
    site = bundle.site
    found = [
        _switched(bundle, fleet, processes, name, *way)
        for name in dict.fromkeys(key[0] for key, n in fleet.processes.items() if n)
        for way in _ways(site, name)
    ]
    yield from sorted((one for one in found if one.series), key=lambda one: one.series)


def _ways(site: Site, name: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield the other values of the switches of a system: what bundle.yaml would say, how servers are set so, and the change."""
    system, config = site.catalogue.systems[name], site.config.systems[name]
    if system.exposure:
        other = UI if config.exposure != UI else "internal"
        how = system.exposure.get("internal", "")
        yield f"exposure: {other}", how if other != UI else f"off: {how}", {"exposure": other}
    if system.tiers and config.exposure != UI:
        for tier in tiers(system):
            if tier != min(config.tier, tiers(system)[-1]):
                yield f"tier: {tier}", f"METRIC_MAX_EMITTING_TIER={tier}", {"tier": tier}
    for switch, how in system.switches.items():
        on = switch in config.switches
        left = tuple(one for one in config.switches if one != switch)
        listed = left if on else (*config.switches, switch)
        yield f"switches: [{', '.join(listed)}]", f"off: {how}" if on else how, {"switches": listed}


def tiers(system: System) -> list[int]:
    """Return the tiers between which pages differ, lowest first."""
    return sorted({one.tier for one in system.metrics if one.exposure == "internal"})


def _switched(
    bundle: Bundle,
    fleet: Fleet,
    processes: Mapping[Key, Process],
    name: str,
    said: str,
    how: str,
    change: Mapping[str, Any],
) -> Switch:
    site = bundle.site
    config = replace(site.config.systems[name], **change)
    pages = [(key, processes[key], n) for key, n in fleet.processes.items() if key[0] == name]
    added = sum(
        n * (process(site, *key, replace(page.config, **change)).series - page.series) for key, page, n in pages
    )
    boards, panels, alerts = _blank(bundle, name, config) if added < 0 else ((), (), ())
    return Switch(name, said, how, added, boards, panels, alerts)


def _blank(
    bundle: Bundle, name: str, config: SystemConfig
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Return what the bundle leaves out where a system is installed otherwise, and has now."""
    site = bundle.site
    other = Site(site.catalogue, replace(site.config, systems={**site.config.systems, name: config}))
    now = {(out.where, out.what) for out in bundle.left_out}
    own = [one for one in registry.declared(other) if one.system == name]
    made = build(other, own, kinds=("boards", "rules"))
    gone = [out for out in made.left_out if (out.where, out.what) not in now]
    boards = [_stem(out) for out in gone if out.what == "the whole board"]
    titles = {stem: board.title for stem, board in bundle.boards.items()}
    panels = [
        (titles[_stem(out)], out.what)
        for out in gone
        if out.where.startswith("dashboards/") and _stem(out) not in boards and _stem(out) in titles
    ]
    named = {alert.name for alert in bundle.alerts}
    alerts = [out.what for out in gone if out.what in named]
    return tuple(titles[stem] for stem in boards if stem in titles), tuple(panels), tuple(alerts)


def _stem(out: LeftOut) -> str:
    return out.where.rpartition("/")[2].partition(".")[0]
