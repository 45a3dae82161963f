"""What a panel says of itself: what it shows, what is normal, and what to do when it is not."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from generator.bundle import build
from generator.config.site import Site
from tests import delivered
from tests.drawn import panels

Json = Any

#: The bundle as it is by default, with everything that is off by default and adds boards or panels, and of older servers.
CONFIGURATIONS = {
    "default": "",
    "everything": "systems: {agentgateway: {versions: code}, langsmith: {parts: [smithdb, sandboxes]}, agent_server: {versions: mixed}}\n",
    "old": "systems: {agent_server: {versions: old}, langsmith: {switches: []}}\n",
}
#: Characters that fit the title of a stat, which is four columns wide, and that of other panels.
NARROW, WIDE = 20, 45


Panels = Sequence[tuple[str, Json]]


@pytest.fixture(scope="module", params=CONFIGURATIONS)
def drawn(request: pytest.FixtureRequest) -> Panels:
    """Every panel that shows data, after the stem of its board."""
    made = delivered.bundle(CONFIGURATIONS[request.param])
    return [(stem, p) for stem, p in panels(made) if p["type"] != "text"]


def subjects(title: str) -> set[str]:
    """Return the words of a title in small letters, the plural as the singular."""
    return {word.removesuffix("s") for word in re.findall(r"[a-z0-9]+", title.lower())}


def limited(panel: Json) -> bool:
    """Say whether a panel turns red at some value, or a column of it does."""
    config = panel["fieldConfig"]
    steps = [config["defaults"].get("thresholds", {}).get("steps", [])]
    steps += [
        p["value"]["steps"] for o in config.get("overrides", ()) for p in o["properties"] if p["id"] == "thresholds"
    ]
    return any(len(listed) > 1 for listed in steps)


def test_every_panel_says_what_is_its_own(drawn: Panels) -> None:
    """The first paragraph tells what is shown: two panels of one metric differ in it."""
    seen: dict[tuple[str, str], list[str]] = {}
    for stem, panel in drawn:
        seen.setdefault((stem, panel["description"].split("\n\n")[0]), []).append(panel["title"])

    assert {key: titles for key, titles in seen.items() if len(titles) > 1} == {}


def test_panels_of_different_subjects_never_share_what_they_show(drawn: Panels) -> None:
    """An overview may repeat a panel of another board: then their titles name the same subject, by a word at least."""
    shown: dict[str, dict[str, list[str]]] = {}
    for stem, panel in drawn:
        shown.setdefault(panel["description"].split("\n\n")[0], {}).setdefault(panel["title"], []).append(stem)
    shared = {text: titles for text, titles in shown.items() if len(titles) > 1}

    assert len(shared) > 3
    assert {text: titles for text, titles in shared.items() if not set.intersection(*map(subjects, titles))} == {}


def test_every_panel_says_what_is_normal(drawn: Panels) -> None:
    silent = [(stem, p["title"]) for stem, p in drawn if "\n\n**Normal:** " not in p["description"]]

    assert silent == []


def test_a_panel_with_a_limit_says_what_to_do(drawn: Panels) -> None:
    """Where something turns red, a reader finds an action or the alert with its runbook."""
    silent = [(s, p["title"]) for s, p in drawn if limited(p) and "**Otherwise:** " not in p["description"]]

    assert silent == []


def test_alerts_that_a_panel_names_are_there(configured: Callable[[str], Site]) -> None:
    """By default, no panel sends its reader to an alert that is off, or that nobody knows."""
    made = build(configured(""))
    named = {
        name
        for _, panel in panels(made)
        for listed in re.findall(r"Alert: ([\w, ]+)\.", panel["description"])
        for name in listed.split(", ")
    }

    assert len(named) > 80
    assert named - {alert.name for alert in made.alerts} == set()


def test_titles_fit(drawn: Panels) -> None:
    """A stat of a sixth of the screen shows some twenty characters."""
    long = [
        (stem, p["title"])
        for stem, p in drawn
        if len(p["title"]) > (NARROW if p["type"] == "stat" and p["gridPos"]["w"] <= 4 and stem != "overview" else WIDE)
    ]

    assert long == []


def test_the_runbook_of_an_alert_is_linked_where_it_has_an_address(configured: Callable[[str], Site]) -> None:
    made = build(configured("alerts: {runbook_base_url: 'https://runbooks.example/agents'}\n"))
    found = next(p for s, p in panels(made) if (s, p["title"]) == ("agent_server_pools", "Postgres pool errors"))

    assert (
        "Alert: [AgentServerPgPoolErrors](https://runbooks.example/agents/AgentServerPgPoolErrors.md)."
        in found["description"]
    )


def test_an_alert_that_is_off_is_not_named(configured: Callable[[str], Site]) -> None:
    made = build(configured("alerts: {disable: [AgentServerPgPoolErrors]}\n"))

    assert not [p["title"] for _, p in panels(made) if "AgentServerPgPoolErrors" in p["description"]]
