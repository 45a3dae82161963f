"""Targets and exposure of the Agent Server: is anything watched at all, and is it the whole of it?"""

from __future__ import annotations

from generator.boards.processes import shared_addresses
from generator.catalogue import Matcher
from generator.config.site import Site
from generator.promql import (
    changes,
    count,
    count_matching,
    earlier,
    increase,
    level,
    lowest,
    observed,
    peak,
    present,
    restarts,
    total,
)
from generator.rules import presence
from generator.rules.rule import CRASHING, SAMPLED, Alert, Because
from generator.systems.agent_server.alerts.queue import unworked
from generator.systems.agent_server.records import levels

SUBJECT = presence.Subject(
    system="agent_server",
    board="agent_server_telemetry",
    outage="Without processes that serve the API no client gets an answer; without those of the queue no run is executed.",
    look="ask /ok on one process from inside its network; look at ingress, node, network policies.",
    elastic="queue",
)

#: Roles that serve the API.
SERVING = "api|combined"


def alerts(site: Site) -> list[Alert]:
    """Return the alerts, most urgent subject first."""
    return [*_targets(site), *_tiers(site), *_exposure(site), *_hygiene(site)]


def _targets(site: Site) -> list[Alert]:
    now, by, labels = levels(site, by=site.identity), site.identity, site.labels
    name = f"{{{{ $labels.{labels.deployment} }}}}"
    started = site.system("process", on="agent_server")["process_start_time_seconds"]
    failing = lowest(site.system("exporters", on="agent_server")["probe_success"], by=by).equals(0)
    return [
        *presence.alerts(site, SUBJECT),
        Alert(
            name="AgentServerHealthCheckFailing",
            query=failing.both(now["targets"].above(0)),
            hold="3m",
            keep=CRASHING,
            severity="critical",
            summary=f"{name}: the health check with its database check fails.",
            description="The only probe that sees Postgres and the core from outside. Silent where discovery finds no process: scaled to zero.",
            action="read the services in the body of /ok?check_db=1.",
            board="agent_server_telemetry",
            off=""
            if site.config.systems["agent_server"].discovery.blackbox_exporter
            else "it needs a blackbox_exporter that probes /ok?check_db=1",
        ),
        Alert(
            name="AgentServerRestartLoop",
            query=restarts(started, by=(*by, labels.instance)).above(site.limit("restarts_per_hour")),
            over="1h",
            hold="0s",
            severity="warning",
            summary=f"{name}: {{{{ $labels.{labels.instance} }}}} restarted {{{{ $value }}}} times within {site.timing.window_words('1h')}.",
            description="On Kubernetes the address changes with the pod, so its own restart counter sees more.",
            action="read why the last process ended: memory, licence, a graph that does not load.",
            board="agent_server_telemetry",
        ),
    ]


def _tiers(site: Site) -> list[Alert]:
    lg, by = site.system("agent_server"), site.identity
    name = f"{{{{ $labels.{site.labels.deployment} }}}}"
    return [
        Alert(
            name="AgentServerQueueTierNotScraped",
            query=level(lg["num_pending_runs"], by=by).at_least(0).without(total(lg["workers_max"], by=by).above(0)),
            hold="15m",
            keep=SAMPLED,
            severity="warning",
            summary=f"{name}: no process that executes runs is scraped.",
            description="The API answers, but nobody shows job slots. Queue pods have no Service of their own, so they are easily missed.",
            action="scrape the pods of the queue deployment.",
            board="agent_server_telemetry",
            explained_by=unworked(site),
        ),
        Alert(
            name="AgentServerApiTierNotScraped",
            query=count(lg["pg_pool_max"], by=by).above(0).without(count(lg["num_pending_runs"], by=by).above(0)),
            hold="15m",
            keep=SAMPLED,
            severity="warning",
            summary=f"{name}: no process that serves the API is scraped.",
            description="Connection pools are there, so it runs on Postgres, but nobody shows the queue's depth.",
            action="scrape the pods of the API deployment.",
            board="agent_server_telemetry",
            explained_by=(Because(("AgentServerAllTargetsDown",), where={site.labels.role: SERVING}),),
        ),
    ]


#: Gauges of every version, one of which is on the page of every process from the start, and that nobody else calls so.
PREFIXED = ("workers_max", "num_pending_runs")


