"""Probes of readiness: a blackbox_exporter asks every process that serves whether it is ready.

A probe is found and called as the process is, by the job of its page. Only its samples say which system it is about, by
relabelling of metrics, which leaves out what Prometheus says of the scrape: `up` of the exporter would be one process more that
answers, and alerts about processes that do not would be blind.

Source: https://github.com/prometheus/blackbox_exporter (`/probe` with the parameters `module` and `target`)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from generator.catalogue import Readiness, System
from generator.config.settings import SystemConfig
from generator.config.site import Site

Json = dict[str, Any]

#: Where the exporter asks, and its module when nobody names another: the one for HTTP in the configuration that it comes with.
PATH, MODULE = "/probe", "http_2xx"

#: What the names of these jobs end in.
SUFFIX = "-ready"


def jobs(site: Site, system: System, own: SystemConfig, found: Sequence[Json]) -> list[Json]:
    """Return a job that probes for each of the jobs that find processes which serve.

    Args:
        site: The installation.
        system: The system.
        own: How it is installed.
        found: Its jobs of one kind of discovery, before they get what all jobs of the system have.

    """
    ready, exporter = system.endpoint.ready, own.discovery.blackbox_exporter
    if not ready or not exporter:
        return []
    return [_job(site, system, own, ready, one) for job in found for one in _serving(site, ready, job)]


def _serving(site: Site, ready: Readiness, job: Json) -> Iterator[Json]:
    """Yield a job with nobody in it but who serves; nothing where nobody does. A process that has no role is taken for one."""
    if not ready.roles:
        yield job
    elif "static_configs" in job:
        groups = [g for g in job["static_configs"] if g["labels"].get(site.labels.role, "") in ("", *ready.roles)]
        if groups:
            yield {**job, "static_configs": groups}
    elif "file_sd_configs" in job:
        roles = "|".join(map(re.escape, ready.roles))
        keep = {"source_labels": [site.labels.role], "regex": f"(?:{roles})?", "action": "keep"}
        yield {**job, "relabel_configs": [*job.get("relabel_configs", ()), keep]}
    elif _role(site, job) in ("", *ready.roles):
        yield job


def _role(site: Site, job: Json) -> str:
    """Return the role that a job gives its targets; empty for none."""
    given = [str(r["replacement"]) for r in job.get("relabel_configs", ()) if r.get("target_label") == site.labels.role]
    return given[-1] if given else ""


def _job(site: Site, system: System, own: SystemConfig, ready: Readiness, job: Json) -> Json:
    scheme = "https" if own.discovery.https else "http"
    address, instance = ["__address__"], site.labels.instance
    rules = list(job.get("relabel_configs", ()))
    if not any(rule.get("target_label") == instance for rule in rules):
        rules.append(
            {"source_labels": [instance, *address], "regex": ";(.+)", "target_label": instance, "replacement": "$1"}
        )
    target = f"{scheme}://$1{ready.path}"
    rules.append({"source_labels": address, "regex": "(.+)", "target_label": "__param_target", "replacement": target})
    rules.append({"target_label": "__address__", "replacement": own.discovery.blackbox_exporter})
    if site.config.cluster:
        rules.append(_set(site.labels.cluster, site.config.cluster))
    about = {site.labels.system: system.name, **site.set_on(system.name)}
    found = {key: value for key, value in job.items() if key not in ("job_name", "relabel_configs")}
    return {
        "job_name": f"{job['job_name']}{SUFFIX}",
        "metrics_path": PATH,
        "params": {"module": [own.discovery.blackbox_module]},
        **found,
        "relabel_configs": rules,
        "metric_relabel_configs": [_set(label, value) for label, value in about.items()],
    }


def _set(label: str, value: str) -> Json:
    """Return the relabelling that gives a label a value: as text, in which `$1` is no part of anything."""
    return {"target_label": label, "replacement": value.replace("$", "$$")}
