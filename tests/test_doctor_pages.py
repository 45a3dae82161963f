"""`agentobs doctor` on pages of the reference servers: for every way in which a process can be installed it tells back what is
true, and says "cannot tell" exactly where pages are alike.

Where they are alike is computed from the pages themselves: one way explains the page of another where that page has everything
that its own pages have at least, and nothing that none of them ever has. Three versions of the Agent Server are always played; `make matrix` plays the others, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, cached_property

import pytest

from generator.doctor.page import parsed
from generator.doctor.profile import Profile, profile_of
from generator.doctor.variants import variants
from generator.errors import GeneratorError
from tests.doctoring import CATALOGUE, FEW, VERSIONS, Played, Truth, agent_servers, services

pytestmark = pytest.mark.long

KNOWN = {name: variants(CATALOGUE, name) for name in CATALOGUE.targets}

#: A metric of which nobody knows when its series are born may be missing in a system that has it: doctor allows more then.
UNCERTAIN = "langsmith"


Key = tuple[str, Truth, bool]


def key(page: Played) -> Key:
    """What pages have in common that differ by traffic alone; what comes at the first tick comes at once."""
    return page.system, tuple(pair for pair in page.truth if pair[0] != "prefix"), page.traffic == "young"


class Pages:
    """Pages of every way in which a process of some versions can be installed, and what doctor says of each."""

    def __init__(self, versions: Sequence[str]) -> None:
        self.played: Sequence[Played] = [*agent_servers(versions), *services()]

    @cached_property
    def bounds(self) -> Mapping[Key, tuple[frozenset[str], frozenset[str]]]:
        """What every page of each way has, and what some page of it has."""
        out: dict[Key, tuple[frozenset[str], frozenset[str]]] = {}
        for page in self.played:
            least, most = out.get(key(page), (page.series, frozenset()))
            out[key(page)] = (least & page.series, most | page.series)
        return out

    def alike(self, page: Played, version: str) -> list[dict[str, str]]:
        """The ways that explain a page; where it says its version, only those of that version."""
        found = [
            dict(k[1])
            for k, (least, most) in self.bounds.items()
            if k[0] == page.system and least <= page.series <= most
        ]
        return [way for way in found if not version or way["version"] == version]

    @cached_property
    def profiles(self) -> Sequence[tuple[Played, Profile | None]]:
        """What doctor takes each page for that has series."""
        return [(p, profile_of(parsed("page", p.text), KNOWN, {})) for p in self.played if p.series]


@cache
def pages_of(versions: tuple[str, ...]) -> Pages:
    return Pages(versions)


@pytest.fixture(params=[FEW, pytest.param(VERSIONS, marks=pytest.mark.matrix)], ids=["few", "all"])
def pages(request: pytest.FixtureRequest) -> Pages:
    return pages_of(request.param)


def test_every_way_is_played(pages: Pages) -> None:
    """The pages are of every system, role, runtime, era, tier, exposure and switch that the catalogue has."""
    found = {(p.system, name, value) for p in pages.played for name, value in p.truth if value}
    for name in CATALOGUE.targets:
        system = CATALOGUE.systems[name]
        assert {("role", role) for role in system.roles} <= {f[1:] for f in found if f[0] == name}
        assert {("runtime", runtime) for runtime in system.runtimes} <= {f[1:] for f in found if f[0] == name}
        assert {("tier", str(tier)) for tier in system.tiers} <= {f[1:] for f in found if f[0] == name}
        assert {("exposure", e) for e in system.exposure} <= {f[1:] for f in found if f[0] == name}
        assert len(system.eras) == 1 or {("era", era) for era in system.eras} <= {f[1:] for f in found if f[0] == name}


def test_a_page_without_series_is_told(pages: Pages) -> None:
    empty = [page for page in pages.played if not page.series]

    for page in empty:
        with pytest.raises(GeneratorError, match="no series on this page"):
            parsed("page", page.text)
    assert empty


def test_every_page_is_told_back_right_and_nothing_is_guessed(pages: Pages) -> None:
    wrong: list[tuple[object, ...]] = []
    right, unsure = 0, 0
    for page, found in pages.profiles:
        truth = dict(page.truth)
        if found is None or (found.system, found.prefix) != (page.system, truth["prefix"]):
            wrong.append((page.truth, "system", found and (found.system, found.prefix)))
            continue
        if found.misfits:
            wrong.append((page.truth, "misfits", found.misfits))
        ways = pages.alike(page, found.version)
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


def test_versions_are_told_as_the_range_that_fits(pages: Pages) -> None:
    """A server that says its version is told by it; of the others, all that have such a page and none that has another one."""
    for page, found in pages.profiles:
        version = dict(page.truth).get("version", "")
        if found is None or not version:
            continue
        assert found.version in ("", version)
        assert any(span.has(version) for span in found.spans), (page.truth, found.spans)
        if found.version:
            continue
        others = {v for k in pages.bounds if k[0] == page.system and (v := dict(k[1]).get("version"))}
        told_ = {v for v in others if any(span.has(v) for span in found.spans)}
        assert told_ <= {way["version"] for way in pages.alike(page, "")} | {version}, (page.truth, found.spans)
