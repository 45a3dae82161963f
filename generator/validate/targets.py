"""Targets: is everything up that is to be scraped, every process once, under the labels that the bundle promises?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from generator.validate import deployments, expectations
from generator.validate.context import Context
from generator.validate.probe import AbsentError
from generator.validate.prometheus import ActiveTarget
from generator.validate.target import Target, judge
from generator.validate.verdict import Verdict, empty, ok, wrong


def targets(context: Context) -> Iterator[Verdict]:
    """Every target is up, under the promised labels, once; every role that is configured has one."""
    try:
        listed = context.prometheus.targets()
    except AbsentError:
        yield _by_series(f"{context.prometheus.probe.name} does not list its targets")
        yield from _by_up(context, context.systems)
        yield from deployments.mixed(context)
        return
    found = list(own_targets(context, listed))
    here = {target.system for target in found}
    pushed = [name for name in context.systems if name not in here and context.evidence.processes[name].scraped]
    if pushed:
        name = context.prometheus.probe.name
        yield _by_series(f"{name} scrapes no {', '.join(pushed)}, and has their series from elsewhere")
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
    scraped = [name for name in context.systems if name not in pushed]
    yield from expectations.roles(context, scraped, found)
    yield from expectations.addresses(context, scraped, found)
    yield from deployments.mixed(context)


def own_targets(context: Context, listed: list[ActiveTarget]) -> Iterator[Target]:
    """Yield the targets of the systems that are judged: by what tells them, and those that lack the system label by their job."""
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


def _by_series(why: str) -> Verdict:
    """Say that there are no targets to look at, and what is looked at instead."""
    return empty(f"{why}; judged by the series up").of("targets", "/api/v1/targets")


def _by_up(context: Context, names: Iterable[str]) -> Iterator[Verdict]:
    """Judge systems by the series `up`: who scrapes them is another's business."""
    for name in names:
        processes = context.evidence.processes[name]
        if not processes.scraped:
            yield expectations.no_target(context, name, others=bool(context.present)).of("targets", name)
        for role, count in sorted(processes.scraped.items()):
            item = f"{name} role {role}" if role else name
            down = count - processes.up.get(role, 0)
            finding = (
                wrong(f"{down} of {count} targets are down", "ask for up == 0") if down else ok(f"{count} targets")
            )
            yield finding.of("targets", item)
