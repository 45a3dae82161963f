"""Scrape configurations: a complete prometheus.yml, and one fragment per system and kind of discovery.

Every kind gives its targets the same labels: cluster, namespace, deployment, role, system, instance. Boards and rules
group by these and by nothing else, so a deployment looks the same wherever it runs. Emits what Prometheus 2.42 accepts.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from generator.catalogue import System
from generator.config.settings import Access, Config, Labels, SystemConfig
from generator.config.site import Site
from generator.discovery import kubernetes, probes, readiness

Json = dict[str, Any]

#: In the order of the documentation.
KINDS = ("static", "dns", "file", "kubernetes")

#: What is there to be told when prometheus.yml finds nothing of a system.
NAME_IT = "name its addresses (static, dns, files) or kubernetes there, or switch it off with enabled: false"


def prometheus_yml(site: Site) -> Json:
    """Return a whole Prometheus configuration: itself, Alertmanager, every enabled system, rule files."""
    config = site.config
    document: Json = {
        "global": {
            "scrape_interval": config.timing.scrape,
            "scrape_timeout": config.timing.timeout,
            "evaluation_interval": config.timing.evaluation,
        },
    }
    if config.external_labels:
        document["global"]["external_labels"] = dict(config.external_labels)
    document["rule_files"] = list(config.rule_files)
    document["alerting"] = _replicas(config) | {"alertmanagers": _alertmanagers(config)}
    document["scrape_configs"] = [
        *_monitoring(config),
        *(
            job
            for name, system in config.systems.items()
            if system.enabled
            for kind in system.discovery.kinds
            for job in jobs(site, name, kind)
        ),
    ]
    return document


def _replicas(config: Config) -> Json:
    """Return what takes the labels of one replica off its alerts: Alertmanager must take those of a pair for the same."""
    if not config.replica_labels:
        return {}
    return {"alert_relabel_configs": [{"action": "labeldrop", "regex": "|".join(config.replica_labels)}]}


def _alertmanagers(config: Config) -> list[Json]:
    """Return who is told of alerts: all of them alike, or nobody."""
    access = config.alertmanager_access
    connection = _scheme(access) | ({"path_prefix": access.path_prefix} if access.path_prefix else {})
    groups = {"static_configs": [{"targets": list(config.alertmanagers)}]}
    return [{**connection, **access.credentials, **groups}] if config.alertmanagers else []


def _monitoring(config: Config) -> list[Json]:
    """Return the jobs of Prometheus and Alertmanager, which no system is and rules about them read."""
    out: list[Json] = []
    if config.prometheus_targets:
        out.append({"job_name": "prometheus", "static_configs": [{"targets": list(config.prometheus_targets)}]})
    if config.alertmanagers:
        access = config.alertmanager_access
        path = {"metrics_path": f"{access.path_prefix}/metrics"} if access.path_prefix else {}
        group: Json = {"targets": list(config.alertmanagers)}
        fixed = {label: value for label, value in config.alertmanager_match.items() if not value.startswith("~")}
        if fixed != {"job": "alertmanager"}:
            group["labels"] = fixed
        connection = {**path, **_scheme(access), **access.credentials}
        out.append({"job_name": "alertmanager", **connection, "static_configs": [group]})
    return out


def _scheme(access: Access) -> Json:
    return {"scheme": "https"} if access.https else {}


def unnamed(site: Site) -> Mapping[str, str]:
    """Return the enabled systems of which prometheus.yml finds nothing, each with what to do, at its key."""
    return {
        name: f"systems.{name}.scrape: {NAME_IT}"
        for name, system in site.config.systems.items()
        if system.enabled and not any(jobs(site, name, kind) for kind in system.discovery.kinds)
    }


def jobs(site: Site, name: str, kind: str) -> list[Json]:
    """Return the jobs of one system and one kind of discovery; those of its pages first, then those that ask whether it is ready."""
    system, config = site.catalogue.systems[name], site.config.systems[name]
    made = {"static": _static, "dns": _dns, "file": _file, "kubernetes": _kubernetes}[kind](site, system, config)
    asked = readiness.jobs(site, system, config, made)
    return [_job(site, system, config, job) for job in made] + asked


def _job(site: Site, system: System, config: SystemConfig, job: Json) -> Json:
    out: Json = {"job_name": job.pop("job_name")}
    path = job.pop("metrics_path", system.endpoint.path)
    if path != "/metrics":
        out["metrics_path"] = path
    if config.discovery.https:
        out["scheme"] = "https"
    for name in ("sample_limit", "label_limit"):
        if limit := getattr(config.discovery, name):
            out[name] = limit
    if config.discovery.bearer_token_file:
        out["authorization"] = {"type": "Bearer", "credentials_file": config.discovery.bearer_token_file}
    out |= job
    rules = out.pop("relabel_configs", [])
    if not any(rule.get("target_label") == site.labels.instance for rule in rules):
        rules = [*rules, *_instance(site.labels)]
    if site.config.cluster:
        rules.append(_set(site.labels.cluster, site.config.cluster))
    rules.append(_set(site.labels.system, system.name))
    rules += [_set(label, value) for label, value in site.set_on(system.name).items()]
    out["relabel_configs"] = rules
    blanks = [(label.name, label.blank) for label in system.constant_labels.values() if label.blank]
    if blanks and any(system.eras[e].until for e in config.eras):
        out["metric_relabel_configs"] = [
            {"source_labels": [label], "regex": blank, "target_label": label, "replacement": ""}
            for label, blank in blanks
        ]
    return out


def _set(label: str, value: str) -> Json:
    """Return the relabelling that gives a label a value: as text, in which `$1` is no part of anything."""
    return {"target_label": label, "replacement": value.replace("$", "$$")}


def _instance(labels: Labels) -> list[Json]:
    """Return what calls a target by its address where nothing else did; Prometheus itself does so under `instance` alone."""
    if labels.instance == "instance":
        return []
    sources = [labels.instance, "__address__"]
    return [{"source_labels": sources, "regex": ";(.+)", "target_label": labels.instance, "replacement": "$1"}]


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
            out.append(
                _probe_job(site, system, own, {"job_name": _title(system), "static_configs": groups}, probed=probed)
            )
    return out


def _probed(system: System, role: str) -> bool:
    """Whether targets of a role are addresses of JSON pages."""
    return bool(role) and role == system.endpoint.prober


def _probe_job(site: Site, system: System, own: SystemConfig, job: Json, *, probed: bool) -> Json:
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
    for group, name in zip(own.discovery.dns, _names(system, own.discovery.dns), strict=True):
        role = group.get("role", "")
        labels = [_set(label, value) for label, value in _labels(site.config, group).items()]
        if _probed(system, role):
            out += [_page(site, system, own, f"{name}-{n}", labels, a) for n, a in enumerate(group["targets"])]
            continue
        found = _looked_up(group["names"], group.get("port", system.endpoint.port_of(role)))
        out.append({"job_name": name, "dns_sd_configs": [found], "relabel_configs": labels})
    return _numbered(out)


def _names(system: System, groups: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a name for the job of each group: deployment and role; where others have the same, cluster and namespace too."""
    parts = ("deployment", "role"), ("cluster", "namespace", "deployment", "role")
    short, long = (["-".join(str(g[key]) for key in keys if g.get(key)) for g in groups] for keys in parts)
    names = [name if short.count(name) == 1 else full for name, full in zip(short, long, strict=True)]
    return [f"{_title(system)}-dns-{name}" for name in names]


