"""What a target system declares beside its catalogue, and the systems that do.

The modules of a shipped system are imported when they are asked for. A system that bundle.yaml brings has a catalogue
alone: its boards and rules are those that any system can have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Generic, TypeVar

from generator.catalogue import System
from generator.config.site import Site
from generator.systems import SHIPPED

if TYPE_CHECKING:
    from generator.boards.layout import Board
    from generator.boards.tables import Column
    from generator.rules.rule import Alert, Group

T = TypeVar("T")

#: The folder of what is about all systems: the first board, and rules about the monitoring itself.
COMMON = "all_systems"


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """One board, the alerts of one topic, or the recorded series of a system.

    Attributes:
        stem: Stem of the file that is made of it.
        make: What makes it for a site.
        source: The file that it is written in.

    """

    stem: str
    make: Callable[[Site], T]
    source: Path


@dataclass(frozen=True, slots=True)
class Declared:
    """What a system brings beside its catalogue.

    Attributes:
        system: Its id; `COMMON` for what is about all of them.
        boards: Its boards, in the order in which one walks down to the detail.
        topics: Its alerts by topic, in the order in which one triages.
        records: Its recorded series; none for what is about all systems.
        first: Stem of the board that one opens first.
        columns: Its golden signals by deployment, for its row on *All systems*.

    """

    system: str
    boards: tuple[Part[Board], ...]
    topics: tuple[Part[list[Alert]], ...]
    records: tuple[Part[list[Group]], ...] = ()
    first: str = ""
    columns: Callable[[Site], list[Column]] | None = None


def declare(
    system: str,
    boards: Sequence[ModuleType],
    topics: Sequence[ModuleType],
    records: ModuleType | None = None,
    row: ModuleType | None = None,
) -> Declared:
    """Return what the modules of a system's folder declare: their names are the stems of the files, behind the system's."""
    return Declared(
        system,
        tuple(Part(_stem(system, m), m.dashboard, _path(m)) for m in boards),
        tuple(Part(_stem(system, m), m.alerts, _path(m)) for m in topics),
        (Part(f"{system}.records", records.groups, _path(records)),) if records else (),
        f"{system}_{row.FIRST}" if row else "",
        row.columns if row else None,
    )


def _stem(system: str, module: ModuleType) -> str:
    name = module.__name__.rpartition(".")[2]
    return name if system == COMMON else f"{system}_{name}"


def _path(module: ModuleType) -> Path:
    return Path(module.__file__ or "")


@cache
def shipped(system: str) -> Declared:
    """Return what a shipped system declares, or what is about all systems."""
    found: Declared = import_module(f"generator.systems.{system}").DECLARED
    return found


def common() -> Declared:
    """Return what is about all systems."""
    return shipped(COMMON)


def declared(site: Site) -> tuple[Declared, ...]:
    """Return what the enabled systems of a site declare, in their order."""
    on = (name for name, own in site.config.systems.items() if own.enabled)
    return tuple(shipped(name) if name in SHIPPED else _own(site.catalogue.systems[name]) for name in on)


def _own(system: System) -> Declared:
    made: Declared = import_module("generator.systems.any_system").declare(system)
    return made


def topics(site: Site) -> tuple[Part[list[Alert]], ...]:
    """Return every topic that the enabled systems of a site have, in the order in which one triages."""
    return (*(part for system in declared(site) for part in system.topics), *common().topics)


def boards(site: Site) -> tuple[Part[Board], ...]:
    """Return every board that a site has, in the order in which one walks down to the detail."""
    return (*common().boards, *(part for system in declared(site) for part in system.boards))
