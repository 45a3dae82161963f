"""Alerts that any system can have: on its targets, and on the golden signals that its catalogue names."""

from __future__ import annotations

from generator.catalogue.signals import Latency, Pool, Queue, Requests, limit_name
from generator.config.site import Site
from generator.promql import observed, occurrences, share_above
from generator.rules import presence
from generator.rules.rule import SAMPLED, SPARSE, Alert, Group
from generator.systems.any_system import signals as s

#: What the names of runbooks begin with that serve every such system.
RUNBOOK = "AnySystem"


def telemetry(site: Site, system: str) -> list[Alert]:
    """Return the alerts on its targets, most urgent first."""
    title = site.catalogue.systems[system].title
    subject = presence.Subject(
        system=system,
        board=f"{system}_telemetry",
        outage=f"Whatever needs {title} is likely to fail, and every other alert of it is blind.",
        look="look at the processes, then open the page by hand from inside their network.",
        runbook=RUNBOOK,
    )
    return presence.alerts(site, subject)


def records(site: Site, system: str) -> list[Group]:
    """Return the rule group: which deployments discovery knows."""
    return [Group(f"{system}.records", (presence.processes(site, system),), interval=site.timing.evaluation)]


def signals(site: Site, system: str) -> list[Alert]:
    """Return the alerts on its golden signals, most urgent first."""
    found = site.catalogue.systems[system].signals
    return [
        *(_errors(site, system, one) for one in found.requests if one.failed),
        *(_slow(site, system, one) for one in found.latency if one.slow),
        *(_full(site, system, one) for one in found.pools),
        *(_long(site, system, one) for one in found.queues if one.many),
    ]


def alert_name(site: Site, system: str, signal: Requests | Latency | Pool | Queue, state: str) -> str:
    """Return the name of the alert on a golden signal."""
    middle = "".join(word.capitalize() for word in signal.name.split("_"))
    return f"{site.catalogue.systems[system].alerts}{middle}{state}"


def _deployment(site: Site) -> str:
    return f"{{{{ $labels.{site.labels.deployment} }}}}"


def _errors(site: Site, system: str, signal: Requests) -> Alert:
    by, failed = site.identity, s.failures(site, system, signal)
    limits = [limit_name(system, signal, what) for what in ("error_ratio", "error_floor")]
    ratio = s.error_ratio(site, system, signal, by).above(site.limit(limits[0]))
    floor = occurrences(failed, by=by, clock="process" in site.catalogue.systems[system].pages).at_least(
        site.limit(limits[1])
    )
    return Alert(
        name=alert_name(site, system, signal, "ErrorRatioHigh"),
        query=ratio.both(floor),
        over="10m",
        hold="5m",
        keep=SPARSE,
        severity="critical",
        summary=f"{_deployment(site)}: {{{{ $value | humanizePercentage }}}} of {failed.full_name} failed within {site.timing.window_words('10m')}.",
        description="More requests than usual end in an error, and there are enough of them to matter.",
        action="see by its labels which requests fail, and since when; was something rolled out?",
        board=f"{system}_overview",
        runbook=f"{RUNBOOK}ErrorRatioHigh",
        limits=tuple(limits),
    )


def _slow(site: Site, system: str, signal: Latency) -> Alert:
    by, metric = site.identity, s.metric(site, system, signal.metric)
    limits = [limit_name(system, signal, what) for what in ("latency", "slow_ratio", "slow_floor")]
    edge, share, floor = map(site.limit, limits)
    slow = share_above(metric, edge.value, by=by).above(share)
    enough = observed(metric, by=by, unit="requests").at_least(floor)
    return Alert(
        name=alert_name(site, system, signal, "LatencyHigh"),
        query=slow.both(enough),
        over="10m",
        hold="10m",
        keep=SPARSE,
        severity="warning",
        summary=f"{_deployment(site)}: {{{{ $value | humanizePercentage }}}} of {metric.full_name} are above {edge.value:g} {edge.unit}.",
        description="Requests take longer than the catalogue says is bearable.",
        action="compare with traffic and saturation: is it load, or something that it waits for?",
        board=f"{system}_overview",
        runbook=f"{RUNBOOK}LatencyHigh",
        limits=tuple(limits),
    )


def _full(site: Site, system: str, pool: Pool) -> Alert:
    by, limit = (*site.identity, *s.apart(site, system, pool.used)), limit_name(system, pool, "pool_used")
    return Alert(
        name=alert_name(site, system, pool, "PoolNearlyFull"),
        query=s.used(site, system, pool, by).above(site.limit(limit)),
        hold="10m",
        keep=SAMPLED,
        severity="warning",
        summary=f"{_deployment(site)}: {{{{ $labels.{site.labels.instance} }}}} uses {{{{ $value | humanizePercentage }}}} of {s.metric(site, system, pool.max).full_name}.",
        description="What is left is gone at the next burst; then requests wait or fail.",
        action="what holds it? Look for slow dependencies before raising the maximum.",
        board=f"{system}_overview",
        runbook=f"{RUNBOOK}PoolNearlyFull",
        limits=(limit,),
    )


def _long(site: Site, system: str, queue: Queue) -> Alert:
    by, limit = site.identity, limit_name(system, queue, "queue_depth")
    return Alert(
        name=alert_name(site, system, queue, "QueueLong"),
        query=s.waiting(site, system, queue, by).above(site.limit(limit)),
        hold="10m",
        keep=SAMPLED,
        severity="warning",
        summary=f"{_deployment(site)}: {{{{ $value | humanize }}}} wait in {s.metric(site, system, queue.depth).full_name}.",
        description="More waits than the catalogue says is usual.",
        action="do the workers run, and are they faster than what arrives?",
        board=f"{system}_overview",
        runbook=f"{RUNBOOK}QueueLong",
        limits=(limit,),
    )
