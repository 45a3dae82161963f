"""What holds where bundle.yaml says nothing: of each system what no operator has to repeat, and no target."""

from __future__ import annotations

from collections.abc import Mapping

from generator.catalogue import System
from generator.config.settings import Discovery, Kubernetes

#: What `discovery` calls each kind, in the order of the documentation, and the key that has what it finds by.
KINDS: Mapping[str, str] = {"static": "static", "dns": "dns", "file": "files", "kubernetes": "kubernetes"}


def discovery(system: System) -> Discovery:
    """Return how a system is found once something is named."""
    endpoint, called = system.endpoint, system.name.replace("_", "-")
    known = endpoint.kubernetes
    return Discovery(
        files=(f"/etc/prometheus/targets/{system.name}*.yaml",),
        kubernetes=Kubernetes(
            namespaces=tuple(known.get("namespaces", ())),
            release=known.get("release", ""),
            exporters=known.get("exporters", ""),
        ),
        bearer_token_file=f"/etc/prometheus/secrets/{called}-token" if endpoint.bearer_token else "",
        json_exporter=f"{called}-json-exporter:7979" if endpoint.json else "",
        sample_limit=endpoint.sample_limit,
        label_limit=endpoint.label_limit,
    )
