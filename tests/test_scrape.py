"""Scrape configurations: the same target labels from every kind of discovery."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from generator.config.site import Site
from generator.discovery.collector import configurations
from generator.discovery.probes import modules
from generator.discovery.scrape import fragments, jobs, prometheus_yml, unnamed
from generator.errors import ConfigError


def test_every_kind_of_discovery_gives_the_same_labels(demo: Site) -> None:
    """system always; deployment and role by static label, by relabelling, by pod label, or by the target file."""
    (static,) = jobs(demo, "agent_server", "static")
    (dns,) = jobs(demo, "agent_server", "dns")
    api, queue = jobs(demo, "agent_server", "kubernetes")

    assert static["static_configs"] == [
        {"targets": ["agent-api:8000"], "labels": {"deployment": "demo", "role": "api"}},
        {"targets": ["agent-combined:8000"], "labels": {"deployment": "demo-combined", "role": "combined"}},
    ]
    assert {r["target_label"]: r["replacement"] for r in dns["relabel_configs"]} == {
        "deployment": "demo",
        "role": "queue",
        "system": "agent_server",
    }
    for job, role, port in ((api, "api", "api-server"), (queue, "queue", "queue")):
        rules = job["relabel_configs"]
        assert rules[0] == {
            "source_labels": [
                "__meta_kubernetes_pod_container_port_name",
                "__meta_kubernetes_pod_container_port_number",
            ],
            "regex": f"{port};8000",
            "action": "keep",
        }
        assert {"target_label": "role", "replacement": role} in rules
        assert {r.get("target_label") for r in rules} >= {"namespace", "deployment", "instance", "role", "system"}


def test_the_queue_is_found_by_pods_because_it_has_no_service(site: Site) -> None:
    """Endpoints of a Service would miss it, and would drop pods that still drain."""
    assert [j["kubernetes_sd_configs"] for j in jobs(site, "agent_server", "kubernetes")] == [[{"role": "pod"}]] * 2


def test_where_api_processes_execute_runs_their_port_is_the_combined_role(configured: Callable[[str], Site]) -> None:
    """The chart's default without a queue tier: one role, one job."""
    site = configured("systems: {agent_server: {roles: [combined]}}\n")

    (job,) = jobs(site, "agent_server", "kubernetes")
    assert {"target_label": "role", "replacement": "combined"} in job["relabel_configs"]


def test_a_gateway_is_known_by_its_container(site: Site) -> None:
    """Many pods have a port called `metrics`, Istio's gateways the very label of a gateway's name."""
    (job,) = jobs(site, "agentgateway", "kubernetes")

    assert job["relabel_configs"][0] == {
        "source_labels": ["__meta_kubernetes_pod_container_name", "__meta_kubernetes_pod_container_port_name"],
        "regex": "agentgateway;metrics",
        "action": "keep",
    }


def test_no_two_jobs_have_one_name(configured: Callable[[str], Site]) -> None:
    """A deployment in two namespaces, in two clusters, under two names: as short as tells it from the others."""
    groups = (
        "{role: queue, deployment: agent, namespace: staging, names: [q.staging]}",
        "{role: queue, deployment: agent, namespace: prod, names: [q.prod]}",
        "{role: queue, deployment: agent, namespace: prod, names: [q2.prod]}",
        "{role: api, deployment: agent, names: [a.prod]}",
    )
    site = configured(f"systems: {{agent_server: {{scrape: {{dns: [{', '.join(groups)}]}}}}}}\n")

    found = [(j["job_name"], j["dns_sd_configs"][0]["names"]) for j in jobs(site, "agent_server", "dns")]
    assert found == [
        ("agent-server-dns-staging-agent-queue", ["q.staging"]),
        ("agent-server-dns-prod-agent-queue", ["q.prod"]),
        ("agent-server-dns-prod-agent-queue-2", ["q2.prod"]),
        ("agent-server-dns-agent-api", ["a.prod"]),
    ]


def test_langsight_is_read_with_a_token_from_a_file(demo: Site) -> None:
    """The token itself is in no configuration file."""
    (job,) = jobs(demo, "langsight", "dns")

    assert job["authorization"] == {"type": "Bearer", "credentials_file": "/etc/prometheus/secrets/langsight-token"}


def test_old_servers_lose_the_text_none_at_the_scrape(configured: Callable[[str], Site]) -> None:
    """With servers before 0.11.0 in the field, an unset project is unset; without them nothing is touched."""
    mixed, _ = jobs(configured("systems: {agent_server: {versions: mixed}}\n"), "agent_server", "kubernetes")
    new, _ = jobs(configured(""), "agent_server", "kubernetes")

    assert mixed["metric_relabel_configs"][0] == {
        "source_labels": ["project_id"],
        "regex": "None",
        "target_label": "project_id",
        "replacement": "",
    }
    assert "metric_relabel_configs" not in new


