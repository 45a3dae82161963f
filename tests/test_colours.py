"""Colours of boards: each means one thing, and people who see no red, no green or no blue tell them apart."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from generator.boards import colours
from generator.bundle import Bundle, build
from generator.config.site import Site
from tests.drawn import panels

Json = Any
Linear = tuple[float, float, float]

#: What Grafana 12 draws for the names of colours, in the dark and in the light theme. Source: `@grafana/data`, createVisualizationColors.ts.
NAMED = {
    "dark": {"red": "#F2495C", "orange": "#FF9830", "blue": "#5794F2", "text": "#CCCCDC"},
    "light": {"red": "#E02F44", "orange": "#FF780A", "blue": "#3274D9", "text": "#24292E"},
}
GROUND = {"dark": "#181B1F", "light": "#FFFFFF"}

#: Kinds of sight at their strongest: what each makes of red, green and blue light.
#: Source: Machado, Oliveira and Fernandes, A Physiologically-based Model for Simulation of Color Vision Deficiency (2009).
SIGHT = {
    "usual": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "no red": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "no green": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "no blue": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}

#: Distances in CIE L*a*b* below which small marks of two colours are mixed up: a just noticeable difference is 2.3.
APART = 20.0

#: Contrast that a line needs to be seen at all, in the theme that is the harder one for it.
SEEN = 2.1


@pytest.fixture(scope="module")
def bundle(site: Site) -> Bundle:
    return build(site)


def linear(colour: str) -> Linear:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return red, green, blue


def seen(colour: str, sight: str) -> Linear:
    light = linear(colour)
    red, green, blue = (min(1.0, max(0.0, sum(f * c for f, c in zip(row, light, strict=True)))) for row in SIGHT[sight])
    return red, green, blue


def lab(light: Linear) -> Linear:
    red, green, blue = light
    x, y, z = (
        t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116
        for t in (
            (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047,
            0.2126 * red + 0.7152 * green + 0.0722 * blue,
            (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883,
        )
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def distance(one: str, other: str) -> float:
    """Return how far apart two colours are to whom they are closest."""
    return min(math.dist(lab(seen(one, sight)), lab(seen(other, sight))) for sight in SIGHT)


def contrast(one: str, other: str) -> float:
    light, dark = sorted(
        (0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05 for r, g, b in map(linear, (one, other))), reverse=True
    )
    return light / dark


def drawn(node: Json) -> Iterator[str]:
    """Yield every colour that a panel names."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("color", "fixedColor") and isinstance(value, str):
                yield value
            yield from drawn(value)
    elif isinstance(node, list):
        for one in node:
            yield from drawn(one)


@pytest.mark.parametrize("theme", NAMED)
def test_severities_and_what_is_well_are_told_apart_by_everybody(theme: str) -> None:
    """Also beside the colour of plain numbers."""
    four = [NAMED[theme][name] for name in (colours.CRITICAL, colours.WARNING, colours.GOOD, colours.PLAIN)]

    assert [(a, b, round(distance(a, b))) for a, b in itertools.combinations(four, 2) if distance(a, b) < APART] == []


def test_the_green_and_the_red_of_grafana_are_not() -> None:
    """Which is why nothing is green; the measure finds what it must find."""
    assert distance("#73BF69", NAMED["dark"]["red"]) < APART / 2


def test_lines_are_told_apart_and_seen_in_both_themes() -> None:
    close = [(a, b) for a, b in itertools.combinations(colours.LINES, 2) if distance(a, b) < APART]
    faint = [(c, t) for c in colours.LINES for t, ground in GROUND.items() if contrast(c, ground) < SEEN]

    assert (close, faint) == ([], [])


def test_no_panel_has_a_colour_of_its_own(bundle: Bundle) -> None:
    known = {*colours.SEVERITY.values(), colours.PLAIN, colours.GOOD, *colours.LINES, "transparent"}

    assert {
        (stem, p["title"], c) for stem, p in panels(bundle) for c in drawn(p["fieldConfig"]) if c not in known
    } == set()


