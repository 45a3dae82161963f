"""No setting of bundle.yaml is taken that changes nothing: each has an example in which some output differs with it."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import pytest
import yaml

from generator.bundle import Bundle, build, installation
from generator.catalogue import Catalogue, Versions, load
from generator.catalogue.cardinality import assumptions
from generator.config.idle import idle
from generator.config.site import Site
from generator.cost.process import process
from generator.outputs import FORMATS
from tests.settings import WITHOUT_OUTPUT, documents, examples, places, reason

CATALOGUE = load()
EXAMPLES = examples(CATALOGUE)
PLACES = [place for place in places(CATALOGUE) if place in EXAMPLES]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Any], Site]:
    """Return what makes a site of a configuration, which has to be taken; of the same one the same site."""
    path = tmp_path_factory.mktemp("settings") / "bundle.yaml"

    @lru_cache(maxsize=16)
    def read(text: str) -> Site:
        path.write_text(text, encoding="utf-8")
        return installation(CATALOGUE, path)

    return lambda data: read(yaml.safe_dump(data))


#: Most settings are compared with the same configuration without them.
made = lru_cache(maxsize=16)(build)


def differs(one: Site, other: Site) -> bool:
    """Whether some file of some format differs; what is found and scraped is looked at first, for it is made soon."""
    found = [made(site, kinds=("discovery",)) for site in (one, other)]
    if _scraped(found[0]) != _scraped(found[1]):
        return True
    whole = [made(site) for site in (one, other)]
    return any(written.render(whole[0]) != written.render(whole[1]) for written in FORMATS.values())


def _scraped(bundle: Bundle) -> tuple[Any, ...]:
    return bundle.prometheus, bundle.fragments, bundle.collectors, bundle.modules


def test_every_setting_has_an_example_or_areason() -> None:
    """A new key needs one of the two, and neither is left behind when a key goes."""
    known = places(CATALOGUE)

    assert [place for place in known if place not in EXAMPLES and not reason(place)] == []
    assert [place for place in EXAMPLES if place not in known or reason(place)] == []
    assert [pattern for pattern in WITHOUT_OUTPUT if not fnmatch.filter(known, pattern)] == []


@pytest.mark.long
@pytest.mark.parametrize("subject", sorted({place.rpartition(".")[0] for place in PLACES}))
def test_a_setting_changes_something(subject: str, installed: Callable[[Any], Site]) -> None:
    """With it some output is not what it is without it, or with another value."""
    without = []
    for place in PLACES:
        if place.rpartition(".")[0] == subject:
            one, other = documents(place, EXAMPLES[place], CATALOGUE.targets)
            if not differs(installed(one), installed(other)):
                without.append(place)

    assert without == []


def test_a_setting_without_effect_is_noticed(installed: Callable[[Any], Site]) -> None:
    """A tier says nothing where the internal metrics, which alone have tiers, are off anyway."""
    hidden = {"exposure": "ui", "enabled": True}
    others = {name: {"enabled": False} for name in CATALOGUE.targets if name != "agent_server"}
    sites = [installed({"systems": {**others, "agent_server": {**hidden, **more}}}) for more in ({}, {"tier": 2})]

    assert not differs(sites[0], sites[1])


@pytest.mark.parametrize("system", CATALOGUE.targets)
def test_every_number_of_cardinality_counts(system: str, catalogue: Catalogue) -> None:
    """Where every role, era and part is there, some process has other series with another number; or it is refused."""
    known = catalogue.systems[system]
    site = installation(catalogue)
    own = replace(site.config.systems[system], roles=tuple(known.roles), versions=Versions("", "99"))
    worlds = [
        replace(own, eras=(era,), runtimes=(runtime,) if runtime else ())
        for era in known.eras
        for runtime in (tuple(known.runtimes) or ("",))
    ]

    def series(numbers: Mapping[str, float]) -> list[int]:
        return [
            process(site, system, role, config=replace(world, cardinality=numbers)).series
            for world in worlds
            for role in own.roles or ("",)
        ]

    usual = series({})
    without = {name for name, one in assumptions(known).items() if series({name: 0 if one.value else 5}) == usual}
    systems = {system: replace(own, cardinality=dict.fromkeys(assumptions(known), 0))}

    told = "".join(map(str, idle(replace(site, config=replace(site.config, systems=systems)))))
    assert {name for name in assumptions(known) if repr(name) in told} == without
