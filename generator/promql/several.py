"""The targets of several systems at once: one selector where their system label tells them, several where other labels do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce

from generator.catalogue import Matcher, Metric
from generator.config.site import Site
from generator.promql import each, replace_label
from generator.promql.query import Query


def ups(site: Site, systems: Sequence[str]) -> Mapping[str, Metric]:
    """Return `up` of the targets of some systems: those that the system label tells under "", each other by its name."""
    labelled = [name for name in systems if not site.config.systems[name].match]
    out: dict[str, Metric] = {}
    if labelled or not systems:
        op = "=~" if len(labelled) > 1 else "="
        one = site.system("prometheus")["up"]
        out[""] = replace(one, target_matchers=(Matcher(site.labels.system, op, "|".join(labelled)),))
    return out | {name: site.system("prometheus", on=name)["up"] for name in systems if name not in labelled}


def up(site: Site, systems: Sequence[str]) -> Query:
    """Return `up` of every target of some systems, with the name of its system in the system label."""
    found = [
        replace_label(each(metric), site.labels.system, name) if name else each(metric)
        for name, metric in ups(site, systems).items()
    ]
    return reduce(Query.otherwise, found)
