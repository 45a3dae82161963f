"""Discovery in Kubernetes: pods and Services of ours, known by what their charts put on them, and nobody else's.

A pod is known by its container: the port's name and number, the container's name, labels of the chart. A Service is known
by its name, which begins with the chart's fullname. Source of both: the charts, see the catalogue.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from generator.catalogue import Pods, System
from generator.config.settings import Config, Kubernetes, SystemConfig
from generator.config.site import Site

Json = dict[str, Any]

#: How long a name in Kubernetes may be; Helm cuts there.
LONGEST = 63

#: The label that Helm's charts give the release.
RELEASE = "app.kubernetes.io/instance"
NAME = "app.kubernetes.io/name"
COMPONENT = "app.kubernetes.io/component"

#: Where both families are on, a pod is in a slice of each: its own first address is kept.
ONE_FAMILY: Json = {
    "source_labels": ["__meta_kubernetes_endpointslice_address_type", "__meta_kubernetes_pod_ip"],
    "regex": r"IPv6;[\d.]+|IPv4;.*:.*",
    "action": "drop",
}

_SERVICE, _POD = "__meta_kubernetes_service_name", "__meta_kubernetes_pod_name"


def jobs(site: Site, system: System, own: SystemConfig) -> list[Json]:
    """Return one job for each role that runs here: by its Service where it is said to have one, else by its pods."""
    endpoint = system.endpoint
    found = [_by_service(site, system, own, role) for role in endpoint.services if role in own.roles]
    return found + [_by_pod(site, system, own, role, pods) for role, pods in _sought(system, own)]


def through_services(job: Json) -> Json:
    """Return a job of pods as one that finds the same pods behind Services, whatever ports these have.

    A pod behind a Service is told of with all ports of its containers, so what knows it by them goes on to.
    """
    (discovered,) = job["kubernetes_sd_configs"]
    return {
        **job,
        "kubernetes_sd_configs": [{**discovered, "role": "endpointslice"}],
        "relabel_configs": [ONE_FAMILY, *job["relabel_configs"]],
    }


def served(system: System) -> frozenset[str]:
    """Return the roles whose pods have a Service before them; empty text for a system without roles."""
    roles = {role for role, pods in system.endpoint.pods.items() if pods.service}
    return frozenset(roles | ({"combined"} if "api" in roles else set()))


def fullname(system: System, kubernetes: Kubernetes) -> str:
    """Return what the names of a chart's objects begin with: as Helm makes it, unless it is configured; empty for any."""
    if kubernetes.fullname or not kubernetes.release:
        return kubernetes.fullname
    chart = system.endpoint.chart
    name = kubernetes.release if chart in kubernetes.release else f"{kubernetes.release}-{chart}"
    return name[:LONGEST].removesuffix("-")


def _sought(system: System, own: SystemConfig) -> Iterator[tuple[str, Pods]]:
    """Yield roles and their pods. Where no API-only role runs, the API's pods belong to combined processes."""
    pods = system.endpoint.pods
    if "combined" in own.roles and "api" not in own.roles and "api" in pods:
        yield "combined", pods["api"]
    yield from ((role, one) for role, one in pods.items() if not role or role in own.roles)


def _by_service(site: Site, system: System, own: SystemConfig, role: str) -> Json:
    """A job that finds the pods behind the Services of one role, and names them as the vendor's own boards do."""
    kubernetes, labels, endpoint = own.discovery.kubernetes, site.labels, system.endpoint
    service = endpoint.services[role]
    keep: list[Json] = [
        _keep([_SERVICE, _service_label(NAME), _service_label(RELEASE)], _chart_s(system, kubernetes, service))
    ]
    if role in endpoint.exporters:
        release = kubernetes.exporters or kubernetes.release
        keep = [_keep([_SERVICE], f"{literal(release)}-{service}" if release else f"(?:.+-)?{service}")]
    deployment: Json = (
        {"target_label": labels.deployment, "replacement": kubernetes.release}
        if kubernetes.release
        else {"source_labels": [_service_label(RELEASE)], "target_label": labels.deployment}
    )
    rules: list[Json] = [
        *keep,
        _keep(["__meta_kubernetes_endpointslice_port_name"], endpoint.container_ports[role]),
        ONE_FAMILY,
        {"source_labels": ["__meta_kubernetes_namespace"], "target_label": labels.namespace},
        deployment,
        {"source_labels": [_SERVICE], "target_label": "k8s_service"},
        {"source_labels": [_POD], "target_label": "k8s_pod"},
        {"source_labels": [_POD], "target_label": labels.instance},
        {"target_label": labels.role, "replacement": role},
    ]
    return _job(system, kubernetes, "endpointslice", role, rules)


