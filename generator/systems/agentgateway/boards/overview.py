"""agentgateway overview: is any gateway in trouble, and what passes through it?

For whoever is on call for all of them, or came from an alert. Reads recorded series, so it stays fast over many gateways.
"""

from __future__ import annotations

from generator.boards import processes as targets
from generator.boards.layout import WIDE, Board, Row, board, row
from generator.boards.panels import Column, lines, stat, table
from generator.catalogue import Limit
from generator.config.site import Site
from generator.promql.query import Query
from generator.rules.rule import board_uid, recorded
from generator.systems.agentgateway.records import records


def dashboard(site: Site) -> Board:
    """Build the board."""
    return board(
        site,
        "agentgateway_overview",
        "agentgateway / Overview",
        system="agentgateway",
        about=__doc__ or "",
        variables=WIDE,
        fleet=True,
        rows=[_now(site), _which(site), _since(site), _alerts(site)],
    )


def _down(site: Site, by: tuple[str, ...] = ()) -> Query:
    r = records(site)
    return (recorded(r["targets"], by=by) - recorded(r["targets_up"], by=by)).about(
        "Processes that did not answer the last scrape."
    )


def _now(site: Site) -> Row:
    r = records(site)
    return row(
        "Is anything wrong?",
        stat("Processes down", _down(site), limit=Limit("processes_down", 1, "instances", "Any.")),
        stat("Requests", recorded(r["requests"])),
        stat(
            "Failed requests", recorded(r["errors"]) / recorded(r["requests"]), limit=site.limit("gateway_error_ratio")
        ),
        stat("HTTP p99, slowest gateway", recorded(r["latency"]), limit=site.limit("gateway_latency_p99")),
        stat("Overhead p99, slowest gateway", recorded(r["overhead"]), limit=site.limit("gateway_overhead_p99")),
        stat(
            "Failed requests to models",
            recorded(r["llm_errors"]) / recorded(r["llm"]),
            limit=site.limit("gateway_llm_error_ratio"),
        ),
    )


def _which(site: Site) -> Row:
    r, by = records(site), (*site.identity, "gateway")
    link = f"/d/{board_uid(site, 'agentgateway_traffic')}?" + "&".join(
        [f'var-{name}=${{__data.fields["{label}"]}}' for name, label in zip(WIDE, site.identity, strict=True)]
        + ["var-datasource=${datasource}", "${__url_time_range}"]
    )
    return row(
        "Which gateway?",
        table(
            "Gateways",
            [
                Column("Requests/s", recorded(r["requests"], by=by)),
                Column(
                    "Failed",
                    recorded(r["errors"], by=by) / recorded(r["requests"], by=by),
                    limit=site.limit("gateway_error_ratio"),
                ),
                Column("HTTP p99", recorded(r["latency"], by=by), limit=site.limit("gateway_latency_p99")),
                Column("Overhead p99", recorded(r["overhead"], by=by), limit=site.limit("gateway_overhead_p99")),
                Column("To models/s", recorded(r["llm"], by=by)),
                Column(
                    "Failed to models",
                    recorded(r["llm_errors"], by=by) / recorded(r["llm"], by=by),
                    limit=site.limit("gateway_llm_error_ratio"),
                ),
                Column("Tokens/s", recorded(r["tokens"], by=by)),
                Column("USD/h", (recorded(r["cost"], by=by) * 3600).as_unit("USD")),
                Column("MCP/s", recorded(r["mcp"], by=by)),
            ],
            sort="Requests/s",
            link={site.labels.deployment: link},
        ).wide(24, 10),
    )


def _since(site: Site) -> Row:
    r, by = records(site), (site.labels.deployment, "gateway")
    return row(
        "Since when?",
        lines("Requests by gateway", recorded(r["requests"], by=by)),
        lines(
            "Failed share of requests",
            recorded(r["errors"], by=by) / recorded(r["requests"], by=by),
            limit=site.limit("gateway_error_ratio"),
        ),
        lines("HTTP p99 by gateway", recorded(r["latency"], by=by), limit=site.limit("gateway_latency_p99")),
        lines("Overhead p99 by gateway", recorded(r["overhead"], by=by), limit=site.limit("gateway_overhead_p99")),
        lines("Requests to models by gateway", recorded(r["llm"], by=by)),
        lines("Tokens by gateway", recorded(r["tokens"], by=by)),
        lines("MCP requests by gateway", recorded(r["mcp"], by=by)),
        lines("Cost by gateway", (recorded(r["cost"], by=by) * 3600).as_unit("USD")).noting(
            "USD an hour, at the pace of the moment."
        ),
    )


def _alerts(site: Site) -> Row:
    return row(
        "Which alerts?",
        targets.alerts(site, "agentgateway"),
        lines(
            "Processes",
            recorded(records(site)["targets"], by=(site.labels.deployment,)).named("{{deployment}}: scraped"),
            recorded(records(site)["targets_up"], by=(site.labels.deployment,)).named("{{deployment}}: up"),
        ).wide(24),
    )
