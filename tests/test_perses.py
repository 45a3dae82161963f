"""Dashboards of Perses: they fit the types that it publishes, ask what the classic boards ask, and what is not there is named."""

from __future__ import annotations

import copy
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import promql_parser as pp
import pytest
from jsonschema import Draft202012Validator

from generator.bundle import Bundle, Kind, build
from generator.config.site import Site
from generator.outputs import documents, perses, stamp
from generator.outputs.perses.panels import DRAWN
from testbed.servers import golang, missing

from . import operators
from .test_artefacts import CONFIGURATIONS
from .test_own_system import BUNDLE, CATALOGUE

Json = dict[str, Any]

SCHEMA = Draft202012Validator(json.loads((Path(__file__).parent / "perses.schema.json").read_text(encoding="utf-8")))

#: All that these files are made of.
BOARDS: tuple[Kind, ...] = ("boards",)

OWN = BUNDLE + (
    "formats: {perses: {project: ai, prometheus: 'https://prometheus.example/prom'}}\n"
    "labels: {deployment: app, cluster: k8s}\ndashboards: {uid_prefix: acme-, time_from: now-2d}\n"
)

#: The command line of Perses, as its module has it.
PERCLI = ("github.com/perses/perses", "v0.53.0", "cmd/percli")


@pytest.fixture(scope="module", params=["defaults", "mixed", "own"])
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Bundles of several configurations, one with a system of an operator's own."""
    text = (CONFIGURATIONS | {"own": OWN})[request.param]
    return operators.made(text, tmp_path_factory.mktemp("bundle"), kinds=BOARDS)


def read(bundle: Bundle) -> dict[str, Json]:
    """Return the documents by path below the folder of the format."""
    return {str(path.relative_to("perses")): json.loads(text) for path, text in perses.render(bundle).items()}


def dashboards(bundle: Bundle) -> Iterator[tuple[Json, Json]]:
    """Yield each classic board with that of Perses."""
    made = read(bundle)
    for stem, board in documents.dashboards(bundle).items():
        yield board, made[f"dashboards/{stem}.json"]["spec"]


def panels(board: Json) -> list[Json]:
    """Return all panels of a classic board but its rows, in their order."""
    found = [inner for one in board["panels"] for inner in (one, *one.get("panels", ()))]
    return [one for one in found if one["type"] != "row"]


def test_every_document_fits_the_published_types(bundle: Bundle) -> None:
    for path, document in read(bundle).items():
        found = [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:200]}" for e in SCHEMA.iter_errors(document)]
        assert found == [], path


def _first(document: Json, kind: str) -> Json:
    made: Json = next(p["spec"] for p in document["spec"]["panels"].values() if p["spec"]["plugin"]["kind"] == kind)
    return made


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["spec"].pop("duration"),
        lambda d: d["metadata"].update(name="a b"),
        lambda d: _first(d, "StatChart")["plugin"]["spec"]["format"].update(unit="reqps"),
        lambda d: _first(d, "StatChart")["queries"][0]["spec"]["plugin"]["spec"].update(instant=True),
        lambda d: _first(d, "TimeSeriesChart")["plugin"]["spec"]["visual"].update(stack="percent"),
        lambda d: _first(d, "Table")["plugin"]["spec"]["transforms"].append({"kind": "organize", "spec": {}}),
        lambda d: d["spec"]["variables"][0]["spec"]["plugin"]["spec"].update(query="up"),
    ],
)
def test_the_schema_refuses_what_no_plugin_reads(site: Site, change: Callable[[Json], None]) -> None:
    document = copy.deepcopy(read(build(site, kinds=BOARDS))["dashboards/agent_server_deployment.json"])
    assert SCHEMA.is_valid(document)
    change(document)

    assert not SCHEMA.is_valid(document)


def test_it_asks_what_the_classic_boards_ask(bundle: Bundle) -> None:
    """Every panel that is drawn, its queries with their names and steps, and every variable; nothing beside them."""
    for board, spec in dashboards(bundle):
        wanted = [one for one in panels(board) if one["type"] in DRAWN]
        assert list(spec["panels"]) == [f"panel-{one['id']}" for one in wanted]
        for one, made in zip(wanted, spec["panels"].values(), strict=True):
            inner = made["spec"]
            assert inner["plugin"]["kind"] == DRAWN[one["type"]][0]
            assert inner["display"] == {"name": one["title"], "description": one.get("description", "")}
            asked = [query["spec"]["plugin"]["spec"] for query in inner.get("queries", ())]
            assert [(q["query"], q["minStep"], q.get("seriesNameFormat", "__auto")) for q in asked] == [
                (t["expr"], t["interval"], t["legendFormat"]) for t in one.get("targets", ())
            ]
        names = [v["name"] for v in board["templating"]["list"] if v["type"] == "query"]
        assert [v["spec"]["name"] for v in spec["variables"]] == names


