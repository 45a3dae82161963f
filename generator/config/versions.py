"""Which versions of a system are in the field: `versions:` as eras of the catalogue and a range."""

from __future__ import annotations

from collections.abc import Mapping

from generator.catalogue import System, Versions

#: What `versions:` takes for all eras of a system.
MIXED = "mixed"


def named(system: System) -> Mapping[str, tuple[tuple[str, ...], Versions]]:
    """Return the names that `versions:` takes beside versions: the eras in the field, newest first, and their versions.

    A system of one era has none. Where eras follow each other, all of them together have a name.
    """
    eras = system.eras.values()
    if len(system.eras) == 1:
        return {}
    known = {era.name: ((era.name,), Versions(era.since, era.last)) for era in eras}
    followed = any(era.since or era.until for era in eras)
    return known | ({MIXED: (tuple(system.eras), Versions())} if followed else {})


def in_the_field(system: System, given: str = "") -> tuple[tuple[str, ...], Versions] | None:
    """Return the eras, newest first, and the versions that `versions:` means; None for a text that means none.

    Without one it is the newest era, in releases that were looked at.
    """
    known = named(system)
    if not given:
        first = (next(iter(system.eras)),)
        versions = next((versions for eras, versions in known.values() if eras == first), Versions())
        return first, versions if versions.first else Versions("", system.newest)
    if given in known:
        return known[given]
    read = Versions.read(given)
    if read is None:
        return None
    numbered = any(era.since or era.until for era in system.eras.values())
    eras = tuple(era.name for era in system.eras.values() if read.has(era.since, era.until))
    return (eras if numbered else eras[:1]), read
