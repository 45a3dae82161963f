"""Scrape configurations: a complete prometheus.yml, and one fragment per system and kind of discovery.

Every kind gives its targets the same labels: cluster, namespace, deployment, role, system, instance. Boards and rules
group by these and by nothing else, so a deployment looks the same wherever it runs. Emits what Prometheus 2.42 accepts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from generator import probes
from generator.catalogue import System
from generator.settings import Config, Kubernetes, SystemConfig
from generator.site import Site

Json = dict[str, Any]

#: Name of the port of a system whose catalogue entry gives none.
GENERIC = "metrics"

#: In the order of the documentation.
KINDS = ("static", "dns", "file", "kubernetes")


def prometheus_yml(site: Site) -> Json:
    """Return a whole Prometheus configuration: every enabled system, rule files, Alertmanager."""
    config = site.config
    document: Json = {
        "global": {
            "scrape_interval": config.scrape_interval,
            "scrape_timeout": config.scrape_timeout,
            "evaluation_interval": config.evaluation_interval,
        },
    }
    if config.external_labels:
        document["global"]["external_labels"] = dict(config.external_labels)
    document["rule_files"] = list(config.rule_files)
    document["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": list(config.alertmanagers)}]}]}
    document["scrape_configs"] = [
        job
        for name, system in config.systems.items()
        if system.enabled
        for kind in system.discovery.kinds
        for job in jobs(site, name, kind)
    ]
    return document


def jobs(site: Site, name: str, kind: str) -> list[Json]:
    """Return the jobs of one system and one kind of discovery."""
    system, config = site.catalogue.systems[name], site.config.systems[name]
    made = {"static": _static, "dns": _dns, "file": _file, "kubernetes": _kubernetes}[kind](site, system, config)
    return [_job(site, system, config, job) for job in made]


def _job(site: Site, system: System, config: SystemConfig, job: Json) -> Json:
    out: Json = {"job_name": job.pop("job_name")}
    path = job.pop("metrics_path", system.endpoint.path)
    if path != "/metrics":
        out["metrics_path"] = path
    if config.discovery.https:
        out["scheme"] = "https"
    if config.discovery.bearer_token_file:
        out["authorization"] = {"type": "Bearer", "credentials_file": config.discovery.bearer_token_file}
    out |= job
    rules = out.pop("relabel_configs", [])
    if site.config.cluster:
        rules.append({"target_label": site.labels.cluster, "replacement": site.config.cluster})
    rules.append({"target_label": site.labels.system, "replacement": system.name})
    out["relabel_configs"] = rules
    blanks = [(label.name, label.blank) for label in system.constant_labels.values() if label.blank]
    if blanks and any(system.eras[e].until for e in config.eras):
        out["metric_relabel_configs"] = [
            {"source_labels": [label], "regex": blank, "target_label": label, "replacement": ""}
            for label, blank in blanks
        ]
    return out


def _title(system: System) -> str:
    return system.name.replace("_", "-")


def _labels(config: Config, group: Mapping[str, Any]) -> dict[str, str]:
    names = config.labels
    return {getattr(names, key): group[key] for key in ("cluster", "namespace", "deployment", "role") if group.get(key)}


def _static(site: Site, system: System, own: SystemConfig) -> list[Json]:
    """One job, and one for the groups whose targets are addresses of JSON pages."""
    out: list[Json] = []
    for probed in (False, True):
        groups = [
            {"targets": list(g["targets"]), "labels": _labels(site.config, g)}
            for g in own.discovery.static
            if _probed(system, g.get("role", "")) is probed
        ]
        if groups:
            out.append(_asked(site, system, own, {"job_name": _title(system), "static_configs": groups}, probed=probed))
    return out


def _probed(system: System, role: str) -> bool:
    """Whether targets of a role are addresses of JSON pages."""
    return bool(role) and role == system.endpoint.prober


def _asked(site: Site, system: System, own: SystemConfig, job: Json, *, probed: bool) -> Json:
    """Return a job as it is, or as one that asks the json_exporter for its targets."""
    if not probed:
        return job
    role = system.endpoint.prober
    turned = [*job.get("relabel_configs", ()), *probes.rules(site, system, own)]
    name = {"job_name": f"{job['job_name']}-{role}", "metrics_path": system.endpoint.path_of(role)}
    return {**job, **name, "relabel_configs": turned}


def _dns(site: Site, system: System, own: SystemConfig) -> list[Json]:
    """One job per group, one per JSON page: DNS discovery has no labels of its own, so relabelling adds them."""
    out: list[Json] = []
    for number, group in enumerate(own.discovery.dns):
        role = group.get("role") or (str(number) if number else "")
        labels = [{"target_label": k, "replacement": v} for k, v in _labels(site.config, group).items()]
        name = "-".join(part for part in (_title(system), "dns", group["deployment"], role) if part)
        if _probed(system, role):
            out += [_page(site, system, own, f"{name}-{n}", labels, a) for n, a in enumerate(group["targets"])]
            continue
        found = _looked_up(group["names"], group.get("port", system.endpoint.port_of(role)))
        out.append({"job_name": name, "dns_sd_configs": [found], "relabel_configs": labels})
    return out


def _looked_up(names: Sequence[str], port: int) -> Json:
    return {"names": list(names), "type": "A", "port": port, "refresh_interval": "15s"}


def _page(site: Site, system: System, own: SystemConfig, name: str, labels: list[Json], address: str) -> Json:
    """A job that looks up the json_exporter and asks it for one page: without an exporter there is no target."""
    role = system.endpoint.prober
    host, _, port = own.discovery.json_exporter.rpartition(":")
    page = system.endpoint.page_at(address)
    assert page  # noqa: S101 - `config` takes no other address
    here = probes.instance(address)
    return {
        "job_name": name,
        "metrics_path": system.endpoint.path_of(role),
        "params": {"module": [page.module], "target": [address]},
        "dns_sd_configs": [_looked_up([host], int(port))],
        "relabel_configs": [*labels, {"target_label": site.labels.instance, "replacement": here}],
    }


def _file(site: Site, system: System, own: SystemConfig) -> list[Json]:
    """Target files bring the labels themselves: deployment at least, and role."""
    files, prober = list(own.discovery.files), system.endpoint.prober
    if not files:
        return []
    out: list[Json] = []
    for probed in (False, True) if prober else (False,):
        job: Json = {
            "job_name": f"{_title(system)}-file",
            "file_sd_configs": [{"files": files, "refresh_interval": "30s"}],
        }
        if prober:  # both jobs read the same files
            sort = {"source_labels": [site.labels.role], "regex": prober, "action": "keep" if probed else "drop"}
            job["relabel_configs"] = [sort]
        out.append(_asked(site, system, own, job, probed=probed))
    return out


def _kubernetes(site: Site, system: System, own: SystemConfig) -> list[Json]:
    """One job per role: by its Service where the system names them, else by the name of its pods' container port."""
    endpoint = system.endpoint
    if endpoint.services:
        out = [_by_service(site, system, own, role) for role in endpoint.services if role in own.roles]
        found = probes.addresses(system, own) if endpoint.prober in own.roles else []
        if found:
            group = {"deployment": own.discovery.kubernetes.release, "role": endpoint.prober,
                     "namespace": own.discovery.kubernetes.namespaces[0]}  # fmt: skip
            targets = [{"targets": found, "labels": _labels(site.config, group)}]
            job = {"job_name": f"{_title(system)}-kubernetes", "static_configs": targets}
            out.append(_asked(site, system, own, job, probed=True))
        return out
    return [_by_pod(site, system, own, role, port) for role, port in _ports(system, own)]


