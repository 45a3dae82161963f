"""Recorded series of LangSight: which deployments discovery knows. All else is few enough to be read as it is."""

from __future__ import annotations

from generator.config.site import Site
from generator.rules import presence
from generator.rules.rule import Group


def groups(site: Site) -> list[Group]:
    """Return the rule group."""
    return [Group("langsight.records", (presence.processes(site, "langsight"),), interval=site.timing.evaluation)]
