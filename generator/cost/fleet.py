"""How many processes and deployments there are: as the operator says, or as the addresses of the configuration show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from generator.config.site import Site
from generator.errors import GeneratorError, Problem, nearest
from generator.source import short

#: More than this is a slip of the keyboard.
MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class Fleet:
    """Processes and deployments.

    Attributes:
        source: Where the numbers come from.
        processes: System and role, empty where it has none, to how many there are.
        deployments: System to how many deployments these are.

    """

    source: str
    processes: Mapping[tuple[str, str], int]
    deployments: Mapping[str, int] = field(default_factory=dict)

    def deployed(self, system: str) -> int:
        """Return how many deployments of a system there are: one, unless somebody says, and none without a process."""
        count = sum(n for (name, _), n in self.processes.items() if name == system)
        return min(count, self.deployments.get(system, 1))


def fleet(site: Site, processes: Sequence[str], deployments: Sequence[str]) -> Fleet:
    """Return the fleet that an operator means.

    Args:
        site: The installation.
        processes: `agent_server.api=10`, or several with commas between them; a system without roles is `langsight=2`.
        deployments: `agent_server=3`, likewise.

    Raises:
        GeneratorError: Some number is of nothing that there is, or no number; carries every problem.

    """
    problems: list[Problem] = []
    given = dict(_processes(site, processes, problems))
    spread = dict(_deployments(site, deployments, problems))
    if problems:
        raise GeneratorError(problems)
    found = _configured(site)
    if given:
        made = Fleet("as --processes says", given, spread)
    elif found.processes:
        made = Fleet(found.source, found.processes, {**found.deployments, **spread})
    else:
        one = {(name, role): 1 for name in _enabled(site) for role in site.config.systems[name].roles or ("",)}
        made = Fleet("one process of each role: say how many with --processes", one, spread)
    if contrary := [*_contrary(made, spread)]:
        raise GeneratorError(contrary)
    return made


def _contrary(made: Fleet, spread: Mapping[str, int]) -> Iterator[Problem]:
    """Yield numbers of deployments that the processes cannot be: each has one of them at least, and each process is in one."""
    for name, number in spread.items():
        count = sum(n for (system, _), n in made.processes.items() if system == name)
        if number > count or (count and not number):
            what = f"{number:,} {'deployment' if number == 1 else 'deployments'} of {name} cannot be: there {'is' if count == 1 else 'are'} {count:,} of its processes"
            fix = f"write a number from 1 to {count:,}" if count else "say how many with --processes, or leave it out"
            yield Problem("--deployments", 1, what, "write 1, or leave it out" if count == 1 else fix)


def _enabled(site: Site) -> list[str]:
    return [name for name, config in site.config.systems.items() if config.enabled]


def _pairs(option: str, given: Sequence[str], problems: list[Problem]) -> Iterator[tuple[str, int]]:
    """Yield what stands before each = and the number behind it."""
    seen: set[str] = set()
    for text in (part.strip() for one in given for part in one.split(",")):
        name, equals, number = (part.strip() for part in text.partition("="))
        sound = number.isascii() and number.isdigit() and len(number) <= len(str(MOST)) and int(number) <= MOST
        if not name or not equals or not sound:
            what = f"{short(text)} is not NAME=NUMBER, up to {MOST:,}"
            problems.append(Problem(option, 1, what, "write agent_server.api=10,langsight=2"))
        elif name in seen:
            problems.append(Problem(option, 1, f"{short(name)} stands here a second time", "keep one of the two"))
        else:
            seen.add(name)
            yield name, int(number)


def _processes(site: Site, given: Sequence[str], problems: list[Problem]) -> Iterator[tuple[tuple[str, str], int]]:
    for name, number in _pairs("--processes", given, problems):
        system, _, role = name.partition(".")
        if wrong := _unknown(site, system) or _wrong_role(site, system, role):
            problems.append(Problem("--processes", 1, *wrong))
        else:
            yield (system, role), number


def _deployments(site: Site, given: Sequence[str], problems: list[Problem]) -> Iterator[tuple[str, int]]:
    for name, number in _pairs("--deployments", given, problems):
        if wrong := _unknown(site, name):
            problems.append(Problem("--deployments", 1, *wrong))
        else:
            yield name, number


def _unknown(site: Site, system: str) -> tuple[str, str] | None:
    known = _enabled(site)
    if system in known:
        return None
    if system in site.config.systems:
        return f"the system {system} is off in the configuration", "enable it, or leave it out here"
    return f"no system {short(system)}", nearest(system, known, otherwise=f"use one of {', '.join(known)}")


def _wrong_role(site: Site, system: str, role: str) -> tuple[str, str] | None:
    roles = site.config.systems[system].roles
    if role in (roles or ("",)):
        return None
    if not roles:
        return f"{system} has no roles, so {short(role)} is none", f"write {system}=2"
    if role in site.catalogue.systems[system].roles:
        return f"the role {role} of {system} is not scraped by the configuration", "add it to `roles` or `parts` there"
    what = f"{system} has no role {short(role)}" if role else f"{system} has roles, and none is named"
    return what, nearest(role, list(roles), otherwise=f"write {system}.{roles[0]}=2; roles are {', '.join(roles)}")


def _configured(site: Site) -> Fleet:
    """Return the processes whose addresses the configuration lists, and their deployments."""
    processes: dict[tuple[str, str], int] = {}
    places: dict[str, set[tuple[str, ...]]] = {}
    for name in _enabled(site):
        for group in site.config.systems[name].discovery.static:
            key = (name, str(group.get("role", "")))
            processes[key] = processes.get(key, 0) + len(group["targets"])
            place = tuple(str(group.get(label, "")) for label in ("cluster", "namespace", "deployment"))
            places.setdefault(name, set()).add(place)
    return Fleet("the addresses in the configuration", processes, {name: len(own) for name, own in places.items()})
