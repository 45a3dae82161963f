"""What is said of a system: roles that it has, targets that can be found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from generator.catalogue import Catalogue, Endpoint, System
from generator.config.values import roles as scraped
from generator.config.versions import in_the_field, named
from generator.errors import Problem, nearest
from generator.source import Document, short


def systems(document: Document, catalogue: Catalogue) -> Iterator[Problem]:
    """Yield what no system can be: roles that it has not, prefixes that its names have not, targets that nothing finds."""
    given = document.data.get("systems", {})
    for name, system in given.items():
        yield from _roles(document, catalogue.systems[name], system)
        yield from _versions(document, catalogue.systems[name], system.get("versions"))
        yield from _unfindable(document, catalogue.systems[name].endpoint, name, system)
        yield from _unused(document, name, system)
        yield from _torn(document, name, system)
        if (prefix := system.get("prefix")) and not prefix.endswith("_"):
            what = f"'prefix' is {short(prefix)}, and names would begin with {prefix}http, not with {prefix}_http"
            yield document.problem(("systems", name, "prefix"), what, f"write {prefix}_, with its underscore")
        elif prefix and prefix.startswith("__"):
            what = f"'prefix' is {short(prefix)}, and Prometheus keeps names that begin with __ for itself"
            yield document.problem(("systems", name, "prefix"), what, "write METRIC_PREFIX as the servers have it")
    brought = any(len(p) == 3 and p[::2] == ("systems", "catalogue") and p[1] not in given for p in document.lines)  # noqa: PLR2004
    if all(given.get(name, {}).get("enabled", True) is False for name in catalogue.targets) and not brought:
        what = "every system is off, and nothing is left to be watched"
        yield document.problem(("systems",), what, "leave one on, or leave the file out: all are on by default")
    yield from _same(document, given)


def _roles(document: Document, known_as: System, system: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield roles that the system has not, and groups of a role that is not among those of this installation."""
    name, known, here = known_as.name, list(known_as.roles), scraped(known_as, system)
    where = ("systems", name)
    otherwise = f"use one of {', '.join(known)}" if known else "the system has no roles: remove it"
    for number, role in enumerate(system.get("roles", ())):
        if role not in known:
            fix = nearest(role, known, otherwise=otherwise)
            yield document.problem((*where, "roles", number), f"role {short(role)} is unknown", fix)
    if known and not here:
        yield document.problem(
            (*where, "roles"), "no role is scraped", f"list some of {', '.join(known)}, or set enabled: false"
        )
    for kind in ("static", "dns"):
        for nth, group in enumerate(system.get("scrape", {}).get(kind, ())):
            role, place = group.get("role"), (*where, "scrape", kind, nth, "role")
            if role is None:
                continue
            if role not in known:
                yield document.problem(
                    place, f"role {short(role)} is unknown", nearest(role, known, otherwise=otherwise)
                )
            elif role not in here:
                what = f"role {role!r} is not among the roles of this installation, {', '.join(here)}"
                part = next((part for part, brought in known_as.parts.items() if role in brought), "")
                fix = f"add {part} to systems.{name}.parts" if part else f"add it to systems.{name}.roles"
                yield document.problem(place, what, fix)


def _torn(document: Document, name: str, system: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield groups of another cluster than the one that every target is said to be in."""
    cluster = document.data.get("scrape", {}).get("cluster")
    for kind in ("static", "dns"):
        for nth, group in enumerate(system.get("scrape", {}).get(kind, ())):
            if cluster and group.get("cluster", cluster) != cluster:
                what = f"the cluster is {short(group['cluster'])} here, and {short(cluster)} in scrape.cluster, for every target"
                fix = "leave one of the two out"
                yield document.problem(("systems", name, "scrape", kind, nth, "cluster"), what, fix)


def _same(document: Document, given: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield systems whose targets nothing tells apart from another one's."""
    seen: dict[tuple[tuple[str, str], ...], str] = {}
    for name, system in given.items():
        asked = tuple(sorted(system.get("match", {}).items()))
        if asked and system.get("enabled", True):
            first = seen.setdefault(asked, name)
            if first != name:
                what = f"match is the same as that of {first}: nothing tells their targets apart"
                yield document.problem(("systems", name, "match"), what, "match a label in which they differ, too")


def _versions(document: Document, system: System, given: Any) -> Iterator[Problem]:
    """Yield a text that names no versions."""
    if given is not None and in_the_field(system, given) is None:
        newest = system.newest or "1.4.1"
        fix = f'use {", ".join(named(system))}, a version such as "{newest}", or a range, the older one first: "1.2 - 1.4.1", ">=1.2", "<=1.4"'
        yield document.problem(
            ("systems", system.name, "versions"), f"{given!r} is no version and no range of versions", fix
        )


def _unfindable(document: Document, endpoint: Endpoint, name: str, system: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield groups that DNS cannot find: those of JSON pages have the pages' addresses, all others have names."""
    for place, group in enumerate(system.get("scrape", {}).get("dns", ())):
        role, where = group.get("role", ""), ("systems", name, "scrape", "dns", place)
        if not (endpoint.prober and role == endpoint.prober):
            if "targets" in group or "names" not in group:
                yield document.problem(where, "the group has no DNS names to look up", "write names: [NAME]")
            continue
        if "names" in group or "port" in group or "targets" not in group:
            what = f"of the role {role!r} it is the json_exporter's name that is looked up, for addresses of JSON pages"
            fix = "leave out names and port, and list the pages: targets: [http://host:port/path]; the exporter is json_exporter"
            yield document.problem(where, what, fix)


def _unused(document: Document, name: str, system: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield lists that no kind of discovery uses, and kinds that have nothing to find."""
    scrape = system.get("scrape", {})
    kinds = scrape.get("discovery")
    if kinds is None:
        return
    where = ("systems", name, "scrape")
    for kind in ("static", "dns"):
        if scrape.get(kind) and kind not in kinds:
            fix = f"add {kind} to discovery, or leave discovery out: what is named is used"
            yield document.problem((*where, kind), f"nothing uses {kind}: discovery is [{', '.join(kinds)}]", fix)
        if kind in kinds and not scrape.get(kind) and not document.dropped(*where, kind):
            fix = f"list them under {kind}, or take {kind} out"
            yield document.problem((*where, "discovery", kinds.index(kind)), f"{kind} has no groups to find", fix)
    if scrape.get("files") and "file" not in kinds:
        fix = "add file to discovery, or leave discovery out: what is named is used"
        yield document.problem((*where, "files"), f"nothing uses files: discovery is [{', '.join(kinds)}]", fix)
