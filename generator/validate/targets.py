"""Targets: is everything up that is to be scraped, every process once, under the labels that the bundle promises?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from generator.validate import deployments
from generator.validate.context import Context
from generator.validate.evidence import CERTAIN
from generator.validate.probe import AbsentError
from generator.validate.prometheus import ActiveTarget
from generator.validate.verdict import Finding, Verdict, empty, ok, pending, warning, wrong

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

#: So many names or jobs stand for all.
MARKS = 3

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


def targets(context: Context) -> Iterator[Verdict]:
    """Every target is up, under the promised labels, once; every role that is configured has one."""
    try:
        listed = context.prometheus.targets()
    except AbsentError:
        yield _judged(f"{context.prometheus.probe.name} does not list its targets")
        yield from _by_up(context, context.systems)
        yield from deployments.mixed(context)
        return
    found = list(_ours(context, listed))
    here = {target.system for target in found}
    pushed = [name for name in context.systems if name not in here and context.evidence.processes[name].scraped]
    if pushed:
        name = context.prometheus.probe.name
        yield _judged(f"{name} scrapes no {', '.join(pushed)}, and has their series from elsewhere")
        yield from _by_up(context, pushed)
    counts = Counter((t.system, t.url) for t in found)
    seen = set()
    for target in found:
        role = target.labels.get(context.site.labels.role, "")
        item = f"{target.system} {target.url}" + (f" ({role})" if role else "")
        if counts[target.system, target.url] > 1:
            if (target.system, target.url) not in seen:
                seen.add((target.system, target.url))
                jobs = ", ".join(sorted({t.job for t in found if t.url == target.url and t.system == target.system}))
                yield wrong(
                    f"it is scraped {counts[target.system, target.url]} times, by {jobs}: sums count it more than once",
                    "find it in one way only",
                ).of("targets", item)
            continue
        yield judge(context, target).of("targets", item)
    own = [name for name in context.systems if name not in pushed]
    yield from _roles(context, own, found)
    yield from _configured(context, own, found)
    yield from deployments.mixed(context)


def _ours(context: Context, listed: list[ActiveTarget]) -> Iterator[Target]:
    """Yield the targets of the enabled systems: by what tells them, and those that lack the system label by their job."""
    jobs, site = _jobs(context), context.site
    for one in listed:
        system = next((name for name in context.systems if site.finds(name, one.labels)), "")
        system = system or ("" if one.labels.get(site.labels.system) else jobs.get(one.pool, ""))
        if system in context.systems:
            yield Target(system, one.labels, one.url, one.pool, one.health == "up", one.error, one.last_scrape)


def _jobs(context: Context) -> Mapping[str, str]:
    """Return the names of the bundle's own scrape jobs, each with its system."""
    label = context.site.labels.system
    out: dict[str, str] = {}
    for path, document in context.files.items():
        if path.startswith("scrape/"):
            for job in document.get("scrape_configs", ()):
                rules = {r.get("target_label"): r.get("replacement") for r in job.get("relabel_configs", ())}
                out[job["job_name"]] = str(rules.get(label, ""))
    return out


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
    lacking = [name for name in wanted if not target.labels.get(name)]
    if lacking:
        return _unlabelled(target, lacking, {getattr(labels, kind): kind for kind in CONVENTIONS})
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


def _unlabelled(target: Target, lacking: list[str], kinds: Mapping[str, str]) -> Finding:
    """Say which labels a target lacks, and which of its own may be what they are called there."""
    why = f"it lacks the label {', '.join(lacking)}"
    meant = {
        kinds[name]: other
        for name in lacking
        if name in kinds
        for other in [next((c for c in CONVENTIONS[kinds[name]] if target.labels.get(c)), "")]
        if other
    }
    if not meant:
        return wrong(why, f"take the job from scrape/{target.system}.*.yml")
    found = ", ".join(f'{other}="{target.labels[other]}"' for other in meant.values())
    said = ", ".join(f"{kind}: {other}" for kind, other in meant.items())
    return wrong(
        f"{why}, and has {found}",
        f"if that is what it is called here, say so in bundle.yaml: labels: {{{said}}}; or take the job from scrape/{target.system}.*.yml",
    )


