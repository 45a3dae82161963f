"""Recorded series of the Agent Server: what many series of each process feed, and what looks back over hours.

Every series carries the identity labels (cluster, namespace, deployment). Recorded is what a board or alert could not
read at once from a thousand servers: requests by route, histograms, objectives over long windows, and the few levels that a
board draws over hours (`DRAWN`). Other levels, gauges of which each process has one series, are read as they are (`levels`):
a record would only be one more series.

An objective is kept as two rates over the window of the configuration, bad and total; their quotient is its share of bad
events. Longer windows are added up from these, bad and total separately, so that a quiet hour weighs as much as its
traffic, and a gap of Prometheus takes from both alike.

A month of rounds is too much to add up: 86,400 samples of every deployment and objective. So the events of some minutes are
recorded as one sample (`tally`), and windows of a day and more add up these. Their newest minutes are not in yet; what
was counted before a gap and not yet recorded is lost with it, a few minutes at most. Only what a board draws is recorded;
what nobody but an alert reads, the alert adds up itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Literal

from generator.catalogue import Metric
from generator.config.site import Site
from generator.promql import count, each, events, level, peak, quantile, total
from generator.promql.query import Query
from generator.rules import presence
from generator.rules.rule import Group, Record, record, recorded
from generator.units import seconds

#: Routes that hold their connection for a whole run; their latency is the run's, not the API's.
RUN_HOLDING = "|/|.*/(wait|stream|join|stream/events|commands)|/mcp.*|/a2a.*|/ui.*"

#: How often each group of rules is evaluated, at most; empty: at every round, or as often as events are tallied. Well below
#: the five minutes after which Prometheus takes a sample for gone, but for the tallies, which nobody reads as present values.
#: The period of an objective costs most, and quantiles read every bucket of a fleet; only boards read either.
INTERVALS = {"": "", "quantiles": "2m", "tally": "", "slow": "2m", "period": "4m"}

#: Quantiles that boards of many deployments show, by their short names: of API requests, and of the wait for a job slot.
QUANTILES = ("latency_p95", "queue_wait_p95")

#: Levels that the fleet board draws: what they are called, by their short name.
DRAWN = {"pending": "num_pending_runs:max", "slots_free": "workers_available:sum", "pg_used": "pg_pool_used:max"}

#: The first window that moves so slowly that fewer rounds will do.
SLOW = "1d"

OBJECTIVES = {
    "http_availability": "HTTP availability",
    "run_success": "Run success",
    "queue_wait": "Queue wait",
}

#: What the recorded rates of an objective mean.
_EVENTS = {"total": "Events that the objective {} counts", "bad": "Bad events of the objective {}"}


def served(http: Metric) -> Metric:
    """Return the part of an HTTP metric that serves clients: no unknown URLs, refused logins, load-balancer probes."""
    return http.where_not(path="").where_not(path="/")


@lru_cache(maxsize=1)  # a dozen boards and topics of one site ask for the same
def records(site: Site) -> Mapping[str, Record]:
    """Return every recorded series by a short name of our own, in the order of evaluation."""
    return {**_quantiles(site), **_drawn_levels(site), **_objectives(site)}


def groups(site: Site) -> list[Group]:
    """Return the rule groups: the fast one, that of quantiles, the one that tallies, that of long windows, that of the objectives' period."""
    made: dict[str, list[Record]] = {speed: [] for speed in INTERVALS}
    for name, rule in records(site).items():
        speed = "quantiles" if name in QUANTILES else name.partition(" ")[0]
        made[speed if speed in INTERVALS else ""].append(rule)
    made[""].append(presence.processes(site, "agent_server"))
    return [
        Group(
            f"agent_server.records.{speed}".rstrip("."),
            tuple(rules),
            interval=site.timing.tally
            if speed == "tally"
            else site.timing.rounds(INTERVALS[speed] or site.timing.evaluation),
        )
        for speed, rules in made.items()
        if rules
    ]


