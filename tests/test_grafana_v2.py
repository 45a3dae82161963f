"""Boards as resources of Grafana's API: they fit the published types, and say all that the classic boards say, no more."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from generator.bundle import Bundle, Kind, build
from generator.config.site import Site
from generator.outputs import documents, grafana_v2, stamp
from generator.outputs.grafana_v2 import second

from . import operators
from .test_artefacts import CONFIGURATIONS
from .test_own_system import BUNDLE

Json = dict[str, Any]

#: All that these files are made of.
BOARDS: tuple[Kind, ...] = ("boards",)

SCHEMA = Draft7Validator(
    json.loads((Path(__file__).parent / "dashboard.v2beta1.schema.json").read_text(encoding="utf-8"))
)

OWN = BUNDLE + "formats: {grafana-v2: {layout: tabs}}\nlabels: {deployment: app}\ndashboards: {uid_prefix: acme-}\n"


@pytest.fixture(scope="module", params=["defaults", "mixed", "own"])
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Bundles with rows, and one with tabs and a system of an operator's own."""
    text = (CONFIGURATIONS | {"own": OWN})[request.param]
    return operators.made(text, tmp_path_factory.mktemp("bundle"), kinds=BOARDS)


def read(bundle: Bundle, version: str) -> dict[str, Json]:
    """Return the manifests of a version, by stem."""
    made = grafana_v2.render(bundle)
    return {path.stem: json.loads(text) for path, text in made.items() if path.parent.name == version}


def classic(bundle: Bundle) -> dict[str, Json]:
    """Return the classic boards without the stamp, which stands elsewhere in a manifest."""
    return {
        stem: {**board, "description": stamp.without(board["description"]).rstrip()}
        for stem, board in documents.dashboards(bundle).items()
    }


def back(spec: Json) -> Json:
    """Return what a board of the second schema says, in the words of the classic one."""
    layout = spec["layout"]["spec"]
    sections = [one["spec"] for one in layout.get("rows", layout.get("tabs"))]
    panels = []
    for section in sections:
        inner = [_panel(spec["elements"], item["spec"]) for item in section["layout"]["spec"]["items"]]
        panels.append((section["title"], section.get("collapse"), inner))
    time = spec["timeSettings"]
    return {
        "title": spec["title"], "description": spec["description"], "tags": spec["tags"], "links": spec["links"],
        "editable": spec["editable"], "liveNow": spec["liveNow"], "preload": spec["preload"],
        "time": {"from": time["from"], "to": time["to"]}, "refresh": time["autoRefresh"], "timezone": time["timezone"],
        "hidden": time["hideTimepicker"], "graphTooltip": ["Off", "Crosshair", "Tooltip"].index(spec["cursorSync"]),
        "annotations": [_annotation(one["spec"]) for one in spec["annotations"]],
        "variables": [_variable(one) for one in spec["variables"]],
        "panels": panels,
    }  # fmt: skip


def _panel(elements: Json, item: Json) -> Json:
    spec = elements[item["element"]["name"]]["spec"]
    drawn, data = spec["vizConfig"], spec["data"]["spec"]
    targets = [
        {**query["query"]["spec"], "refId": query["refId"], "datasource": _source(query["query"])}
        for query in (one["spec"] for one in data["queries"])
    ]
    return {
        "id": spec["id"], "title": spec["title"], "description": spec["description"], "links": spec["links"],
        "type": drawn["group"], "pluginVersion": drawn["version"], **drawn["spec"], "targets": targets,
        "transformations": [one["spec"] for one in data["transformations"]], **data["queryOptions"],
        "place": (item["x"], item["width"], item["height"]),
    }  # fmt: skip


def _source(query: Json) -> Json:
    return {"type": query["group"], "uid": query["datasource"]["name"]}


def _annotation(spec: Json) -> Json:
    asked = {"target": spec["query"]["spec"]} if spec["query"]["spec"] else {}
    copied = {key: spec[key] for key in ("name", "enable", "hide", "iconColor")}
    builtin = {"builtIn": 1} if spec.get("builtIn") else {}
    return {**copied, **builtin, "datasource": _source(spec["query"]), **asked, **spec["legacyOptions"]}


def _variable(one: Json) -> Json:
    spec = {key: value for key, value in one["spec"].items() if key != "allowCustomValue"}
    spec["hide"] = ["dontHide", "hideLabel", "hideVariable"].index(spec["hide"])
    spec["refresh"] = ["never", "onDashboardLoad", "onTimeRangeChanged"].index(spec["refresh"])
    if one["kind"] == "DatasourceVariable":
        kind = spec.pop("pluginId")
        return {**spec, "type": "datasource", "query": kind}
    query = spec.pop("query")
    sort = ["disabled", "alphabeticalAsc"].index(spec.pop("sort"))
    return {**spec, "type": "query", "query": query["spec"], "datasource": _source(query), "sort": sort}


def contents(board: Json, *, tabs: bool) -> Json:
    """Return what a classic board says, in the form of `back`."""
    copied = {
        key: board[key]
        for key in ("title", "description", "tags", "links", "editable", "liveNow", "preload", "time", "refresh")
    }
    variables = [{**one, "current": one["current"] or {"text": "", "value": ""}} for one in board["templating"]["list"]]
    return {
        **copied,
        "timezone": board["timezone"],
        "hidden": board["timepicker"]["hidden"],
        "graphTooltip": board["graphTooltip"],
        "annotations": board["annotations"]["list"],
        "variables": variables,
        "panels": [(row, None if tabs else shut, panels) for row, shut, panels in _rows(board["panels"])],
    }


