"""Which boards, panels and alerts stay blank with what the pages show, each with the reason that stands first in the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from generator.boards.layout import WHOLE, LeftOut
from generator.bundle import Bundle, build
from generator.config.site import Site
from generator.doctor.fit import Fit
from generator.doctor.reasons import KINDS, LATER, Reason


@dataclass(frozen=True, slots=True)
class Blank:
    """One board, panel or alert that shows nothing.

    Attributes:
        kind: board, panel or alert.
        file: The generated file in which it would be.
        where: Title of the board; of an alert, and of a board that is left out as a whole, the stem of its file.
        what: Title of the panel, or name of the alert; empty for a whole board.
        system: The system that it is about; empty for all of them.
        reason: What stands first in the way.
        series: The series that are missing for that reason.
        reasons: Everything that stands in the way.

    """

    kind: str
    file: str
    where: str
    what: str
    system: str
    reason: Reason
    series: tuple[str, ...]
    reasons: tuple[Reason, ...]


def blanks(site: Site, fits: Sequence[Fit], why: Mapping[str, Mapping[str, Reason]]) -> tuple[list[Blank], list[Blank]]:
    """Return what stays blank, and what waits for a first event or cannot be told to be blank.

    Args:
        site: The installation as the pages tell it.
        fits: What they tell.
        why: Why metrics are on no page, by system and full name under its own prefix.

    """
    sure = {key: r for key, r in _absent(why).items() if r.kind not in LATER}
    every = build(replace(site, absent={key: r.text for key, r in _absent(why).items()}), kinds=("boards", "rules"))
    certain = build(replace(site, absent={key: r.text for key, r in sure.items()}), kinds=("boards", "rules"))
    now = list(_blanks(certain, fits, why))
    known = {(b.where, b.what) for b in now} | {(b.where, "") for b in now if b.kind == "board"}
    later = [
        b for b in _blanks(every, fits, why)
        if b.kind != "alert" and (b.where, b.what) not in known and (b.where, "") not in known
    ]  # fmt: skip
    return now, later


def _absent(why: Mapping[str, Mapping[str, Reason]]) -> dict[tuple[str, str], Reason]:
    return {(system, name): reason for system, found in why.items() for name, reason in found.items()}


def _blanks(bundle: Bundle, fits: Sequence[Fit], why: Mapping[str, Mapping[str, Reason]]) -> Iterator[Blank]:
    prefixes = {fit.system.name: (fit.system.prefix, str(fit.keys.get("prefix", fit.system.prefix))) for fit in fits}
    titles = {stem: board.title for stem, board in bundle.boards.items()}
    for out in bundle.left_out:
        folder, _, stem = out.where.partition("/")
        stem = stem.removesuffix(".json").removesuffix(".rules.yaml")
        if not out.missing or (folder == "alerts" and out.what.startswith("agentobs_")):
            continue
        system = bundle.site.system_of(stem)
        found = [(name, _found(name, text, system, why, prefixes)) for name, text in out.missing]
        reason = min((r for _, r in found), key=lambda r: KINDS.index(r.kind))
        entire_board = out.what == WHOLE
        yield Blank(
            kind="alert" if folder == "alerts" else "board" if entire_board else "panel",
            file=out.where, where=titles.get(stem, stem) if folder == "dashboards" else stem,
            what="" if entire_board else out.what, system=system, reason=reason,
            series=tuple(dict.fromkeys(name for name, r in found if r == reason)),
            reasons=tuple(dict.fromkeys(r for _, r in found)),
        )  # fmt: skip


def _found(
    name: str,
    text: str,
    system: str,
    why: Mapping[str, Mapping[str, Reason]],
    prefixes: Mapping[str, tuple[str, str]],
) -> Reason:
    """Return the reason for a series, by its name at this site; what is only said of a part of it is a reason of its own."""
    for one in (system, *why):
        own, given = prefixes.get(one, ("", ""))
        bare = own + name.removeprefix(given) if given and name.startswith(given) else name
        if bare in why.get(one, {}):
            return why[one][bare]
    if text.startswith("systems."):
        return Reason("other", text, "where the servers' configuration adds labels, name them there")
    return Reason("version" if "versions:" in text or "only in" in text else "other", text)


def unblanked(found: Sequence[Blank], left_out: Sequence[LeftOut]) -> list[Blank]:
    """Return what the operator's own configuration does not leave out already."""
    boards = {o.where for o in left_out if o.what == WHOLE}
    single = {(o.where, o.what) for o in left_out}
    return [b for b in found if b.file not in boards and (b.file, b.what or WHOLE) not in single]
