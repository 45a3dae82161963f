"""The Collector for every system: it scrapes what Prometheus would, and hands names and labels on as they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from generator.bundle import Bundle, Kind, build
from generator.config.site import Site
from generator.outputs import collector, timescale
from generator.outputs.collector import CONFIGURATION, RECEIVING

from .test_artefacts import CONFIGURATIONS
from .test_collector import SCHEMA
from .test_own_system import BUNDLE, CATALOGUE

Json = dict[str, Any]

#: All that these files are made of.
DISCOVERY: tuple[Kind, ...] = ("discovery",)

#: What a job has here beside what the scrape files say, where its page shows `target_info`.
CARRIED = {
    "source_labels": ["__name__"],
    "regex": "target_info",
    "target_label": "__name__",
    "replacement": "agentobs_target_info",
}

FURTHER = {
    "own labels": "labels: {instance: pod, deployment: release}\nscrape: {cluster: eu, external_labels: {replica: a}}\n",
    "own system": BUNDLE,
    "by otlp": "formats: {collector: {exporter: otlp_http, endpoint: 'http://prometheus:9090/api/v1/otlp'}}\n"
    "scrape: {external_labels: {replica: a}}\nalertmanager: {replica_labels: [replica]}\n",
    "several kinds": "systems: {agent_server: {scrape: {files: [/t/*.yaml], kubernetes: {namespaces: [a]}, "
    "static: [{deployment: a, role: api, targets: ['10.0.0.1:8000']}]}}}\n",
}


def read(bundle: Bundle) -> tuple[Json, Json]:
    """Return the two files as they read: the Collector's and Prometheus'."""
    made = collector.render(bundle)
    return yaml.safe_load(made[CONFIGURATION]), yaml.safe_load(made[RECEIVING])


def jobs(document: Json) -> list[Json]:
    """Return the jobs as the receiver sees them, but for `CARRIED`, behind the expansion of variables: `$$` is a dollar."""
    text = json.dumps(document["receivers"]["prometheus"]["config"]["scrape_configs"])
    assert "$" not in text.replace("$$", "")
    found: list[Json] = json.loads(text.replace("$$", "$"))
    for job in found:
        rules = job.get("metric_relabel_configs", [])
        if CARRIED in rules:
            assert rules.pop() == CARRIED, "it comes last"
            if not rules:
                del job["metric_relabel_configs"]
    return found


@pytest.fixture
def bundled(configured: Callable[[str], Site], tmp_path: Path) -> Callable[[str], Bundle]:
    """Make a bundle; a catalogue of an own system lies beside the configuration."""

    def make(name: str) -> Bundle:
        (tmp_path / "shop.yaml").write_text(CATALOGUE, encoding="utf-8")
        return build(configured((CONFIGURATIONS | FURTHER)[name]), kinds=DISCOVERY)

    return make


@pytest.mark.parametrize("name", ["mixed", "selectors", *FURTHER])
def test_it_scrapes_what_the_scrape_files_do(name: str, bundled: Callable[[str], Bundle]) -> None:
    """Job by job what stands in the fragments of those kinds, and what prometheus.yml would scrape where it says how."""
    bundle = bundled(name)
    document, receiving = read(bundle)
    enabled = {name: s for name, s in bundle.site.config.systems.items() if s.enabled}
    wanted = [
        job
        for name, system in enabled.items()
        for kind in system.discovery.kinds or ("kubernetes",)
        for job in bundle.fragments[f"{name}.{kind}.yml"]["scrape_configs"]
    ]
    own = [job for job in bundle.prometheus["scrape_configs"] if job["job_name"] not in ("prometheus", "alertmanager")]

    assert jobs(document) == wanted
    assert [job for job in wanted if job in own] == own
    assert [job["job_name"] for job in receiving["scrape_configs"]] == ["prometheus", "alertmanager"]
    assert [f"{list(e.path)}: {e.message}" for e in SCHEMA.iter_errors(document)] == []
    assert collector.left_out(bundle) == []


@pytest.mark.parametrize("name", ["mixed", *FURTHER])
def test_what_is_defined_is_used_and_names_stay(name: str, bundled: Callable[[str], Bundle]) -> None:
    document, receiving = read(bundled(name))
    (pipeline,) = document["service"]["pipelines"].values()
    (exporter,) = document["exporters"].values()

    for kind in ("receivers", "processors", "exporters"):
        assert sorted(pipeline[kind]) == sorted(document[kind])
    assert (pipeline["processors"][0], pipeline["processors"][-1]) == ("memory_limiter", "batch")
    if name == "by otlp":
        assert receiving["otlp"] == {"translation_strategy": "NoTranslation"}
    else:
        assert exporter["translation_strategy"] == "UnderscoreEscapingWithoutSuffixes"
        assert exporter["disable_scope_info"] is True
        assert "otlp" not in receiving


def test_labels_of_the_whole_are_on_every_series(bundled: Callable[[str], Bundle]) -> None:
    """The receiver puts them on, whichever exporter hands the series on."""
    for name in ("own labels", "by otlp"):
        document, _ = read(bundled(name))
        assert document["receivers"]["prometheus"]["config"]["global"]["external_labels"] == {"replica": "a"}


def test_where_it_writes_is_said_or_a_variable(bundled: Callable[[str], Bundle], site: Site) -> None:
    by_itself, _ = read(build(site, kinds=DISCOVERY))
    otlp, _ = read(bundled("by otlp"))

    assert by_itself["exporters"]["prometheus_remote_write"]["http"] == {
        "endpoint": "${env:PROMETHEUS_REMOTE_WRITE_URL}"
    }
    assert otlp["exporters"]["otlp_http"] == {"endpoint": "http://prometheus:9090/api/v1/otlp"}


def test_a_system_that_nothing_finds_is_left_out_by_name(bundled: Callable[[str], Bundle]) -> None:
    """With one system alone, which has no pods, there is nothing to collect, and still a Prometheus."""
    bundle = bundled("own system")
    config = bundle.site.config
    shop = config.systems["shop"]
    nowhere = replace(shop, discovery=replace(shop.discovery, kinds=("static",), static=()))
    alone = replace(bundle, site=replace(bundle.site, config=replace(config, systems={"shop": nowhere})))

    assert list(collector.render(alone)) == [RECEIVING]
    assert [out.what for out in collector.left_out(alone)] == ["shop"]


def test_info_metrics_get_their_names_back(bundled: Callable[[str], Bundle], site: Site) -> None:
    """Those of the enabled systems, an own one's too, and the one of which the receiver would make attributes."""

    def renamed(bundle: Bundle) -> dict[str, str]:
        transforms = read(bundle)[0]["processors"]["metrics_transform"]["transforms"]
        return {one["include"]: one["new_name"] for one in transforms}

    default = build(site, kinds=DISCOVERY)
    assert renamed(default)["agentgateway_build"] == "agentgateway_build_info"
    assert renamed(default)["agentobs_target_info"] == "target_info"
    scraped = read(default)[0]["receivers"]["prometheus"]["config"]["scrape_configs"]
    carrying = {job["job_name"] for job in scraped if CARRIED in job.get("metric_relabel_configs", [])}
    assert carrying == {job["job_name"] for job in scraped if job["job_name"].startswith("agent-server")}
    assert carrying
    assert renamed(bundled("own system"))["shop_build"] == "shop_build_info"

    config = site.config
    only = {"langsight": config.systems["langsight"]}
    without = replace(default, site=replace(site, config=replace(config, systems=only)))
    assert "metrics_transform" not in read(without)[0]["processors"], "LangSight has none"


def test_on_a_fast_clock_nothing_waits_longer(site: Site) -> None:
    made = collector.render(replace(build(site, kinds=DISCOVERY), time_scale=60))
    document, receiving = (yaml.safe_load(made[path]) for path in (CONFIGURATION, RECEIVING))

    assert all(text.startswith(timescale.banner(60)) for text in made.values())
    assert document["processors"]["batch"]["timeout"] == "17ms"
    assert document["receivers"]["prometheus"]["config"]["global"]["scrape_interval"] == "500ms"
    assert receiving["global"]["evaluation_interval"] == "500ms"
