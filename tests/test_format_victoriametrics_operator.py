"""Objects for VictoriaMetrics' operator say what the plain files say, in keys that its types have.

The operator's module is not to be had from Go's proxy, and so neither are its CRDs: the keys below are those of its published types
(api/operator/v1beta1), and nothing of the operator itself runs here.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from generator.bundle import Bundle, build
from generator.config.site import Site
from generator.outputs import FORMATS, documents
from generator.outputs.kubernetes.objects import named
from generator.outputs.kubernetes.scraping import jobs_of
from testbed.servers import Prometheus, Victoria, find, missing, wait_until
from tests import operators
from tests.kubernetes import CLUSTERS, discovered
from tests.operators import BUNDLES, Json, of
from tests.test_format_kubernetes import SNAKE
from tests.test_kubernetes import looked, watched

_PAGE = {"path", "scheme", "params", "interval", "scrapeTimeout", "sampleLimit", "authorization"}
_SCRAPED = {*_PAGE, "port", "relabelConfigs", "metricRelabelConfigs"}
_SELECTED = {"namespaceSelector", "selector"}
#: The keys of each kind that we may use, and those of what it lists under a key. The operator refuses an object with any other.
KEYS: dict[str, tuple[set[str], dict[str, set[str]]]] = {
    "VMRule": ({"groups"}, {"groups": {"name", "interval", "rules"}}),
    "VMPodScrape": ({*_SELECTED, "podMetricsEndpoints"}, {"podMetricsEndpoints": _SCRAPED}),
    "VMServiceScrape": ({*_SELECTED, "endpoints"}, {"endpoints": _SCRAPED}),
    "VMScrapeConfig": (
        {*_SCRAPED, "staticConfigs", "dnsSDConfigs", "kubernetesSDConfigs"} - {"port"},
        {
            "staticConfigs": {"targets", "labels"},
            "dnsSDConfigs": {"names", "type", "port"},
            "kubernetesSDConfigs": {"role", "namespaces"},
        },
    ),
    "VMAlertmanagerConfig": (
        {"route", "receivers", "inhibit_rules"},
        {
            "receivers": {"name", "webhook_configs"},
            "inhibit_rules": {"source_matchers", "target_matchers", "equal"},
        },
    ),
}


@pytest.fixture(scope="module", params=[*BUNDLES, "a system of their own"])
def bundle(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    own = "systems: {shop: {catalogue: ./shop.yaml, scrape: {kubernetes: {namespaces: [shops]}}}}\n"
    return operators.made(BUNDLES.get(request.param, own), tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def listed(bundle: Bundle) -> list[Json]:
    return operators.objects(bundle, "victoriametrics-operator")


def test_every_key_is_one_that_the_operator_has(listed: list[Json]) -> None:
    ours = [one for one in listed if one["kind"].startswith("VM")]
    for one in ours:
        outer, inner = KEYS[one["kind"]]
        assert one["apiVersion"] == "operator.victoriametrics.com/v1beta1"
        assert set(one["spec"]) <= outer, one["metadata"]["name"]
        for key, known in inner.items():
            for part in one["spec"].get(key, ()):
                assert set(part) <= known, (one["metadata"]["name"], key)

    assert {one["kind"] for one in ours} >= {"VMRule", "VMAlertmanagerConfig"}


def test_rules_are_those_of_the_plain_files(bundle: Bundle, listed: list[Json]) -> None:
    found = {name: one["spec"]["groups"] for name, one in of(listed, "VMRule").items()}

    assert found == {
        named(bundle, stem): [{"interval": bundle.site.timing.evaluation, **group} for group in document["groups"]]
        for stem, document in documents.rules(bundle).items()
    }


def test_scrapes_find_and_ask_as_the_jobs_of_the_plain_files(bundle: Bundle, listed: list[Json]) -> None:
    """Job by job: what is found, how it is asked, and the whole relabelling but for the port of a Service, which is a key."""
    kinds = ("VMPodScrape", "VMServiceScrape", "VMScrapeConfig")
    found = {name: one["spec"] for kind in kinds for name, one in of(listed, kind).items()}
    jobs = {named(bundle, job["job_name"]): job for some in jobs_of(bundle).values() for job in some}

    assert set(found) == set(jobs)
    for name, job in jobs.items():
        spec = found[name]
        (page,) = spec.get("podMetricsEndpoints") or spec.get("endpoints") or [spec]
        names = spec.get("namespaceSelector", {}).get("matchNames", [])
        if "kubernetesSDConfigs" in spec:
            assert spec["kubernetesSDConfigs"] == job["kubernetes_sd_configs"]
            names = spec["kubernetesSDConfigs"][0].get("namespaces", {}).get("names", [])
        assert names == job.get("kubernetes_sd_configs", [{}])[0].get("namespaces", {}).get("names", [])
        assert (page["interval"], page["scrapeTimeout"]) == (bundle.site.timing.scrape, bundle.site.timing.timeout)
        for key, theirs in (
            ("metrics_path", "path"),
            ("scheme", "scheme"),
            ("sample_limit", "sampleLimit"),
            ("params", "params"),
        ):
            assert page.get(theirs) == job.get(key)
        assert ("authorization" in page) == ("authorization" in job)
        assert spec.get("staticConfigs") == job.get("static_configs")
        head, called, *rules = [{SNAKE.get(k, k): v for k, v in rule.items()} for rule in page["relabelConfigs"]]
        wanted = [{"action": "replace", **rule} for rule in job["relabel_configs"]]
        if "endpoints" in spec:
            port = ["__meta_kubernetes_endpointslice_port_name"]
            ports = [rule["regex"] for rule in wanted if rule.get("source_labels") == port]
            assert ports == ([page["port"]] if "port" in page else [])
            wanted = [rule for rule in wanted if rule.get("source_labels") != port]
        assert (head["action"], called["replacement"], rules) == ("labeldrop", job["job_name"], wanted)
        metric = [{SNAKE.get(k, k): v for k, v in rule.items()} for rule in page.get("metricRelabelConfigs", ())]
        assert metric == [{"action": "replace", **rule} for rule in job.get("metric_relabel_configs", ())]


def test_notifications_are_those_of_the_plain_file(bundle: Bundle, listed: list[Json]) -> None:
    """In the same words, but for credentials, which are references to Secrets."""
    (one,) = of(listed, "VMAlertmanagerConfig").values()
    spec, wanted = one["spec"], documents.alertmanager_yml(bundle)

    assert (spec["route"], spec["inhibit_rules"]) == (wanted["route"], wanted["inhibit_rules"])
    receivers, plain = [[hooks(one) for one in listed] for listed in (spec["receivers"], wanted["receivers"])]
    assert receivers == plain
    text = operators.dumped([one])
    assert "_file" not in text
    assert text.count("name: agentobs-webhook") == text.count("http_config:") * (2 if "basic_auth" in text else 1)


def hooks(receiver: Json) -> tuple[str, list[tuple[str, list[str]]]]:
    """Return a receiver's name, and the addresses of its webhooks with how each is logged in to."""
    found = [(one["url"], list(one.get("http_config", {}))) for one in receiver.get("webhook_configs", ())]
    return receiver["name"], found