def _chart_s(system: System, kubernetes: Kubernetes, service: str) -> str:
    """Return what Services of a chart are called; name of the chart and release follow, as its labels have them.

    With a known fullname the name is proof, and a Service that someone made by hand has no label; a release that is
    another one's is not ours. Without a fullname only the chart's label tells its Services from others of such a name.
    """
    name_prefix = fullname(system, kubernetes)
    if not name_prefix:
        return f".+-{service};{literal(system.endpoint.chart)};.+"
    release = literal(kubernetes.release) if kubernetes.release else ".+"
    return f"{literal(name_prefix)}-{service};[^;]*;(?:{release})?"


def _by_pod(site: Site, system: System, own: SystemConfig, role: str, pods: Pods) -> Json:
    """A job that finds pods, because a role without a Service must be found too."""
    kubernetes = own.discovery.kubernetes
    rules = [
        *_own_pods(system, kubernetes, pods),
        {"source_labels": ["__meta_kubernetes_pod_phase"], "regex": "Pending|Succeeded|Failed", "action": "drop"},
        *_of_release(kubernetes),
        {"source_labels": ["__meta_kubernetes_namespace"], "target_label": site.labels.namespace},
        *_deployment(site.config, system, kubernetes),
        {"source_labels": [_POD], "target_label": site.labels.instance},
    ]
    if system.endpoint.services:  # roles that are found by Services have these, so that boards find all of them
        rules += [
            {"source_labels": [pod_label(COMPONENT)], "target_label": "k8s_service"},
            {"source_labels": [_POD], "target_label": "k8s_pod"},
        ]
    return _job(
        system,
        kubernetes,
        "pod",
        role,
        rules + ([{"target_label": site.labels.role, "replacement": role}] if role else []),
    )


def _own_pods(system: System, kubernetes: Kubernetes, pods: Pods) -> Iterator[Json]:
    """Yield what keeps the containers that are ours, and drops those that only look like them."""
    metadata = {
        "container_name": literal(pods.container) if pods.container else "",
        "container_port_name": literal(pods.port_name) if pods.port_name else "",
        "container_port_number": str(pods.port) if pods.port else "",
    }
    known = {f"__meta_kubernetes_pod_{name}": regex for name, regex in metadata.items() if regex}
    known |= {pod_label(name): regex for name, regex in pods.labels.items()}
    if pods.component and (name_prefix := fullname(system, kubernetes)):
        known[pod_label(COMPONENT)] = f"{literal(name_prefix)}-{pods.component}"
    elif pods.component:  # any release: only the chart's label tells its pods from others of such a name
        known |= {pod_label(NAME): literal(system.endpoint.chart), pod_label(COMPONENT): f".+-{pods.component}"}
    yield _keep(list(known), ";".join(known.values()))
    if pods.called:
        name = f"(?:{pods.called})"
        yield _keep(
            [pod_label(NAME), pod_label("app"), "__meta_kubernetes_pod_container_name"],
            f"{name};.*;.*|.*;{name};.*|.*;.*;{name}",
        )


def _of_release(kubernetes: Kubernetes) -> list[Json]:
    if not kubernetes.release:
        return []
    return [_keep([pod_label(kubernetes.deployment_label or RELEASE)], literal(kubernetes.release))]


def _deployment(config: Config, system: System, kubernetes: Kubernetes) -> Iterator[Json]:
    """Yield what names the deployment: the operator's label, else the narrowest that the pod has; the last one wins."""
    target = config.labels.deployment
    # A pod that nobody labelled is called as its Deployment is: the ReplicaSet's name without the hash at its end.
    kind = ["__meta_kubernetes_pod_controller_kind", "__meta_kubernetes_pod_controller_name"]
    yield {"source_labels": kind, "regex": "ReplicaSet;(.+)-[^-]+|(?:StatefulSet|DaemonSet);(.+)", "target_label": target,
           "replacement": "$1$2"}  # fmt: skip
    own = {kubernetes.deployment_label: "(.+)"} if kubernetes.deployment_label else {}
    for label, regex in [*system.endpoint.deployment.items(), *own.items()]:
        yield {"source_labels": [pod_label(label)], "regex": regex, "target_label": target, "replacement": "$1"}


def _job(system: System, kubernetes: Kubernetes, kind: str, role: str, rules: list[Json]) -> Json:
    discovery: Json = {"role": kind}
    if kubernetes.namespaces:
        discovery["namespaces"] = {"names": list(kubernetes.namespaces)}
    name = f"{system.name.replace('_', '-')}-kubernetes" + (f"-{role}" if role else "")
    return {"job_name": name, "kubernetes_sd_configs": [discovery], "relabel_configs": rules}


def _keep(labels: list[str], regex: str) -> Json:
    return {"source_labels": labels, "regex": regex, "action": "keep"}


def literal(text: str) -> str:
    """Return the regular expression that is a name and nothing else; names of Kubernetes have no other sign than a dot."""
    return text.replace(".", r"\.")


def pod_label(name: str) -> str:
    """Return the discovery label that has a label of the pod."""
    return f"__meta_kubernetes_pod_label_{_meta(name)}"


def _service_label(name: str) -> str:
    return f"__meta_kubernetes_service_label_{_meta(name)}"


def _meta(name: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in name)
