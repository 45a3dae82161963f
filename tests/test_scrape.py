"""Scrape configurations: the same target labels from every kind of discovery."""

from __future__ import annotations

from collections.abc import Callable

from generator.scrape import jobs, prometheus_yml
from generator.site import Site


def test_every_kind_of_discovery_gives_the_same_labels(site: Site) -> None:
    """system always; deployment and role by static label, by relabelling, by pod label, or by the target file."""
    (static,) = jobs(site, "agent_server", "static")
    (dns,) = jobs(site, "agent_server", "dns")
    api, queue = jobs(site, "agent_server", "kubernetes")

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
            "source_labels": ["__meta_kubernetes_pod_container_port_name"],
            "regex": port,
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


def test_only_gateways_pods_are_taken_for_agentgateway(site: Site) -> None:
    """Many pods have a port called `metrics`; those without a gateway's name are somebody else's."""
    (job,) = jobs(site, "agentgateway", "kubernetes")
    (static,) = jobs(site, "agentgateway", "static")
    label = "__meta_kubernetes_pod_label_gateway_networking_k8s_io_gateway_name"

    assert {"source_labels": [label], "regex": ".+", "action": "keep"} in job["relabel_configs"]
    assert {"source_labels": [label], "target_label": "deployment"} in job["relabel_configs"]
    assert static["static_configs"][0]["targets"] == ["agentgateway:15020"]


def test_langsight_is_read_with_a_token_from_a_file(site: Site) -> None:
    """The token itself is in no configuration file."""
    (job,) = jobs(site, "langsight", "static")

    assert job["authorization"] == {"type": "Bearer", "credentials_file": "/etc/prometheus/secrets/langsight-token"}


def test_old_servers_lose_the_text_none_at_the_scrape(configured: Callable[[str], Site]) -> None:
    """With servers before 0.11.0 in the field, an unset project is unset; without them nothing is touched."""
    (mixed,) = jobs(configured("systems: {agent_server: {versions: mixed}}\n"), "agent_server", "static")
    (new,) = jobs(configured(""), "agent_server", "static")

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
        "  langsight: {enabled: true}\n"
        "  agentgateway: {enabled: false}\n"
        "  langsmith: {enabled: false}\n"
        "  agent_server: {scrape: {discovery: [static], static: [{deployment: chat, role: combined, targets: ['chat:8000']}]}}\n"
    )
    found = prometheus_yml(site)

    assert found["global"]["scrape_interval"] == "15s"
    assert found["alerting"]["alertmanagers"] == [{"static_configs": [{"targets": ["am:9093"]}]}]
    assert found["rule_files"] == ["/etc/prometheus/rules/*.rules.yaml"]
    assert [j["job_name"] for j in found["scrape_configs"]] == ["agent-server", "langsight-dns-demo"]
    first = found["scrape_configs"][0]
    assert first["static_configs"] == [{"targets": ["chat:8000"], "labels": {"app": "chat", "role": "combined"}}]
    assert {"target_label": "cluster", "replacement": "eu-1"} in first["relabel_configs"]


def test_langsmith_s_roles_are_found_behind_their_services(site: Site) -> None:
    """Release and namespace are configuration; exporters belong to a release of their own, the deployment is one."""
    found = {j["job_name"].removeprefix("langsmith-kubernetes-"): j for j in jobs(site, "langsmith", "kubernetes")}

    assert list(found)[-1] == "queue-depth"
    assert found.keys() == set(site.catalogue.systems["langsmith"].roles)
    for role, service, port in (
        ("backend", "langsmith-backend", "backend"),
        ("platform-backend", "langsmith-platform-backend", "platform"),
        ("clickhouse", "langsmith-clickhouse", "metrics"),
        ("redis", "langsmith-observability-(.*-)?redis-exporter", "http"),
    ):
        rules = found[role]["relabel_configs"]
        assert rules[0] == {"source_labels": ["__meta_kubernetes_service_name"], "regex": service, "action": "keep"}
        assert rules[1]["regex"] == port
        assert found[role]["kubernetes_sd_configs"] == [{"role": "endpoints", "namespaces": {"names": ["langsmith"]}}]
        assert {"target_label": "deployment", "replacement": "langsmith"} in rules
        assert {"target_label": "role", "replacement": role} in rules
        assert {r.get("target_label") for r in rules} >= {"namespace", "instance", "k8s_service", "k8s_pod", "system"}


def test_each_role_of_langsmith_has_its_own_port(site: Site) -> None:
    """By DNS, the port comes from the catalogue unless the group names one."""
    found = jobs(site, "langsmith", "dns")

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
