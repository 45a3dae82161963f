"""Targets: is everything up that is to be scraped, every process once, under the labels that the bundle promises?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from generator.validate.context import Context
from generator.validate.probe import AbsentError
from generator.validate.prometheus import unix
from generator.validate.verdict import Finding, Verdict, empty, ok, warning, wrong

#: A target that was not scraped for so many intervals is stuck.
STUCK_INTERVALS = 3


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
        scraped: Unix seconds of the last scrape; 0 for never.

    """

    system: str
    labels: Mapping[str, str]
    url: str
    job: str
    up: bool
    error: str
    scraped: float


def targets(context: Context) -> Iterator[Verdict]:
    """Every target is up, under the promised labels, once; every role that is configured has one."""
    try:
        listed = context.prometheus.targets()
    except AbsentError:
        yield from _by_up(context)
        return
    found = list(_ours(context, listed))
    if not found and not listed and any(r.scraped for r in context.evidence.reached.values()):
        yield from _by_up(context)
        return
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
        yield _target(context, target).of("targets", item)
    yield from _roles(context, found)
    yield from _configured(context, found)


def _ours(context: Context, listed: list[Mapping[str, Any]]) -> Iterator[Target]:
    """Yield the targets of the enabled systems: by their label, and those that lack it by their job."""
    label = context.site.labels.system
    jobs = _jobs(context)
    on = context.systems
    for one in listed:
        labels = {str(k): str(v) for k, v in (one.get("labels") or {}).items()}
        pool = str(one.get("scrapePool") or labels.get("job", ""))
        system = labels.get(label) or jobs.get(pool, "")
        if system in on:
            yield Target(
                system, labels, str(one.get("scrapeUrl", "")), pool, one.get("health") == "up",
                str(one.get("lastError") or ""), unix(one.get("lastScrape")),
            )  # fmt: skip


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


def _target(context: Context, target: Target) -> Finding:  # noqa: PLR0911 - one per reason
    labels = context.site.labels
    if not target.up and target.scraped:
        return wrong(f"it is down: {target.error or 'no reason is told'}", "start it, or open the way to its /metrics")
    if not target.scraped:
        return empty("it has not been scraped yet")
    wanted = [labels.deployment, labels.instance, labels.system]
    system = context.site.catalogue.systems[target.system]
    if system.roles:
        wanted.append(labels.role)
    if context.site.config.cluster:
        wanted.append(labels.cluster)
    if "kubernetes" in target.job:
        wanted.append(labels.namespace)
    lacking = [name for name in wanted if not target.labels.get(name)]
    if lacking:
        return wrong(f"it lacks the label {', '.join(lacking)}", f"take the job from scrape/{target.system}.*.yml")
    role = target.labels.get(labels.role, "")
    if system.roles and role not in system.roles:
        return wrong(f"its {labels.role} is {role!r}", f"use one of {', '.join(system.roles)}")
    if context.site.config.cluster and target.labels[labels.cluster] != context.site.config.cluster:
        return warning(
            f"its {labels.cluster} is {target.labels[labels.cluster]!r}, not {context.site.config.cluster!r}"
        )
    late = context.now - target.scraped
    if late > STUCK_INTERVALS * context.scrape_seconds:
        return warning(
            f"its last scrape is {late:.0f} s ago, and one every {context.scrape_seconds:g} s is configured",
            "correct scrape.interval in bundle.yaml, or the job",
        )
    return ok()


def _roles(context: Context, found: list[Target]) -> Iterator[Verdict]:
    """Every role of every enabled system has a target, where it has to have one."""
    for name in context.systems:
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
                yield wrong("it is configured, and no target has it", "see whether its discovery finds anything").of(
                    "targets", f"{name} role {role}"
                )
            else:
                yield empty("no target has it, and none has to").of("targets", f"{name} role {role}")


def _absent(context: Context, name: str, *, others: bool) -> Finding:
    """Say of a system that none of it is found. One that only the defaults enable may be missing beside others."""
    demanded = context.chosen or name in _systems(context)
    return (warning if others and not demanded else wrong)(
        "the system is enabled, and no target of it is found",
        f"disable it in bundle.yaml (systems: {{{name}: {{enabled: false}}}}), or include scrape/{name}.*.yml and start it",
    )


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


def _configured(context: Context, found: list[Target]) -> Iterator[Verdict]:
    """Every address that the operator's own file lists is scraped."""
    for name in context.systems:
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


def _by_up(context: Context) -> Iterator[Verdict]:
    """Judge by the series `up`, where the backend does not list its targets: who is scraped is somebody else's business."""
    yield empty(f"{context.prometheus.probe.name} does not list its targets; judged by the series up").of(
        "targets", "/api/v1/targets"
    )
    for name in context.systems:
        reached = context.evidence.reached[name]
        if not reached.scraped:
            yield _absent(context, name, others=bool(context.present)).of("targets", name)
        for role, count in sorted(reached.scraped.items()):
            item = f"{name} role {role}" if role else name
            down = count - reached.up.get(role, 0)
            finding = (
                wrong(f"{down} of {count} targets are down", "ask for up == 0") if down else ok(f"{count} targets")
            )
            yield finding.of("targets", item)
