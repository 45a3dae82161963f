"""What reference servers tell of the scenarios that they can play: which alerts have to fire, and by when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from generator.validate.probe import AbsentError, Probe, SilentError


@dataclass(frozen=True, slots=True)
class Expected:
    """One alert that has to fire, and by when in virtual seconds after the scenario's start."""

    alert: str
    by: float


@dataclass(frozen=True, slots=True)
class Play:
    """A scenario as the reference server describes it; `lasts`, and the `past` that it begins with, in virtual seconds.

    `elsewhere` are alerts about a deployment that a single reference server does not play. `tolerated` ones may fire.
    """

    id: str
    lasts: float
    fire: tuple[Expected, ...]
    elsewhere: tuple[str, ...]
    tolerated: frozenset[str]
    silent: frozenset[str]
    past: float = 0.0
    system: str = ""


def found(references: Sequence[Probe], name: str) -> tuple[Probe, Play]:
    """Return the first reference server that has a scenario, and the scenario: each knows those of its own system.

    Raises:
        ProbeError: None has it, or one is no reference server.

    """
    for reference in references:
        try:
            return reference, read(reference, name)
        except AbsentError:
            if len(references) == 1:
                raise
    raise AbsentError(
        f"none of the reference servers has a scenario {name!r}: {', '.join(r.url for r in references)}",
        "`agent-reference-server scenarios` lists them; name a --reference of its system",
    )


def read(reference: Probe, name: str) -> Play:
    """Ask the reference server what a scenario expects.

    Raises:
        ProbeError: It has no such scenario, or is no reference server.

    """
    try:
        told = reference.get(f"/scenarios/{quote(name, safe='')}")
    except AbsentError as error:
        raise AbsentError(
            f"the reference server at {reference.url} has no scenario {name!r}",
            "`agent-reference-server scenarios` lists them",
        ) from error
    try:
        here = told["deployments"][0]
        fire = [e for e in told["fire"] if e["deployment"] in ("", here)]
        return Play(
            str(told["id"]), float(told["duration"]),
            tuple(Expected(str(e["alert"]), float(e["since"]) + float(e["within"])) for e in fire),
            tuple(str(e["alert"]) for e in told["fire"] if e not in fire),
            frozenset({*(str(e["alert"]) for e in told["fire"]), *map(str, told["allow"])}), frozenset(map(str, told["silent"])),
            float(told["past"]), str(told["system"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, IndexError):
        raise SilentError(
            f"{reference.name} at {reference.url} describes {name} in another way",
            "use a reference server of the same version",
        ) from None
