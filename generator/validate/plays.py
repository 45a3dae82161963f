"""What reference servers tell of the scenarios that they can play: which alerts have to fire, and by when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from generator.validate.probe import AbsentError, Probe


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


def find(references: Sequence[Probe], name: str) -> tuple[Probe, Play]:
    """Return the first reference server that has a scenario, and the scenario: each knows those of its own system.

    Raises:
        AbsentError: None has it.
        ProbeError: One is no reference server.

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
    """Return what a scenario of the reference server expects: its alerts with the times by which each must fire.

    Raises:
        AbsentError: It has no such scenario.
        ProbeError: It is no reference server.

    """
    try:
        answer = reference.get(f"/scenarios/{quote(name, safe='')}")
    except AbsentError as error:
        raise AbsentError(
            f"the reference server at {reference.url} has no scenario {name!r}",
            "`agent-reference-server scenarios` lists them",
        ) from error
    here, lasts = answer.get("deployments").one(0).text(), answer.get("duration")
    if lasts.number() <= 0:
        raise lasts.wrong(f"{lasts.number():g}", "how many seconds it lasts")
    listed = answer.get("fire").items()
    fire = [e for e in listed if e.get("deployment").text() in ("", here)]
    elsewhere = [e for e in listed if e.get("deployment").text() not in ("", here)]
    return Play(
        answer.get("id").text(), lasts.number(),
        tuple(Expected(e.get("alert").text(), e.get("since").number() + e.get("within").number()) for e in fire),
        tuple(e.get("alert").text() for e in elsewhere),
        frozenset({*(e.get("alert").text() for e in listed), *answer.get("allow").texts()}),
        frozenset(answer.get("silent").texts()), answer.get("past").number(), answer.get("system").text(),
    )  # fmt: skip