def test_boards_are_those_of_kubernetes(bundle: Bundle, listed: list[Json]) -> None:
    others = operators.objects(bundle, "kubernetes")

    for kind in ("ConfigMap", "GrafanaDashboard", "GrafanaFolder"):
        assert of(listed, kind) == of(others, kind)


def test_what_the_operator_has_no_key_for_is_left_out_by_name(bundle: Bundle) -> None:
    limits = [one.what for one in FORMATS["victoriametrics-operator"].left_out(bundle) if one.what == "label_limit"]

    assert len(limits) == bool(bundle.site.config.systems["langsight"].discovery.label_limit)


@pytest.mark.matrix
@pytest.mark.parametrize("cluster", CLUSTERS, ids=lambda c: c["cluster"].replace(" ", "-"))
def test_victoriametrics_relabels_the_pods_of_the_charts_as_prometheus_does(
    cluster: Json, configured: Callable[[str], Site]
) -> None:
    """The relabelling of the objects in a real VictoriaMetrics, that of the fragments in a real Prometheus: the same labels.

    What the operator puts before it is taken away by the first rule; the port of a Service is added here as it would be.
    """
    ours, theirs = find("prometheus", "newest"), find("victoria-metrics", "newest")
    for program in (ours, theirs):
        if not program.path:
            missing(program.reason)
    assert ours.path
    assert theirs.path
    site = configured(yaml.safe_dump(cluster["bundle"]))
    config, files = watched(site, cluster["pods"])
    with Prometheus(ours.path, yaml.safe_dump(config), files=files) as server:
        wanted = [identity(target) for target in looked(server, files)]
    jobs = relabelled(operators.objects(build(site), "victoriametrics-operator"), cluster["pods"])
    scrape = {"global": {"scrape_interval": "1d", "scrape_timeout": "1s"}, "scrape_configs": jobs}
    with Victoria(theirs.path, yaml.safe_dump(scrape)) as other:

        def active() -> list[Json]:
            listed: list[Json] = other.get("/api/v1/targets")["activeTargets"]
            return listed if len(listed) >= len(wanted) else []

        found = wait_until(active, what=f"{len(wanted)} targets to be found", limit_seconds=60)

    assert sorted(identity(target) for target in found) == sorted(wanted)


def identity(target: Json) -> str:
    return json.dumps([target["labels"], target["scrapeUrl"]], sort_keys=True)


def relabelled(listed: list[Json], pods: list[Json]) -> list[Json]:
    """Return the jobs of objects that find pods and Services, with the targets that discovery would find among pods."""
    jobs: list[Json] = []
    for kind, role in (("VMPodScrape", "pod"), ("VMServiceScrape", "endpoints")):
        for name, one in of(listed, kind).items():
            spec = one["spec"]
            (page,) = spec.get("podMetricsEndpoints") or spec["endpoints"]
            names = spec["namespaceSelector"].get("matchNames", [])
            rules: list[Json] = [{SNAKE.get(k, k): v for k, v in rule.items()} for rule in page["relabelConfigs"]]
            if role == "endpoints":
                port = {
                    "source_labels": ["__meta_kubernetes_endpoint_port_name"],
                    "regex": page["port"],
                    "action": "keep",
                }
                rules.insert(0, port)
            found = discovered(pods, {"role": role, "namespaces": {"names": names}})
            jobs.append({"job_name": name, "static_configs": found, "relabel_configs": rules})
    return jobs
