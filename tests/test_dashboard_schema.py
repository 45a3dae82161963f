"""The dashboard schema: does it take what we emit, and report each mistake where it was made?

The numbered mistakes are ones that Grafana 12.4 takes without a word. A place is written as the
keys on the way to it, from the dashboard or from the panel of that title: `Up/options/textMode`.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

ROOT = Path(__file__).parents[1]
LINT = ROOT / "generator" / "lint"
SCHEMA = json.loads((LINT / "dashboard.schema.json").read_text(encoding="utf-8"))
REGISTRY = json.loads((LINT / "grafana_registry.json").read_text(encoding="utf-8"))
BOARD = json.loads((Path(__file__).parent / "data" / "dashboard.json").read_text(encoding="utf-8"))
VALIDATOR = Draft7Validator(SCHEMA)

#: Stands for: take the key away.
REMOVED = object()


def changed(place: str, value: Any) -> dict[str, Any]:
    """Copy the valid dashboard and set, add or remove the value at one place."""
    board: dict[str, Any] = copy.deepcopy(BOARD)
    *way, last = keys(place)
    holder: Any = board
    for key in way:
        holder = holder[key]
    if value is REMOVED:
        del holder[last]
    else:
        holder[last] = value
    return board


def keys(place: str) -> list[str | int]:
    """Return the keys on the way to a place in the valid dashboard, as jsonschema counts them."""
    titles = [panel["title"] for panel in BOARD["panels"]]
    first, *rest = place.split("/")
    way: list[str | int] = [first]
    if first in titles:
        way = ["panels", titles.index(first)]
    node: Any = BOARD["panels"][titles.index(first)] if first in titles else BOARD[first]
    for word in rest:
        way.append(int(word) if isinstance(node, list) else word)
        node = node[int(word)] if isinstance(node, list) else node.get(word)
    return way


def complaints(board: dict[str, Any]) -> list[tuple[list[str | int], str]]:
    """Return place and text of every error, in the order of the places."""
    errors = [(list(e.absolute_path), e.message) for e in VALIDATOR.iter_errors(board)]
    return sorted(errors, key=str)


def test_the_schema_is_a_schema() -> None:
    """A keyword that is misspelt or has a wrong value would check nothing."""
    Draft7Validator.check_schema(SCHEMA)


def test_one_of_everything_is_valid() -> None:
    """Each panel, variable, matcher and mapping of ours passes, with Grafana's own nulls."""
    assert complaints(BOARD) == []


