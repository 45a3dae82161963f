"""Targets that have to be there: of every role that is configured, and at every address that the operator's own file lists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from generator.validate.context import Context
from generator.validate.evidence import CERTAIN
from generator.validate.target import Target
from generator.validate.verdict import Finding, Verdict, empty, ok, warning, wrong

#: So many names or jobs stand for all.
MARKS = 3


def roles(context: Context, names: Iterable[str], found: list[Target]) -> Iterator[Verdict]:
    """Every role of every system that is scraped here has a target, where it has to have one."""
    for name in names:
        config = context.site.config.systems[name]
        here = {t.labels.get(context.site.labels.role, "") for t in found if t.system == name}
        if not here:
            yield no_target(context, name, others=bool(found)).of("targets", name)
            continue
        promised = _promised_roles(context, name)
        for role in config.roles:
            if role in here:
                yield ok().of("targets", f"{name} role {role}")
            elif role in promised:
                yield context.evidence.absence(
                    "it is configured, and no target has it", "see whether its discovery finds anything"
                ).of("targets", f"{name} role {role}")
            else:
                yield empty("no target has it, and none has to").of("targets", f"{name} role {role}")


def no_target(context: Context, name: str, *, others: bool) -> Finding:
    """Say of a system that none of it is found. One that only the defaults enable may be missing beside others."""
    demanded = context.chosen or name in _own_systems(context)
    if context.evidence.too_early:
        return context.evidence.absence("no target of the system is found yet")
    foreign = _foreign_jobs(context, name)
    if foreign:
        matchers = ", ".join(map(str, context.site.target_matchers(name)))
        jobs = " and ".join(f'"{job}"' for job in foreign)
        return wrong(
            f"its series are here, scraped by the job {jobs}, and its targets lack {matchers}",
            f"set that label on them, or say what stands for it in bundle.yaml: systems: {{{name}: {{match: {{job: {foreign[0]}}}}}}}",
        )
    return (warning if others and not demanded else wrong)(
        "the system is enabled, and no target of it is found",
        f"disable it in bundle.yaml (systems: {{{name}: {{enabled: false}}}}), or include scrape/{name}.*.yml and start it",
    )


def _foreign_jobs(context: Context, name: str) -> list[str]:
    """Return the jobs, three at most, whose targets have series of a system although they do not carry its matchers."""
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


def _own_systems(context: Context) -> Mapping[str, Any]:
    """Return what the operator's own file says of each system."""
    document = context.site.config.document
    return ((document.data or {}).get("systems") or {}) if document else {}


def _promised_roles(context: Context, name: str) -> set[str]:
    """Return the roles that the operator's own file names: in the list of roles, or in a group that is discovered."""
    config = context.site.config.systems[name]
    own = _own_systems(context).get(name) or {}
    scrape = own.get("scrape") or {}
    groups = [
        g for kind in ("static", "dns") if kind in scrape and kind in config.discovery.kinds for g in scrape[kind] or ()
    ]
    return {*(own.get("roles") or ()), *(str(g.get("role")) for g in groups if g.get("role"))}


def addresses(context: Context, names: Iterable[str], found: list[Target]) -> Iterator[Verdict]:
    """Every address that the operator's own file lists for a system that is scraped here is."""
    for name in names:
        config = context.site.config.systems[name]
        own = _own_systems(context).get(name) or {}
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
