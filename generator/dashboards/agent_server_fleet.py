"""Agent Server fleet: is any deployment in trouble, and which one?

For whoever is on call for all of them. Reads recorded series only, so it stays fast with a thousand servers.
"""

from __future__ import annotations

from generator.layout import WIDE, Board, board, row
from generator.limits import Limit
from generator.panels import Column, lines, stat, table
from generator.promql import count, quantile_of
from generator.query import Query
from generator.records.agent_server import records
from generator.rules import board_uid, recorded
from generator.site import Site


def dashboard(site: Site) -> Board:
    """Build the board."""
    r, by = records(site), site.identity
    firing = site.system("prometheus")["ALERTS"].where(alertstate="firing")
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
                "Is anything wrong?",
                stat(
                    "Firing: critical",
                    count(firing.where(severity="critical")).or_zero().about("Alerts that page."),
                    graph=False,
                ),
                stat(
                    "Firing: warning",
                    count(firing.where(severity="warning")).or_zero().about("Alerts that open a ticket."),
                    graph=False,
                ),
                stat("Processes down", _down(site), limit=Limit("processes_down", 1, "instances", "Any.")),
                stat(
                    "Failed requests",
                    recorded(r["errors"]) / recorded(r["requests"]),
                    limit=site.limit("http_error_ratio"),
                ),
                stat("Failed runs", recorded(r["failed"]) / (recorded(r["failed"]) + recorded(r["succeeded"]))),
                stat("Runs waiting", recorded(r["pending"])),
            ),
            row(
                "Which alerts?",
                table(
                    "Firing alerts",
                    [
                        Column(
                            "Series",
                            count(firing, by=("severity", "alertname", *by)).about("One row per firing alert."),
                        )
                    ],
                    link=_deployment_link(site),
                ),
            ),
            row(
                "Which deployment?",
                table("Deployments", _columns(site), sort="Requests/s", link=_deployment_link(site)).wide(24, 12),
            ),
            row(
                "Since when?",
                lines("Requests", recorded(r["requests"], by=by)),
                lines(
                    "Failed share of requests",
                    recorded(r["errors"], by=by) / recorded(r["requests"], by=by),
                    limit=site.limit("http_error_ratio"),
                ),
                lines("Waiting runs", recorded(r["pending"], by=by)),
                lines("Free job slots", recorded(r["slots_free"], by=by)),
                lines("Failed runs by deployment", recorded(r["failed"], by=by)),
                lines(
                    "Postgres pool in use, fullest process",
                    recorded(r["pg_used"], by=by),
                    limit=site.limit("pg_pool_used"),
                ),
            ),
        ],
    )


def _down(site: Site, by: tuple[str, ...] = ()) -> Query:
    r = records(site)
    return (recorded(r["targets"], by=by) - recorded(r["targets_up"], by=by)).about(
        "Processes that did not answer the last scrape."
    )


def _columns(site: Site) -> list[Column]:
    r, by = records(site), site.identity
    ended = recorded(r["failed"], by=by) + recorded(r["succeeded"], by=by)
    return [
        Column("Processes", recorded(r["targets"], by=by)),
        Column("Down", _down(site, by), limit=Limit("processes_down", 1, "instances", "Any.")),
        Column("Requests/s", recorded(r["requests"], by=by)),
        Column(
            "Failed requests",
            recorded(r["errors"], by=by) / recorded(r["requests"], by=by),
            limit=site.limit("http_error_ratio"),
        ),
        Column("API p95", quantile_of(0.95, recorded(r["latency"], by=("le", *by)))),
        Column("Runs/s", ended),
        Column("Failed runs", recorded(r["failed"], by=by) / ended),
        Column("Waiting", recorded(r["pending"], by=by)),
        Column(
            "Wait p95", quantile_of(0.95, recorded(r["queue_wait"], by=("le", *by))), limit=site.limit("queue_wait_p95")
        ),
        Column("Slots", recorded(r["slots"], by=by)),
        Column("Free slots", recorded(r["slots_free"], by=by)),
        Column("Postgres pool", recorded(r["pg_used"], by=by), limit=site.limit("pg_pool_used")),
        Column("Redis pool", recorded(r["redis_used"], by=by), limit=site.limit("redis_pool_used")),
    ]


def _deployment_link(site: Site) -> dict[str, str]:
    cells = "&".join(
        f'var-{name}=${{__data.fields["{label}"]}}' for name, label in zip(WIDE, site.identity, strict=True)
    )
    url = (
        f"/d/{board_uid(site, 'agent_server_deployment')}?{cells}&var-datasource=${{datasource}}&${{__url_time_range}}"
    )
    return {site.labels.deployment: url}