def test_every_panel_stands_in_a_row_once(bundle: Bundle) -> None:
    for board, spec in dashboards(bundle):
        refs = [item["content"]["$ref"] for row in spec["layouts"] for item in row["spec"]["items"]]
        assert refs == [f"#/spec/panels/{name}" for name in spec["panels"]]
        titles = [one["title"] for one in board["panels"] if one["type"] == "row"]
        assert [t for t in titles if t in {row["spec"]["display"]["title"] for row in spec["layouts"]}] == [
            row["spec"]["display"]["title"] for row in spec["layouts"]
        ]
        assert all(min(item["y"] for item in row["spec"]["items"]) == 0 for row in spec["layouts"])


def test_what_is_not_drawn_is_named(bundle: Bundle) -> None:
    """Each panel of a kind that Perses lacks, at its board."""
    reasons = {(out.where, out.what) for out in perses.left_out(bundle)}

    for stem, board in documents.dashboards(bundle).items():
        where = f"perses/dashboards/{stem}.json"
        undrawn = {(where, one["title"]) for one in panels(board) if one["type"] not in DRAWN}
        assert undrawn <= reasons
    assert {out.why for out in perses.left_out(bundle) if not out.why} == set()
    assert ("perses/dashboards", "annotations") in reasons


def test_variables_of_several_systems_ask_without_a_range_of_the_board(site: Site) -> None:
    """Perses knows `$__range` in panels alone; the rest of the expression is PromQL."""
    for _, spec in dashboards(build(site, kinds=BOARDS)):
        for variable in spec["variables"]:
            plugin = variable["spec"]["plugin"]
            asked = [plugin["spec"]["expr"]] if "expr" in plugin["spec"] else plugin["spec"]["matchers"]
            for text in asked:
                assert "$__" not in text
                pp.parse(re.sub(r"\$\w+", "x", text))


def test_a_table_of_several_queries_has_one_row_for_each_of_what_it_lists(site: Site) -> None:
    """Perses numbers the columns of each query; labels are put together again, and then rows by them."""
    spec = read(build(site, kinds=BOARDS))["dashboards/agent_server_deployment.json"]["spec"]
    table = next(p["spec"] for p in spec["panels"].values() if p["spec"]["display"]["name"] == "Resources by process")
    made = table["plugin"]["spec"]

    assert [t["spec"] for t in made["transforms"]] == [
        {"column": "role"},
        {"column": "instance"},
        {"columns": ["role", "instance"]},
    ]
    assert [(c["name"], c.get("header")) for c in made["columnSettings"]][:4] == [
        ("timestamp", None),
        ("role", "Role"),
        ("instance", "Instance"),
        ("value #1", "Up"),
    ]


def test_options_are_where_they_are_read(configured: Callable[[str], Site], tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(CATALOGUE, encoding="utf-8")
    made = read(build(configured(OWN), kinds=BOARDS))

    assert made["project.json"]["metadata"]["name"] == "ai"
    assert made["datasource.json"]["spec"]["plugin"]["spec"]["proxy"]["spec"] == {
        "url": "https://prometheus.example/prom"
    }
    board = made["dashboards/shop_overview.json"]
    assert board["metadata"]["project"] == "ai"
    assert board["metadata"]["name"].startswith("acme-")
    assert board["spec"]["duration"] == "2d"


def test_the_written_files_have_a_stamp_that_fits(site: Site) -> None:
    for path, text in perses.render(build(site, kinds=BOARDS)).items():
        found = stamp.read(path, stamp.stamped(path, text))
        assert found is not None
        assert found.fits


@pytest.mark.matrix
def test_percli_takes_every_document(site: Site, tmp_path: Path) -> None:
    """The command line of Perses reads each document by its own model, and refuses one with a mistake."""
    percli = golang.unlisted(*PERCLI)
    if not percli.path:
        missing(percli.reason)
    assert percli.path
    files = []
    for path, text in perses.render(build(site, kinds=BOARDS)).items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(stamp.stamped(path, text), encoding="utf-8")
        files.append(file)

    def lint(file: Path) -> subprocess.CompletedProcess[str]:
        command = [percli.path or "", "lint", "--file", file]
        return subprocess.run(command, env={"HOME": str(tmp_path)}, capture_output=True, text=True, check=False)

    for file in files:
        done = lint(file)
        assert (done.returncode, done.stdout.strip()) == (0, "your resources look good"), (file, done.stderr)

    board = json.loads(files[-1].read_text(encoding="utf-8"))
    board["spec"]["layouts"][0]["spec"]["items"][0]["content"]["$ref"] = "#/spec/panels/gone"
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps(board), encoding="utf-8")
    assert lint(wrong).returncode != 0
