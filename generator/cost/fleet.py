"""How many processes and deployments there are: as the operator says, or as the addresses of the configuration show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from generator.config.site import Site
from generator.errors import GeneratorError, Problem, nearest
from generator.source import short

#: More than this is a slip of the keyboard.
MOST = 1_000_000

#: All processes, in per cent.
_WHOLE = 100

#: What the options take.
_EXAMPLE = "agent_server.api=10,langsight=2"


#: What processes have alike, and so a page: system, role, era. The role is empty where the system has none, the era where the
#: configuration has one of it alone.
Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Fleet:
    """Processes and deployments.

    Attributes:
        source: Where the numbers come from.
        processes: How many there are of what has one page.
        deployments: System to how many deployments these are.
        supposed: Systems of several eras of which nobody says how many processes are of which.

    """

    source: str
    processes: Mapping[Key, int]
    deployments: Mapping[str, int] = field(default_factory=dict)
    supposed: frozenset[str] = frozenset()

    def deployed(self, system: str) -> int:
        """Return how many deployments of a system there are: one, unless somebody says, and none without a process."""
        count = sum(n for key, n in self.processes.items() if key[0] == system)
        return min(count, self.deployments.get(system, 1))

    def eras(self, system: str) -> Mapping[str, int]:
        """Return how many processes of a system are of which era; nothing where one alone is in the field."""
        found: dict[str, int] = {}
        for (name, _, era), n in self.processes.items():
            if name == system and era:
                found[era] = found.get(era, 0) + n
        return found


def fleet(site: Site, processes: Sequence[str], deployments: Sequence[str], eras: Sequence[str] = ()) -> Fleet:
    """Return the fleet that an operator means.

    Args:
        site: The installation.
        processes: `agent_server.api=10`, or several with commas between them; a system without roles is `langsight=2`.
        deployments: `agent_server=3`, likewise.
        eras: `agent_server.old=40`, likewise: per cent of the processes of each role.

    Raises:
        GeneratorError: Some number is of nothing that there is, or no number; carries every problem.

    """
    problems: list[Problem] = []
    given = dict(_processes(site, processes, problems))
    spread = dict(_deployments(site, deployments, problems))
    shares = _shares(site, eras, problems)
    if problems:
        raise GeneratorError(problems)
    listed, places = _configured(site)
    each = {
        (name, role): len(several(site, name)) or 1
        for name in _enabled(site)
        for role in site.config.systems[name].roles or ("",)
    }
    source, found = "one process of each role: say how many with --processes", each
    if given:
        source, found, places = "as --processes says", given, {}
    elif listed:
        source, found = "the addresses in the configuration", listed
    parted = {
        (name, role, era): n
        for (name, role), count in found.items()
        for era, n in _parted(count, several(site, name), shares.get(name, {})).items()
    }
    supposed = frozenset(name for name, _ in found if found is not each and several(site, name) and name not in shares)
    made = Fleet(source, parted, {**places, **spread}, supposed)
    if contrary := [*_contrary(made, spread)]:
        raise GeneratorError(contrary)
    return made


def _contrary(made: Fleet, spread: Mapping[str, int]) -> Iterator[Problem]:
    """Yield numbers of deployments that the processes cannot be: each has one of them at least, and each process is in one."""
    for name, number in spread.items():
        count = sum(n for key, n in made.processes.items() if key[0] == name)
        if number > count or (count and not number):
            what = f"{number:,} {'deployment' if number == 1 else 'deployments'} of {name} cannot be: there {'is' if count == 1 else 'are'} {count:,} of its processes"
            fix = f"write a number from 1 to {count:,}" if count else "say how many with --processes, or leave it out"
            yield Problem("--deployments", 1, what, "write 1, or leave it out" if count == 1 else fix)


def several(site: Site, name: str) -> tuple[str, ...]:
    """Return the eras of a system that are in the field, newest first, where these are several; else none."""
    eras = site.config.systems[name].eras
    return eras if len(eras) > 1 else ()


def _parted(count: int, eras: Sequence[str], shares: Mapping[str, int]) -> Mapping[str, int]:
    """Return how many of some processes are of which era: by per cents, what nobody says in equal parts, and whole processes."""
    if not eras:
        return {"": count}
    unsaid = [era for era in eras if era not in shares]
    rest = (100 - sum(shares.values())) / max(1, len(unsaid))
    exact = {era: count * shares.get(era, rest) / 100 for era in eras}
    found = {era: int(part) for era, part in exact.items()}
    nearest_first = sorted(eras, key=lambda era: found[era] - exact[era])  # stable: of two alike the newer
    for era in nearest_first[: count - sum(found.values())]:
        found[era] += 1
    return found


def _enabled(site: Site) -> list[str]:
    return [name for name, config in site.config.systems.items() if config.enabled]


def _pairs(
    option: str, given: Sequence[str], problems: list[Problem], example: str = _EXAMPLE, most: int = MOST
) -> Iterator[tuple[str, int]]:
    """Yield what stands before each = and the number behind it."""
    seen: set[str] = set()
    for text in (part.strip() for one in given for part in one.split(",")):
        name, equals, number = (part.strip() for part in text.partition("="))
        sound = number.isascii() and number.isdigit() and len(number) <= len(str(most)) and int(number) <= most
        if not name or not equals or not sound:
            what = f"{short(text)} is not NAME=NUMBER, up to {most:,}"
            problems.append(Problem(option, 1, what, f"write {example}"))
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


def _shares(site: Site, given: Sequence[str], problems: list[Problem]) -> Mapping[str, Mapping[str, int]]:
    """Return system to era to per cent of its processes."""
    found: dict[str, dict[str, int]] = {}
    for name, number in _pairs("--eras", given, problems, "agent_server.old=40", _WHOLE):
        system, _, era = name.partition(".")
        if wrong := _unknown(site, system) or _wrong_era(site, system, era):
            problems.append(Problem("--eras", 1, *wrong))
        else:
            found.setdefault(system, {})[era] = number
    for system, said in found.items():
        whole = sum(said.values())
        if whole > _WHOLE or (whole < _WHOLE and len(said) == len(several(site, system))):
            what = f"the eras of {system} are {whole} per cent of its processes together"
            problems.append(Problem("--eras", 1, what, "leave one of them out: it has what the others leave"))
    return found


def _wrong_era(site: Site, system: str, era: str) -> tuple[str, str] | None:
    known = several(site, system)
    if era in known:
        return None
    if not known:
        what = f"all processes of {system} are of one era, as the configuration says"
        return (
            what,
            f"leave it out, or write `systems: {{{system}: {{versions: ...}}}}` with those that are in the field",
        )
    what = f"{system} has no era {short(era)} in the field" if era else f"{system} has eras, and none is named"
    return what, nearest(era, known, otherwise=f"write {system}.{known[-1]}=40; eras are {', '.join(known)}")


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


def _configured(site: Site) -> tuple[dict[tuple[str, str], int], dict[str, int]]:
    """Return how many processes of a system and role the configuration lists, and how many deployments of each system."""
    processes: dict[tuple[str, str], int] = {}
    places: dict[str, set[tuple[str, ...]]] = {}
    for name in _enabled(site):
        for group in site.config.systems[name].discovery.static:
            key = (name, str(group.get("role", "")))
            processes[key] = processes.get(key, 0) + len(group["targets"])
            place = tuple(str(group.get(label, "")) for label in ("cluster", "namespace", "deployment"))
            places.setdefault(name, set()).add(place)
    return processes, {name: len(own) for name, own in places.items()}
