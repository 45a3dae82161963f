"""Objects of the formats for Kubernetes in tests: rendered, read back, and what prometheus-operator makes of them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

from generator.bundle import Bundle, Kind, build, installation
from generator.catalogue import load
from generator.outputs import FORMATS
from testbed.servers import golang

from .conftest import ROOT

Json = dict[str, Any]

#: Modules of the operators, whose sources have their CRDs.
MODULES = {
    "github.com/prometheus-operator/prometheus-operator": "v0.85.0",
    "github.com/grafana/grafana-operator/v5": "v5.18.0",
}
CRDS = ("example/prometheus-operator-crd/*.yaml", "config/crd/bases/*.yaml")

#: What operators of clusters write, each for something that objects have to say: by what it is about.
BUNDLES: Mapping[str, str] = {
    "defaults": "{}\n",
    "names of their own": """\
labels: {namespace: ns, deployment: app, instance: pod, role: tier}
selectors: {env: prod}
scrape: {cluster: "eu$1", interval: 15s}
evaluation: {interval: 1m}
systems: {agent_server: {prefix: acme_, match: {job: agents}}}
thresholds: {redis_memory: 0.8}
alerts: {disable: [LangSightPathCardinality], labels: {team: "x: y"}}
dashboards: {folder: "", uid_prefix: acme-}
formats: {kubernetes: {namespace: observability, labels: {}, dashboards: operator}}
""",
    "addresses outside": """\
systems:
  agent_server: {scrape: {https: true, static: [{role: api, deployment: chat, namespace: vm, targets: ["10.0.0.7:8000"]}]}}
  langsight: {scrape: {dns: [{deployment: eu, names: [langsight.internal]}], label_limit: 0}}
  agentgateway: {versions: documented, scrape: {files: ["/etc/targets/*.yaml"], static: [{deployment: edge, targets: ["e:15020"]}]}}
  langsmith:
    scrape:
      static: [{role: queue-depth, deployment: t, targets: ["http://p:1986/metrics?format=json", "http://b/metrics/queue/host"]}]
      dns:
        - {role: backend, deployment: t, names: [langsmith-backend]}
        - {role: queue-depth, deployment: u, targets: ["http://c:1984/metrics/queue/default"]}
scrape: {external_labels: {replica: a}}
alertmanager: {webhook_url: "https://pager.example/", webhook_basic_auth: {username: a, password_file: /run/password}}
""",
    "all there is": """\
systems:
  agent_server: {versions: mixed, scrape: {kubernetes: {deployment_label: example.com/agent, namespaces: [a, b]}}}
  langsight: {scrape: {bearer_token_file: "", sample_limit: 0}}
  langsmith: {parts: [smithdb, sandboxes], scrape: {kubernetes: {fullname: ls, release: production}}}
alerts: {enable: [AgentServerHttp5xxRatio]}
alertmanager: {webhook_url: "http://pager:9095/", webhook_bearer_token_file: /run/token}
""",
    "through Services": """\
systems: {shop: {catalogue: ./shop.yaml, scrape: {kubernetes: {namespaces: [shops]}}}}
formats: {kubernetes: {service_monitors: [agent_server, agentgateway, langsight, shop]}}
""",
    "probes of readiness": """\
scrape: {cluster: eu}
labels: {instance: pod}
systems:
  agent_server:
    match: {job: agents}
    scrape:
      blackbox_exporter: blackbox.monitoring:9115
      static: [{role: api, deployment: chat, targets: ["10.0.0.7:8000"]}, {role: queue, deployment: chat, targets: ["10.0.0.8:8000"]}]
      dns: [{role: api, deployment: notes, names: [notes.internal]}]
      kubernetes: {namespaces: [a]}
  langsight: {scrape: {blackbox_exporter: "[::1]:9115", blackbox_module: slow, https: true}}