def levels(site: Site, *, by: tuple[str, ...] = ()) -> Mapping[str, Query]:
    """Return the levels of whole deployments by a short name of our own, put together over every label not in `by`.

    Runs and slots are added up, of pools the fullest counts. `by` is the identity labels, fewer of them, or what records keep.
    """
    lg, up = site.system("agent_server"), site.system("prometheus", on="agent_server")["up"]
    pg_used = (each(lg["pg_pool_size"]) - each(lg["pg_pool_available"])) / each(lg["pg_pool_max"]).above(0)
    redis_used = each(lg["redis_pool_size"]) / each(lg["redis_pool_max"]).above(0)
    identity = by if set(by) >= set(site.identity) else site.identity
    pending, running = (level(lg[name], by=identity) for name in ("num_pending_runs", "num_running_runs"))
    return {
        "targets": count(up, by=by).about("Processes that are scraped."),
        "targets_up": total(up, by=by).as_unit("instances").about("Processes that answered the last scrape."),
        "pending": pending if by == identity else total(pending, by=by),
        "running": running if by == identity else total(running, by=by),
        "slots": total(lg["workers_max"], by=by).about("Job slots of all processes."),
        "slots_busy": total(lg["workers_active"], by=by).about("Job slots that execute a run."),
        "slots_free": total(lg["workers_available"], by=by).about("Job slots that are free."),
        "pg_used": peak(pg_used, by=by).about("Share of the Postgres pool in use, fullest process."),
        "redis_used": peak(redis_used, by=by).about("Share of the Redis pool in use, fullest process."),
    }


def flow(site: Site, slo: str, what: Literal["bad", "total"], *, by: tuple[str, ...] = ()) -> Query:
    """Return the events of one objective per second, put together over every label not in `by`."""
    return recorded(records(site)[f"{slo} {what}"], by=by)


def error_share(site: Site, slo: str, window: str) -> Query:
    """Return the share of bad events of one objective over one of its windows, by deployment. NaN without events."""
    by, rules = site.identity, records(site)
    if window == site.timing.window:
        return (flow(site, slo, "bad", by=by) / flow(site, slo, "total", by=by)).about(_share(slo))
    found = next((r for name, r in rules.items() if name.endswith(f"{slo} {window}")), None)
    return recorded(found, by=by) if found else _added_share(site, rules, slo, window, by=by)


def happenings(site: Site, slo: str, what: Literal["bad", "total"], window: str) -> Query:
    """Return the events of one objective within a window, by deployment."""
    return _added(site, records(site), slo, what, window, by=site.identity)


def drawn(site: Site) -> tuple[str, ...]:
    """Return the windows over which boards show the share of bad events, the shortest first: all but the first recorded.

    They are those of pages, the longest one of tickets, and the period. The others only end an alert in time, or move like
    the longest.
    """
    burns = [burn for burn in site.timing.burns(1) if not burn.missing]
    pages = {burn.long for burn in burns if burn.severity == "critical"}
    longest = {max((burn.long for burn in burns), key=seconds)} if burns else set()
    return tuple(sorted({site.timing.window, *pages, *longest, site.timing.period}, key=seconds))


def _quantiles(site: Site) -> dict[str, Record]:
    lg, by = site.system("agent_server"), site.record_labels
    latency, wait = lg["http_requests_latency"].not_matching(path=RUN_HOLDING), lg["run_queue_wait_time_1st_attempt"]
    return {
        key: record(
            site,
            f"deployment:{metric.prefix}{metric.name}:p95",
            quantile(0.95, metric, by=by),
            aggregate="max",
        )
        for key, metric in zip(QUANTILES, (latency, wait), strict=True)
    }


def _drawn_levels(site: Site) -> dict[str, Record]:
    found, prefix = levels(site, by=site.record_labels), site.system("agent_server")["num_pending_runs"].prefix
    return {
        key: record(site, f"deployment:{prefix}{name}", found[key], aggregate=name.partition(":")[2])
        for key, name in DRAWN.items()
    }


