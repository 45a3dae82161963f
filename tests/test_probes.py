"""The json_exporter's modules make of LangSmith's JSON what the catalogue says, and Prometheus asks for the right page."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import requests
import yaml

from generator.config.site import Site
from generator.discovery.probes import modules
from generator.discovery.scrape import jobs
from generator.errors import ConfigError
from generator.outputs import FORMATS
from tests.langsmith import serving

#: What a module and a metric of it may have. Source: config/config.go of prometheus-community/json_exporter 0.7.
MODULE = {"headers", "metrics", "http_client_config", "body", "valid_status_codes"}
METRIC = {
    "name",
    "path",
    "engine",
    "labels",
    "type",
    "valuetype",
    "epochTimestamp",
    "help",
    "values",
    "allow_missing_key",
}

PATH = re.compile(r"\{ ((?:\.\w+)+) \}")


def extracted(document: Any, path: str) -> float:
    """Follow a JSONPath of the one shape that the modules use: `{ .a.b }`."""
    found = PATH.fullmatch(path)
    assert found, path
    for name in found[1].split(".")[1:]:
        document = document[name]
    return float(document)


def test_modules_have_the_exporter_s_fields_and_no_others(site: Site) -> None:
    made = modules(site)["modules"]

    assert set(made) == {"langsmith-pending", "langsmith-queue-default", "langsmith-queue-host"}
    for module in made.values():
        assert set(module) <= MODULE
        for metric in module["metrics"]:
            assert set(metric) <= METRIC
            assert metric["valuetype"] in {"gauge", "counter", "untyped"}


def test_metrics_of_one_name_share_help_type_and_label_names(site: Site) -> None:
    """Else the exporter's registry refuses the page as inconsistent."""
    for module in modules(site)["modules"].values():
        shapes = {(m["name"], m["help"], m["valuetype"], tuple(m["labels"])) for m in module["metrics"]}
        assert len(shapes) == len({m["name"] for m in module["metrics"]})


def test_modules_make_of_the_json_what_the_page_of_the_queues_shows(site: Site) -> None:
    """The simulated services answer the chart's JSON; the fields that the modules name are in it."""
    paths = {p.module: p for p in site.catalogue.systems["langsmith"].endpoint.json}
    with serving(role="platform-backend") as (url, hosting):
        hosting.service.apply(
            {"workload": {"arrivals": {"ingestion": 500}, "capacity": {"ingestion": 0, "default": 0}}}
        )
        hosting.service.advance(hosting.service.now + 60)
        for name, module in modules(site)["modules"].items():
            document = requests.get(url + paths[name].path, timeout=10).json()
            made = {m["labels"]["queue"]: extracted(document, m["path"]) for m in module["metrics"]}
            assert set(made) == set(paths[name].fields)
            if name == "langsmith-pending":
                assert made["ingestion"] >= 30_000
            if name == "langsmith-queue-default":
                assert made["default"] >= 100


def relabelled(rules: list[dict[str, Any]], address: str) -> dict[str, str]:
    """Apply relabelling as Prometheus does, for the action `replace`."""
    labels = {"__address__": address}
    for rule in rules:
        value = ";".join(labels.get(name, "") for name in rule.get("source_labels", ()))
        match = re.fullmatch(rule.get("regex", "(.*)"), value)
        if match:
            labels[rule["target_label"]] = match.expand(rule.get("replacement", "$1").replace("$", "\\"))
    return labels


#: The pages of the demo as fixed targets.
PAGES = """
systems:
  langsmith:
    scrape:
      static:
        - role: queue-depth
          deployment: demo
          targets: ["http://langsmith-platform-backend:1986/metrics?format=json", "http://langsmith-backend:1984/metrics/queue/default"]
"""


def test_a_target_of_the_queues_becomes_a_question_to_the_exporter(configured: Callable[[str], Site]) -> None:
    """Module by path, the page as target, an instance per page, one address."""
    site = configured(PAGES)
    (plain, probing) = jobs(site, "langsmith", "file")
    (static,) = jobs(site, "langsmith", "static")
    assert plain["relabel_configs"][0] == {"source_labels": ["role"], "regex": "queue-depth", "action": "drop"}
    assert probing["relabel_configs"][0]["action"] == "keep"
    assert probing["metrics_path"] == static["metrics_path"] == "/probe"

    asked = [relabelled(static["relabel_configs"], t) for g in static["static_configs"] for t in g["targets"]]

    assert [(a["__param_module"], a["__param_target"], a["instance"]) for a in asked] == [
        ("langsmith-pending", "http://langsmith-platform-backend:1986/metrics?format=json",
         "langsmith-platform-backend:1986/metrics"),
        ("langsmith-queue-default", "http://langsmith-backend:1984/metrics/queue/default",
         "langsmith-backend:1984/metrics/queue/default"),
    ]  # fmt: skip
    assert {a["__address__"] for a in asked} == {"langsmith-json-exporter:7979"}


