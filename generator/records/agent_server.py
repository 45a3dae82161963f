"""Recorded series of the Agent Server: per deployment what 1,000 servers expose, so that a board stays fast.

Every series carries the identity labels (cluster, namespace, deployment). Rates are per second over five minutes.
Longer windows of an objective are added up from the short rates: bad and total separately, so that a quiet hour
weighs as much as its traffic, and a gap of Prometheus takes from both alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache

from generator.catalogue import Metric
from generator.promql import buckets, count, each, level, observations, peak, rate, total, within
from generator.query import Query
from generator.rules import Group, Record, record, recorded
from generator.site import Site
from generator.slo import LONG_WINDOWS, SHORT_WINDOWS, SLOW_INTERVAL

#: Routes that hold their connection for a whole run; their latency is the run's, not the API's.
RUN_HOLDING = "|/|.*/(wait|stream|join|stream/events|commands)|/mcp.*|/a2a.*|/ui.*"

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
    return {**_levels(site), **_flows(site), **_objectives(site)}


def error_share(site: Site, slo: str, window: str) -> Record:
    """Return the recorded share of bad events of one objective over one of its windows."""
    rules = records(site)
    fast = f"{slo} {site.config.window if window == '5m' else window}"
    return rules.get(fast) or rules[f"slow {slo} {window}"]


def groups(site: Site) -> list[Group]:
    """Return the rule groups: the fast one, and the one that adds up long windows."""
    rules = records(site)
    slow = [name for name in rules if name.startswith("slow ")]
    return [
        Group(
            "agent_server.records",
            tuple(r for name, r in rules.items() if name not in slow),
            interval=site.config.evaluation_interval,
        ),
        Group("agent_server.records.slow", tuple(rules[name] for name in slow), interval=SLOW_INTERVAL),
    ]


def _levels(site: Site) -> dict[str, Record]:
    lg, identity = site.system("agent_server"), site.identity
    up = site.system("prometheus", on="agent_server")["up"]
    by_role = (*identity, site.labels.role)
    pg_used = (each(lg["pg_pool_size"]) - each(lg["pg_pool_available"])) / each(lg["pg_pool_max"]).above(0)
    redis_used = each(lg["redis_pool_size"]) / each(lg["redis_pool_max"]).above(0)
    name = _name("deployment", lg["num_pending_runs"].prefix)
    return {
        "targets": record(site, "deployment_role:up:count", count(up, by=by_role).about("Processes that are scraped.")),
        "targets_up": record(
            site,
            "deployment_role:up:sum",
            replace(total(up, by=by_role), unit="instances").about("Processes that answered the last scrape."),
        ),
        "pending": record(site, name("num_pending_runs:max"), level(lg["num_pending_runs"], by=identity)),
        "running": record(site, name("num_running_runs:max"), level(lg["num_running_runs"], by=identity)),
        "slots": record(
            site, name("workers_max:sum"), total(lg["workers_max"], by=identity).about("Job slots of all processes.")
        ),
        "slots_busy": record(
            site,
            name("workers_active:sum"),
            total(lg["workers_active"], by=identity).about("Job slots that execute a run."),
        ),
        "slots_free": record(
            site,
            name("workers_available:sum"),
            total(lg["workers_available"], by=identity).about("Job slots that are free."),
        ),
        "pg_used": record(
            site,
            name("pg_pool_used:max_ratio"),
            peak(pg_used, by=identity).about("Share of its Postgres pool that the fullest process uses."),
            aggregate="max",
        ),
        "redis_used": record(
            site,
            name("redis_pool_used:max_ratio"),
            peak(redis_used, by=identity).about("Share of its Redis pool that the fullest process uses."),
            aggregate="max",
        ),
    }


def _flows(site: Site) -> dict[str, Record]:
    lg, identity, window = site.system("agent_server"), site.identity, site.config.window
    http, latency = served(lg["http_requests_total"]), lg["http_requests_latency"].not_matching(path=RUN_HOLDING)
    name = _name("deployment", lg["num_pending_runs"].prefix)
    le = _name("deployment_le", lg["num_pending_runs"].prefix)
    rates = {
        "succeeded": "run_success_counter",
        "failed": "run_failed_after_retry_counter",
        "canceled": "run_canceled_by_request_counter",
        "retriable": "run_failed_retriable_counter",
    }
    requests = rate(http, by=identity)
    errors = rate(http.matching(status="5.."), by=identity).filled(requests)
    attempts = rate(lg["run_attempt_started_counter"], by=identity)
    loss = lg["streaming_data_loss_counter"].where_not(reason="protocol_v2_buffer_overflow")
    execution = lg["run_execution_latency"].where(status="success")
    return {
        "requests": record(
            site,
            name(f"http_requests:rate{window}"),
            requests.about("Requests of clients; probes and unknown URLs left out."),
        ),
        "errors": record(
            site,
            name(f"http_requests_errors:rate{window}"),
            errors.about("Requests of clients that ended in a 5xx status."),
        ),
        "latency": record(site, le(f"http_requests_latency_bucket:rate{window}"), buckets(latency, by=identity)),
        "queue_wait": record(
            site,
            le(f"run_queue_wait_time_1st_attempt_bucket:rate{window}"),
            buckets(lg["run_queue_wait_time_1st_attempt"], by=identity),
        ),
        "execution": record(site, le(f"run_execution_latency_bucket:rate{window}"), buckets(execution, by=identity)),
        "attempts": record(site, name(f"run_attempt_started:rate{window}"), attempts),
        **{
            key: record(
                site,
                name(f"{metric.removesuffix('_counter').removesuffix('_total')}:rate{window}"),
                rate(lg[metric], by=identity).filled(attempts),
            )
            for key, metric in rates.items()
        },
        "data_loss": record(
            site,
            name(f"streaming_data_loss:rate{window}"),
            rate(loss, by=identity)
            .filled(attempts)
            .about("Stream events lost for good; replay-buffer evictions left out."),
        ),
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
    """Return bad and total rates of one objective, and its share of bad events over every window."""
    identity, labels, short = site.identity, {"slo": slo}, site.config.window
    period = site.config.slo_period

    def keep(name: str, query: Query, help_: str, *, window: str = "") -> Record:
        return record(
            site,
            f"deployment:{name}",
            query.about(help_),
            aggregate="none" if "ratio" in name else "sum",
            window=window,
            labels=labels,
        )

    def added(rule: Record) -> Query:
        return recorded(rule, by=identity, over_time="sum_over_time")

    name = OBJECTIVES[slo]
    rates = [
        keep(f"slo_{what}:rate{short}", query, f"{name}: {what} events.")
        for what, query in (("bad", bad), ("total", whole))
    ]
    hourly = [
        keep(
            f"slo_{what}:rate1h",
            recorded(rule, by=identity, over_time="avg_over_time"),
            f"{name}: {what} events.",
            window="1h",
        )
        for what, rule in zip(("bad", "total"), rates, strict=True)
    ]
    out = {f"{slo} bad": rates[0], f"{slo} total": rates[1]}
    out[f"{slo} {short}"] = keep(
        f"slo_error:ratio{short}",
        recorded(rates[0], by=identity) / recorded(rates[1], by=identity),
        f"{name}: share of bad events.",
    )
    for window in SHORT_WINDOWS:
        share = added(rates[0]) / added(rates[1])
        out[f"{slo} {window}"] = keep(f"slo_error:ratio{window}", share, f"{name}: share of bad events.", window=window)
    out |= {f"slow {slo} bad": hourly[0], f"slow {slo} total": hourly[1]}
    for window in (*LONG_WINDOWS, period):
        share = added(hourly[0]) / added(hourly[1])
        out[f"slow {slo} {window}"] = keep(
            f"slo_error:ratio{window}", share, f"{name}: share of bad events.", window=window
        )
    return out


def _name(level_: str, prefix: str) -> Callable[[str], str]:
    return lambda rest: f"{level_}:{prefix}{rest}"
