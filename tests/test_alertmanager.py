"""Alertmanager's configuration: real ones load it, and its inhibitions name alerts that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from generator.alertmanager import FOLLOWS, configuration
from generator.bundle import build
from generator.render import FORMATS
from generator.site import Site
from tests.servers import Alertmanager, find, missing


def names(site: Site) -> set[str]:
    return {a.name for groups in build(site).rules.values() for g in groups for a in g.alerts}


def test_every_inhibition_has_a_source_and_a_target(site: Site) -> None:
    """A renamed alert would leave an inhibition that does nothing."""
    known = names(site)

    for source, target in FOLLOWS:
        assert [n for n in known if re.fullmatch(source, n)], source
        assert [n for n in known if re.fullmatch(target, n)], target


def test_what_follows_is_never_more_severe_than_its_reason(site: Site) -> None:
    """A ticket must not hide a page."""
    rank = {
        a.name: ("info", "warning", "critical").index(a.severity)
        for groups in build(site).rules.values()
        for g in groups
        for a in g.alerts
    }

    for source, target in FOLLOWS:
        least = min(rank[n] for n in rank if re.fullmatch(source, n))
        assert [n for n in rank if re.fullmatch(target, n) and rank[n] > least] == []


def test_groups_and_inhibitions_use_the_configured_labels(site: Site) -> None:
    """All by the labels that name a deployment."""
    made = configuration(site)

    assert made["route"]["group_by"] == ["alertname", "cluster", "namespace", "deployment"]
    assert all(rule["equal"][:3] == ["cluster", "namespace", "deployment"] for rule in made["inhibit_rules"])


@pytest.mark.real
@pytest.mark.parametrize("age", ["oldest", "newest"])
def test_a_real_alertmanager_loads_it(age: str, site: Site) -> None:
    """And has our routes and receivers."""
    found = find("alertmanager", age)
    if not found.path:
        missing(found.reason)
    text = next(t for p, t in FORMATS["files"](build(site)).items() if p.name == "alertmanager.yml")

    with Alertmanager(Path(str(found.path)), text) as server:
        loaded = yaml.safe_load(server.get("/api/v2/status")["config"]["original"])

    assert [r["name"] for r in loaded["receivers"]] == ["pages", "tickets", "watchdog", "nobody"]
    assert len(loaded["inhibit_rules"]) == len(FOLLOWS) + 1
