"""Checks of scrape files: every target carries the labels that boards and rules group by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from generator.config.site import Site
from generator.lint.finding import Files, Finding
from generator.source import Document, Place

#: Jobs that are about no system: their series are Prometheus' and Alertmanager's own.
OWN = ("prometheus", "alertmanager")


def _jobs(files: Files) -> Iterator[tuple[Document, Place, Mapping[str, Any]]]:
    for document in files.scrape:
        for number, job in enumerate(document.data.get("scrape_configs", ())):
            yield document, ("scrape_configs", number), job


def labels(files: Files, site: Site) -> Iterator[Finding]:
    """Every job sets the system label, and the deployment label unless target files bring it."""
    wanted = site.labels
    for document, place, job in _jobs(files):
        if job.get("job_name") in OWN:
            continue
        set_ = {rule.get("target_label") for rule in job.get("relabel_configs", ())}
        # The samples of a probe are about the system, its scrape is not: `up` is the exporter's.
        written = (
            {rule.get("target_label") for rule in job.get("metric_relabel_configs", ())} if "params" in job else set()
        )
        groups = [group.get("labels", {}) for group in job.get("static_configs", ())]
        if wanted.system not in set_ | written:
            yield Finding(
                document.path,
                document.line(*place),
                "scrape/labels",
                f"job {job.get('job_name')!r} does not set {wanted.system!r}",
                "add it by relabelling",
            )
        static = all(wanted.deployment in g for g in groups) if groups else False
        if wanted.deployment not in set_ and not static and "file_sd_configs" not in job:
            yield Finding(
                document.path,
                document.line(*place),
                "scrape/labels",
                f"job {job.get('job_name')!r} does not set {wanted.deployment!r}",
                "add it by relabelling or as a static label",
            )


def jobs(files: Files, _: Site) -> Iterator[Finding]:
    """Job names are unique in a file; Prometheus refuses the whole file otherwise."""
    seen: set[tuple[str, str]] = set()
    for document, place, job in _jobs(files):
        key = (document.path, str(job.get("job_name")))
        if key in seen:
            yield Finding(
                document.path,
                document.line(*place),
                "scrape/jobs",
                f"job {key[1]!r} is there twice",
                "rename one of the two",
            )
        seen.add(key)