def _by_service(site: Site, system: System, own: SystemConfig, role: str) -> Json:
    """A job that finds the pods behind the Services of one role, and names them as the vendor's own boards do."""
    kubernetes, labels, endpoint = own.discovery.kubernetes, site.labels, system.endpoint
    release = kubernetes.release
    if role in endpoint.exporters:
        release = kubernetes.exporters or release
    service, pod = "__meta_kubernetes_service_name", "__meta_kubernetes_pod_name"
    deployment: Json = (
        {"target_label": labels.deployment, "replacement": kubernetes.release}
        if kubernetes.release
        else {"source_labels": [_meta(kubernetes)], "target_label": labels.deployment}
    )
    port = endpoint.container_ports[role]
    rules: list[Json] = [
        {"source_labels": [service], "regex": f"{release or '.+'}-{endpoint.services[role]}", "action": "keep"},
        {"source_labels": ["__meta_kubernetes_endpoint_port_name"], "regex": port, "action": "keep"},
        {"source_labels": ["__meta_kubernetes_namespace"], "target_label": labels.namespace},
        deployment,
        {"source_labels": [service], "target_label": "k8s_service"},
        {"source_labels": [pod], "target_label": "k8s_pod"},
        {"source_labels": [pod], "target_label": labels.instance},
        {"target_label": labels.role, "replacement": role},
    ]
    return _discovered(system, kubernetes, "endpoints", role, rules)


