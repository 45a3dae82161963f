"""The row of a system on *All systems*: its golden signals by deployment."""

from __future__ import annotations

from generator.boards.processes import target_columns
from generator.boards.tables import Column
from generator.catalogue.signals import limit_name
from generator.config.site import Site
from generator.promql import quantile, rate
from generator.systems.any_system import signals as s


def columns(site: Site, system: str) -> list[Column]:
    """Return the columns: targets, and the first golden signals of each kind."""
    found, by = site.catalogue.systems[system].signals, site.identity
    out = target_columns(site, system)
    for request in found.requests[:1]:
        out.append(Column("Requests/s", rate(s.metric(site, system, request.metric), by=by)))
        if request.failed:
            limit = site.limit(limit_name(system, request, "error_ratio"))
            out.append(Column("Error ratio", s.error_ratio(site, system, request, by), limit=limit))
    out += [Column("p95", quantile(0.95, s.metric(site, system, wait.metric), by=by)) for wait in found.latency[:1]]
    for pool in found.pools[:1]:
        limit = site.limit(limit_name(system, pool, "pool_used"))
        out.append(Column("Pool used", s.used(site, system, pool, by), limit=limit))
    out += [Column("Queue depth", s.waiting(site, system, queue, by)) for queue in found.queues[:1]]
    return out