@pytest.mark.parametrize(
    ("place", "value"),
    [
        pytest.param("Requests/fieldConfig/defaults/unit", 5, id="1a unit is a number"),
        pytest.param("Requests/fieldConfig/defaults/unit", "reqs", id="1b unknown unit"),
        pytest.param("Requests/options/legend/displayMode", "grid", id="2 legend mode"),
        pytest.param("Requests/datasource", {"type": "prometheus"}, id="7 data source without uid"),
        pytest.param("CPU/fieldConfig/defaults/thresholds/mode", "relative", id="8 threshold mode"),
        pytest.param("Up/options/reduceOptions/calcs/0", "average", id="9a reduce calculation"),
        pytest.param("Requests/options/legend/calcs/0", "avg", id="9b legend calculation"),
        pytest.param("templating/list/1/refresh", 5, id="10a variable refresh"),
        pytest.param("refresh", "often", id="10b dashboard refresh"),
        pytest.param(
            "Requests/fieldConfig/overrides/0/properties/2/id",
            "custom.axisPlacment",
            id="11 override of an unknown property",
        ),
        pytest.param("Instances/transformations/0/id", "joinbyfield", id="12 transformation"),
        pytest.param("Requests/gridPos/w", 30, id="13 wider than the grid"),
        pytest.param("schemaVersion", 12, id="16 schema version"),
        pytest.param("Requests/description", None, id="17 a null left in"),
        pytest.param("Requests/type", "timeserie", id="18 panel type"),
        pytest.param("Requests/fieldConfig/defaults/color/mode", "palette", id="19 colour mode"),
        # The same kinds of mistake elsewhere, and what Grafana replaced or has since 11 only.
        pytest.param("Job $job/panels/0/gridPos/w", 25, id="panel in a collapsed row"),
        pytest.param("Latency/options/yAxis/unit", "secs", id="unit outside fieldConfig"),
        pytest.param("Instances/fieldConfig/overrides/0/properties/0/value/type", "auot", id="cell type"),
        pytest.param("Requests/fieldConfig/overrides/0/properties/1/value", "%", id="override's unit"),
        pytest.param("Requests/fieldConfig/overrides/0/properties/3/value", "0", id="override's number"),
        pytest.param("Requests/fieldConfig/overrides/0/matcher/id", "byname", id="matcher"),
        pytest.param("Instances/transformations/1/options/indexByName/job", "1", id="organize"),
        pytest.param("Requests/datasource", "${datasource}", id="data source as text"),
        pytest.param("templating/list/1/query", "label_values(job)", id="variable query as text"),
        pytest.param("templating/list/1/hide", 3, id="hide of Grafana 12"),
        pytest.param("refresh", "auto", id="refresh of Grafana 11.1"),
        pytest.param("States/options/rowHeight", 2, id="row height is a share"),
        pytest.param("annotations/list/1/filter/ids/0", 256, id="annotation's panel id"),
        pytest.param("Now/panels", [BOARD["panels"][1]], id="panels in an open row"),
        pytest.param("uid", "One_of_everything", id="uid"),
        pytest.param("title", " ", id="empty title"),
        pytest.param("id", 7, id="id of someone's Grafana"),
        # Nulls where the neighbours may have one.
        pytest.param("CPU/fieldConfig/defaults/thresholds/steps/1/value", None, id="null step"),
        pytest.param("CPU/fieldConfig/defaults/thresholds/steps/0/value", 0, id="base not null"),
        pytest.param("Up/fieldConfig/defaults/mappings/0/options/0/text", None, id="null text"),
        pytest.param("Instances/transformations/4/options/filters", None, id="null in an option"),
        pytest.param("Requests/fieldConfig/overrides/0/properties/0/value", None, id="null override"),
        pytest.param("templating/list/5/current/value", None, id="null variable"),
    ],
)
def test_a_mistake_is_reported_where_it_was_made(place: str, value: Any) -> None:
    """One wrong value gives one error, and the error points at the value."""
    board = changed(place, value)

    assert [where for where, _ in complaints(board)] == [keys(place)]


@pytest.mark.parametrize(
    ("place", "key"),
    [
        pytest.param("Requests/options/legend", "displaymode", id="3 misspelt option"),
        pytest.param("time", "form", id="time range"),
        pytest.param("Requests", "targts", id="panel"),
        pytest.param("Requests/fieldConfig/defaults/custom", "lineWith", id="field option"),
        pytest.param("Requests/targets/0", "intervalFactor", id="multiplies the step"),
        pytest.param("Instances/options", "footer", id="moved to custom.footer"),
        pytest.param("Instances/fieldConfig/defaults/custom", "displayMode", id="now cellOptions"),
        pytest.param("Up/fieldConfig/defaults/custom", "x", id="panel without field options"),
        pytest.param("templating/list/0", "useTags", id="variable"),
        pytest.param("annotations/list/1", "expression", id="annotation"),
    ],
)
def test_an_unknown_key_is_reported_by_the_object_that_has_it(place: str, key: str) -> None:
    """Grafana drops unknown keys without a word; here the error names the key."""
    assert complaints(changed(f"{place}/{key}", "x")) == [
        (keys(place), f"Additional properties are not allowed ({key!r} was unexpected)")
    ]


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("Requests/datasource/uid", "'uid' is a required property"),
        ("Requests/pluginVersion", "'pluginVersion' is a required property"),
        ("Requests/targets/0/refId", "'refId' is a required property"),
        ("Requests/type", "'type' is a required property"),
    ],
)
def test_a_missing_key_is_reported_by_the_object_that_lacks_it(place: str, message: str) -> None:
    """Grafana fills these in, and not as one meant it."""
    assert complaints(changed(place, REMOVED)) == [(keys(place)[:-1], message)]


