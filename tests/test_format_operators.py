"""Operators take the objects, and their servers find and tell what those of the plain files find and tell."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from generator.bundle import Bundle, build
from generator.config.site import Site
from generator.outputs import documents
from generator.outputs.kubernetes.objects import named
from generator.outputs.kubernetes.scraping import jobs_of
from testbed.servers import Prometheus, find, missing
from tests import operators
from tests.kubernetes import CLUSTERS, Json, discovered
from tests.operators import BUNDLES
from tests.test_kubernetes import looked, watched

pytestmark = pytest.mark.matrix

#: Kinds of ours that no CRD is for.
PLAIN = {"ConfigMap", "Kustomization"}

#: The cluster with every chart, and a blackbox_exporter that asks who can be asked.
_ASKED = {"scrape": {"blackbox_exporter": "blackbox:9115"}}
READY = {
    **CLUSTERS[0],
    "cluster": "readiness",
    "bundle": {"systems": dict.fromkeys(("agent_server", "langsight"), _ASKED)},
}


#: The same with a Service before every pod of a role that may have one, whose port is another than the page's.
_SERVED = {"labels": {}, "ports": {"traffic": 80}}
SERVICES = {
    **CLUSTERS[0],
    "cluster": "Services",
    "bundle": {"formats": {"kubernetes": {"service_monitors": ["agent_server", "agentgateway", "langsight"]}}},
    "pods": [{"services": {f"{pod['name']}-front": _SERVED}, **pod} for pod in CLUSTERS[0]["pods"]],
}


@pytest.fixture(scope="module")
def schemas() -> dict[tuple[str, str], Draft202012Validator]:
    """The strict schema of every version and kind."""
    return {key: Draft202012Validator(one) for key, one in operators.schemas().items()}


@pytest.fixture(scope="module", params=BUNDLES)
def bundle(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return operators.made(BUNDLES[request.param], tmp_path_factory.mktemp("bundle"))


def test_every_object_is_one_of_its_crd(bundle: Bundle, schemas: dict[tuple[str, str], Draft202012Validator]) -> None:
    """No key is one that the API server would prune in silence."""
    listed = [one for one in operators.objects(bundle, "kubernetes") if one["kind"] not in PLAIN]
    wrong = [
        f"{one['kind']} {one['metadata']['name']}: {error.json_path}: {error.message[:200]}"
        for one in listed
        for error in schemas[one["apiVersion"], one["kind"]].iter_errors(one)
    ]

    assert wrong == []
    assert {one["kind"] for one in listed} >= {"PrometheusRule", "AlertmanagerConfig", "GrafanaDashboard"}


def test_a_misspelt_key_is_seen(schemas: dict[tuple[str, str], Draft202012Validator], tmp_path: Path) -> None:
    """The schemas of the CRDs alone would take it."""
    (monitor, *_) = operators.of(
        operators.objects(operators.made("{}\n", tmp_path), "kubernetes"), "PodMonitor"
    ).values()
    monitor["spec"]["podMetricsEndpoints"][0]["relabeling"] = []

    assert not schemas["monitoring.coreos.com/v1", "PodMonitor"].is_valid(monitor)


def test_the_operator_refuses_nothing_and_its_rules_are_ours(bundle: Bundle) -> None:
    """Its selection, its validation, its rule files: by the labels that objects are selected by."""
    labels = bundle.site.config.formats.kubernetes.labels
    made = operators.operated(
        operators.objects(bundle, "kubernetes"), selector=",".join(f"{k}={v}" for k, v in labels.items())
    )

    assert made.refused == {}
    groups = {name: {group["name"]: group["rules"] for group in one["groups"]} for name, one in made.rules.items()}
    assert groups == {
        named(bundle, stem): {group["name"]: group["rules"] for group in document["groups"]}
        for stem, document in documents.rules(bundle).items()
    }


def test_an_operator_that_selects_by_another_label_takes_none(tmp_path: Path) -> None:
    """So the test above shows that the labels are what selects."""
    listed = operators.objects(operators.made("{}\n", tmp_path), "kubernetes")
    made = operators.operated(listed, selector="release=another")

    assert (made.rules, made.prometheus["scrape_configs"], made.alertmanager.get("inhibit_rules")) == ({}, [], None)


@pytest.mark.parametrize("role", ["Endpoints", "EndpointSlice"])
@pytest.mark.parametrize("cluster", [*CLUSTERS, READY, SERVICES], ids=lambda c: c["cluster"].replace(" ", "-"))
def test_monitors_find_what_the_fragments_find(cluster: Json, role: str, configured: Callable[[str], Site]) -> None:
    """The same targets with the same labels, all of them, job by job: a real Prometheus relabels the pods of the charts for both."""
    program = find("prometheus", "newest")
    if not program.path:
        missing(program.reason)
    assert program.path
    site = configured(yaml.safe_dump(cluster["bundle"]))
    made = operators.operated(operators.objects(build(site), "kubernetes"), role=role)
    assert made.refused == {}

    found = []
    for config, files in (watched(site, cluster["pods"]), played(made.prometheus, cluster["pods"])):
        with Prometheus(program.path, yaml.safe_dump(config), files=files) as server:
            targets = [target for target in looked(server, files) if target["labels"].get("role") != "queue-depth"]
            pages = [
                target for target in server.get("/api/v1/targets")["activeTargets"] if "probe" in target["scrapeUrl"]
            ]
        found.append(
            sorted(json.dumps([one["labels"], one["scrapeUrl"]], sort_keys=True) for one in (*targets, *pages))
        )

    ours, theirs = found
    assert theirs == ours
    assert len(ours) > 1


def played(made: Json, pods: list[Json]) -> tuple[Json, dict[str, str]]:
    """Return the operator's configuration as one that reads target files, and these files; no scrape comes before the test is over.

    The one shard has the number 0, which the reloader beside a Prometheus writes into its configuration.
    """
    files, jobs = {}, []
    for number, job in enumerate(json.loads(json.dumps(made["scrape_configs"]).replace("$(SHARD)", "0"))):
        plain = {k: v for k, v in job.items() if k not in {"authorization", "scrape_interval", "scrape_timeout"}}
        plain["job_name"] = f"job-{number}"
        for wanted in plain.pop("kubernetes_sd_configs", ()):
            files[f"job-{number}.json"] = json.dumps(discovered(pods, wanted))
            plain["file_sd_configs"] = [{"files": [f"job-{number}.json"]}]
        jobs.append(plain)
    return {"global": {"scrape_interval": "1d", "scrape_timeout": "1s"}, "scrape_configs": jobs}, files


def test_pages_are_asked_as_the_jobs_ask_them(bundle: Bundle) -> None:
    """Interval, time-out, path, scheme, limits, token, parameters and addresses, of every job."""
    made = operators.operated(operators.objects(bundle, "kubernetes"))
    ours = [job for listed in jobs_of(bundle).values() for job in listed]

    timing = bundle.site.timing
    wanted = [
        json.dumps(_asked({"scrape_interval": timing.scrape, "scrape_timeout": timing.timeout, **job}), sort_keys=True)
        for scrape_job in ours
        for job in _split(scrape_job)
    ]
    jobs = [json.dumps(_asked(job), sort_keys=True) for job in made.prometheus["scrape_configs"]]
    assert sorted(jobs) == sorted(wanted)


def _split(job: Json) -> list[Json]:
    """Return the jobs that one of ours is as Probes: one per page, for each has a module."""
    modules = {
        r["regex"]: r["replacement"] for r in job["relabel_configs"] if r.get("target_label") == "__param_module"
    }
    if not modules:
        return [job]
    return [
        {**job, "params": {"module": [module]}, "static_configs": [{**group, "targets": [target]}]}
        for group in job["static_configs"]
        for target in group["targets"]
        for regex, module in modules.items()
        if re.fullmatch(regex, target)
    ]


def _asked(job: Json) -> Json:
    """Return what a job asks, without what only says whom it finds."""
    keys = ("scrape_interval", "scrape_timeout", "sample_limit", "label_limit", "params")
    found = {key: job[key] for key in keys if key in job}
    found["token"] = "authorization" in job
    found["path"], found["scheme"] = job.get("metrics_path", "/metrics"), job.get("scheme", "http")
    found["metrics"] = [{"action": "replace", **rule} for rule in job.get("metric_relabel_configs", ())]
    found["dns"] = [
        {key: one[key] for key in ("names", "type", "port", "refresh_interval")}
        for one in job.get("dns_sd_configs", ())
    ]
    dropped = [
        label for r in job["relabel_configs"] if r.get("action") == "labeldrop" for label in r["regex"].split("|")
    ]
    found["static"] = [
        (group["targets"], {key: value for key, value in group.get("labels", {}).items() if key not in dropped})
        for group in job.get("static_configs", ())
    ]
    return found


@pytest.mark.parametrize("strategy", ["None", "OnNamespace"])
def test_alertmanager_tells_the_same_below_the_route_of_the_operator(bundle: Bundle, strategy: str) -> None:
    """With the strategy None; the default one narrows everything to alerts that have the namespace of the object."""
    made = operators.operated(operators.objects(bundle, "kubernetes"), strategy=strategy)
    (route,) = made.alertmanager["route"]["routes"]
    wanted = documents.alertmanager_yml(bundle)
    prefix = f"monitoring/{named(bundle, 'alerts')}/"

    narrowed = ['namespace="monitoring"'] if strategy == "OnNamespace" else []
    assert route.pop("continue") is True
    assert route.pop("matchers", []) == narrowed
    assert plain(route, prefix) == plain(wanted["route"], "")
    rules = [
        {key: sorted({*one[key]} - {*narrowed}) for key in sorted(one)} for one in made.alertmanager["inhibit_rules"]
    ]
    assert rules == [{key: sorted(one[key]) for key in sorted(one)} for one in wanted["inhibit_rules"]]
    hooks = {
        one["name"].removeprefix(prefix): hooked(one) for one in made.alertmanager["receivers"] if one["name"] != "null"
    }
    assert hooks == {one["name"]: hooked(one) for one in wanted["receivers"]}


def hooked(receiver: Json) -> list[tuple[str, list[str]]]:
    """Return the addresses of a receiver and how each is logged in to."""
    return [
        (one["url"], [key for key in one.get("http_config", {}) if key in {"basic_auth", "authorization"}])
        for one in receiver.get("webhook_configs", ())
    ]


def plain(route: Json, prefix: str) -> Json:
    """Return a route with the names of receivers as we say them."""
    routes = {"routes": [plain(one, prefix) for one in route["routes"]]} if "routes" in route else {}
    return {**route, "receiver": route["receiver"].removeprefix(prefix), **routes}