def test_prometheus_yml_names_rules_alertmanager_and_the_enabled_systems(configured: Callable[[str], Site]) -> None:
    """Names, intervals and labels are the configuration's own."""
    site = configured(
        "labels: {deployment: app}\n"
        "scrape: {interval: 15s, cluster: eu-1}\n"
        "alertmanager: {targets: ['am:9093']}\n"
        "systems:\n"
        "  langsight: {scrape: {dns: [{deployment: demo, names: [api]}]}}\n"
        "  agentgateway: {enabled: false}\n"
        "  langsmith: {enabled: false}\n"
        "  agent_server: {scrape: {static: [{deployment: chat, role: combined, targets: ['chat:8000']}]}}\n"
    )
    found = prometheus_yml(site)

    assert found["global"]["scrape_interval"] == "15s"
    assert found["alerting"]["alertmanagers"] == [{"static_configs": [{"targets": ["am:9093"]}]}]
    assert found["rule_files"] == ["/etc/prometheus/rules/*.rules.yaml"]
    names = [j["job_name"] for j in found["scrape_configs"]]
    assert names == ["prometheus", "alertmanager", "agent-server", "langsight-dns-demo"]
    own, alertmanager, first, _ = found["scrape_configs"]
    assert own == {"job_name": "prometheus", "static_configs": [{"targets": ["localhost:9090"]}]}
    assert alertmanager == {"job_name": "alertmanager", "static_configs": [{"targets": ["am:9093"]}]}
    assert first["static_configs"] == [{"targets": ["chat:8000"], "labels": {"app": "chat", "role": "combined"}}]
    assert {"target_label": "cluster", "replacement": "eu-1"} in first["relabel_configs"]


def test_langsmith_s_roles_are_found_behind_their_services(site: Site) -> None:
    """Release and namespace are configuration; exporters belong to a release of their own, the deployment is one."""
    found = {j["job_name"].removeprefix("langsmith-kubernetes-"): j for j in jobs(site, "langsmith", "kubernetes")}
    services = site.catalogue.systems["langsmith"].endpoint.services

    assert list(found)[-1] == "queue-depth"
    assert found.keys() == set(site.config.systems["langsmith"].roles)
    for role, service, port in (
        ("backend", "langsmith-backend;[^;]*;(?:langsmith)?", "backend"),
        ("platform-backend", "langsmith-platform-backend;[^;]*;(?:langsmith)?", "platform"),
        ("clickhouse", "langsmith-clickhouse;[^;]*;(?:langsmith)?", "metrics"),
        ("redis", "langsmith-observability-(?:.+-)?redis-exporter", "http"),
    ):
        rules = found[role]["relabel_configs"]
        assert rules[0]["source_labels"][0] == "__meta_kubernetes_service_name"
        assert [r["regex"] for r in rules[:2]] == [service, port]
        assert found[role]["kubernetes_sd_configs"] == [
            {"role": "endpointslice", "namespaces": {"names": ["langsmith"]}}
        ]
        assert {"target_label": "deployment", "replacement": "langsmith"} in rules
        assert {"target_label": "role", "replacement": role} in rules
        assert {r.get("target_label") for r in rules} >= {"namespace", "instance", "k8s_service", "k8s_pod", "system"}
    assert "frontend-nginx" not in services  # a sidecar, which no Service has
    assert found["frontend-nginx"]["kubernetes_sd_configs"][0]["role"] == "pod"


def test_each_role_of_langsmith_has_its_own_port(demo: Site) -> None:
    """By DNS, the port comes from the catalogue unless the group names one."""
    found = jobs(demo, "langsmith", "dns")

    plain = [j for j in found if "params" not in j]
    ports = {j["job_name"].removeprefix("langsmith-dns-demo-"): j["dns_sd_configs"][0]["port"] for j in plain}
    assert ports == {
        "backend": 1984,
        "platform-backend": 1986,
        "playground": 1988,
        "clickhouse": 9363,
        "frontend-nginx": 9113,
        "postgres": 9187,
        "redis": 9121,
    }