def test_in_kubernetes_the_addresses_follow_from_release_and_namespace(configured: Callable[[str], Site]) -> None:
    """The host queue is there only with the control plane; without one release and one namespace nothing can be said."""
    text = "systems: {langsmith: {roles: %s, scrape: {kubernetes: {release: ls, namespaces: %s}}}}\n"

    def urls(roles: str, namespaces: str) -> list[str]:
        found = jobs(configured(text % (roles, namespaces)), "langsmith", "kubernetes")
        return [t for job in found for g in job.get("static_configs", ()) for t in g["targets"]]

    assert urls("[backend, platform-backend, queue-depth]", "[prod]") == [
        "http://ls-langsmith-platform-backend.prod.svc.cluster.local:1986/metrics?format=json",
        "http://ls-langsmith-backend.prod.svc.cluster.local:1984/metrics/queue/default",
    ]
    assert urls("[backend, host-backend, queue-depth]", "[prod]")[-1].endswith("/metrics/queue/host")
    assert urls("[backend, queue-depth]", "[prod, dev]") == []
    assert urls("[backend]", "[prod]") == []


def test_by_dns_the_exporter_s_name_is_looked_up_and_each_page_is_a_job(
    demo: Site, configured: Callable[[str], Site]
) -> None:
    """Without an exporter there is no target; with one, the question and the labels are those of fixed targets."""
    (static,) = jobs(configured(PAGES), "langsmith", "static")
    asked = [relabelled(static["relabel_configs"], t) for g in static["static_configs"] for t in g["targets"]]

    found = [j for j in jobs(demo, "langsmith", "dns") if j.get("metrics_path") == "/probe"]

    assert [j["dns_sd_configs"][0]["names"] for j in found] == [["langsmith-json-exporter"]] * 2
    assert {j["dns_sd_configs"][0]["port"] for j in found} == {7979}
    assert [(j["params"]["module"], j["params"]["target"]) for j in found] == [
        ([a["__param_module"]], [a["__param_target"]]) for a in asked
    ]
    labels = [relabelled(j["relabel_configs"], "10.0.0.1:7979") for j in found]
    assert [(one["instance"], one["role"], one["deployment"]) for one in labels] == [
        (a["instance"], "queue-depth", "demo") for a in asked
    ]
    assert demo.config.systems["langsmith"].discovery.kinds == ("dns",)


@pytest.mark.parametrize(
    ("group", "what"),
    [
        ("{deployment: d, role: queue-depth, names: [x]}",
         "of the role 'queue-depth' it is the json_exporter's name that is looked up, for addresses of JSON pages; "
         "leave out names and port, and list the pages: targets: [http://host:port/path]; the exporter is json_exporter"),
        ("{deployment: d, role: backend, targets: [http://x/y]}",
         "the group has no DNS names to look up; write names: [NAME]"),
        ("{deployment: d, role: queue-depth, targets: [http://x/y]}",
         "'http://x/y' is no known JSON page; "
         "end it with one of /metrics?format=json, /metrics/queue/default, /metrics/queue/host"),
    ],
    ids=["names of pages", "pages of processes", "an unknown page"],
)  # fmt: skip
def test_a_group_that_dns_cannot_find_is_told(configured: Callable[[str], Site], group: str, what: str) -> None:
    """With its line and a way out."""
    with pytest.raises(ConfigError) as caught:
        configured(f"systems:\n  langsmith:\n    scrape:\n      dns:\n        - {group}\n")

    assert [str(p) for p in caught.value.problems] == [f"bundle.yaml:5: {what}"]


def test_the_modules_are_a_file_of_their_own(site: Site) -> None:
    """The exporter takes the generated file as it is."""
    from generator.bundle import build

    (text,) = [t for p, t in FORMATS["files"].render(build(site)).items() if p.name == "json_exporter.yaml"]

    assert yaml.safe_load(text) == modules(site)