def _rows(panels: list[Json]) -> Iterator[tuple[str, bool, list[Json]]]:
    heads = [n for n, panel in enumerate(panels) if panel["type"] == "row"]
    assert heads[0] == 0
    for head, end in zip(heads, [*heads[1:], len(panels)], strict=True):
        row = panels[head]
        inner = row["panels"] + panels[head + 1 : end]
        yield row["title"], row["collapsed"], [_whole(panel) for panel in inner]


def _whole(panel: Json) -> Json:
    at = panel["gridPos"]
    rest = {key: value for key, value in panel.items() if key not in ("gridPos", "datasource")}
    empty: Json = {"description": "", "links": [], "targets": [], "transformations": []}
    return empty | rest | {"place": (at["x"], at["w"], at["h"])}


@pytest.mark.long
def test_every_manifest_fits_the_published_types(bundle: Bundle) -> None:
    for stem, manifest in read(bundle, "v2beta1").items():
        found = [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:200]}" for e in SCHEMA.iter_errors(manifest)]
        assert found == [], stem


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m["spec"]["timeSettings"].update(refresh="1m"),
        lambda m: m["spec"].pop("cursorSync"),
        lambda m: m["spec"]["variables"][1]["spec"].update(hide=0),
        lambda m: m["spec"]["layout"]["spec"]["rows"][0]["spec"].update(collapsed=True),
        lambda m: next(iter(m["spec"]["elements"].values()))["spec"]["data"]["spec"]["queries"][0]["spec"].pop(
            "hidden"
        ),
        lambda m: m["metadata"].update(uid="x"),
    ],
)
def test_the_schema_refuses_what_no_type_has(site: Site, change: Callable[[Json], None]) -> None:
    board = documents.dashboards(build(site, kinds=BOARDS))["overview"]
    head = {"apiVersion": "dashboard.grafana.app/v2beta1", "kind": "Dashboard", "metadata": {"name": "overview"}}
    manifest = copy.deepcopy({**head, "spec": second(board, "rows")})
    assert SCHEMA.is_valid(manifest)
    change(manifest)

    assert not SCHEMA.is_valid(manifest)


def test_nothing_of_a_classic_board_is_lost(bundle: Bundle) -> None:
    """Panels, queries, variables, transformations, links and annotations, with every word of them, and the size and order of panels."""
    tabs = bundle.site.config.formats.grafana_v2.layout == "tabs"
    boards, manifests = classic(bundle), read(bundle, "v2beta1")

    assert manifests.keys() == boards.keys()
    for stem, manifest in manifests.items():
        assert back(manifest["spec"]) == contents(boards[stem], tabs=tabs), stem
        assert manifest["spec"]["layout"]["kind"] == ("TabsLayout" if tabs else "RowsLayout")
        assert manifest["metadata"]["name"] == boards[stem]["uid"]


def test_every_element_stands_in_the_layout_once_and_none_overlap(bundle: Bundle) -> None:
    for manifest in read(bundle, "v2beta1").values():
        placed: list[str] = []
        layout = manifest["spec"]["layout"]["spec"]
        for section in layout.get("rows", layout.get("tabs")):
            taken: set[tuple[int, int]] = set()
            for item in (one["spec"] for one in section["spec"]["layout"]["spec"]["items"]):
                placed.append(item["element"]["name"])
                cells = {(item["x"] + x, item["y"] + y) for x in range(item["width"]) for y in range(item["height"])}
                assert not cells & taken
                taken |= cells
            assert min(y for _, y in taken) == 0
            assert max(x for x, _ in taken) < 24
        assert sorted(placed) == sorted(manifest["spec"]["elements"])


def test_an_envelope_holds_the_classic_board(bundle: Bundle) -> None:
    boards = classic(bundle)
    for stem, manifest in read(bundle, "v1beta1").items():
        assert manifest["apiVersion"] == "dashboard.grafana.app/v1beta1"
        copied = {"id": None, "uid": manifest["metadata"]["name"], "version": 0}
        assert manifest["spec"] | copied == boards[stem]


def test_panels_before_the_first_row_stand_in_a_row_without_a_head(site: Site) -> None:
    """No board of ours begins so; one that did would keep them."""
    board = classic(build(site, kinds=BOARDS))["overview"]
    first, *rest = [panel for panel in board["panels"] if panel["type"] != "row"]

    spec = second({**board, "panels": [first, *(p for p in board["panels"] if p is not first)]}, "rows")
    head, following = (row["spec"] for row in spec["layout"]["spec"]["rows"][:2])

    assert (head["title"], head["hideHeader"], len(head["layout"]["spec"]["items"])) == ("", True, 1)
    assert following["hideHeader"] is False
    assert len(spec["elements"]) == len(rest) + 1 + sum(len(p.get("panels", ())) for p in board["panels"])


def test_the_written_files_have_a_stamp_that_fits(site: Site) -> None:
    """In an annotation, which Grafana keeps."""
    for path, text in grafana_v2.render(build(site, kinds=BOARDS)).items():
        found = stamp.read(path, stamp.stamped(path, text))
        assert found is not None
        assert found.fits