def _objectives(site: Site) -> dict[str, Record]:
    lg, by = site.system("agent_server"), site.record_labels
    http = served(lg["http_requests_total"])
    requests = events(http, by=by)
    errors = events(http.matching(status="5.."), by=by)
    good, bad = (
        events(lg["run_success_counter"], by=by),
        events(lg["run_failed_after_retry_counter"], by=by),
    )
    ended = good.plus(bad)
    wait, edge = lg["run_queue_wait_time_1st_attempt"], site.objective("queue_wait").within
    waited = events(wait, by=by, unit="runs")
    in_time = events(wait, by=by, unit="runs", within=edge)
    out: dict[str, Record] = {}
    for slo, failed, everything in (
        ("http_availability", lambda _: errors, requests),
        ("run_success", lambda _: bad, ended),
        ("queue_wait", lambda total: total - in_time, waited),
    ):
        out |= _windows(site, slo, failed, everything)
    return out


def _windows(site: Site, slo: str, bad: Callable[[Query], Query], everything: Query) -> Mapping[str, Record]:
    """Return total and bad rates of one objective, their tallies, and its share of bad events over longer windows.

    Where there are events and no bad one yet, there are 0 bad ones: the total is recorded first, and read for that. `bad`
    makes its query from that total.
    """
    labels = {"slo": slo}
    out: dict[str, Record] = {}

    def keep(what: str, query: Query) -> Query:
        described = query.about(_EVENTS[what].format(OBJECTIVES[slo]))
        out[f"{slo} {what}"] = record(site, f"deployment:slo_{what}:rate", described, labels=labels)
        return recorded(out[f"{slo} {what}"], by=site.record_labels)

    total = keep("total", everything)
    keep("bad", bad(total).filled(total))
    for what in ("bad", "total"):
        counted = _rounds(site, out[f"{slo} {what}"], by=site.record_labels)
        out[f"tally {slo} {what}"] = record(
            site, f"deployment:slo_{what}:increase", counted, window=site.timing.tally, labels=labels
        )
    for longer in drawn(site)[1:]:
        speed = "period " if longer == site.timing.period else "slow " if _tallied(longer) else ""
        share = _added_share(site, out, slo, longer, by=site.record_labels)
        out[f"{speed}{slo} {longer}"] = record(
            site, "deployment:slo_error:ratio", share, aggregate="none", window=longer, labels=labels
        )
    return out


def _tallied(window: str) -> bool:
    """Say whether a window is added up from tallies."""
    return seconds(window) >= seconds(SLOW)


def _added_share(site: Site, rules: Mapping[str, Record], slo: str, window: str, *, by: tuple[str, ...]) -> Query:
    if _tallied(window):
        bad, everything = (_added(site, rules, slo, what, window, by=by) for what in ("bad", "total"))
    else:
        bad, everything = (_summed(rules[f"{slo} {what}"], by=by).over(window) for what in ("bad", "total"))
    return (bad / everything).about(_share(slo))


def _added(site: Site, rules: Mapping[str, Record], slo: str, what: str, window: str, *, by: tuple[str, ...]) -> Query:
    """Return the events within a window: of a long one the tallies, or until there is one, what came since the start."""
    rounds = _rounds(site, rules[f"{slo} {what}"], by=by)
    if not _tallied(window):
        return rounds.over(window)
    tallies = recorded(rules[f"tally {slo} {what}"], by=by, over_time="sum_over_time")
    return tallies.over(window).otherwise(rounds.over(site.timing.tally))


def _rounds(site: Site, rates: Record, *, by: tuple[str, ...]) -> Query:
    """Return the events within the scope's window: each round of evaluation counts for its length."""
    summed = _summed(rates, by=by)
    return (summed * seconds(site.timing.evaluation)).as_unit(summed.unit.removesuffix("/s"))


def _summed(rates: Record, *, by: tuple[str, ...]) -> Query:
    return recorded(rates, by=by, over_time="sum_over_time")


def _share(slo: str) -> str:
    return f"{OBJECTIVES[slo]}: share of bad events."
