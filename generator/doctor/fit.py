"""The configuration that fits several pages of one deployment: of each system what the pages tell, and nothing that is the default."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generator.catalogue import System, Versions, version_key
from generator.config.checks.labels import RESERVED
from generator.doctor.drift import added
from generator.doctor.profile import Profile
from generator.doctor.variants import UI, Variant, numbered

Json = dict[str, Any]

#: Labels of attribution that bundle.yaml takes.
_MOST_LABELS = 5


@dataclass(frozen=True, slots=True)
class Fit:
    """What the pages of one system tell together.

    Attributes:
        system: The system.
        pages: What each page tells.
        keys: What stands below `systems: NAME` in bundle.yaml so that it fits.
        conflicts: What pages of one deployment should not differ in, a sentence each.

    """

    system: System
    pages: tuple[Profile, ...]
    keys: Mapping[str, Any]
    conflicts: tuple[str, ...]

    @property
    def variants(self) -> tuple[Variant, ...]:
        """Every way in which some process of it may be installed."""
        return tuple(variant for profile in self.pages for variant in profile.fits)

    @property
    def seen(self) -> frozenset[str]:
        """Full names, under the system's own prefix, of the metrics that some page has."""
        return frozenset(name for profile in self.pages for name in profile.seen)


def fit(pages: Sequence[Profile]) -> Fit:
    """Return what pages of one system tell together; there is at least one."""
    system = pages[0].variants.system
    prefixes = sorted({profile.prefix for profile in pages})
    conflicts = []
    if len(prefixes) > 1:
        conflicts.append(
            f"names begin with {' and with '.join(prefixes)}: METRIC_PREFIX differs, and one bundle can read one"
        )
    shown = {profile.trait("exposure").values for profile in pages if profile.trait("exposure")}  # type: ignore[union-attr]  # asked for
    if {(UI,), ("internal",)} <= shown:
        conflicts.append("some processes show internal metrics and others do not: set the variable on all of them")
    runtimes = {trait.values for profile in pages if (trait := profile.trait("runtime")) and len(trait.values) == 1}
    if len(runtimes) > 1:
        conflicts.append(
            f"the runtimes differ: {' and '.join(sorted(r for (r,) in runtimes))}; are these one deployment?"
        )
    return Fit(system, tuple(pages), dict(_keys(system, pages, prefixes)), tuple(conflicts))


def _keys(system: System, pages: Sequence[Profile], prefixes: Sequence[str]) -> Iterator[tuple[str, Any]]:
    if versions := versions_of(system, pages):
        yield "versions", versions
    prefix = max(prefixes, key=lambda p: sum(profile.prefix == p for profile in pages))
    if prefix != system.prefix:
        yield "prefix", prefix
    exposed = [trait.values for profile in pages if (trait := profile.trait("exposure"))]
    internal = ("internal",) in exposed
    if exposed and not internal:
        yield "exposure", UI
    tiers = [v for profile in pages if (trait := profile.trait("tier")) for v in trait.values]
    if internal and tiers and int(max(tiers, key=int)) < max(system.tiers):
        yield "tier", int(max(tiers, key=int))
    for key, name, known in (("runtimes", "runtime", system.runtimes), ("roles", "role", _ordinary(system))):
        found = _values(pages, name)
        if found and found != list(known):
            yield key, found
    if labels := _attribution(system, pages):
        yield "attribution", labels
    off = [s for s in system.switches if (values := _values(pages, f"switch {s}")) and values == ["off"]]
    if off:
        yield "switches", [s for s in system.switches if s not in off]


def _attribution(system: System, pages: Sequence[Profile]) -> list[str]:
    """Return the labels that the servers' own configuration adds to the metrics by which one may tell who asked."""
    if not system.attributed:
        return []
    told_by = {m.full_name for m in system.metrics if system.attributed in m.labels}
    found = {label.name for profile in pages for label in added(profile) if told_by & {*label.metrics}}
    return sorted(found - RESERVED.keys())[:_MOST_LABELS]


def _ordinary(system: System) -> list[str]:
    """Return the roles that are scraped where nothing else is said."""
    off = {role for roles in system.parts.values() for role in roles}
    return [role for role in system.roles if role not in off]


def _values(pages: Sequence[Profile], name: str) -> list[str]:
    """Return every value of a trait that some page may have, in the catalogue's order; a runtime is one for all pages where it can be."""
    found = [trait.values for profile in pages if (trait := profile.trait(name))]
    every = list(dict.fromkeys(v for values in found for v in values))
    common = [v for v in every if all(v in values for values in found)]
    chosen = common if name == "runtime" and common else every
    order = pages[0].variants.system.roles if name == "role" else pages[0].variants.system.runtimes
    return sorted(chosen, key=list(order).index) if order and name in ("role", "runtime") else chosen


def versions_of(system: System, pages: Sequence[Profile]) -> str:
    """Return the versions of some pages as `versions:` takes them; empty where the system's are not told apart."""
    eras = {w.era for profile in pages for w in profile.fits}
    if len(system.eras) == 1:
        return ""
    if not any(numbered(system, era) for era in eras):
        return next(iter(eras))
    firsts, lasts = [], []
    for profile in pages:
        if profile.version:
            firsts.append(profile.version)
            lasts.append(profile.version)
        else:
            firsts.append(profile.spans[0].first)
            lasts.append(before(profile.spans[-1].before))
    first = min(firsts, key=version_key)
    last = "" if "" in lasts else max(lasts, key=version_key)
    return str(Versions(first, last)) if first or last else ""


def before(version: str) -> str:
    """Return the newest line of versions before one, as `versions:` takes it: 0.13 before 0.14.0, which has every 0.13.x."""
    parts = list(version_key(version))
    while parts and parts[-1] == 0:
        parts.pop()
    if not parts:
        return ""
    return ".".join(map(str, (*parts[:-1], parts[-1] - 1)))


def document(fits: Sequence[Fit], known: Sequence[str], base: Mapping[str, Any] | None = None) -> Json:
    """Return bundle.yaml for what was found: every other system is off, as none of its pages was named.

    Args:
        fits: What was found.
        known: Ids of all target systems.
        base: The operator's own file, whose other keys stay.

    """
    given = dict(base or {})
    systems = {name: dict(own or {}) for name, own in given.get("systems", {}).items()}
    decided = {"versions", "prefix", "exposure", "tier", "runtimes", "roles", "parts", "switches", "enabled"}
    for one in fits:
        undecided = {k: v for k, v in systems.get(one.system.name, {}).items() if k not in decided}
        systems[one.system.name] = {**one.keys, **undecided}
    found = {one.system.name for one in fits}
    for name in known:
        if name not in found:
            systems[name] = {**systems.get(name, {}), "enabled": False}
    ordered = {name: systems[name] for name in sorted(systems, key=lambda n: n not in found)}
    return {**given, "systems": ordered}