def _roles(context: Context, names: Iterable[str], found: list[Target]) -> Iterator[Verdict]:
    """Every role of every system that is scraped here has a target, where it has to have one."""
    for name in names:
        config = context.site.config.systems[name]
        here = {t.labels.get(context.site.labels.role, "") for t in found if t.system == name}
        if not here:
            yield _absent(context, name, others=bool(found)).of("targets", name)
            continue
        promised = _promised(context, name)
        for role in config.roles:
            if role in here:
                yield ok().of("targets", f"{name} role {role}")
            elif role in promised:
                yield context.evidence.absence(
                    "it is configured, and no target has it", "see whether its discovery finds anything"
                ).of("targets", f"{name} role {role}")
            else:
                yield empty("no target has it, and none has to").of("targets", f"{name} role {role}")


def _absent(context: Context, name: str, *, others: bool) -> Finding:
    """Say of a system that none of it is found. One that only the defaults enable may be missing beside others."""
    demanded = context.chosen or name in _systems(context)
    if context.evidence.too_early:
        return context.evidence.absence("no target of the system is found yet")
    strangers = _strangers(context, name)
    if strangers:
        held = ", ".join(map(str, context.site.target_matchers(name)))
        jobs = " and ".join(f'"{job}"' for job in strangers)
        return wrong(
            f"its series are here, scraped by the job {jobs}, and its targets lack {held}",
            f"set that label on them, or say what stands for it in bundle.yaml: systems: {{{name}: {{match: {{job: {strangers[0]}}}}}}}",
        )
    return (warning if others and not demanded else wrong)(
        "the system is enabled, and no target of it is found",
        f"disable it in bundle.yaml (systems: {{{name}: {{enabled: false}}}}), or include scrape/{name}.*.yml and start it",
    )


def _strangers(context: Context, name: str) -> list[str]:
    """Return the jobs, three at most, whose targets have series of a system without being held for its targets."""
    sure = [
        m.series[0]
        for m in context.site.system(name)
        if not m.missing and m.prefix and m.parts == ("",) and {e.born for e in m.emission.values()} <= CERTAIN
    ]
    if not sure:
        return []
    pattern = "|".join(sure[:MARKS])
    found = context.prometheus.query(f'count by (job) ({{__name__=~"{pattern}"}})')
    return sorted({job for s in found if (job := s.labels.get("job", ""))})[:MARKS]


def _systems(context: Context) -> Mapping[str, Any]:
    """Return what the operator's own file says of each system."""
    document = context.site.config.document
    return ((document.data or {}).get("systems") or {}) if document else {}


def _promised(context: Context, name: str) -> set[str]:
    """Return the roles that the operator's own file names: in the list of roles, or in a group that is discovered."""
    config = context.site.config.systems[name]
    own = _systems(context).get(name) or {}
    scrape = own.get("scrape") or {}
    groups = [
        g for kind in ("static", "dns") if kind in scrape and kind in config.discovery.kinds for g in scrape[kind] or ()
    ]
    return {*(own.get("roles") or ()), *(str(g.get("role")) for g in groups if g.get("role"))}


def _configured(context: Context, names: Iterable[str], found: list[Target]) -> Iterator[Verdict]:
    """Every address that the operator's own file lists for a system that is scraped here is."""
    for name in names:
        config = context.site.config.systems[name]
        own = _systems(context).get(name) or {}
        if "static" not in (own.get("scrape") or {}) or "static" not in config.discovery.kinds:
            continue
        here = {address for t in found if t.system == name for address in _addresses(t)}
        for group in config.discovery.static:
            for address in group["targets"]:
                if address not in here:
                    yield wrong(
                        "it is configured, and Prometheus does not scrape it",
                        "load the prometheus.yml that `agentobs generate` writes",
                    ).of("targets", f"{name} {address}")


def _addresses(target: Target) -> Iterator[str]:
    """Yield what a target may be called in the file: host and port, or the page that an exporter is asked for."""
    url = urlsplit(target.url)
    yield url.netloc
    yield from parse_qs(url.query).get("target", ())


def _judged(why: str) -> Verdict:
    """Say that there are no targets to look at, and what is looked at instead."""
    return empty(f"{why}; judged by the series up").of("targets", "/api/v1/targets")


def _by_up(context: Context, names: Iterable[str]) -> Iterator[Verdict]:
    """Judge systems by the series `up`: who scrapes them is another's business."""
    for name in names:
        reached = context.evidence.processes[name]
        if not reached.scraped:
            yield _absent(context, name, others=bool(context.present)).of("targets", name)
        for role, count in sorted(reached.scraped.items()):
            item = f"{name} role {role}" if role else name
            down = count - reached.up.get(role, 0)
            finding = (
                wrong(f"{down} of {count} targets are down", "ask for up == 0") if down else ok(f"{count} targets")
            )
            yield finding.of("targets", item)
