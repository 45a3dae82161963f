"""One target: is it up, under the labels that the bundle promises, and scraped in time?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from generator.validate.context import Context
from generator.validate.verdict import Finding, ok, pending, warning, wrong

#: What a target label is called elsewhere, by what it is called in `labels:` of bundle.yaml.
#: Sources: labels of the usual charts and operators, and what the OpenTelemetry Collector writes.
CONVENTIONS: Mapping[str, tuple[str, ...]] = {
    "cluster": ("k8s_cluster_name", "cluster_name", "kubernetes_cluster", "k8s_cluster"),
    "namespace": ("kubernetes_namespace", "k8s_namespace_name", "exported_namespace", "k8s_namespace", "ns"),
    "deployment": (
        "k8s_deployment_name", "app_kubernetes_io_instance", "app_kubernetes_io_name", "service_name", "service", "app",
        "workload", "release", "application",
    ),
    "role": ("app_kubernetes_io_component", "component", "process_role", "tier"),
    "instance": ("pod", "k8s_pod_name", "kubernetes_pod_name", "service_instance_id"),
}  # fmt: skip

#: What Prometheus says of a page whose type it does not take, and of one that comes too late.
CONTENT_TYPES = ("Content-Type", "fallback_scrape_protocol")
LATE = ("deadline exceeded", "Client.Timeout", "i/o timeout")

#: A target that was not scraped for so many intervals is stuck.
STUCK_INTERVALS = 3

#: What Prometheus says of a page that it refuses for its size, and the key that has the limit.
LIMITS = {"sample limit exceeded": "sample_limit", "label_limit exceeded": "label_limit"}


@dataclass(frozen=True, slots=True)
class Target:
    """One active target.

    Attributes:
        system: The system that it belongs to.
        labels: Its labels.
        url: What is scraped.
        job: The job that found it.
        up: It answered the last scrape.
        error: Why it did not.
        last_scrape: Unix seconds of the last scrape; 0 for never.

    """

    system: str
    labels: Mapping[str, str]
    url: str
    job: str
    up: bool
    error: str
    last_scrape: float


def judge(context: Context, target: Target) -> Finding:  # noqa: PLR0911 - one per reason
    """Say how one target is."""
    labels = context.site.labels
    if not target.up and target.last_scrape:
        return _down(target)
    if not target.last_scrape:
        return pending("it has not been scraped yet")
    wanted = [labels.deployment, labels.instance, *(m.label for m in context.site.target_matchers(target.system))]
    system = context.site.catalogue.systems[target.system]
    if system.roles:
        wanted.append(labels.role)
    if context.site.config.cluster:
        wanted.append(labels.cluster)
    if "kubernetes" in target.job:
        wanted.append(labels.namespace)
    absent = [name for name in wanted if not target.labels.get(name)]
    if absent:
        return _unlabelled(target, absent, {getattr(labels, kind): kind for kind in CONVENTIONS})
    role = target.labels.get(labels.role, "")
    if system.roles and role not in system.roles:
        return wrong(f"its {labels.role} is {role!r}", f"use one of {', '.join(system.roles)}")
    if context.site.config.cluster and target.labels[labels.cluster] != context.site.config.cluster:
        return warning(
            f"its {labels.cluster} is {target.labels[labels.cluster]!r}, not {context.site.config.cluster!r}"
        )
    late = context.now - target.last_scrape
    if late > STUCK_INTERVALS * context.scrape_seconds:
        return warning(
            f"its last scrape is {late:.0f} s ago, and one every {context.scrape_seconds:g} s is configured",
            "correct scrape.interval in bundle.yaml, or the job",
        )
    return ok()


def _down(target: Target) -> Finding:
    """Say why a target is down, and what to do. Prometheus refuses a page that is too large as a whole."""
    error = target.error
    refused = next((key for words, key in LIMITS.items() if words in error), "")
    if refused:
        return wrong(
            f"Prometheus refuses its whole page: {error}",
            f"see what makes so many, then raise systems.{target.system}.scrape.{refused} in bundle.yaml and load the job again",
        )
    if any(sign in error for sign in CONTENT_TYPES):
        return wrong(
            f"Prometheus refuses what it serves: {error}",
            "see that its address and path are those of a page of metrics; if they are, set fallback_scrape_protocol: "
            "PrometheusText0.0.4 in its scrape job",
        )
    if any(sign in error for sign in LATE):
        return wrong(f"it does not answer in time: {error}", "see its load, or raise scrape_timeout of its scrape job")
    return wrong(f"it is down: {error or 'no reason is told'}", "start it, or open the way to its /metrics")


def _unlabelled(target: Target, absent: list[str], kinds: Mapping[str, str]) -> Finding:
    """Say which labels a target lacks, and which of its own may be what they are called there."""
    why = f"it lacks the label {', '.join(absent)}"
    likely = {
        kinds[name]: other
        for name in absent
        if name in kinds
        for other in [next((c for c in CONVENTIONS[kinds[name]] if target.labels.get(c)), "")]
        if other
    }
    if not likely:
        return wrong(why, f"take the job from scrape/{target.system}.*.yml")
    found = ", ".join(f'{other}="{target.labels[other]}"' for other in likely.values())
    settings = ", ".join(f"{kind}: {other}" for kind, other in likely.items())
    return wrong(
        f"{why}, and has {found}",
        f"if that is what it is called here, say so in bundle.yaml: labels: {{{settings}}}; or take the job from scrape/{target.system}.*.yml",
    )
