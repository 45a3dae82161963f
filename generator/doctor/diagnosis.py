"""Everything that pages tell of one deployment: of each page what it is, and of all of them what stays blank and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generator.bundle import build
from generator.catalogue import Catalogue, Versions
from generator.config.settings import Config, SystemConfig
from generator.config.site import Site
from generator.config.values import config as configured
from generator.doctor.blank import Blank, blanks, unblanked
from generator.doctor.drift import Added, added, drift
from generator.doctor.fit import Fit, document, fit
from generator.doctor.page import Page
from generator.doctor.profile import Profile, profile_of
from generator.doctor.reasons import reasons
from generator.doctor.variants import variants


@dataclass(frozen=True, slots=True)
class Examined:
    """One page.

    Attributes:
        page: The page.
        profile: What it tells; None where it is none of a system.
        drift: What the catalogue does not know of it, a sentence each.
        added: Labels that were added to its metrics on the way.

    """

    page: Page
    profile: Profile | None
    drift: tuple[str, ...] = ()
    added: tuple[Added, ...] = ()


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What pages of one deployment tell.

    Attributes:
        pages: Each page.
        fits: What those of each system tell together.
        blank: What stays blank.
        later: What waits for a first event, or cannot be told to be blank.
        mismatches: Where the operator's own configuration says something else, a sentence each.
        document: bundle.yaml as it fits, as a value.

    """

    pages: tuple[Examined, ...]
    fits: tuple[Fit, ...]
    blank: tuple[Blank, ...]
    later: tuple[Blank, ...]
    mismatches: tuple[str, ...]
    document: Mapping[str, Any]

    @property
    def failed(self) -> bool:
        """Whether something is blank, or does not fit, for a reason that an operator can mend."""
        unfit = (
            self.mismatches
            or any(f.conflicts for f in self.fits)
            or any(p.profile is None or p.profile.misfits for p in self.pages)
        )
        return bool(unfit) or any(b.reason.mendable for b in self.blank)


def diagnose(
    catalogue: Catalogue, pages: Sequence[Page], own: Config | None = None, of_targets: frozenset[str] = frozenset()
) -> Diagnosis:
    """Return what pages tell.

    Args:
        catalogue: The catalogue, with the systems that the operator's configuration brings.
        pages: The pages of one deployment; of several systems too.
        own: The operator's configuration; None where there is none.
        of_targets: Labels that targets have in a Prometheus, which are no page's.

    """
    known = {name: variants(catalogue, name) for name in catalogue.targets}
    prefixes = {name: one.prefix for name, one in own.systems.items()} if own else {}
    examined = []
    for page in pages:
        found = profile_of(page, known, prefixes)
        extra = (tuple(drift(found, of_targets)), tuple(added(found, of_targets))) if found else ((), ())
        examined.append(Examined(page, found, *extra))
    by_system: dict[str, list[Profile]] = {}
    for one in examined:
        if one.profile:
            by_system.setdefault(one.profile.system, []).append(one.profile)
    fits = tuple(fit(by_system[name]) for name in catalogue.targets if name in by_system)
    base = own.document.data if own and own.document else None
    made = document(fits, catalogue.targets, base)
    if not fits:
        return Diagnosis(tuple(examined), (), (), (), (), made)
    site = Site(catalogue, configured(made, catalogue, None))
    why = {one.system.name: reasons(site, one) for one in fits}
    now, later = blanks(site, fits, why)
    if own:
        left_out = build(Site(catalogue, own), kinds=("boards", "rules")).left_out
        now, later = unblanked(now, left_out), unblanked(later, left_out)
    mismatches = tuple(m for one in fits for m in _mismatches(one, own)) if own else ()
    return Diagnosis(tuple(examined), fits, tuple(now), tuple(later), mismatches, made)


def _mismatches(fit: Fit, own: Config) -> Iterator[str]:
    """Yield where a configuration promises or leaves out something else than the pages show."""
    name = fit.system.name
    given = own.systems[name]
    where = f"systems.{name}"
    if not given.enabled:
        yield f"{where}.enabled is false, and {len(fit.pages)} of the pages are {fit.system.title}'s"
        return
    prefix = fit.keys.get("prefix", fit.system.prefix)
    if prefix != given.prefix:
        yield f"{where}.prefix is {given.prefix!r}, and the names begin with {prefix!r}"
    for one in fit.pages:
        yield from (f"{where}.{what} ({one.page.source})" for what in _differences(one, given))


def _differences(profile: Profile, given: SystemConfig) -> Iterator[str]:
    def of(trait: str) -> tuple[str, ...]:
        found = profile.trait(trait)
        return found.values if found else ()

    eras = profile.variants.system.eras
    if profile.version and not _within(profile.version, given.versions):
        yield f"versions is {given.versions}, and the server is {profile.version}"
    elif of("era") and not {*of("era")} & {*given.eras}:
        titles = " or ".join(eras[e].title for e in of("era"))
        yield f"versions means {' and '.join(eras[e].title for e in given.eras)}, and the page is that of {titles}"
    if of("exposure") and given.exposure not in of("exposure"):
        yield f"exposure is {given.exposure}, and the page shows {of('exposure')[0]}"
    if of("tier") and given.exposure == "internal" and str(given.tier) not in of("tier"):
        yield f"tier is {given.tier}, and the page fits {' or '.join(of('tier'))}"
    for key, trait, known in (("roles", "role", given.roles), ("runtimes", "runtime", given.runtimes)):
        if of(trait) and not {*of(trait)} & {*known}:
            yield f"{key} is {', '.join(known)}, and the page is that of {' or '.join(of(trait))}"
    for switch in profile.variants.system.switches:
        state = of(f"switch {switch}")
        if len(state) == 1 and (switch in given.switches) != (state == ("on",)):
            yield f"switches {'has' if switch in given.switches else 'lacks'} {switch}, and the page shows that it is {state[0]}"


def _within(version: str, versions: Versions) -> bool:
    """Say whether a version is one of those that a configuration means."""
    return versions.has(version) and Versions(version, version).has(versions.first)