def _numbered(jobs: list[Json]) -> list[Json]:
    """Return the jobs with a number behind each name that one before has: Prometheus takes none twice."""
    taken: set[str] = set()
    for job in jobs:
        wanted = job["job_name"]
        numbered = (f"{wanted}-{number}" for number in itertools.count(2))
        job["job_name"] = next(name for name in itertools.chain((wanted,), numbered) if name not in taken)
        taken.add(job["job_name"])
    return jobs


def _looked_up(names: Sequence[str], port: int) -> Json:
    return {"names": list(names), "type": "A", "port": port, "refresh_interval": "15s"}


def _page(site: Site, system: System, own: SystemConfig, name: str, labels: list[Json], address: str) -> Json:
    """A job that looks up the json_exporter and asks it for one page: without an exporter there is no target."""
    role = system.endpoint.prober
    host, _, port = own.discovery.json_exporter.rpartition(":")
    page = system.endpoint.page_at(address)
    assert page  # noqa: S101 - `config` takes no other address
    here = probes.instance(address)
    fixed = host.startswith("[") or host.replace(".", "").isdigit()  # an address, which DNS does not know
    found: Json = (
        {"static_configs": [{"targets": [own.discovery.json_exporter]}]}
        if fixed
        else {"dns_sd_configs": [_looked_up([host], int(port))]}
    )
    return {
        "job_name": name,
        "metrics_path": system.endpoint.path_of(role),
        "params": {"module": [page.module], "target": [address]},
        **found,
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
        out.append(_probe_job(site, system, own, job, probed=probed))
    return out


def _kubernetes(site: Site, system: System, own: SystemConfig) -> list[Json]:
    """The jobs that find pods and Services, and the JSON pages behind the Services of one release."""
    out = kubernetes.jobs(site, system, own)
    endpoint, found = system.endpoint, own.discovery.kubernetes
    pages = probes.addresses(system, own) if endpoint.prober in own.roles else []
    if pages:
        group = {"deployment": found.release, "role": endpoint.prober, "namespace": found.namespaces[0]}
        targets = [{"targets": pages, "labels": _labels(site.config, group)}]
        job = {"job_name": f"{_title(system)}-kubernetes", "static_configs": targets}
        out.append(_probe_job(site, system, own, job, probed=True))
    return out


def fragments(site: Site) -> Mapping[str, Json]:
    """Return one includable document per enabled system and kind of discovery that finds something, by file name."""
    on = [name for name, system in site.config.systems.items() if system.enabled]
    made = {f"{name}.{kind}.yml": jobs(site, name, kind) for name in on for kind in KINDS}
    return {name: {"scrape_configs": listed} for name, listed in made.items() if listed}
