"""The chart is what the kustomizations are, and values say what differs between clusters."""

from __future__ import annotations

import base64
import gzip
import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from generator.bundle import Bundle
from generator.outputs import FORMATS, documents
from generator.outputs.kubernetes.objects import named
from testbed.servers import golang, missing
from tests import operators
from tests.operators import BUNDLES, Json

HELM = ("helm.sh/helm/v3/cmd/helm", "v3.19.5")

#: Bytes that the values of a Secret have at most, in which Helm keeps a release. Source: `ValidateSecret` of Kubernetes, which
#: counts values as they are, and `encodeRelease` of Helm, whose value is base64.
SECRET = 1 << 20

#: How the expressions of our templates begin; what a text of a rule or a board has is none of them.
OURS = re.compile(
    r'"\{\{"|/\*|define |end$|else$|if |with |range |include |first |\. \| |\$own |\$key |\$value |\.Values\.|\.Files\.Get'
)


@pytest.fixture(scope="module", params=[*BUNDLES, "a system of their own"])
def bundle(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    own = "systems: {shop: {catalogue: ./shop.yaml, scrape: {kubernetes: {namespaces: [shops]}}}}\n"
    return operators.made(BUNDLES.get(request.param, own), tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def chart(bundle: Bundle) -> Mapping[PurePosixPath, str]:
    return FORMATS["helm"].render(bundle)


def test_values_fit_their_schema_which_refuses_a_misspelt_one(chart: Mapping[PurePosixPath, str]) -> None:
    schema = json.loads(chart[PurePosixPath("helm/values.schema.json")])
    values = yaml.safe_load(chart[PurePosixPath("helm/values.yaml")])
    Draft7Validator.check_schema(schema)

    assert [error.message for error in Draft7Validator(schema).iter_errors(values)] == []
    assert not Draft7Validator(schema).is_valid({**values, "clusters": "eu"})
    assert not Draft7Validator(schema).is_valid({**values, "namespace": "No Namespace"})


def test_no_text_of_a_rule_is_taken_for_a_template(chart: Mapping[PurePosixPath, str]) -> None:
    """Alerts have `{{ $labels.x }}` in their texts, which Prometheus fills, not Helm."""
    texts = {path: text for path, text in chart.items() if path.parts[1] == "templates" and path.suffix == ".yaml"}
    templates = [
        (str(path), action)
        for path, text in texts.items()
        for action in re.findall(r'\{\{-?\s*("\{\{"|.*?)\s*-?\}\}', text)
        if not OURS.match(action)
    ]

    assert templates == []
    assert sum(text.count('{{ "{{" }} $labels') for text in texts.values()) > 20


def test_rules_read_back_are_those_of_the_plain_files(bundle: Bundle, chart: Mapping[PurePosixPath, str]) -> None:
    """Without Helm: lines that are templates alone are left out, and escaped braces are braces again."""
    found = {}
    for path, text in chart.items():
        if path.parent.name == "rules":
            stripped = re.sub(r"^ *\{\{-(?! \"\{\{\").*\}\}$", "", text, flags=re.MULTILINE)
            (one,) = operators.loaded(stripped.replace('{{ "{{" }}', "{{"))
            found[one["metadata"]["name"]] = one["spec"]["groups"]

    assert found == {
        named(bundle, stem): [{"interval": bundle.site.timing.evaluation, **group} for group in document["groups"]]
        for stem, document in documents.rules(bundle).items()
    }


def test_no_mark_of_a_value_is_left(chart: Mapping[PurePosixPath, str]) -> None:
    assert [str(path) for path, text in chart.items() if "agentobs-mark" in text] == []


def test_a_release_fits_into_its_secret(chart: Mapping[PurePosixPath, str]) -> None:
    """As Helm stores it: chart and manifest, packed. The manifest has every board again."""
    files = [{"name": str(path), "data": base64.b64encode(text.encode()).decode()} for path, text in chart.items()]
    manifest = "\n".join(text for path, text in chart.items() if path.suffix != ".md")
    stored = base64.b64encode(gzip.compress(json.dumps([files, manifest]).encode()))

    assert len(stored) < SECRET


def helm(*words: str) -> subprocess.CompletedProcess[str]:
    """Run Helm."""
    found = golang.tool(*HELM)
    if not found.path:
        missing(found.reason)
    return subprocess.run([str(found.path), *words], capture_output=True, text=True, timeout=120, check=False)


def written(bundle: Bundle, folder: Path) -> Path:
    """Write the chart, and return where it is."""
    operators.write(bundle, "helm", folder)
    return folder / "helm"


def templated(chart: Path, values: Json | None = None) -> list[str]:
    """Return what Helm makes of a chart: every object as sorted JSON."""
    extra = []
    if values is not None:
        (chart.parent / "own.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
        extra = ["--values", str(chart.parent / "own.yaml")]
    done = helm("template", "release", str(chart), *extra)
    assert not done.returncode, done.stderr
    return plain(operators.loaded(done.stdout))


def plain(listed: list[Json]) -> list[str]:
    return sorted(json.dumps(one, sort_keys=True) for one in listed)


def applied(bundle: Bundle) -> list[str]:
    """Return the objects that the kustomization at the top has."""
    made = operators.documents(bundle, "kubernetes")
    folders = made[PurePosixPath("kubernetes/kustomization.yaml")][0]["resources"]
    listed = [one for path, found in made.items() if path.parent.name in folders for one in found]
    return plain([one for one in listed if one["kind"] != "Kustomization"])


@pytest.mark.matrix
def test_the_chart_is_the_kustomization_object_by_object(bundle: Bundle, tmp_path: Path) -> None:
    chart = written(bundle, tmp_path)
    linted = helm("lint", "--strict", str(chart))

    assert not linted.returncode, linted.stdout
    assert templated(chart) == applied(bundle)


@pytest.mark.matrix
def test_values_say_what_bundle_yaml_would(tmp_path: Path) -> None:
    """A chart made once, with the values of another cluster, is the kustomization that would be made for that cluster."""
    chart = written(operators.made("{}\n", tmp_path), tmp_path)
    values = {
        "namespace": "observability",
        "labels": {"team": "a", "release": None},
        "cluster": "eu$1",
        "systems": {"agent_server": {"namespaces": ["chat", "7"]}, "langsmith": {"namespaces": ["traces"]}},
        "dashboards": {"form": "operator", "folder": "Agents"},
    }
    other = """\
scrape: {cluster: "eu$1"}
systems:
  agent_server: {scrape: {kubernetes: {namespaces: [chat, "7"]}}}
  langsmith: {scrape: {kubernetes: {namespaces: [traces]}}}
dashboards: {folder: Agents}
formats: {kubernetes: {namespace: observability, labels: {team: a}, dashboards: operator}}
"""
    (tmp_path / "other").mkdir()

    assert templated(chart, values) == applied(operators.made(other, tmp_path / "other"))


@pytest.mark.matrix
def test_what_is_switched_off_is_not_there(tmp_path: Path) -> None:
    """A system with its rules, monitors and boards; a part; and nothing at all."""
    chart = written(operators.made("{}\n", tmp_path), tmp_path)
    off = {"enabled": False}

    complete = templated(chart)
    without = templated(chart, {"systems": {"langsmith": off}})
    assert set(without) < set(complete)
    removed = {json.loads(one)["metadata"]["name"] for one in set(complete) - set(without)}
    assert all(name.startswith("agentobs-langsmith") for name in removed)
    assert {json.loads(one)["kind"] for one in set(complete) - set(without)} == {
        "PrometheusRule", "PodMonitor", "ServiceMonitor", "Probe", "ConfigMap",
    }  # fmt: skip
    assert templated(chart, {"rules": off, "scrape": off, "alertmanager": off, "dashboards": {"form": "none"}}) == []


@pytest.mark.matrix
def test_a_value_that_is_none_is_refused(tmp_path: Path) -> None:
    chart = written(operators.made("{}\n", tmp_path), tmp_path)
    done = helm("template", "release", str(chart), "--set", "dashboard.form=operator")

    assert done.returncode
    assert "dashboard" in done.stderr
