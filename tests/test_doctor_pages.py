"""`agentobs doctor` on pages of the reference servers: for every way in which a process can be installed it tells back what is
true, and says "cannot tell" exactly where pages are alike.

Where they are alike is computed from the pages themselves: one way explains the page of another where that page has everything
that its own pages have at least, and nothing that none of them ever has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import pytest

from generator.doctor.page import parsed
from generator.doctor.profile import Profile, profile_of
from generator.doctor.variants import variants
from generator.errors import GeneratorError
from tests.doctoring import CATALOGUE, Played, Truth, agent_servers, services

pytestmark = pytest.mark.long

KNOWN = {name: variants(CATALOGUE, name) for name in CATALOGUE.targets}

#: A metric of which nobody knows when its series are born may be missing in a system that has it: doctor allows more then.
UNCERTAIN = "langsmith"


@cache
def played() -> Sequence[Played]:
    return [*agent_servers(), *services()]


Key = tuple[str, Truth, bool]


def key(page: Played) -> Key:
    """What pages have in common that differ by traffic alone; what comes at the first tick comes at once."""
    return page.system, tuple(pair for pair in page.truth if pair[0] != "prefix"), page.traffic == "young"


@cache
def bounds() -> Mapping[Key, tuple[frozenset[str], frozenset[str]]]:
    """What every page of each way has, and what some page of it has."""
    out: dict[Key, tuple[frozenset[str], frozenset[str]]] = {}
    for page in played():
        least, most = out.get(key(page), (page.series, frozenset()))
        out[key(page)] = (least & page.series, most | page.series)
    return out


def alike(page: Played, version: str) -> list[dict[str, str]]:
    """The ways that explain a page; where it says its version, only those of that version."""
    found = [
        dict(k[1]) for k, (least, most) in bounds().items() if k[0] == page.system and least <= page.series <= most
    ]
    return [way for way in found if not version or way["version"] == version]


def examined(page: Played) -> Profile | None:
    return profile_of(parsed("page", page.text), KNOWN, {})


def test_every_way_is_played() -> None:
    """The pages are of every system, role, runtime, era, tier, exposure and switch that the catalogue has."""
    found = {(p.system, name, value) for p in played() for name, value in p.truth if value}
    for name in CATALOGUE.targets:
        system = CATALOGUE.systems[name]
        assert {("role", role) for role in system.roles} <= {f[1:] for f in found if f[0] == name}
        assert {("runtime", runtime) for runtime in system.runtimes} <= {f[1:] for f in found if f[0] == name}
        assert {("tier", str(tier)) for tier in system.tiers} <= {f[1:] for f in found if f[0] == name}
        assert {("exposure", e) for e in system.exposure} <= {f[1:] for f in found if f[0] == name}
        assert len(system.eras) == 1 or {("era", era) for era in system.eras} <= {f[1:] for f in found if f[0] == name}


def test_every_page_is_told_back_right_and_nothing_is_guessed() -> None:
    wrong: list[tuple[object, ...]] = []
    right, unsure = 0, 0
    for page in played():
        if not page.series:
            with pytest.raises(GeneratorError, match="no series on this page"):
                parsed("page", page.text)
            continue
        truth, found = dict(page.truth), examined(page)
        if found is None or (found.system, found.prefix) != (page.system, truth["prefix"]):
            wrong.append((page.truth, "system", found and (found.system, found.prefix)))
            continue
        if found.misfits:
            wrong.append((page.truth, "misfits", found.misfits))
        ways = alike(page, found.version)
        assert {name for name, value in page.truth if value} - {"prefix", "version"} <= {t.name for t in found.traits}
        for trait in found.traits:
            if not truth.get(trait.name):
                continue
            values, explained = {*trait.values}, {way[trait.name] for way in ways} - {""}
            cautious = page.system == UNCERTAIN and values > explained
            if truth[trait.name] not in values or (values != explained and not cautious):
                wrong.append((page.truth, trait.name, trait.values, explained))
            right, unsure = right + (len(values) == 1), unsure + (len(values) > 1)
            assert len(trait.evidence) > 0 or not trait.others, trait

    assert wrong == []
    assert right > 1_000
    assert unsure > 100


def test_versions_are_told_as_the_range_that_fits() -> None:
    """A server that says its version is told by it; of the others, all that have such a page and none that has another one."""
    for page in played():
        truth, found = dict(page.truth), examined(page) if page.series else None
        version = truth.get("version", "")
        if found is None or not version:
            continue
        assert found.version in ("", version)
        assert any(span.has(version) for span in found.spans), (page.truth, found.spans)
        if found.version:
            continue
        others = {v for k in bounds() if k[0] == page.system and (v := dict(k[1]).get("version"))}
        told_ = {v for v in others if any(span.has(v) for span in found.spans)}
        assert told_ <= {way["version"] for way in alike(page, "")} | {version}, (page.truth, found.spans)
