"""The documents that every format is made of, as data: rule groups, boards, and the configuration of Alertmanager."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from generator.bundle import Bundle
from generator.config.site import Site
from generator.outputs import stamp
from generator.rules import alertmanager
from generator.rules.rule import GROUP_PREFIX, Group

Json = dict[str, Any]


def rules(bundle: Bundle) -> Mapping[str, Json]:
    """Return the documents of the rule files by stem, in the order in which one triages, on the bundle's clock."""
    made = {stem: {"groups": [_group(bundle.site, g) for g in groups]} for stem, groups in bundle.rules.items()}
    return {stem: on_its_clock(bundle, document) for stem, document in made.items()}


def dashboards(bundle: Bundle) -> Mapping[str, Json]:
    """Return the boards as Grafana's classic JSON, by stem; each tells its version and hash in its description."""
    return {stem: stamp.marked(board.dashboard.to_json_data()) for stem, board in bundle.boards.items()}


def alertmanager_yml(bundle: Bundle) -> Json:
    """Return Alertmanager's configuration, on the bundle's clock."""
    made: Json = on_its_clock(bundle, alertmanager.configuration(bundle.site, bundle.alerts))
    return made


def on_its_clock(bundle: Bundle, document: Json) -> Json:
    """Return a document whose durations are life's as it is for the clock that the bundle is made for."""
    if bundle.time_scale == 1:
        return document
    from generator.outputs import timescale

    made: Json = timescale.scaled(document, bundle.time_scale)
    return made


def _group(site: Site, group: Group) -> Json:
    head: Json = {"name": GROUP_PREFIX + group.name} | ({"interval": group.interval} if group.interval else {})
    return head | {"rules": [r.to_rule(site) for r in group.records] + [a.to_rule(site) for a in group.alerts]}
