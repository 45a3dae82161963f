"""The golden signals of a system: is it well, since when, and where?"""

from __future__ import annotations

from collections.abc import Iterator

from generator.boards import processes
from generator.boards.layout import Board, Row, board, row
from generator.boards.panel import Panel
from generator.boards.panels import heat, lines, stat
from generator.catalogue.signals import limit_name
from generator.config.site import Site
from generator.promql import buckets, quantile, rate, share_above
from generator.systems.any_system import signals as s
from generator.systems.any_system.alerts import alert_name
from generator.systems.any_system.metrics import closed

#: What to do when a golden signal is not as it is usually.
_ERRORS = "See by its labels which requests fail, and since when."
_SLOW = "Compare with traffic and saturation: is it load, or something that it waits for?"
_FULL = "Look for what holds it before raising the maximum."
_LONG = "Do the workers run, and are they faster than what arrives?"


def dashboard(site: Site, system: str) -> Board:
    """Build the board."""
    known = site.catalogue.systems[system]
    rows = [
        row("Now", *processes.target_counts(site, system), *_now(site, system)),
        _requests(site, system),
        _latency(site, system),
        _saturation(site, system),
        row("Alerts", processes.firing_alerts(site, system)),
        *([processes.process_table(site, system)] if "process" in known.pages else []),
    ]
    return board(
        site,
        f"{system}_overview",
        f"{known.title} / Overview",
        system=system,
        about=f"Is {known.title} well, since when, and where? For the on-call.",
        rows=[one for one in rows if one.panels],
    )


def _now(site: Site, system: str) -> Iterator[Panel]:
    found = site.catalogue.systems[system].signals
    for request in found.requests:
        yield stat(s.called(request, "Requests per second"), rate(s.metric(site, system, request.metric))).normal(
            "The shape of your days."
        )
        if request.failed:
            limit = site.limit(limit_name(system, request, "error_ratio"))
            yield stat(s.called(request, "Error ratio"), s.error_ratio(site, system, request, ()), limit=limit).normal(
                "Close to 0.", _ERRORS, alert=alert_name(site, system, request, "ErrorRatioHigh")
            )
    for wait in found.latency:
        yield stat(s.called(wait, "p95"), quantile(0.95, s.metric(site, system, wait.metric))).normal("Steady.", _SLOW)
    for pool in found.pools:
        limit = site.limit(limit_name(system, pool, "pool_used"))
        yield stat(s.called(pool, "Pool used"), s.used(site, system, pool, ()), limit=limit).normal(
            "Well below its maximum.", _FULL, alert=alert_name(site, system, pool, "PoolNearlyFull")
        )
    for queue in found.queues:
        yield stat(s.called(queue, "Queue depth"), s.waiting(site, system, queue, ())).normal("Close to 0.", _LONG)


def _requests(site: Site, system: str) -> Row:
    def shown() -> Iterator[Panel]:
        for request in site.catalogue.systems[system].signals.requests:
            metric = s.metric(site, system, request.metric)
            yield lines(s.called(request, "Request rate"), rate(metric, by=closed(metric))).normal(
                "The shape of your days."
            )
            if request.failed:
                limit = site.limit(limit_name(system, request, "error_ratio"))
                ratio = s.error_ratio(site, system, request, site.identity)
                yield lines(s.called(request, "Error ratio over time"), ratio, limit=limit).normal(
                    "Close to 0.", _ERRORS, alert=alert_name(site, system, request, "ErrorRatioHigh")
                )

    return row("Traffic and errors", *shown())


def _latency(site: Site, system: str) -> Row:
    def shown() -> Iterator[Panel]:
        for wait in site.catalogue.systems[system].signals.latency:
            metric = s.metric(site, system, wait.metric)
            yield lines(s.called(wait, "Latency quantiles"), *(quantile(q, metric) for q in (0.5, 0.95, 0.99))).normal(
                "p99 within some times the median.", _SLOW
            )
            yield heat(s.called(wait, "Latency distribution"), buckets(metric)).normal(
                "One dark band low in the picture.", "A second band above is one kind of request."
            )
            if wait.slow:
                limit = site.limit(limit_name(system, wait, "slow_ratio"))
                edge = site.limit(limit_name(system, wait, "latency"))
                slow = share_above(metric, edge.value, by=site.identity)
                yield lines(s.called(wait, "Slow requests"), slow, limit=limit).normal(
                    "Close to 0.", _SLOW, alert=alert_name(site, system, wait, "LatencyHigh")
                )

    return row("Latency", *shown())


def _saturation(site: Site, system: str) -> Row:
    def shown() -> Iterator[Panel]:
        found = site.catalogue.systems[system].signals
        for pool in found.pools:
            limit = site.limit(limit_name(system, pool, "pool_used"))
            used = s.used(site, system, pool, s.apart(site, system, pool.used))
            yield lines(s.called(pool, "Pool saturation"), used, limit=limit).normal(
                "Well below its maximum.", _FULL, alert=alert_name(site, system, pool, "PoolNearlyFull")
            )
        for queue in found.queues:
            depth = s.waiting(site, system, queue, site.identity)
            many = site.limit(limit_name(system, queue, "queue_depth")) if queue.many else None
            yield lines(s.called(queue, "Queue depth over time"), depth, limit=many).normal(
                "Peaks that drain.", _LONG, alert=alert_name(site, system, queue, "QueueLong") if queue.many else ()
            )

    return row("Saturation", *shown())
