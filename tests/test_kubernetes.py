"""Kubernetes fragments find our servers, all of them, and nothing else: a real Prometheus relabels the pods of the charts."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from generator.catalogue import Catalogue
from generator.config.settings import Kubernetes
from generator.config.site import Site
from generator.discovery.kubernetes import fullname
from generator.discovery.scrape import fragments
from testbed.servers import Prometheus, find, missing, wait_until
from tests.kubernetes import CLUSTERS, Json, discovered

#: What discovery promises of a target; the cluster where it is configured.
PROMISED = ("system", "cluster", "namespace", "deployment", "role", "instance")


def watched(site: Site, pods: list[Json]) -> tuple[Json, dict[str, str]]:
    """Return every Kubernetes fragment as one configuration that reads target files, and these files.

    No scrape comes before the test is over: what is asked is who is found.
    """
    jobs = [job for name, made in fragments(site).items() if ".kubernetes." in name for job in made["scrape_configs"]]
    files = {}
    for job in jobs:
        job.pop("authorization", None)  # its file is the operator's
        for wanted in job.pop("kubernetes_sd_configs", ()):
            files[f"{job['job_name']}.json"] = json.dumps(discovered(pods, wanted))
            job["file_sd_configs"] = [{"files": [f"{job['job_name']}.json"]}]
    interval = {"scrape_interval": "1d", "scrape_timeout": "1s"}
    return {"global": interval, "scrape_configs": jobs}, files


def looked(server: Prometheus, files: dict[str, str]) -> list[Json]:
    """Return the active targets, once every target of every file was read: kept, or dropped by relabelling."""
    wanted = {name.removesuffix(".json"): len(json.loads(text)) for name, text in files.items()}
    answer: Json = {}

    def all_read() -> bool:
        answer.update(server.get("/api/v1/targets"))
        seen = [t["scrapePool"] for t in answer["activeTargets"]]
        seen += [t["discoveredLabels"]["job"] for t in answer["droppedTargets"]]
        return all(seen.count(job) == number for job, number in wanted.items())

    wait_until(all_read, what=f"{sum(wanted.values())} targets to be relabelled", limit_seconds=60)
    return [t for t in answer["activeTargets"] if t["scrapePool"] in wanted]


def promised(site: Site, pods: list[Json]) -> list[dict[str, str]]:
    """Return what has to be found, by the target labels' own names."""
    return [
        {
            "address": str(found["port"]),
            **{key: value for key, value in found.items() if key in PROMISED},
            "namespace": pod.get("namespace", "default"),
            "instance": pod["name"],
            **({"cluster": site.config.cluster} if site.config.cluster else {}),
        }
        for pod in pods
        for found in pod.get("found", ())
    ]


def promised_labels(site: Site, target: Json) -> dict[str, str]:
    labels = {key: target["labels"].get(getattr(site.labels, key)) for key in PROMISED}
    address = target["discoveredLabels"]["__address__"].rpartition(":")[2]
    return {"address": address, **{key: value for key, value in labels.items() if value}}


def order(one: dict[str, str]) -> list[tuple[str, str]]:
    return sorted(one.items())


@pytest.mark.real
@pytest.mark.parametrize("age", ["oldest", "newest"])
@pytest.mark.parametrize("cluster", CLUSTERS, ids=lambda c: c["cluster"].replace(" ", "-"))
def test_ours_are_found_with_the_right_labels_and_nobody_else(
    cluster: Json, age: Any, configured: Callable[[str], Site]
) -> None:
    """Each pod of tests/data/pods.yaml is found as it says, once; a pod that says nothing is a stranger."""
    program = find("prometheus", age)
    if not program.path:
        missing(program.reason)
    assert program.path
    site = configured(yaml.safe_dump(cluster["bundle"]))
    config, files = watched(site, cluster["pods"])

    with Prometheus(program.path, yaml.safe_dump(config), files=files) as server:
        found = [promised_labels(site, target) for target in looked(server, files)]

    assert sorted(found, key=order) == sorted(promised(site, cluster["pods"]), key=order)


def test_the_clusters_have_every_role_and_strangers_that_look_like_each(catalogue: Catalogue) -> None:
    """A role that no pod plays would be a fragment that nobody ever tried."""
    pods = [pod for cluster in CLUSTERS for pod in cluster["pods"]]
    found = {(one["system"], one.get("role", "")) for pod in pods for one in pod.get("found", ())}
    wanted = {
        (name, role)
        for name, system in catalogue.systems.items()
        for role in (*system.endpoint.services, *system.endpoint.pods)
    }

    assert wanted <= found
    assert sum("found" not in pod for pod in pods) > 15


@pytest.mark.parametrize(
    ("release", "name"),
    [
        ("langsmith", "langsmith"),
        ("my-langsmith", "my-langsmith"),
        ("acme", "acme-langsmith"),
        ("a" * 60, "a" * 60 + "-la"),
        ("a" * 62, "a" * 62),
        ("", ""),
    ],
)
def test_the_fullname_is_helm_s(catalogue: Catalogue, release: str, name: str) -> None:
    """The release when it has the chart's name in it, else both; cut at 63 characters, without a hyphen at the end."""
    assert fullname(catalogue.systems["langsmith"], Kubernetes(release=release)) == name


def test_no_fragment_asks_for_endpoints(site: Site) -> None:
    """Kubernetes has deprecated them; a Service of more than 1,000 pods has only the first ones in them."""
    kinds = {
        entry["role"]
        for made in fragments(site).values()
        for job in made["scrape_configs"]
        for entry in job.get("kubernetes_sd_configs", ())
    }

    assert kinds == {"pod", "endpointslice"}


def test_a_page_whose_paths_nobody_bounds_has_a_limit(site: Site, configured: Callable[[str], Site]) -> None:
    """LangSight's by default; any other where it is configured, and 0 takes it away."""
    own = configured(
        "systems: {agent_server: {scrape: {sample_limit: 30000}}, langsight: {scrape: {sample_limit: 0, label_limit: 9}}}\n"
    )

    def limits(of: Site, name: str) -> set[tuple[Any, Any]]:
        made = fragments(of)
        return {
            (job.get("sample_limit"), job.get("label_limit"))
            for job in [*made[f"{name}.kubernetes.yml"]["scrape_configs"], *made[f"{name}.file.yml"]["scrape_configs"]]
        }

    assert limits(site, "langsight") == {(50_000, 30)}
    assert limits(site, "agent_server") == {(None, None)}
    assert limits(own, "langsight") == {(None, 9)}
    assert limits(own, "agent_server") == {(30_000, None)}