def _discovered(system: System, kubernetes: Kubernetes, kind: str, role: str, rules: list[Json]) -> Json:
    discovery: Json = {"role": kind}
    if kubernetes.namespaces:
        discovery["namespaces"] = {"names": list(kubernetes.namespaces)}
    name = f"{_title(system)}-kubernetes" + (f"-{role}" if role else "")
    return {"job_name": name, "kubernetes_sd_configs": [discovery], "relabel_configs": rules}


def _by_pod(site: Site, system: System, own: SystemConfig, role: str, port: str) -> Json:
    """A job that finds pods, because a role without a Service must be found too."""
    kubernetes = own.discovery.kubernetes
    return _discovered(system, kubernetes, "pod", role, _pod_rules(site.config, kubernetes, role, port))


def _ports(system: System, own: SystemConfig) -> Sequence[tuple[str, str]]:
    """Roles and their port names. Where no API-only role runs, the API's port belongs to combined processes."""
    named = system.endpoint.container_ports
    if not named:
        return [("", GENERIC)]
    out = [(role, port) for role, port in named.items() if role in own.roles]
    if "combined" in own.roles and "api" not in own.roles and "api" in named:
        out.insert(0, ("combined", named["api"]))
    return out


def _meta(kubernetes: Kubernetes) -> str:
    """Return the discovery label that has the pod label which names the deployment."""
    return "__meta_kubernetes_pod_label_" + "".join(c if c.isalnum() else "_" for c in kubernetes.deployment_label)


def _pod_rules(config: Config, kubernetes: Kubernetes, role: str, port: str) -> list[Json]:
    labels, meta = config.labels, _meta(kubernetes)
    # A port called `metrics` is in every second chart, so a pod must also say which deployment it is.
    ours = kubernetes.release or (".+" if port == GENERIC else "")
    rules: list[Json] = [
        {"source_labels": ["__meta_kubernetes_pod_container_port_name"], "regex": port, "action": "keep"},
        {"source_labels": ["__meta_kubernetes_pod_phase"], "regex": "Pending|Succeeded|Failed", "action": "drop"},
        *([{"source_labels": [meta], "regex": ours, "action": "keep"}] if ours else []),
        {"source_labels": ["__meta_kubernetes_namespace"], "target_label": labels.namespace},
        {"source_labels": [meta], "target_label": labels.deployment},
        {"source_labels": ["__meta_kubernetes_pod_name"], "target_label": labels.instance},
    ]
    return rules + ([{"target_label": labels.role, "replacement": role}] if role else [])


def fragments(site: Site) -> Mapping[str, Json]:
    """Return one includable document per system and kind of discovery, by file name; of systems that are off too."""
    made = {f"{name}.{kind}.yml": jobs(site, name, kind) for name in site.config.systems for kind in KINDS}
    return {name: {"scrape_configs": listed} for name, listed in made.items() if listed}
