"""Targets and exposure of the Agent Server: is anything watched at all, and is it the whole of it?"""

from __future__ import annotations

from generator.promql import count, level, restarts, total
from generator.records.agent_server import records
from generator.rules import Alert, recorded
from generator.site import Site


def alerts(site: Site) -> list[Alert]:
    """Return the alerts, most urgent subject first."""
    return [*_targets(site), *_tiers(site)]


def _targets(site: Site) -> list[Alert]:
    r, by, labels = records(site), site.identity, site.labels
    name = f"{{{{ $labels.{labels.deployment} }}}}"
    up = site.system("prometheus", on="agent_server")["up"]
    started = site.system("process", on="agent_server")["process_start_time_seconds"]
    return [
        Alert(
            name="AgentServerAllTargetsDown",
            query=recorded(r["targets_up"], by=by).equals(0),
            hold="3m",
            severity="critical",
            summary=f"{name}: no process answers.",
            description="Every scrape of the deployment fails: an outage, or a network policy between it and Prometheus.",
            action="ask /ok on one process from inside its network; look at ingress, node, network policies.",
            board="agent_server_telemetry",
        ),
        Alert(
            name="AgentServerTargetDown",
            query=total(up, by=(*by, labels.role, labels.instance)).equals(0),
            hold="5m",
            severity="warning",
            summary=f"{name}: {{{{ $labels.{labels.instance} }}}} ({{{{ $labels.{labels.role} }}}}) does not answer.",
            description="One process has not answered for five minutes, longer than a rollout takes.",
            action="is the process gone, or is its event loop blocked? Its page is rendered on that loop.",
            board="agent_server_telemetry",
        ),
        Alert(
            name="AgentServerRestartLoop",
            query=restarts(started, by=(*by, labels.instance)).above(site.limit("restarts_per_hour")),
            over="1h",
            hold="0s",
            severity="warning",
            summary=f"{name}: {{{{ $labels.{labels.instance} }}}} restarted {{{{ $value }}}} times within an hour.",
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
            severity="warning",
            summary=f"{name}: no process that executes runs is scraped.",
            description="The API answers, but nobody shows job slots. Queue pods have no Service of their own, so they are easily missed.",
            action="scrape the pods of the queue deployment.",
            board="agent_server_telemetry",
        ),
        Alert(
            name="AgentServerApiTierNotScraped",
            query=count(lg["pg_pool_max"], by=by).above(0).without(count(lg["num_pending_runs"], by=by).above(0)),
            hold="15m",
            severity="warning",
            summary=f"{name}: no process that serves the API is scraped.",
            description="Connection pools are there, so it runs on Postgres, but nobody shows the queue's depth.",
            action="scrape the pods of the API deployment.",
            board="agent_server_telemetry",
        ),
    ]
