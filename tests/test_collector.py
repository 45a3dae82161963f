"""The collector's configurations: whole, consistent, and what they scrape is what Prometheus would scrape."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from generator.config.site import Site
from generator.discovery.collector import configurations
from generator.discovery.scrape import jobs
from testbed.servers import Prometheus, find, missing

from .conftest import ROOT
from .test_real_prometheus import knows_kubernetes

#: What the collector accepts, of the components that are used. Sources: their config.go.
SCHEMA = Draft202012Validator(json.loads((Path(__file__).parent / "collector.schema.json").read_text(encoding="utf-8")))


def made(site: Site) -> dict[str, Any]:
    return dict(configurations(site))


def test_every_configuration_has_only_what_its_components_know(site: Site) -> None:
    for name, document in made(site).items():
        assert [f"{list(e.path)}: {e.message}" for e in SCHEMA.iter_errors(document)] == [], name


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["receivers"]["otlp"].update(protocol="grpc"),
        lambda d: d["processors"]["memory_limiter"].pop("check_interval"),
        lambda d: d["exporters"]["prometheusremotewrite"].update(endpoint=""),
        lambda d: d["service"]["pipelines"]["metrics"].update(receivers=[]),
        lambda d: d.update(recievers={}),
    ],
)
def test_the_schema_refuses_what_the_collector_would(site: Site, change: Callable[[dict[str, Any]], None]) -> None:
    document = json.loads(json.dumps(made(site)["langsmith.otel-gateway.yaml"]))
    change(document)

    assert not SCHEMA.is_valid(document)


def test_pipelines_use_what_is_defined_and_everything_that_is(site: Site) -> None:
    """The collector refuses an undefined component, and an unused one is a mistake."""
    for document in made(site).values():
        pipelines = document["service"]["pipelines"].values()
        for kind in ("receivers", "processors", "exporters"):
            assert {name for p in pipelines for name in p[kind]} == set(document[kind])
        assert set(document["service"].get("extensions", ())) == set(document.get("extensions", {}))
        assert all(p["processors"][0] == "memory_limiter" for p in pipelines)


def test_names_reach_prometheus_as_the_boards_read_them(site: Site) -> None:
    """ClickHouse's and nginx's counters have no `_total`; the exporter would add it."""
    gateway = made(site)["langsmith.otel-gateway.yaml"]

    assert gateway["exporters"]["prometheusremotewrite"]["add_metric_suffixes"] is False


def test_a_dollar_of_a_relabelling_is_no_variable(site: Site) -> None:
    """The collector expands `$1` and `${env:X}` alike, `$$` is a dollar."""
    document = made(site)["langsmith.otel-gateway.yaml"]
    text = json.dumps(document["receivers"]["prometheus"])

    assert "$$1" in text
    assert re.findall(r"(?<!\$)\$(?!\$)", text.replace("$$", "")) == []
    unescaped = json.loads(text.replace("$$", "$"))["config"]["scrape_configs"]
    assert unescaped == jobs(site, "langsmith", "kubernetes")


def test_logs_are_those_of_the_release(configured: Callable[[str], Site]) -> None:
    """The path of a pod's log begins with its namespace and its name, which the chart's fullname begins."""
    own = configured("systems: {langsmith: {scrape: {kubernetes: {release: ls, namespaces: [a, b]}}}}\n")

    receiver = made(own)["langsmith.otel-logs.yaml"]["receivers"]["filelog"]
    assert receiver["include"] == [f"/var/log/pods/{n}_ls-langsmith-*/*/*.log" for n in "ab"]


@pytest.mark.real
def test_prometheus_itself_takes_what_the_collector_is_told_to_scrape() -> None:
    """The receiver reads its part with Prometheus's own code; Debian's lacks Kubernetes, which is taken out for it."""
    newest = find("prometheus", "newest")
    if not newest.path:
        missing(newest.reason)
    assert newest.path
    text = (ROOT / "scrape" / "langsmith.otel-gateway.yaml").read_text(encoding="utf-8").replace("$$", "$")
    config = yaml.safe_load(text)["receivers"]["prometheus"]["config"]
    names = [job["job_name"] for job in config["scrape_configs"]]
    if not knows_kubernetes(newest.path):
        for job in config["scrape_configs"]:
            job.pop("kubernetes_sd_configs", None)

    with Prometheus(newest.path, yaml.safe_dump(config)) as server:
        loaded = yaml.safe_load(server.get("/api/v1/status/config")["yaml"])

    assert [job["job_name"] for job in loaded["scrape_configs"]] == names
