"""The golden signals that a catalogue names, as queries: boards draw them and alerts compare them."""

from __future__ import annotations

from generator.catalogue import Metric
from generator.catalogue.signals import Latency, Pool, Queue, Requests
from generator.config.site import Site
from generator.promql import level, peak, rate
from generator.promql.query import Query


def metric(site: Site, system: str, name: str) -> Metric:
    """Return a metric of the system."""
    return site.system(system)[name]


def failures(site: Site, system: str, signal: Requests) -> Metric:
    """Return the requests that failed, by the labels that the signal names."""
    return metric(site, system, signal.metric).matching(**signal.failed)


def error_ratio(site: Site, system: str, signal: Requests, by: tuple[str, ...]) -> Query:
    """Return the share of requests that failed, 0 to 1; 0 where none did."""
    every = rate(metric(site, system, signal.metric), by=by)
    return (rate(failures(site, system, signal), by=by).filled(every) / every).about("Share of requests that failed.")


def used(site: Site, system: str, pool: Pool, by: tuple[str, ...]) -> Query:
    """Return how much of a pool is used, 0 to 1, of the fullest process."""
    full, limit = metric(site, system, pool.used), metric(site, system, pool.max)
    return (
        (peak(full, by=by) / peak(limit, by=by)).as_unit("ratio").about(f"{full.full_name} against {limit.full_name}.")
    )


def waiting(site: Site, system: str, queue: Queue, by: tuple[str, ...]) -> Query:
    """Return what waits: as the catalogue puts processes together, else of the process where most waits."""
    depth = metric(site, system, queue.depth)
    return peak(depth, by=by) if depth.aggregate in ("instance", "none") else level(depth, by=by)


def called(signal: Requests | Latency | Pool | Queue, title: str) -> str:
    """Return a title that tells a signal from others of its kind."""
    return f"{title}: {signal.name.replace('_', ' ')}" if signal.name else title


def apart(site: Site, system: str, name: str) -> tuple[str, ...]:
    """Return what tells the pools of a system apart: its processes, and a metric's own labels of few values."""
    role = (site.labels.role,) if site.catalogue.systems[system].roles else ()
    own = metric(site, system, name).labels.values()
    return (*role, site.labels.instance, *(label.name for label in own if not label.many))