def test_what_is_named_is_used(configured: Callable[[str], Site]) -> None:
    """A list is enough; nothing has to say its kind as well, and no other list is invented beside it."""
    group = "[{role: api, deployment: chat, targets: ['chat:8000']}]"
    for own, kinds in (
        (f"static: {group}", ("static",)),
        ("dns: [{role: queue, deployment: chat, names: [q]}]", ("dns",)),
        ("files: [t.json]", ("file",)),
        ("kubernetes: {namespaces: [prod]}", ("kubernetes",)),
        (f"static: {group}, files: [t.json]", ("static", "file")),
        ("discovery: [file]", ("file",)),
    ):
        site = configured(f"systems: {{agent_server: {{scrape: {{{own}}}}}}}\n")
        assert site.config.systems["agent_server"].discovery.kinds == kinds, own
        assert "agent_server" not in unnamed(site)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("discovery: [dns]\n      dns: [{deployment: d, names: [q]}]\n      static: [{deployment: d, targets: ['a:1']}]",
         "6: nothing uses static: discovery is [dns]; add static to discovery, or leave discovery out: what is named is used"),
        ("discovery: [kubernetes]\n      files: [t.json]",
         "5: nothing uses files: discovery is [kubernetes]; add file to discovery, or leave discovery out: what is named is used"),
        ("discovery: [kubernetes, static]",
         "4: static has no groups to find; list them under static, or take static out"),
    ],
    ids=["a list of groups", "files", "a kind without a list"],
)  # fmt: skip
def test_a_list_that_nothing_uses_is_told(configured: Callable[[str], Site], text: str, what: str) -> None:
    """With its line: an operator's target must not be left out in silence."""
    with pytest.raises(ConfigError) as caught:
        configured(f"systems:\n  langsight:\n    scrape:\n      {text}\n")

    assert [str(p) for p in caught.value.problems] == [f"bundle.yaml:{what}"]


def test_fragments_are_of_systems_that_are_on_and_find_something(configured: Callable[[str], Site]) -> None:
    """Each system's Kubernetes and target files; groups where there are some."""
    site = configured(
        "systems:\n  langsight: {enabled: false}\n  langsmith: {enabled: false}\n"
        "  agentgateway: {scrape: {static: [{deployment: edge, targets: ['edge:15020']}]}}\n"
    )

    assert set(fragments(site)) == {
        "agent_server.file.yml", "agent_server.kubernetes.yml",
        "agentgateway.static.yml", "agentgateway.file.yml", "agentgateway.kubernetes.yml",
    }  # fmt: skip
    assert modules(site) == {"modules": {}}
    assert configurations(site) == {}


def test_prometheus_and_alertmanager_are_scraped_where_they_are(configured: Callable[[str], Site]) -> None:
    """An installation that has its own jobs for them leaves the first one out."""
    site = configured("scrape: {prometheus: []}\nalertmanager: {targets: ['a:1', 'b:1']}\n")

    assert prometheus_yml(site)["scrape_configs"] == [
        {"job_name": "alertmanager", "static_configs": [{"targets": ["a:1", "b:1"]}]}
    ]


def test_a_json_exporter_with_an_address_is_not_looked_up(configured: Callable[[str], Site]) -> None:
    """DNS has no such name, and the job would never find a target."""
    text = (
        "systems:\n  langsmith:\n    scrape:\n      json_exporter: {0}\n"
        "      dns: [{{role: queue-depth, deployment: a, targets: ['http://b:1986/metrics?format=json']}}]\n"
    )

    (fixed,) = jobs(configured(text.format("'[fd00::9]:7979'")), "langsmith", "dns")
    (named,) = jobs(configured(text.format("exporter:7979")), "langsmith", "dns")

    assert (fixed["static_configs"], "dns_sd_configs" in fixed) == ([{"targets": ["[fd00::9]:7979"]}], False)
    assert named["dns_sd_configs"][0]["names"] == ["exporter"]


def test_a_target_is_called_by_its_address_where_nothing_else_names_it(configured: Callable[[str], Site]) -> None:
    """Prometheus sets `instance` by itself; under another name it is ours to set."""
    group = "systems: {langsight: {scrape: {static: [{deployment: a, targets: ['a:8000']}]}}}\n"

    (usual,) = jobs(configured(group), "langsight", "static")
    (other,) = jobs(configured("labels: {instance: pod}\n" + group), "langsight", "static")

    assert {
        "source_labels": ["pod", "__address__"],
        "regex": ";(.+)",
        "target_label": "pod",
        "replacement": "$1",
    } in other["relabel_configs"]
    assert not any(rule.get("target_label") == "instance" for rule in usual["relabel_configs"])


def test_an_alertmanager_behind_tls_a_path_and_a_password_is_told_and_scraped_alike(
    configured: Callable[[str], Site],
) -> None:
    """And its targets have the labels by which the rules about it ask."""
    site = configured(
        "alertmanager:\n  targets: ['am:443']\n  https: true\n  path_prefix: /am\n  match: {job: ops, team: '~a|b'}\n"
        "  basic_auth: {username: me, password_file: /p}\n"
    )

    made = prometheus_yml(site)

    asked = {"scheme": "https", "basic_auth": {"username": "me", "password_file": "/p"}}
    assert made["alerting"]["alertmanagers"] == [
        {**asked, "path_prefix": "/am", "static_configs": [{"targets": ["am:443"]}]}
    ]
    assert made["scrape_configs"][1] == {
        "job_name": "alertmanager",
        **asked,
        "metrics_path": "/am/metrics",
        "static_configs": [{"targets": ["am:443"], "labels": {"job": "ops"}}],
    }
