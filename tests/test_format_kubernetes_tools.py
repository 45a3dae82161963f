"""Tools of Kubernetes take the objects: an API server, kustomize, kubeconform."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from generator.bundle import Bundle
from testbed.servers import ServerError, find, golang, missing
from testbed.servers.kubernetes import TAKEN, ApiServer, Etcd
from tests import operators
from tests.operators import BUNDLES, Json

from .conftest import ROOT

pytestmark = pytest.mark.matrix

KUSTOMIZE = ("sigs.k8s.io/kustomize/kustomize/v5", "v5.7.1")
KUBECONFORM = ("github.com/yannh/kubeconform/cmd/kubeconform", "v0.7.0")

#: Whose API server it is, and whose schema of a ConfigMap.
KUBERNETES = ("k8s.io/kubernetes", "v1.33.3")


@pytest.fixture(scope="module", params=BUNDLES)
def bundle(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return operators.made(BUNDLES[request.param], tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def api() -> Iterator[ApiServer]:
    """An API server with the operators' definitions."""
    etcd, program = find("etcd", "oldest"), golang.program(ROOT / "testbed/kubernetes/apiserver", "apiserver")
    if not etcd.path or not program.path:
        missing(etcd.reason or program.reason)
    assert etcd.path
    assert program.path
    with Etcd(etcd.path) as store, ApiServer(program.path, store) as server:
        server.define(operators.crds())
        for name in ("monitoring", "observability"):
            server.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        yield server


def test_an_api_server_takes_every_object(bundle: Bundle, api: ApiServer) -> None:
    """As `kubectl apply --server-side` sends them, ConfigMaps too; and what it has then says all that the file says."""
    listed = operators.objects(bundle, "kubernetes")
    answers = [(one, *api.apply(one, "monitoring")) for one in listed]

    assert [(one["kind"], answer["message"]) for one, status, answer in answers if status not in TAKEN] == []
    assert [one["metadata"]["name"] for one, _, answer in answers if not within(one, answer)] == []


def within(ours: Any, theirs: Any) -> bool:
    """Say whether something of ours is there unchanged; the server may add defaults."""
    if isinstance(ours, dict):
        return all(key in theirs and within(value, theirs[key]) for key, value in ours.items())
    if isinstance(ours, list):
        return len(ours) == len(theirs) and all(map(within, ours, theirs))
    return bool(ours == theirs)


def test_an_api_server_refuses_what_is_none(tmp_path: Path, api: ApiServer) -> None:
    """A key that it would prune, a value of another kind, a name with a capital, a kind that nobody defined."""
    listed = operators.objects(operators.made("{}\n", tmp_path), "kubernetes")
    (monitor, *_) = operators.of(listed, "PodMonitor").values()
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    wrong = {
        "field not declared in schema": {"spec": {**monitor["spec"], "selectors": {}}},
        "should match": {"spec": {**monitor["spec"], "podMetricsEndpoints": [{**endpoint, "interval": "often"}]}},
        "lowercase RFC 1123": {"metadata": {**monitor["metadata"], "name": "Name"}},
    }
    for why, more in wrong.items():
        status, answer = api.apply({**monitor, **more}, "monitoring")
        assert status not in TAKEN
        assert why in answer["message"]
    with pytest.raises(ServerError, match="no PodMonitors of"):
        api.apply({**monitor, "kind": "PodMonitors"}, "monitoring")


def test_kustomize_builds_what_the_files_have(bundle: Bundle, tmp_path: Path) -> None:
    """The folder at the top, object by object, in the form of boards that is wanted; and each folder by itself."""
    found = golang.tool(*KUSTOMIZE)
    if not found.path:
        missing(found.reason)
    made = operators.documents(bundle, "kubernetes")
    operators.write(bundle, "kubernetes", tmp_path)
    top = made[PurePosixPath("kubernetes/kustomization.yaml")][0]["resources"]
    for folder in (".", *top):
        words = [str(found.path), "build", str(tmp_path / "kubernetes" / folder)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
        assert not done.returncode, done.stderr
        listed = [
            one
            for path, some in made.items()
            if path.parent.name in (top if folder == "." else [folder])
            for one in some
        ]
        assert canonical(operators.loaded(done.stdout)) == canonical(
            [one for one in listed if one["kind"] != "Kustomization"]
        )


def canonical(listed: list[Json]) -> list[str]:
    return sorted(json.dumps(one, sort_keys=True) for one in listed)


@pytest.fixture(scope="module")
def kubeconform(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Json]:
    """Return kubeconform's own report on a folder, by the strict schemas of the CRDs, and of Kubernetes for a ConfigMap."""
    found, kubernetes = golang.tool(*KUBECONFORM), golang.module(*KUBERNETES)
    if not found.path or not kubernetes.path:
        missing(found.reason or kubernetes.reason)
    assert kubernetes.path
    known = tmp_path_factory.mktemp("schemas")
    for (version, kind), schema in operators.schemas().items():
        group, _, number = version.partition("/")
        (known / f"{kind}-{group.partition('.')[0]}-{number}.json".lower()).write_text(
            json.dumps(schema), encoding="utf-8"
        )
    core = json.loads((kubernetes.path / "api/openapi-spec/swagger.json").read_text(encoding="utf-8"))
    meta = "io.k8s.apimachinery.pkg.apis.meta.v1."
    needed = {name: operators.strict(one) for name, one in core["definitions"].items() if name.startswith(meta)}
    strict = {**operators.strict(core["definitions"]["io.k8s.api.core.v1.ConfigMap"]), "definitions": needed}
    (known / "configmap-v1.json").write_text(json.dumps(strict), encoding="utf-8")

    def look(folder: Path) -> Json:
        words = [str(found.path), "-strict", "-summary", "-output=json", "-skip=Kustomization"]
        words += ["-schema-location", f"{known}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json", str(folder)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
        report: Json = json.loads(done.stdout)
        return report

    return look


def test_kubeconform_finds_every_object_valid(
    bundle: Bundle, tmp_path: Path, kubeconform: Callable[[Path], Json]
) -> None:
    """All of them, none passed over for want of a schema; and a key that nobody knows is a mistake."""
    operators.write(bundle, "kubernetes", tmp_path)
    report = kubeconform(tmp_path / "kubernetes")
    count = len(operators.objects(bundle, "kubernetes"))

    assert report.get("resources", []) == []
    assert (report["summary"]["valid"], report["summary"]["invalid"], report["summary"]["errors"]) == (count, 0, 0)
    board = next((tmp_path / "kubernetes/dashboards").glob("overview.yaml"))
    board.write_text(board.read_text(encoding="utf-8") + "datas: {}\n", encoding="utf-8")
    assert [one["status"] for one in kubeconform(board)["resources"]] == ["statusInvalid"]