def test_a_limit_has_the_colour_of_its_alert(bundle: Bundle) -> None:
    """Red where the most severe alert that fires at it pages, else of those that watch the panel; orange where all open tickets."""
    severity = {alert.name: alert.severity for alert in bundle.alerts}
    fires: dict[str, set[str]] = {}
    for alert in bundle.alerts:
        for name in alert.query.limits:
            fires.setdefault(name, set()).add(alert.severity)
    boards = bundle.boards
    seen_colours = set()
    for stem, made in panels(bundle):
        panel = next(p for p in boards[stem].panels if p.title == made["title"])
        steps = made["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", ())
        hot = {s["color"] for s in steps} & {colours.CRITICAL, colours.WARNING}
        at = {level for column, limit, _ in panel.limits if not column for level in fires.get(limit.name, ())}
        found = at or {severity[name] for name in panel.alerts if name in severity}
        if hot and found:
            assert hot == {colours.CRITICAL if "critical" in found else colours.WARNING}, (stem, made["title"])
            seen_colours |= hot
    assert seen_colours == {colours.CRITICAL, colours.WARNING}


def test_no_data_has_not_the_colour_of_what_is_well(bundle: Bundle) -> None:
    """Grafana asks the mappings for null where nothing is there, then takes the colour of the lowest step.

    Source: `@grafana/data` 12.4, createNoValuesFieldDisplay in fieldDisplay.ts.
    """
    judged = 0
    for stem, made in panels(bundle):
        defaults = made["fieldConfig"]["defaults"]
        if made["type"] not in {"stat", "bargauge"}:
            continue
        (empty,) = (
            m["options"]["result"]
            for m in defaults["mappings"]
            if m["type"] == "special" and m["options"]["match"] == "null"
        )
        assert empty["color"] == colours.PLAIN, (stem, made["title"])
        assert "text" not in empty, "it stays Grafana's own No data"
        judged += defaults["thresholds"]["steps"][0]["color"] != colours.PLAIN
    assert judged > 30


def test_alerts_are_listed_most_severe_first(bundle: Bundle) -> None:
    """As people rank severities, not as letters do: the column is a number that has a word and a colour."""
    tables = [(stem, p) for stem, p in panels(bundle) if p["title"] == "Firing alerts"]
    for stem, made in tables:
        (column,) = (o for o in made["fieldConfig"]["overrides"] if o["matcher"]["options"] == "Severity")
        words = next(p["value"] for p in column["properties"] if p["id"] == "mappings")[0]["options"]
        ranked = [(words[rank]["text"], words[rank]["color"]) for rank in sorted(words, key=float)]

        assert ranked == [("critical", "red"), ("warning", "orange"), ("info", "blue")], stem
        assert made["options"]["sortBy"] == [{"desc": False, "displayName": "Severity"}]
        organized = made["transformations"][-1]["options"]
        assert organized["excludeByName"]["severity"]
        assert organized["indexByName"]["Value #A"] == 0
        assert organized["renameByName"]["Value #A"] == "Severity"
    assert sorted(stem for stem, _ in tables) == [
        "agent_server_fleet", "agentgateway_overview", "langsight_overview", "langsmith_services", "overview",
    ]  # fmt: skip


def test_a_panel_is_one_click_from_the_runbook_of_its_alert(configured: Callable[[str], Site]) -> None:
    made = build(configured("alerts: {runbook_base_url: 'https://runbooks.example/agents/'}\n"))
    found = {(stem, p["title"]): p for stem, p in panels(made)}

    assert found["agent_server_pools", "Postgres pool errors"]["links"] == [
        {
            "title": "Runbook: AgentServerPgPoolErrors",
            "url": "https://runbooks.example/agents/AgentServerPgPoolErrors.md",
            "targetBlank": True,
        }
    ]
    cells = [
        o for o in found["overview", "Firing alerts"]["fieldConfig"]["overrides"] if o["matcher"]["options"] == "Alert"
    ]
    assert (
        cells[0]["properties"][0]["value"][0]["url"] == "https://runbooks.example/agents/${__data.fields.alertname}.md"
    )


def test_without_an_address_of_runbooks_there_is_no_link(bundle: Bundle) -> None:
    """A relative one would lead into Grafana itself."""
    assert [p["title"] for _, p in panels(bundle) if p.get("links")] == []
