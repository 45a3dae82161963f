"""All that can be: every system, role, era, switch and alert on, so that no configuration hides a hole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from generator import config, runbooks
from generator.bundle import Bundle, Kind, build
from generator.catalogue import Catalogue, Versions
from generator.config.completion import complete
from generator.config.site import Site
from generator.coverage.evidence import Evidence, shipped
from generator.coverage.gate import Hole, holes
from generator.coverage.table import Table, table
from generator.rules.rule import Group
from generator.systems import registry


def full_bundle(catalogue: Catalogue) -> Bundle:
    """Return the boards and rules of a catalogue with everything on that is off by default, and all eras in the field."""
    read = config.read(catalogue)
    systems = {
        name: replace(
            own,
            eras=tuple(catalogue.systems[name].eras) or own.eras,
            versions=Versions(),
            runtimes=tuple(catalogue.systems[name].runtimes),
            switches=tuple(catalogue.systems[name].switches),
        )
        for name, own in read.systems.items()
    }
    mixed = complete(Site(catalogue, replace(read, systems=systems)))
    only: tuple[Kind, ...] = ("rules",)
    made = build(mixed, kinds=("boards", "rules"), every=True)
    return replace(made, rules=_joined(made.rules, build(Site(catalogue, read), kinds=only, every=True).rules))


def _off(bundle: Bundle) -> set[str]:
    """Return the names of alerts of a bundle that are not there unless bundle.yaml asks for them, or for what they are about."""
    catalogue = bundle.site.catalogue
    only: tuple[Kind, ...] = ("rules",)
    usual = build(Site(catalogue, config.read(catalogue)), kinds=only)
    return {alert.name for alert in bundle.alerts} - {alert.name for alert in usual.alerts}


def _joined(
    rules: Mapping[str, tuple[Group, ...]], more: Mapping[str, tuple[Group, ...]]
) -> dict[str, tuple[Group, ...]]:
    """Return the rules with those of `more` that they lack: an alert may be there only where no old era is in the field."""
    known = {alert.name for groups in rules.values() for group in groups for alert in group.alerts}
    out = dict(rules)
    for stem, groups in more.items():
        lacking = (replace(g, records=(), alerts=tuple(a for a in g.alerts if a.name not in known)) for g in groups)
        out[stem] = (*out.get(stem, ()), *(group for group in lacking if group.alerts))
    return out


def examined(catalogue: Catalogue, evidence: Evidence) -> tuple[Table, list[Hole]]:
    """Return the table of all that a catalogue can have, and its holes."""
    bundle = full_bundle(catalogue)
    everything = table(bundle, evidence, runbooks.names(), off=_off(bundle))
    sources = {part.stem: part.source for part in registry.topics(bundle.site)}
    return everything, holes(everything, catalogue, evidence, sources)


@lru_cache(maxsize=4)  # several checks ask for it
def found(catalogue: Catalogue) -> tuple[Table, list[Hole]]:
    """Return the same with the evidence that the package has."""
    return examined(catalogue, shipped())
