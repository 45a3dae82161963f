"""Which versions of a system are in the field: `versions:` as eras of the catalogue and a range."""

from __future__ import annotations

from collections.abc import Mapping

from generator.catalogue import System, Versions

#: Names that `versions:` takes: the catalogue's eras in the field, newest first, and the versions of these.
VERSIONS: Mapping[str, Mapping[str, tuple[tuple[str, ...], Versions]]] = {
    "agent_server": {
        "new": (("new",), Versions("0.11.0")),
        "old": (("old",), Versions("", "0.10")),
        "mixed": (("new", "old"), Versions()),
    },
    "agentgateway": {
        "code": (("code",), Versions()),
        "documented": (("documented",), Versions()),
    },
}


def names(system: System) -> tuple[str, ...]:
    """Return the names that `versions:` takes beside versions."""
    return tuple(VERSIONS.get(system.name, ()))


def in_the_field(system: System, given: str = "") -> tuple[tuple[str, ...], Versions] | None:
    """Return the eras, newest first, and the versions that `versions:` means; None for a text that means none.

    Without one it is the newest era, in releases that were looked at.
    """
    known = VERSIONS.get(system.name, {})
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
