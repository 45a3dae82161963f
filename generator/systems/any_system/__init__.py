"""What any system can have that is a catalogue alone: boards, alerts, a recorded series and a row on *All systems*."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from generator.catalogue import System
from generator.config.site import Site
from generator.systems.any_system import alerts, metrics, overview, row, telemetry
from generator.systems.registry import Declared, Part

T = TypeVar("T")


def declare(system: System) -> Declared:
    """Return what a system has by its catalogue: an overview and alerts of its golden signals only where it names some."""

    def part(stem: str, make: Callable[[Site, str], T]) -> Part[T]:
        return Part(f"{system.name}{stem}", lambda site: make(site, system.name), Path(system.path))

    watched = [part("_overview", overview.dashboard)] if system.signals else []
    listed = [
        part(metrics.stem("", number), partial(metrics.dashboard, number=number)) for number in metrics.numbers(system)
    ]
    signals = [part("_signals", alerts.signals)] if system.signals else []
    return Declared(
        system.name,
        (*watched, *listed, part("_telemetry", telemetry.dashboard)),
        (part("_telemetry", alerts.telemetry), *signals),
        (part(".records", alerts.records),),
        f"{system.name}_{'overview' if watched else 'metrics'}",
        partial(row.columns, system=system.name),
    )
