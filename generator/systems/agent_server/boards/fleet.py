"""Agent Server fleet: is any deployment in trouble, and which one?

For the on-call for all of them. Draws recorded series alone, and tables read gauges of which each process has one
series, so it stays fast with a thousand servers.
"""

from __future__ import annotations

from generator.boards import colours
from generator.boards import processes as targets
from generator.boards.layout import Board, board, row
from generator.boards.panels import lines, stat
from generator.boards.tables import Column, table
from generator.boards.variables import WIDE
from generator.catalogue import Limit
from generator.config.site import Site
from generator.promql import count
from generator.promql.query import Query
from generator.rules.rule import board_uid, recorded
from generator.systems.agent_server.records import error_share, flow, levels, records


def dashboard(site: Site) -> Board:
    """Build the board."""
    by = site.identity
    now, series = levels(site), records(site)
    errors, requests = (flow(site, "http_availability", what) for what in ("bad", "total"))
    failed, ended = (flow(site, "run_success", what) for what in ("bad", "total"))
    firing = site.firing("agent_server")
    return board(
        site,
        "agent_server_fleet",
        "Agent Server / Fleet",
        system="agent_server",
        about=__doc__ or "",
        variables=WIDE,
        fleet=True,
        rows=[
            row(
                "Status",
                stat(
                    "Firing: critical",
                    count(firing.where(severity="critical")).as_unit("alerts").or_zero().about("Alerts that page."),
                    limit=Limit("any", 1, "alerts", "Any."),
                ).normal("0.", "Open the row Alerts."),
                stat(
                    "Firing: warning",
                    count(firing.where(severity="warning"))
                    .as_unit("alerts")
                    .or_zero()
                    .about("Alerts that open a ticket."),
                    limit=Limit("any", 1, "alerts", "Any."),
                    hot=colours.WARNING,
                ).normal("0.", "Open the row Alerts; a ticket is enough."),
                stat("Processes down", _down(site), limit=Limit("processes_down", 1, "instances", "Any.")).normal(
                    "0.", alert="AgentServerTargetDown"
                ),
                stat("5xx ratio", errors / requests, limit=site.limit("http_error_ratio")).normal(
                    "Below 1 %.", "Sort the deployments by failed requests.", alert="AgentServerAvailabilityBurn1h"
                ),
                stat("Failed run ratio", failed / ended).normal(
                    "Steady.", "Sort the deployments by failed runs.", alert="AgentServerRunSuccessBurn1h"
                ),
                stat("Queue depth", now["pending"]).normal(
                    "Close to 0 while slots are free.",
                    "Sort the deployments by waiting runs.",
                    alert="AgentServerBacklogNotDraining",
                ),
            ),
            row(
                "Alerts",
                targets.firing_alerts(site, "agent_server", link=_deployment_link(site)),
            ),
            row(
                "Status by deployment",
                table("Deployments", _health(site), sort="Failed requests", link=_deployment_link(site)).normal(
                    "No cell in red or orange.", "Open the deployment with such a cell."
                ),
                table("Traffic and capacity", _capacity(site), sort="Requests/s", link=_deployment_link(site)).normal(
                    "Free slots everywhere, and no cell in red or orange.",
                    "Add workers to the deployment, or open its board of pools.",
                ),
            ),
            row(
                "History",
                lines("Request rate", flow(site, "http_availability", "total", by=by), fleet=True).normal(
                    "The shape of your days.", "One deployment that falls to 0: its clients, or its load balancer."
                ),
                lines(
                    "Error ratio",
                    error_share(site, "http_availability", site.timing.window),
                    limit=site.limit("http_error_ratio"),
                    fleet=True,
                ).normal("Below 1 %.", "Open the deployment.", alert="AgentServerAvailabilityBurn1h"),
                lines("Queue depth over time", recorded(series["pending"], by=by), fleet=True).normal(
                    "Peaks that drain within minutes.", alert="AgentServerBacklogNotDraining"
                ),
                lines("Free job slots", recorded(series["slots_free"], by=by), bad="below", fleet=True).normal(
                    "Above 0.", "Add workers to that deployment.", alert="AgentServerWorkersSaturated"
                ),
                lines("Failed runs by deployment", flow(site, "run_success", "bad", by=by), fleet=True).normal(
                    "Steady.", "Open the deployment, then the board Agent Server / Runs."
                ),
                lines(
                    "Postgres pool usage",
                    recorded(series["pg_used"], by=by),
                    limit=site.limit("pg_pool_used"),
                    fleet=True,
                ).normal(
                    "Below 70 %.", "Open the board Postgres and Redis pools.", alert="AgentServerPgPoolNearlyFull"
                ),
            ),
        ],
    )


def _down(site: Site, by: tuple[str, ...] = ()) -> Query:
    now = levels(site, by=by)
    return (now["targets"] - now["targets_up"]).about("Processes that did not answer the last scrape.")


def _health(site: Site) -> list[Column]:
    r, by, now = records(site), site.identity, levels(site, by=site.identity)
    return [
        Column("Processes", now["targets"]),
        Column(
            "Down",
            _down(site, by),
            limit=Limit("processes_down", 1, "instances", "Any."),
            alert="AgentServerTargetDown",
        ),
        Column(
            "Failed requests",
            error_share(site, "http_availability", site.timing.window),
            limit=site.limit("http_error_ratio"),
        ),
        Column("API p95", recorded(r["latency_p95"], by=by)),
        Column("Failed runs", error_share(site, "run_success", site.timing.window)),
        Column("Waiting", now["pending"]),
        Column("Wait p95", recorded(r["queue_wait_p95"], by=by), limit=site.limit("queue_wait_p95")),
    ]


def _capacity(site: Site) -> list[Column]:
    by, now = site.identity, levels(site, by=site.identity)
    return [
        Column("Requests/s", flow(site, "http_availability", "total", by=by)),
        Column("Runs/s", flow(site, "run_success", "total", by=by)),
        Column("Slots", now["slots"]),
        Column("Free slots", now["slots_free"]),
        Column("Postgres pool", now["pg_used"], limit=site.limit("pg_pool_used")),
        Column("Redis pool", now["redis_used"], limit=site.limit("redis_pool_used")),
    ]


def _deployment_link(site: Site) -> dict[str, str]:
    cells = "&".join(
        f'var-{name}=${{__data.fields["{label}"]}}' for name, label in zip(WIDE, site.identity, strict=True)
    )
    url = (
        f"/d/{board_uid(site, 'agent_server_deployment')}?{cells}&var-datasource=${{datasource}}&${{__url_time_range}}"
    )
    return {site.labels.deployment: url}
