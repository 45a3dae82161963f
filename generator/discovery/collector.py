"""OpenTelemetry Collector configurations: what scrapes, what takes traces, and what reads the logs of every node.

Two files, because they run differently: the gateway is one replica (two would scrape everything twice), the log reader
one pod per node. Where the data goes is read from environment variables, so no address and no secret stands here.

Source: https://opentelemetry.io/docs/collector/configuration/ and the README files of the components.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from generator.catalogue import System
from generator.config.settings import Kubernetes
from generator.config.site import Site
from generator.discovery import scrape
from generator.discovery.kubernetes import fullname

Json = dict[str, Any]

#: First, so that it can refuse before anything is held; its limits are shares of the container's memory.
_LIMITER: Json = {"check_interval": "1s", "limit_percentage": 80, "spike_limit_percentage": 20}
_BATCH: Json = {"timeout": "5s", "send_batch_size": 8192}


def configurations(site: Site) -> Mapping[str, Json]:
    """Return the configurations by file name, of systems that are on: those whose vendor describes a collector, and an operator's own."""
    out: dict[str, Json] = {}
    for name, own in site.config.systems.items():
        described = site.catalogue.systems[name].endpoint.collector
        if own.enabled and (described or name in site.config.own):
            out[f"{name}.otel-gateway.yaml"] = _gateway(site, name)
        if own.enabled and described:
            out[f"{name}.otel-logs.yaml"] = _logs(site.catalogue.systems[name], own.discovery.kubernetes)
    return out


def _gateway(site: Site, name: str) -> Json:
    """Scrape as Prometheus would and hand the series on; take traces."""
    scraped = {
        "global": {"scrape_interval": site.timing.scrape, "scrape_timeout": site.timing.timeout},
        "scrape_configs": scrape.jobs(site, name, "kubernetes"),
    }
    own = _pipeline("metrics", ["prometheus"], "prometheusremotewrite")
    traces = _pipeline("traces", ["otlp"], "otlphttp/traces")
    return {
        "receivers": {
            "prometheus": {"config": escaped(scraped)},
            "otlp": {"protocols": {"grpc": {"endpoint": "0.0.0.0:4317"}, "http": {"endpoint": "0.0.0.0:4318"}}},
        },
        "processors": {"memory_limiter": dict(_LIMITER), "batch": dict(_BATCH)},
        "exporters": {
            # Without its suffixes the series keep the names that boards and rules read.
            "prometheusremotewrite": {
                "endpoint": "${env:PROMETHEUS_REMOTE_WRITE_URL}",
                "add_metric_suffixes": False,
                "target_info": {"enabled": False},
                "external_labels": dict(site.config.external_labels),
            },
            "otlphttp/traces": {"endpoint": "${env:TRACES_OTLP_ENDPOINT}"},
        },
        "service": {"pipelines": {**own, **traces}},
    }


def _logs(system: System, kubernetes: Kubernetes) -> Json:
    """Read the logs of a release's pods from the node's file system; the path says namespace, pod and container."""
    namespaces = kubernetes.namespaces or ("*",)
    begin = fullname(system, kubernetes)
    pods = f"{begin}-*" if begin else "*"
    return {
        "extensions": {"file_storage": {"directory": "/var/lib/otelcol", "create_directory": True}},
        "receivers": {
            "filelog": {
                "include": [f"/var/log/pods/{namespace}_{pods}/*/*.log" for namespace in namespaces],
                "exclude": ["/var/log/pods/*_*otel*_*/*/*.log"],
                "start_at": "end",
                "include_file_path": True,
                "include_file_name": False,
                "storage": "file_storage",
                "retry_on_failure": {"enabled": True},
                "operators": [{"type": "container", "id": "container-parser"}],
            }
        },
        "processors": {"memory_limiter": dict(_LIMITER), "batch": dict(_BATCH)},
        "exporters": {"otlphttp/logs": {"endpoint": "${env:LOGS_OTLP_ENDPOINT}"}},
        "service": {"extensions": ["file_storage"], "pipelines": _pipeline("logs", ["filelog"], "otlphttp/logs")},
    }


def _pipeline(signal: str, receivers: list[str], exporter: str) -> Json:
    return {signal: {"receivers": receivers, "processors": ["memory_limiter", "batch"], "exporters": [exporter]}}


def escaped(value: Any) -> Any:
    """Double every `$`: the collector would take `$1` of a relabelling for a variable of its environment."""
    if isinstance(value, dict):
        return {k: escaped(v) for k, v in value.items()}
    if isinstance(value, list):
        return [escaped(v) for v in value]
    return value.replace("$", "$$") if isinstance(value, str) else value
