"""Systems that a configuration brings: each is one file in the catalogue's format."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from generator.catalogue import Catalogue, System, read
from generator.catalogue.signals import limits as signal_limits
from generator.config.own_texts import unfit
from generator.config.settings import OBSERVABILITY
from generator.errors import Problem, nearest
from generator.source import Document, Place, parse, short, shown
from generator.systems import SHIPPED

#: What a system may be called: its name begins names of files, jobs, thresholds and recorded series.
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")

#: Characters of such a name at most: uids of boards have forty, and stems of files follow.
LONGEST = 24

#: Bytes of a catalogue file at most: one of a thousand metrics has a fifth of it.
LARGEST = 1_000_000

#: What several systems expose alike, and a page of an operator's own may have too.
SHARED = ("process", "python")

#: Stems of files that are about all systems.
TAKEN = ("all_systems", "overview", "observability", "provider", "alertmanager", "json_exporter")


def extended(
    document: Document, catalogue: Catalogue, folder: Path
) -> tuple[Catalogue, frozenset[str], list[tuple[Place, Problem]]]:
    """Return the catalogue with the systems that a configuration brings, their names, and what is wrong with them.

    Args:
        document: The configuration; nothing of it has been checked.
        catalogue: The shipped catalogue.
        folder: The folder from which the configuration names its files.

    """
    given = document.data.get("systems") if isinstance(document.data, dict) else None
    brought = {
        name: system["catalogue"]
        for name, system in (given.items() if isinstance(given, dict) else ())
        if isinstance(name, str) and isinstance(system, dict) and isinstance(system.get("catalogue"), str)
    }
    problems: list[tuple[Place, Problem]] = []
    found: dict[str, System] = {}
    for name, file in brought.items():
        if wrong := misnamed(name, catalogue):
            problems.append((("systems", name), document.problem(("systems", name), *wrong)))
            continue
        own_problems: list[Problem] = []
        if not file:
            continue  # which the schema refuses
        path = folder / file
        if not path.is_file():
            what = f"no file {short(file)}, seen from {folder}"
            own_problems.append(
                document.problem(("systems", name, "catalogue"), what, "name a file in the catalogue's format")
            )
        elif not (texts := [*_unfit_texts(path)]):
            found |= read({name: path}, own_problems)
        else:
            own_problems += texts
        problems += [(("systems", name), problem) for problem in own_problems]
    sound = {name: system for name, system in found.items() if not any(p[1] == name for p, _ in problems)}
    for name, system in sound.items():
        place = ("systems", name, "catalogue")
        problems += [(("systems", name), document.problem(place, *wrong)) for wrong in _unfit(system, catalogue, sound)]
    sound = {name: system for name, system in sound.items() if not any(p[1] == name for p, _ in problems)}
    return catalogue.joined(sound), frozenset(sound), problems


def _unfit_texts(path: Path) -> Iterator[Problem]:
    """Yield what is wrong with the file as a text, before it is read as a catalogue."""
    problems: list[Problem] = []
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
        document = parse(shown(path), raw.decode("utf-8"), problems)
    except (OSError, UnicodeDecodeError) as error:
        yield Problem(shown(path), 1, f"cannot be read: {error}", "name a readable UTF-8 file")
        return
    if len(raw) > LARGEST:
        yield Problem(shown(path), 1, f"has more than {LARGEST:,} bytes", "name the catalogue of one system")
    elif problems:
        yield from problems
    elif not isinstance(document.data, dict):
        yield Problem(shown(path), 1, "is no catalogue file", "see `agentobs infer`, which drafts one")
    else:
        yield from unfit(document)


def misnamed(name: str, catalogue: Catalogue) -> tuple[str, str] | None:
    """Return what is wrong with the name of a system, and the way out; None for a good one."""
    if name in SHIPPED:
        return f"{name!r} comes with a catalogue of its own", "leave out its catalogue, or call yours by another name"
    if not _NAME.fullmatch(name) or len(name) > LONGEST:
        what = f"{short(name)} is no name of a system"
        return what, f"use at most {LONGEST} lower-case letters and digits, words joined by _, such as shop_api"
    if name in (*catalogue.systems, *TAKEN):
        return f"the name {name!r} is taken", "call it by another name"
    near = next((other for other in SHIPPED if name.startswith(f"{other}_") or other.startswith(f"{name}_")), "")
    return (f"the name {name!r} would be taken for a part of {near}", "call it by another name") if near else None


def _unfit(system: System, catalogue: Catalogue, sound: Mapping[str, System]) -> Iterator[tuple[str, str]]:
    """Yield what a catalogue file of an operator's own may not have, and the way out."""
    others = {**catalogue.systems, **{name: one for name, one in sound.items() if name != system.name}}
    for other in others.values():
        pair: Any = (system.alerts, other.alerts)
        if all(pair) and (pair[0].startswith(pair[1]) or pair[1].startswith(pair[0])):
            what = f"alerts of {system.name} begin with {pair[0]}, and those of {other.name} with {pair[1]}"
            yield what, "set `alerts` in the catalogue file to a word that begins no other one"
        if shared := sorted({limit.name for limit in system.limits} & {limit.name for limit in other.limits}):
            yield f"the limits {', '.join(shared)} are those of {other.name}", "begin their names with the system's"
    if not system.endpoint.port and not system.endpoint.ports:
        yield f"{system.name} has no port", "set scrape: {port: …} in the catalogue file"
    if system.endpoint.json:
        yield (
            f"{system.name} has JSON pages",
            "leave out scrape.json and scrape.prober: they need an exporter of their own",
        )
    if missing := [page for page in system.pages if page not in SHARED]:
        yield (
            f"{system.name} names the page of {', '.join(missing)}",
            f"use {' or '.join(SHARED)}, or leave out `pages`",
        )
    if idle := [name for name in system.switches if not any(metric.switch == name for metric in system.metrics)]:
        yield (
            f"no metric of {system.name} needs the switch {', '.join(idle)}",
            f"give one `switch: {idle[0]}` in the catalogue file, or leave the switch out",
        )
    if system.alerts and OBSERVABILITY.startswith(system.alerts):
        yield (
            f"alerts of {system.name} begin with {system.alerts}, as those of the monitoring do",
            "set `alerts` to another word",
        )
    yield from _limits(system)


def _limits(system: System) -> Iterator[tuple[str, str]]:
    """Yield limits of the file's own that could not be compared with anything."""
    usual = {limit.name: limit for limit in signal_limits(system.name, system.signals, system.metrics)}
    edges = {f"{system.name}/{metric.name}": metric.buckets for metric in system.metrics if metric.buckets}
    for limit in system.limits:
        known = usual.get(limit.name)
        if not known and limit.name.startswith(f"{system.name}_"):
            fix = nearest(limit.name, list(usual), otherwise="leave it out: each limit is one of a signal")
            yield f"nothing is compared with the limit {limit.name}", fix
            continue
        if known and limit.unit != known.unit:
            yield (
                f"the limit {limit.name} is in {limit.unit}, and its signal in {known.unit}",
                f"give it in {known.unit}",
            )
        elif limit.histogram and limit.value not in edges.get(limit.histogram, ())[:-1]:
            what = f"the limit {limit.name} is {limit.value:g}, which is no bucket edge of {limit.histogram.partition('/')[2]}"
            yield what, "name a histogram of the file, and one of its edges below the last one"
