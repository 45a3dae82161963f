"""The configuration of the Agent's OpenMetrics check: what is scraped of each system, under which names and tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from generator.bundle import Bundle
from generator.catalogue import Kind, Metric, System
from generator.discovery import scrape
from generator.outputs.datadog import naming

Json = dict[str, Any]

#: Series of one page that the check takes; its own default of 2,000 is less than a busy gateway has.
MOST_SERIES = 20_000

#: Where the Agent puts the address of the container that it found by a template.
TEMPLATE = "%%host%%"


def configuration(bundle: Bundle, name: str) -> Json:
    """Return the file for `conf.d/openmetrics.d/` of one system: an instance for each named address, or a template per role."""
    system = bundle.site.catalogue.systems[name]
    named = _named(bundle, system)
    instances = [_instance(bundle, system, *one) for one in named or _templates(bundle, system)]
    head: Json = {} if named else {"ad_identifiers": [name.replace("_", "-")]}
    return head | {"init_config": {}, "instances": instances}


def collected(bundle: Bundle, name: str) -> Sequence[Metric]:
    """Return what the check takes of the pages of a system, whatever the role; what the server pushes itself is not among it."""
    site = bundle.site
    pages = (site.system(page, on=name) for page in site.catalogue.systems[name].pages)
    every = (metric for view in (site.system(name), *pages) for metric in view)
    return [
        metric
        for metric in every
        if not (metric.missing or metric.never_scraped or naming.pushed(metric) or metric.kind is Kind.INFO)
        and not metric.full_name.endswith(naming.UNREAD)
    ]


def _named(bundle: Bundle, system: System) -> list[tuple[str, str, Mapping[str, str]]]:
    """Return address, role and tags of each target that the configuration names."""
    labels = bundle.site.labels
    out = []
    for group in (group for job in scrape.jobs(bundle.site, system.name, "static") for group in job["static_configs"]):
        role = group["labels"].get(labels.role, "")
        if role and role == system.endpoint.prober:
            continue  # pages of JSON, which the check does not read
        out += [(target, role, group["labels"]) for target in group["targets"]]
    return out


def _templates(bundle: Bundle, system: System) -> list[tuple[str, str, Mapping[str, str]]]:
    """Return the same for containers that the Agent finds: one per role that is in the field and has a page of its own."""
    label = bundle.site.labels.role
    own = system.endpoint.pods or system.endpoint.ports
    roles = [
        role for role in own if role in bundle.site.config.systems[system.name].roles and role != system.endpoint.prober
    ]
    if not roles:
        return [(f"{TEMPLATE}:{system.endpoint.port_of('')}", "", {})]
    ports = {role: system.endpoint.ports.get(role, system.endpoint.port) for role in roles}
    return [(f"{TEMPLATE}:{port}", role, {label: role}) for role, port in ports.items()]


def _instance(bundle: Bundle, system: System, address: str, role: str, labels: Mapping[str, str]) -> Json:
    site = bundle.site
    config = site.config.systems[system.name]
    called = naming.tags(site, push=False)
    tags = {called.get(label, label): value for label, value in labels.items()}
    if site.config.cluster:
        tags[called[site.labels.cluster]] = site.config.cluster
    tags |= {site.labels.system: system.name, **site.set_on(system.name)}
    path = system.endpoint.path_of(role)
    scheme = "https" if config.discovery.https else "http"
    out: Json = {
        "openmetrics_endpoint": f"{scheme}://{address}{path}",
        "namespace": system.name,
        "metrics": [f"^{naming.family(metric)}$" for metric in collected(bundle, system.name)],
        "exclude_labels": [label for label in system.constant_labels if label.startswith("otel_")],
        "tags": [f"{name}:{value}" for name, value in tags.items()],
        "collect_histogram_buckets": True,
        "histogram_buckets_as_distributions": False,
        "non_cumulative_histogram_buckets": False,
        "use_process_start_time": True,
        "max_returned_metrics": MOST_SERIES,
    }
    if config.discovery.bearer_token_file:
        out["auth_token"] = {
            "reader": {"type": "file", "path": config.discovery.bearer_token_file},
            "writer": {"type": "header", "name": "Authorization", "value": "Bearer <TOKEN>"},
        }
    return out