def _exposure(site: Site) -> list[Alert]:
    lg, by = site.system("agent_server"), site.identity
    name = f"{{{{ $labels.{site.labels.deployment} }}}}"
    created = lg["http_requests_total"].where(method="POST").matching(path=".*/runs(/wait|/stream|/batch)?")
    runs = increase(created, by=by).above(0)
    prefix = lg["workers_max"].prefix
    prefixed = count_matching(
        lg["http_requests_total"],
        by,
        Matcher("__name__", "=~", f".*({'|'.join(lg[name].name for name in PREFIXED)})"),
        Matcher("__name__", "!~", f"{prefix}.*"),
    )
    legacy = lg.even_if_missing("http_requests_latency_seconds")
    out = [
        Alert(
            name="AgentServerMetricPrefixMismatch",
            query=prefixed.above(0),
            hold="15m",
            severity="warning",
            summary=f"{name}: series such as num_pending_runs have another prefix than {prefix}.",
            description="METRIC_PREFIX was changed on the server, so rules and boards show nothing for it.",
            action="set `prefix` in bundle.yaml and generate the files anew.",
            board="agent_server_telemetry",
        ),
        Alert(
            name="AgentServerInternalMetricsNotExposed",
            query=runs.both(present(lg["target_info"], by=by)).without(
                present(lg["run_attempt_started_counter"], by=by).above(0)
            ),
            over="1h",
            hold="1h",
            severity="info",
            summary=f"{name}: runs are created, but no internal metric shows them.",
            description="The servers are new enough to have internal metrics (they show target_info). EXPOSE_INTERNAL_METRICS_PROMETHEUS is off, or the processes that execute runs are not scraped.",
            action="set the variable on API and queue processes alike.",
            board="agent_server_telemetry",
        ),
        Alert(
            name="AgentServerEmittingTierTooLow",
            query=increase(lg["run_success_counter"], by=by)
            .above(0)
            .without(present(lg["run_execution_latency"], by=by).above(0)),
            over="1h",
            hold="1h",
            severity="info",
            summary=f"{name}: metrics of tier 2 are missing.",
            description="METRIC_MAX_EMITTING_TIER is 1, which is the default of dev deployments.",
            action="set it to 2.",
            board="agent_server_telemetry",
        ),
    ]
    if site.config.systems["agent_server"].eras == ("new",):
        out.append(
            Alert(
                name="AgentServerLegacyMetricNames",
                query=present(legacy, by=by).above(0),
                hold="1h",
                severity="info",
                summary=f"{name}: a server before 0.11.0 is in the field.",
                description="Its metrics have other names and units, which these files do not read.",
                action="upgrade it, or set `versions: mixed` in bundle.yaml and generate the files anew.",
                board="agent_server_telemetry",
            )
        )
    return out


def _hygiene(site: Site) -> list[Alert]:
    lg, by, each = site.system("agent_server"), site.identity, (*site.identity, site.labels.instance)
    up = site.system("prometheus", on="agent_server")
    name = f"{{{{ $labels.{site.labels.deployment} }}}}"
    still = changes(lg["num_pending_runs"], by=by).equals(0).both(changes(lg["num_running_runs"], by=by).equals(0))
    there = (level(lg["num_pending_runs"], by=by) + level(lg["num_running_runs"], by=by)).above(0)
    watched = earlier(lg["num_pending_runs"], "2h", by=by).at_least(0)
    picked = observed(lg["run_queue_wait_time_1st_attempt"], by=by, unit="runs").above(200)
    return [
        Alert(
            name="AgentServerScrapedThroughLoadBalancer",
            query=shared_addresses(site, "agent_server"),
            over="15m",
            hold="0s",
            severity="warning",
            summary=f"{name}: {{{{ $labels.{site.labels.instance} }}}} is several processes in turn.",
            description="A start time can only grow. Scrapes go through a load balancer, so every counter of it is wrong.",
            action="scrape the pods, not their Service.",
            board="agent_server_telemetry",
        ),
        Alert(
            name="AgentServerCardinalityOverflow",
            query=count_matching(lg["http_requests_total"], each, Matcher("otel_metric_overflow", "=", "true")).above(
                0
            ),
            hold="0s",
            severity="warning",
            summary=f"{name}: {{{{ $labels.{site.labels.instance} }}}} has more label sets than its client library keeps apart.",
            description="Beyond 2,000 label sets of one metric the rest is merged into one series.",
            action="look for custom routes without a template, and for odd HTTP verbs.",
            board="agent_server_telemetry",
        ),
        Alert(
            name="AgentServerScrapeTooLarge",
            query=peak(up["scrape_samples_post_metric_relabeling"], by=each).above(site.limit("scrape_samples")),
            hold="30m",
            severity="info",
            summary=f"{name}: {{{{ $labels.{site.labels.instance} }}}} exposes {{{{ $value }}}} samples.",
            description="An idle server has about 400.",
            action="drop the buckets of histograms that nobody reads.",
            board="agent_server_telemetry",
        ),
        Alert(
            name="AgentServerQueueGaugesFrozen",
            query=still.both(there).both(watched).both(picked),
            over="2h",
            hold="0s",
            severity="info",
            summary=f"{name}: the queue's gauges have not moved for {site.timing.window_words('2h')} while runs were picked up.",
            description="When the statistics call fails, the last value is served for ever.",
            action="read the log lines 'metrics collector: queue/worker sample failed'.",
            board="agent_server_telemetry",
        ),
    ]
