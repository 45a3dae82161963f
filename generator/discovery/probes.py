"""JSON pages that a json_exporter makes series of: its modules, and how Prometheus asks it.

The exporter has one address; what Prometheus is told to scrape is the address of a JSON page, and relabelling turns it
into a question: `/probe?module=M&target=URL`. Where DNS finds the exporter, each page is a job that asks that question.

Source: https://github.com/prometheus-community/json_exporter (configuration with modules, since 0.5.0)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from generator.catalogue import JsonPage, System
from generator.config.settings import SystemConfig
from generator.config.site import Site
from generator.discovery.kubernetes import fullname

Json = dict[str, Any]


def modules(site: Site) -> Json:
    """Return the json_exporter's configuration for every enabled system that has JSON pages; no module without one."""
    systems = [site.catalogue.systems[name] for name, own in site.config.systems.items() if own.enabled]
    return {"modules": {page.module: _module(system, page) for system in systems for page in system.endpoint.json}}


def _module(system: System, page: JsonPage) -> Json:
    """One metric per field. Entries of one name must share their help and label names, or the exporter refuses them."""
    metric = next(m for m in system.metrics if m.name == page.metric)
    return {
        "metrics": [
            {
                "name": metric.full_name,
                "help": metric.help,
                "path": f"{{ .{field} }}",
                "valuetype": str(metric.kind),
                "labels": {page.label: value},
            }
            for value, field in page.fields.items()
        ]
    }


def pages(system: System, own: SystemConfig) -> tuple[JsonPage, ...]:
    """Return the pages that this installation has."""
    return tuple(p for p in system.endpoint.json if p.role in own.roles and (not p.needs or p.needs in own.roles))


def addresses(system: System, own: SystemConfig) -> list[str]:
    """Return the addresses of the pages in Kubernetes, behind their Services; none without release and namespace."""
    kubernetes, endpoint = own.discovery.kubernetes, system.endpoint
    if not kubernetes.release or len(kubernetes.namespaces) != 1:
        return []
    return [
        f"http://{fullname(system, kubernetes)}-{endpoint.services[p.role]}.{kubernetes.namespaces[0]}.svc.cluster.local"
        f":{endpoint.port_of(p.role)}{p.path}"
        for p in pages(system, own)
    ]


def instance(address: str) -> str:
    """Return what a page's target is called: host, port and path."""
    return address.partition("://")[2].partition("?")[0]


def rules(site: Site, system: System, own: SystemConfig) -> Iterator[Mapping[str, str | list[str]]]:
    """Yield the relabelling that turns the address of a page into a question to the exporter."""
    address = ["__address__"]
    yield {"source_labels": address, "target_label": "__param_target"}
    for page in system.endpoint.json:
        yield {"source_labels": address, "regex": f".*{re.escape(page.path)}", "target_label": "__param_module",
               "replacement": page.module}  # fmt: skip
    yield {
        "source_labels": address,
        "regex": "https?://([^?]+).*",
        "target_label": site.labels.instance,
        "replacement": "$1",
    }
    yield {"target_label": "__address__", "replacement": own.discovery.json_exporter}
