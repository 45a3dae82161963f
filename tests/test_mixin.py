"""The mixin, evaluated by Jsonnet itself: without options it is the plain files, and each option does what it says, no more."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import _gojsonnet
import pytest

from generator.bundle import Bundle, build
from generator.config.site import Site
from generator.outputs import FORMATS
from generator.outputs.mixin import OPTIONS
from testbed.servers import golang, missing

from . import delivered
from .test_artefacts import CONFIGURATIONS

Json = dict[str, Any]

#: What an importer writes around the library to see all of it, its hidden fields too.
ALL = "{ alerts: m.prometheusAlerts, rules: m.prometheusRules, boards: m.grafanaDashboards, folder: m.grafanaDashboardFolder }"


def evaluated(bundle: Bundle, folder: Path, options: str = "{}", expression: str = ALL) -> Json:
    """Write the files, import the library with options, and return what Jsonnet makes of it."""
    for path, text in FORMATS["mixin"].render(bundle).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    library = json.dumps(str(folder / "mixin/mixin.libsonnet"))
    text = f"local m = (import {library}) + {{ _config+:: {{ {OPTIONS}+: {options} }} }}; {expression}"
    made: Json = json.loads(_gojsonnet.evaluate_snippet("importer.jsonnet", text))
    return made


def plain(bundle: Bundle) -> Json:
    """Return the same of the plain files."""
    texts: Mapping[Any, str] = FORMATS["files"].render(bundle)
    groups = [
        g for p, t in texts.items() if p.name.endswith(".rules.yaml") for g in delivered.parsed(t).get("groups", ())
    ]
    return {
        "alerts": {"groups": [g for g in groups if "alert" in g["rules"][0]]},
        "rules": {"groups": [g for g in groups if "record" in g["rules"][0]]},
        "boards": {
            p.name: json.loads(t) for p, t in texts.items() if p.parts[0] == "dashboards" and p.suffix == ".json"
        },
        "folder": bundle.site.config.folder,
    }


OWN = """\
dashboards: {tags: [it's, 'a "b"'], folder: "Größe $x", refresh: 5m, time_from: now-2d, uid_prefix: acme-}
alerts:
  runbook_base_url: https://wiki.invalid/runbooks
  grafana_url: https://grafana.invalid/x
  labels: {team: agents}
"""


@pytest.mark.long
@pytest.mark.parametrize("name", ["defaults", "labels", "own words"])
def test_without_options_it_is_the_plain_files(name: str, tmp_path: Path) -> None:
    """Every board, rule and group, to the byte of each value."""
    bundle = delivered.bundle((CONFIGURATIONS | {"own words": OWN})[name])

    assert evaluated(bundle, tmp_path) == plain(bundle)


@pytest.mark.long
def test_a_system_of_ones_own_is_in_it(configured: Callable[[str], Site], tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_bytes((Path(__file__).parent / "data/shop.yaml").read_bytes())
    bundle = build(configured("systems: {shop: {catalogue: ./shop.yaml}}\n"))

    found = evaluated(bundle, tmp_path)

    assert found == plain(bundle)
    assert "shop_overview.json" in found["boards"]


@pytest.mark.long
@pytest.mark.parametrize("text", ["", OWN], ids=["defaults", "own words"])
def test_options_change_what_they_say_and_nothing_else(text: str, tmp_path: Path) -> None:
    """All at once, compared with the plain files of a configuration that says the same."""
    bundle = delivered.bundle(text)
    same = delivered.bundle(
        f"""\
dashboards: {{tags: [one, two], folder: Ours, refresh: 2m, time_from: now-3h{", uid_prefix: acme-" if text else ""}}}
alerts:
  runbook_base_url: https://runbooks.invalid
  grafana_url: https://g.invalid
  labels: {{{"team: agents, " if text else ""}shift: night}}
"""
    )
    options = """{
      dashboardTags: ['one', 'two'], dashboardFolder: 'Ours', dashboardRefresh: '2m', dashboardFrom: 'now-3h',
      runbookBaseUrl: 'https://runbooks.invalid', grafanaUrl: 'https://g.invalid', alertLabels: { shift: 'night' },
    }"""

    found, wanted = evaluated(bundle, tmp_path, options), plain(same)

    assert found["alerts"] == wanted["alerts"]
    assert found["rules"] == wanted["rules"]
    assert found["folder"] == "Ours"
    for name, board in found["boards"].items():
        like = wanted["boards"][name]
        del board["description"], like["description"]  # ends with the hash of the file
        if not text:  # made without an address of runbooks, it has no links to them
            del board["panels"], like["panels"]
            like["links"] = [link for link in like["links"] if link["title"] != "Runbooks"]
        assert board == like


def test_the_data_source_is_the_chosen_one(tmp_path: Path) -> None:
    bundle = delivered.bundle()

    found = evaluated(bundle, tmp_path, "{ datasourceName: 'mimir', datasourceRegex: '/^mim/' }")["boards"]

    for name, board in plain(bundle)["boards"].items():
        (chosen,) = [one for one in found[name]["templating"]["list"] if one["type"] == "datasource"]
        assert (chosen["current"], chosen["regex"]) == ({"text": "mimir", "value": "mimir"}, "/^mim/")
        board["templating"] = found[name]["templating"]
        assert found[name] == board


def test_groups_without_an_interval_get_one(tmp_path: Path) -> None:
    """Those that have one of their own keep it: the tally of objectives is not counted twice as often."""
    bundle = delivered.bundle()

    found = evaluated(bundle, tmp_path, "{ evaluationInterval: '15s' }")

    for kind in ("alerts", "rules"):
        assert found[kind]["groups"] == [{"interval": "15s"} | g for g in plain(bundle)[kind]["groups"]]


def test_mixins_are_added_to_each_other(tmp_path: Path) -> None:
    """What another one has stays, on either side, and its options with it."""
    bundle = delivered.bundle()
    other = "{ _config+:: { a: 1 }, prometheusAlerts+:: { groups+: [{ name: 'other' }] }, grafanaDashboards+:: { 'other.json': {} } }"
    expression = f"[x.prometheusAlerts.groups + [std.objectFields(x.grafanaDashboards), x._config.a] for x in [m + {other}, {other} + m]]"

    for found in evaluated(bundle, tmp_path, expression=f"{{ both: {expression} }}")["both"]:
        assert {"other", "agentobs.observability"} <= {g["name"] for g in found[:-2]}
        assert {"other.json", "overview.json"} <= set(found[-2])
        assert found[-1] == 1


def test_on_a_fast_clock_it_says_so() -> None:
    from dataclasses import replace

    texts = FORMATS["mixin"].render(replace(delivered.bundle(), time_scale=10))

    (library,) = (text for path, text in texts.items() if path.name == "mixin.libsonnet")
    assert "// Only for a reference server with --time-scale 10" in library


@pytest.mark.matrix
def test_jsonnet_bundler_vendors_it(tmp_path: Path) -> None:
    """`jb install` of the folder, in a project of its own; what it vendors is what there is."""
    found = golang.replaced("github.com/jsonnet-bundler/jsonnet-bundler", "v0.6.0", "./cmd/jb")
    if not found.path:
        missing(found.reason)
    bundle = delivered.bundle()
    evaluated(bundle, tmp_path)
    project = tmp_path / "project"
    project.mkdir()
    for words in (["init"], ["install", "../mixin"]):
        subprocess.run([str(found.path), *words], cwd=project, check=True, timeout=60)

    text = f"local m = import 'mixin/mixin.libsonnet'; {ALL}"
    made = json.loads(_gojsonnet.evaluate_snippet("importer.jsonnet", text, jpathdir=[str(project / "vendor")]))

    assert made == plain(bundle)
