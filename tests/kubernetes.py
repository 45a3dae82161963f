"""Clusters as Prometheus' Kubernetes discovery tells of them: the targets and discovery labels of pods and Services.

Source: https://prometheus.io/docs/prometheus/2.42/configuration/configuration/#kubernetes_sd_config
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]

CLUSTERS: list[Json] = yaml.safe_load((Path(__file__).parent / "data" / "pods.yaml").read_text(encoding="utf-8"))


def discovered(pods: list[Json], wanted: Mapping[str, Any]) -> list[Json]:
    """Return the target groups that one `kubernetes_sd_configs` entry finds among pods, for a target file.

    Every pod has an address of its own on loopback, where nobody listens.

    Raises:
        KeyError: A role that is not played here.

    """
    names = wanted.get("namespaces", {}).get("names", ())
    play = {"pod": _containers, "endpointslice": _slices, "endpoints": _endpoints}[wanted["role"]]
    out = []
    for number, pod in zip(count(1), pods, strict=False):
        if names and pod.get("namespace", "default") not in names:
            continue
        host = f"127.1.{number // 250}.{number % 250 + 1}"
        out += list(play(pod, host))
    return out


def _containers(pod: Json, host: str) -> Iterator[Json]:
    """Yield a target for each port of each container, and one without a port for a container that declares none."""
    for container, ports in pod["containers"].items():
        for name, number in ports.items():
            yield _group(f"{host}:{number}", {**_pod(pod), **_port(container, name, number)})
        if not ports:
            yield _group(host, {**_pod(pod), "pod_container_name": container})


def _slices(pod: Json, host: str) -> Iterator[Json]:
    """Yield a target for each port of each Service in front of a pod, and for the ports that are in no Service."""
    for service, name, number, target in _behind(pod):
        if not name:
            yield _group(f"{host}:{number}", target)
            continue
        bound = {
            "endpointslice_name": f"{service}-x7k2p",
            "endpointslice_port_name": name,
            "endpointslice_port": str(number),
        }
        for family, address in {"IPv4": host, **({"IPv6": "[::1]"} if pod.get("dual") else {})}.items():
            slice_ = {**bound, "endpointslice_address_type": family, "pod_ip": host}
            yield _group(f"{address}:{number}", {**target, **slice_, **_aimed("endpointslice", pod)})


def _endpoints(pod: Json, host: str) -> Iterator[Json]:
    """Yield the same as Endpoints have it, which know the first family alone."""
    for service, name, number, target in _behind(pod):
        bound = {"endpoints_name": service, "endpoint_port_name": name} if name else {}
        yield _group(f"{host}:{number}", {**target, **bound, "pod_ip": host, **_aimed("endpoint", pod)})


def _aimed(what: str, pod: Json) -> dict[str, str]:
    return {f"{what}_address_target_kind": "Pod", f"{what}_address_target_name": pod["name"]}


def _behind(pod: Json) -> Iterator[tuple[str, str, int, dict[str, str]]]:
    """Yield Service, port's name, port and discovery labels of each target; without a name for a port that is in no Service."""
    ports = {number: (container, name) for container, p in pod["containers"].items() for name, number in p.items()}
    for service, one in pod.get("services", {}).items():
        known = {"service_name": service, **_labelled("service", one["labels"])}
        for name, number in one["ports"].items():
            container = _port(*ports[number], number) if number in ports else {}
            yield service, name, number, {**_pod(pod), **known, **container}
        for number, (container_name, name) in ports.items():
            if number not in one["ports"].values():
                yield service, "", number, {**_pod(pod), **known, **_port(container_name, name, number)}


def _pod(pod: Json) -> dict[str, str]:
    kind, _, name = pod.get("controller", "").partition("/")
    return {
        "namespace": pod.get("namespace", "default"),
        "pod_name": pod["name"],
        "pod_phase": pod.get("phase", "Running"),
        **({"pod_controller_kind": kind, "pod_controller_name": name} if kind else {}),
        **_labelled("pod", pod.get("labels", {})),
    }


def _port(container: str, name: str, number: int) -> dict[str, str]:
    return {
        "pod_container_name": container,
        "pod_container_port_name": name,
        "pod_container_port_number": str(number),
        "pod_container_port_protocol": "TCP",
    }


def _labelled(what: str, labels: Mapping[str, str]) -> dict[str, str]:
    out: dict[str, str] = {}
    for name, value in labels.items():
        plain = "".join(c if c.isalnum() else "_" for c in name)
        out |= {f"{what}_label_{plain}": value, f"{what}_labelpresent_{plain}": "true"}
    return out


def _group(address: str, labels: Mapping[str, str]) -> Json:
    return {"targets": [address], "labels": {f"__meta_kubernetes_{name}": value for name, value in labels.items()}}
