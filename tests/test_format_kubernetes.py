"""Objects for Kubernetes say what the plain files say, and nothing that their readers do not know."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from generator.bundle import Bundle
from generator.discovery import scrape
from generator.errors import ConfigError
from generator.outputs import documents, timescale
from generator.outputs.kubernetes import boards, left_out
from generator.outputs.kubernetes.objects import named
from generator.outputs.kubernetes.scraping import FOREIGN
from tests import operators
from tests.operators import BUNDLES, Json, of

SNAKE = {"sourceLabels": "source_labels", "targetLabel": "target_label"}

#: Bytes that kubectl keeps of an object in an annotation of it, unless it applies on the server's side.
ANNOTATIONS = 262_144


@pytest.fixture(scope="module", params=[*BUNDLES, "a system of their own"])
def bundle(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    own = "systems: {shop: {catalogue: ./shop.yaml, scrape: {kubernetes: {namespaces: [shops]}}}}\n"
    return operators.made(BUNDLES.get(request.param, own), tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def listed(bundle: Bundle) -> list[Json]:
    return operators.objects(bundle, "kubernetes")


def test_rules_are_those_of_the_plain_files(bundle: Bundle, listed: list[Json]) -> None:
    """One object per file; each group says the interval that the plain files leave to the server."""
    found = {name: one["spec"]["groups"] for name, one in of(listed, "PrometheusRule").items()}

    wanted = {
        named(bundle, stem): [{"interval": bundle.site.timing.evaluation, **group} for group in document["groups"]]
        for stem, document in documents.rules(bundle).items()
    }
    assert found == wanted


def test_monitors_relabel_as_the_jobs_of_the_plain_files(bundle: Bundle, listed: list[Json]) -> None:
    """Of what discovery finds: behind what takes the operator's own labels away, and but for the port's own key."""
    configs = {name: one for name, one in of(listed, "ScrapeConfig").items() if "kubernetesSDConfigs" in one["spec"]}
    monitors = of(listed, "PodMonitor") | of(listed, "ServiceMonitor") | configs
    found = {}
    for name, one in monitors.items():
        (endpoint,) = one["spec"].get("podMetricsEndpoints") or one["spec"].get("endpoints") or [one["spec"]]
        head, job, *rules = [{SNAKE.get(k, k): v for k, v in rule.items()} for rule in endpoint["relabelings"]]
        assert head == {"action": "labeldrop", "regex": "|".join(FOREIGN)}
        assert name == named(bundle, job["replacement"])
        found[name] = rules
    wanted = {}
    for system, config in bundle.site.config.systems.items():
        if "kubernetes" in (config.discovery.kinds or ("kubernetes",)):
            for job in scrape.jobs(bundle.site, system, "kubernetes"):
                if "kubernetes_sd_configs" in job:
                    rules = [{"action": "replace", **rule} for rule in job["relabel_configs"]]
                    wanted[named(bundle, job["job_name"])] = rules
    assert {name: of_slices(rules) for name, rules in found.items()} == {
        name: of_slices(rules) for name, rules in wanted.items()
    }
    assert bundle.site.config.systems["agent_server"].discovery.kinds or found


def of_slices(rules: list[Json]) -> list[Json]:
    """Return relabelling without what is about EndpointSlices: the port is the object's own key, and pods are in none."""
    return [r for r in rules if not str(r.get("source_labels", [""])[0]).startswith("__meta_kubernetes_endpointslice")]


def test_what_is_found_through_services_is_what_the_configuration_says(tmp_path: Path) -> None:
    """A queue has no Service; a Service's ports do not matter, for the pod's are looked at."""
    bundle = operators.made(BUNDLES["through Services"], tmp_path)
    listed = operators.objects(bundle, "kubernetes")
    monitors, pods = of(listed, "ServiceMonitor"), of(listed, "PodMonitor")

    assert {"agentobs-agent-server-kubernetes-api", "agentobs-agentgateway-kubernetes", "agentobs-langsight-kubernetes",
            "agentobs-shop-kubernetes"} <= set(monitors)  # fmt: skip
    assert "agentobs-agent-server-kubernetes-queue" in pods
    assert set(monitors).isdisjoint(pods)
    (endpoint,) = monitors["agentobs-agentgateway-kubernetes"]["spec"]["endpoints"]
    assert "port" not in endpoint