def test_a_prometheus_annotation_may_have_its_query_in_either_place() -> None:
    """Grafana 10 and 11 read the root, 12 reads `target`; one of them must be there."""
    bare = {k: v for k, v in BOARD["annotations"]["list"][1].items() if k not in ("expr", "target")}
    target = {"expr": "up == 0", "refId": "Anno"}

    assert complaints(changed("annotations/list/1", bare | {"expr": "up == 0"})) == []
    assert complaints(changed("annotations/list/1", bare | {"target": target})) == []
    assert complaints(changed("annotations/list/1", bare)) == [
        (["annotations", "list", 1], "'expr' is a required property")
    ]


@pytest.mark.parametrize("unit", ["suffix: tok", "prefix:~", "si:mF", "currency:EUR", "s", "none"])
def test_a_unit_of_ones_own_is_accepted(unit: str) -> None:
    """Grafana shows what follows a known prefix."""
    assert complaints(changed("Requests/fieldConfig/defaults/unit", unit)) == []


def test_the_shared_form_is_valid() -> None:
    """What grafana.com takes has three more keys, and no data source yet."""
    board = copy.deepcopy(BOARD)
    asked = {
        "description": "",
        "label": "Prometheus",
        "name": "DS_PROMETHEUS",
        "pluginId": "prometheus",
        "pluginName": "Prometheus",
        "type": "datasource",
    }
    board |= {
        "__elements": {},
        "__inputs": [asked],
        "__requires": [{"id": "stat", "name": "Stat", "type": "panel", "version": ""}],
    }
    board["templating"]["list"][0]["current"] = {
        "selected": True,
        "text": "",
        "value": "${DS_PROMETHEUS}",
    }

    assert complaints(board) == []


def test_the_schema_is_of_the_registry_and_of_the_packages_in_use() -> None:
    """After a change of either, `python tools/grafana_schema/build.py` has to run."""
    package = json.loads((ROOT / "tools" / "grafana_schema" / "package.json").read_text())
    definitions = SCHEMA["definitions"]

    assert f"@grafana/schema {package['dependencies']['@grafana/schema']} " in SCHEMA["$comment"]
    assert set(definitions["unit"]["else"]["enum"]) == set(REGISTRY["units"])
    assert set(definitions["Calc"]["enum"]) == set(REGISTRY["calcs"])
    assert set(definitions["ColorMode"]["enum"]) == set(REGISTRY["colorModes"])
    assert chosen(definitions["Transformation"]) == set(REGISTRY["transformations"])
    assert chosen(definitions["FieldMatcher"]) == set(REGISTRY["fieldMatchers"])


def chosen(union: dict[str, Any]) -> set[str]:
    """Return the ids that a union knows."""
    return set(union["properties"]["id"]["enum"])


def test_every_object_is_closed_or_says_what_its_values_are() -> None:
    """An object that takes any key finds no misspelt one."""
    objects = [s for s in schemas(SCHEMA) if s.get("type") == "object" and "allOf" not in s]

    assert [s for s in objects if s.get("additionalProperties", True) is True] == []


def test_null_is_known_in_four_places() -> None:
    """The id, the base of thresholds, and the two ends of a range; elsewhere it means a slip."""
    nulls = [s for s in schemas(SCHEMA) if "null" in str(s.get("type", ""))]

    assert len(nulls) == 4
    assert SCHEMA["properties"]["id"] in nulls
    assert SCHEMA["definitions"]["Base"]["properties"]["value"] in nulls


def schemas(node: Any) -> list[dict[str, Any]]:
    """Return every mapping in the schema, itself first, without the conditions."""
    inner = [v for k, v in node.items() if k != "if"] if isinstance(node, dict) else node
    below = [s for n in inner if isinstance(n, dict | list) for s in schemas(n)]
    return [node, *below] if isinstance(node, dict) else below