""",
}

#: Secrets that are made when the objects are applied.
SECRETS = """\
{apiVersion: v1, kind: Secret, metadata: {name: langsight-token}, stringData: {token: sight}}
---
{apiVersion: v1, kind: Secret, metadata: {name: agentobs-webhook}, stringData: {username: a, password: b, token: c}}
"""


class _Loader(yaml.CSafeLoader):
    """Reads `=` as the text that it is in the CRDs."""


_Loader.yaml_implicit_resolvers = {
    key: one for key, one in yaml.CSafeLoader.yaml_implicit_resolvers.items() if key != "="
}


#: The catalogue of an operator's own system.
SHOP = (ROOT / "tests/data/shop.yaml").read_text(encoding="utf-8")


def made(
    text: str, folder: Path, shop: str = SHOP, kinds: Collection[Kind] = ("boards", "rules", "discovery")
) -> Bundle:
    """Return what is made for a configuration, which may name the shop's catalogue."""
    (folder / "shop.yaml").write_text(shop, encoding="utf-8")
    path = folder / "bundle.yaml"
    path.write_text(text, encoding="utf-8")
    return build(installation(load(), path), kinds=kinds)


def documents(bundle: Bundle, name: str) -> dict[PurePosixPath, list[Json]]:
    """Return the documents of every YAML file of a format."""
    files = FORMATS[name].render(bundle)
    return {path: loaded(text) for path, text in files.items() if path.suffix == ".yaml"}


def loaded(text: str) -> list[Json]:
    """Return the documents of a text; libyaml's loader takes a tenth of the time."""
    return [one for one in yaml.load_all(text, Loader=_Loader) if one]


def dumped(listed: list[Json]) -> str:
    """Return the text of documents."""
    text: str = yaml.dump_all(listed, Dumper=yaml.CSafeDumper)
    return text


def write(bundle: Bundle, name: str, folder: Path) -> None:
    """Write the files of a format into a folder."""
    for path, text in FORMATS[name].render(bundle).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")


def objects(bundle: Bundle, name: str) -> list[Json]:
    """Return every object of a format, without the kustomizations."""
    return [one for listed in documents(bundle, name).values() for one in listed if one["kind"] != "Kustomization"]


def of(listed: list[Json], kind: str) -> dict[str, Json]:
    """Return the objects of one kind by name."""
    return {one["metadata"]["name"]: one for one in listed if one["kind"] == kind}


@dataclass(frozen=True, slots=True)
class Made:
    """What the operator made: configurations of its servers, rule files by the names of objects, and what it refused."""

    prometheus: Json
    alertmanager: Json
    rules: Mapping[str, Json]
    refused: Mapping[str, str]


def operated(listed: list[Json], **flags: str) -> Made:
    """Return what prometheus-operator makes of objects, by its own code."""
    program = golang.program(ROOT / "testbed/kubernetes/operator", "operator")
    if not program.path:
        pytest.skip(program.reason)
    words = [str(program.path), *(f"-{name}={value}" for name, value in flags.items())]
    text = SECRETS + "---\n" + dumped(listed)
    done = subprocess.run(words, input=text, capture_output=True, text=True, timeout=120, check=False)
    assert not done.returncode, done.stderr
    raw = json.loads(done.stdout)
    rules = {name: loaded(content)[0] for name, content in raw["rules"].items()}
    return Made(loaded(raw["prometheus"])[0], loaded(raw["alertmanager"])[0], rules, raw["refused"])


def strict(schema: Json) -> Json:
    """Return a schema of a CRD in which a key that it does not name is a mistake, not one that is pruned in silence."""
    out = {key: strict(value) if isinstance(value, dict) else value for key, value in schema.items()}
    if "properties" in schema:
        out["properties"] = {key: strict(value) for key, value in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            out.setdefault("additionalProperties", False)
    return out


def crds() -> Iterator[Json]:
    """Yield the CRDs of every operator that Go's proxy has."""
    for path, version in MODULES.items():
        found = golang.module(path, version)
        if not found.path:
            pytest.skip(found.reason)
        files = [file for pattern in CRDS for file in sorted(found.path.glob(pattern))]
        assert files, found.path
        for file in files:
            yield from loaded(file.read_text(encoding="utf-8"))


def schemas() -> dict[tuple[str, str], Json]:
    """Return the strict schema of every version and kind that an operator has."""
    return {
        (f"{crd['spec']['group']}/{version['name']}", crd["spec"]["names"]["kind"]): strict(
            version["schema"]["openAPIV3Schema"]
        )
        for crd in crds()
        for version in crd["spec"]["versions"]
    }