def test_a_system_without_services_of_its_pods_has_no_service_monitor(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        operators.made("formats: {kubernetes: {service_monitors: [langsight, langsmith, nobody]}}\n", tmp_path)

    assert [str(problem).partition(":1: ")[2] for problem in caught.value.problems] == [
        f"'{name}' is no system whose pods have a Service before them; use agent_server, agentgateway, langsight"
        for name in ("langsmith", "nobody")
    ]


def test_no_name_is_taken_twice_and_none_is_too_long(listed: list[Json]) -> None:
    """Kubernetes would overwrite the first, or refuse the object."""
    names = [(one["kind"], one["metadata"]["name"]) for one in listed]

    assert sorted(set(names)) == sorted(names)
    assert [name for _, name in names if len(name) > 63 or name.strip("-") != name or name.lower() != name] == []


def test_every_object_stands_where_and_for_whom_the_configuration_says(bundle: Bundle, listed: list[Json]) -> None:
    options = bundle.site.config.formats.kubernetes

    for one in listed:
        assert one["metadata"].get("namespace", "") == options.namespace
        assert dict(options.labels).items() <= one["metadata"]["labels"].items()


def test_boards_are_those_of_the_plain_files_in_both_forms(bundle: Bundle, listed: list[Json]) -> None:
    """Small enough for a ConfigMap, and for `kubectl apply` without --server-side."""
    wanted = dict(documents.dashboards(bundle))
    dashboards = [one for one in listed if one["metadata"]["labels"]["app.kubernetes.io/component"] == "dashboards"]
    maps, others = of(dashboards, "ConfigMap"), of(dashboards, "GrafanaDashboard")

    contents = {file: json.loads(text) for one in maps.values() for file, text in one["data"].items()}
    assert contents == {f"{stem}.json": json.loads(json.dumps(board)) for stem, board in wanted.items()}
    assert [json.loads(one["spec"]["json"]) for one in others.values()] == list(contents.values())
    assert max(len(json.dumps(one)) for one in listed) < min(ANNOTATIONS, boards.LARGEST)


def test_boards_are_in_their_folder(bundle: Bundle, listed: list[Json]) -> None:
    """By the annotation that the sidecar reads, or by a folder of their own; without a folder in neither."""
    folder = bundle.site.config.folder
    notes = [one["metadata"]["annotations"] for name, one in of(listed, "ConfigMap").items() if "exporter" not in name]
    folders = of(listed, "GrafanaFolder")

    assert {one.get("grafana_folder") for one in notes} == {folder or None}
    assert [one["spec"]["title"] for one in folders.values()] == ([folder] if folder else [])
    assert {one["spec"].get("folderRef") for one in of(listed, "GrafanaDashboard").values()} == (
        set(folders) if folders else {None}
    )


def test_kustomizations_list_every_file_and_the_form_of_boards_that_is_wanted(bundle: Bundle) -> None:
    made = operators.documents(bundle, "kubernetes")
    top = made.pop(Path("kubernetes/kustomization.yaml"))[0]["resources"]  # type: ignore[call-overload]  # equal to a pure one

    for folder in {path.parent for path in made}:
        ((kustomization,),) = [one for path, one in made.items() if path == folder / "kustomization.yaml"]
        files = {path.name for path in made if path.parent == folder} - {"kustomization.yaml"}
        assert set(kustomization["resources"]) == files
    form = "grafana-operator" if bundle.site.config.formats.kubernetes.dashboards == "operator" else "dashboards"
    assert top == [
        folder for folder in ("rules", "scrape", "alertmanager", form) if folder in {p.parent.name for p in made}
    ]


def test_notifications_are_those_of_the_plain_file(bundle: Bundle, listed: list[Json]) -> None:
    """Route by route, and every inhibition, read back into the words of Alertmanager."""
    (one,) = of(listed, "AlertmanagerConfig").values()

    wanted = documents.alertmanager_yml(bundle)
    assert plain(one["spec"]) == plain(wanted)
    receivers = [(r["name"], [hook["url"] for hook in r.get("webhookConfigs", ())]) for r in one["spec"]["receivers"]]
    assert receivers == [(r["name"], [h["url"] for h in r.get("webhook_configs", ())]) for r in wanted["receivers"]]


def plain(node: Any) -> Any:
    """Return routes and inhibitions as lists of matchers, by the names of the plain file."""
    names = {"groupBy": "group_by", "groupWait": "group_wait", "groupInterval": "group_interval", "inhibitRules": "inhibit_rules",
             "repeatInterval": "repeat_interval", "sourceMatch": "source_matchers", "targetMatch": "target_matchers"}  # fmt: skip
    if isinstance(node, list):
        return [plain(one) for one in node]
    if not isinstance(node, dict):
        return node
    if "matchType" in node:
        return f'{node["name"]}{node["matchType"]}"{node["value"]}"'
    return {names.get(key, key): plain(value) for key, value in node.items() if key != "receivers"}


def test_no_secret_and_no_file_of_one_is_written(bundle: Bundle, listed: list[Json]) -> None:
    """A page's token and the webhook's credentials are references."""
    text = operators.dumped(listed)
    config = bundle.site.config

    assert "/run/" not in text
    assert "/etc/prometheus/secrets" not in text
    sight = config.systems["langsight"].discovery.bearer_token_file
    assert text.count("name: langsight-token") == (1 if sight else 0)
    hook = config.webhook_access
    assert text.count("name: agentobs-webhook") == len(hook.credentials) * 3 * (2 if hook.username else 1)


def test_what_objects_cannot_say_is_left_out_by_name(tmp_path: Path) -> None:
    bundle = operators.made(BUNDLES["addresses outside"], tmp_path)

    assert [one.what for one in left_out(bundle)] == ["target files", "external_labels"]


def test_a_fast_clock_is_everywhere(tmp_path: Path) -> None:
    """Intervals of rules, of scrapes and of notifications, and each file says whom it is for."""
    from dataclasses import replace

    from generator.outputs import FORMATS

    fast = replace(operators.made("{}\n", tmp_path), time_scale=30)
    listed = operators.objects(fast, "kubernetes")

    groups = [group for one in of(listed, "PrometheusRule").values() for group in one["spec"]["groups"]]
    endpoints = [one["spec"]["podMetricsEndpoints"][0] for one in of(listed, "PodMonitor").values()]
    (configuration,) = of(listed, "AlertmanagerConfig").values()
    rate = {group["name"]: group["interval"] for group in groups}
    assert rate["agentobs.observability"] == "1s"
    assert rate["agentobs.agent-server-slo"] == "1s"
    assert {(one["interval"], one["scrapeTimeout"]) for one in endpoints} == {("1s", "1s")}
    assert configuration["spec"]["route"]["groupWait"] == "1s"
    rules = [text for path, text in FORMATS["kubernetes"].render(fast).items() if path.parent.name == "rules"]
    assert all(text.startswith(timescale.banner(30)) for text in rules if "PrometheusRule" in text)
