"""What the variants that explain a page have in common: role, runtime, exposure and the like, each with what speaks against others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

from generator.doctor.variants import Variant, Variants

#: Names that one sentence of evidence has at most.
_NAMED = 3

#: What is told of a process: the name, how a variant is asked for it, and what it is called in a sentence.
DIMENSIONS: Mapping[str, Callable[[Variant], str]] = {
    "era": lambda w: w.era,
    "role": lambda w: w.role,
    "runtime": lambda w: w.runtime,
    "exposure": lambda w: w.exposure,
    "tier": lambda w: w.tier,
}


@dataclass(frozen=True, slots=True)
class Trait:
    """One thing that is told of a process.

    Attributes:
        name: era, role, runtime, exposure, tier, or `switch NAME`.
        values: Every value that explains the page, in the catalogue's order; one where it can be told.
        others: Values that do not.
        evidence: Why not, a sentence each.

    """

    name: str
    values: tuple[str, ...]
    others: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Against:
    """What speaks against a variant.

    Attributes:
        strange: Metrics and labels on the page that it cannot have.
        lacking: Those that it has to have, and are not there.

    """

    strange: tuple[str, ...]
    lacking: tuple[str, ...]

    @property
    def cost(self) -> tuple[int, int]:
        """What is there outweighs what is not, which a fault or a rule on the way may have taken away."""
        return len(self.strange), len(self.lacking)


def traits(
    variants: Variants, fits: Sequence[Variant], against: Mapping[Variant, Against], prefix: str
) -> Iterator[Trait]:
    """Yield what variants that explain a page tell of its process, and what speaks against every other value."""
    switched = {m.switch for m in variants.system.metrics}
    switches = [s for s in variants.system.switches if s in switched]
    asked = {**DIMENSIONS, **{f"switch {switch}": _switched(switch) for switch in switches}}
    for name, ask in asked.items():
        every = list(dict.fromkeys(map(ask, variants.predicted)))
        values = [v for v in every if any(ask(w) == v for w in fits)]
        if len(every) < 2 or values == [""]:  # noqa: PLR2004 - a single value says nothing
            continue
        others = [v for v in every if v and v not in values]
        reasons: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        for value in others:
            found = [w for w in against if ask(w) == value]
            if found:
                best = against[min(found, key=lambda w: (*_distance(w, fits), against[w].cost))]
                reasons.setdefault(("is", best.strange) if best.strange else ("not", best.lacking), []).append(value)
        evidence = [
            _why_not(name, ruled_out if len(ruled_out) < len(others) or len(ruled_out) == 1 else (), what, said)
            for (what, said), ruled_out in reasons.items()
            if said
        ]
        if unnamed := [v for v in others if not any(ask(w) == v for w in against)]:
            evidence.append(f"names begin with {prefix}, which {name} {' or '.join(unnamed)} does not know")
        yield Trait(name, tuple(v for v in values if v), tuple(others), tuple(evidence))


def _switched(switch: str) -> Callable[[Variant], str]:
    return lambda variant: "on" if switch in variant.switches else "off"


def _distance(one: Variant, fits: Collection[Variant]) -> tuple[int, bool]:
    """Return in how many ways a variant differs from the nearest of some variants, and whether its version is not theirs."""
    names = [f.name for f in fields(Variant)]
    pairs = [[getattr(one, n) != getattr(other, n) for n in names] for other in fits]
    return min(sum(pair) for pair in pairs), all(pair[names.index("span")] for pair in pairs)


def _why_not(name: str, values: Sequence[str], what: str, said: Sequence[str]) -> str:
    """Say what speaks against some values; against all others where there are none."""
    called = f"{name} {' or '.join(values)}"
    if what == "is":
        return f"{some(said)} {is_or_are(said)} there, which " + (
            f"{called} does not have" if values else f"no other {name} has"
        )
    return f"{some(said)} {is_or_are(said)} not there, which " + (
        f"{called} always has" if values else f"every other {name} has"
    )


def some(found: Sequence[str]) -> str:
    """Return a few names, and how many more there are."""
    more = len(found) - _NAMED
    shown = ", ".join(found[: _NAMED if more > 1 else len(found)])
    return f"{shown} and {more} more" if more > 1 else shown


def is_or_are(found: Sequence[str]) -> str:
    """Return the verb for some names."""
    return "are" if len(found) > 1 else "is"
