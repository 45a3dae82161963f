"""Recorded series of the Agent Server: what many series of each process feed, and what looks back over hours.

Every series carries the identity labels (cluster, namespace, deployment). Recorded is what a board or alert could not
read at once from a thousand servers: requests by route, histograms, and objectives over long windows. A level, a gauge
of which each process has one series, is read as it is (`levels`): a record would only be one more series.

An objective is kept as two rates over five minutes, bad and total; their quotient is its share of bad events. Longer
windows are added up from these rates, bad and total separately, so that a quiet hour weighs as much as its traffic, and
a gap of Prometheus takes from both alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

from generator.catalogue import Metric
from generator.promql import count, each, level, observations, peak, quantile, rate, total, within
from generator.query import Query
from generator.rules import Group, Record, record, recorded
from generator.site import Site
from generator.slo import LONG_WINDOWS, PERIOD_INTERVAL, SHORT_WINDOWS, SLOW_INTERVAL
from generator.units import seconds

#: Routes that hold their connection for a whole run; their latency is the run's, not the API's.
RUN_HOLDING = "|/|.*/(wait|stream|join|stream/events|commands)|/mcp.*|/a2a.*|/ui.*"

#: How often each group of rules is evaluated; empty: as often as the configuration says.
INTERVALS = {"": "", "slow": SLOW_INTERVAL, "period": PERIOD_INTERVAL}

OBJECTIVES = {
    "http_availability": "HTTP availability",
    "run_success": "Run success",
    "queue_wait": "Queue wait",
}


def served(http: Metric) -> Metric:
    """Return the part of an HTTP metric that serves clients: no unknown URLs, refused logins, load-balancer probes."""
    return http.where_not(path="").where_not(path="/")


@lru_cache(maxsize=1)  # a dozen boards and topics of one site ask for the same
def records(site: Site) -> Mapping[str, Record]:
    """Return every recorded series by a short name of our own, in the order of evaluation."""
    return {**_quantiles(site), **_objectives(site)}


def groups(site: Site) -> list[Group]:
    """Return the rule groups: the fast one, the one that adds up long windows, and the one of the objectives' period."""
    made: dict[str, list[Record]] = {speed: [] for speed in INTERVALS}
    for name, rule in records(site).items():
        speed = name.partition(" ")[0]
        made[speed if speed in INTERVALS else ""].append(rule)
    return [
        Group(
            f"agent_server.records.{speed}".rstrip("."),
            tuple(rules),
            interval=INTERVALS[speed] or site.config.evaluation_interval,
        )
        for speed, rules in made.items()
        if rules
    ]


def levels(site: Site, *, by: tuple[str, ...] = ()) -> Mapping[str, Query]:
    """Return the levels of whole deployments by a short name of our own, put together over every label not in `by`.

    Runs and slots are added up, of pools the fullest counts. `by` is the identity labels, or fewer of them.
    """
    lg, up = site.system("agent_server"), site.system("prometheus", on="agent_server")["up"]
    pg_used = (each(lg["pg_pool_size"]) - each(lg["pg_pool_available"])) / each(lg["pg_pool_max"]).above(0)
    redis_used = each(lg["redis_pool_size"]) / each(lg["redis_pool_max"]).above(0)
    pending, running = (level(lg[name], by=site.identity) for name in ("num_pending_runs", "num_running_runs"))
    return {
        "targets": count(up, by=by).about("Processes that are scraped."),
        "targets_up": total(up, by=by).as_unit("instances").about("Processes that answered the last scrape."),
        "pending": pending if by == site.identity else total(pending, by=by),
        "running": running if by == site.identity else total(running, by=by),
        "slots": total(lg["workers_max"], by=by).about("Job slots of all processes."),
        "slots_busy": total(lg["workers_active"], by=by).about("Job slots that execute a run."),
        "slots_free": total(lg["workers_available"], by=by).about("Job slots that are free."),
        "pg_used": peak(pg_used, by=by).about("Share of its Postgres pool that the fullest process uses."),
        "redis_used": peak(redis_used, by=by).about("Share of its Redis pool that the fullest process uses."),
    }


def flow(site: Site, slo: str, what: Literal["bad", "total"], *, by: tuple[str, ...] = ()) -> Query:
    """Return the events of one objective per second, put together over every label not in `by`."""
    return recorded(records(site)[f"{slo} {what}"], by=by)


def error_share(site: Site, slo: str, window: str) -> Query:
    """Return the share of bad events of one objective over one of its windows, by deployment. NaN without events."""
    by = site.identity
    if window in ("5m", site.config.window):
        return (flow(site, slo, "bad", by=by) / flow(site, slo, "total", by=by)).about(_share(slo))
    rules = records(site)
    return recorded(next(r for name, r in rules.items() if name.endswith(f"{slo} {window}")), by=by)


def _quantiles(site: Site) -> dict[str, Record]:
    lg, identity, window = site.system("agent_server"), site.identity, site.config.window
    latency, wait = lg["http_requests_latency"].not_matching(path=RUN_HOLDING), lg["run_queue_wait_time_1st_attempt"]
    return {
        key: record(
            site,
            f"deployment:{metric.prefix}{metric.name}:p95_{window}",
            quantile(0.95, metric, by=identity),
            aggregate="max",
        )
        for key, metric in (("latency_p95", latency), ("queue_wait_p95", wait))
    }


def _objectives(site: Site) -> dict[str, Record]:
    lg, identity = site.system("agent_server"), site.identity
    http = served(lg["http_requests_total"])
    requests = rate(http, by=identity)
    errors = rate(http.matching(status="5.."), by=identity).filled(requests)
    good, bad = rate(lg["run_success_counter"], by=identity), rate(lg["run_failed_after_retry_counter"], by=identity)
    ended = good.filled(bad) + bad.filled(good)
    wait, edge = lg["run_queue_wait_time_1st_attempt"], site.objective("queue_wait").within
    waited = observations(wait, by=identity, unit="runs")
    late = waited - within(wait, edge, by=identity, unit="runs")
    out: dict[str, Record] = {}
    for slo, failed, everything in (
        ("http_availability", errors, requests),
        ("run_success", bad.filled(good), ended),
        ("queue_wait", late, waited),
    ):
        out |= _windows(site, slo, failed, everything)
    return out


def _windows(site: Site, slo: str, bad: Query, whole: Query) -> Mapping[str, Record]:
    """Return bad and total rates of one objective, and its share of bad events over every longer window."""
    labels, window = {"slo": slo}, site.config.window
    rates = [
        record(
            site,
            f"deployment:slo_{what}:rate{window}",
            query.about(f"{OBJECTIVES[slo]}: {what} events."),
            labels=labels,
        )
        for what, query in (("bad", bad), ("total", whole))
    ]
    failed, everything = (recorded(r, by=site.identity, over_time="sum_over_time") for r in rates)
    share = (failed / everything).about(_share(slo))
    out = {f"{slo} bad": rates[0], f"{slo} total": rates[1]}
    speeds = {
        site.config.slo_period: "period ",
        **dict.fromkeys(LONG_WINDOWS, "slow "),
        **dict.fromkeys(SHORT_WINDOWS, ""),
    }
    for longer, speed in sorted(speeds.items(), key=lambda item: seconds(item[0])):
        if longer != window:
            out[f"{speed}{slo} {longer}"] = record(
                site, f"deployment:slo_error:ratio{longer}", share, aggregate="none", window=longer, labels=labels
            )
    return out


def _share(slo: str) -> str:
    return f"{OBJECTIVES[slo]}: share of bad events."
