"""agentgateway overview: is any gateway in trouble, and what passes through it?

For the on-call for all of them, or came from an alert. Reads recorded series, so it stays fast over many gateways.
"""

from __future__ import annotations

from generator.boards import processes as targets
from generator.boards.layout import Board, Row, board, row
from generator.boards.panels import lines, stat
from generator.boards.tables import Column, table
from generator.boards.variables import WIDE
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
        rows=[_now(site), _alerts(site), _which(site), _since(site)],
    )


def _down(site: Site, by: tuple[str, ...] = ()) -> Query:
    r = records(site)
    return (recorded(r["targets"], by=by) - recorded(r["targets_up"], by=by)).about(
        "Processes that did not answer the last scrape."
    )


def _now(site: Site) -> Row:
    r = records(site)
    return row(
        "Status",
        stat("Processes down", _down(site), limit=Limit("processes_down", 1, "instances", "Any.")).normal(
            "0.", alert="AgentgatewayTargetDown"
        ),
        stat("Request rate", recorded(r["requests"])).normal("Your clients' usual traffic."),
        stat(
            "5xx ratio", recorded(r["errors"]) / recorded(r["requests"]), limit=site.limit("gateway_error_ratio")
        ).normal("Below 1 %.", "Open the board agentgateway / Traffic and errors.", alert="AgentgatewayHigh5xx"),
        stat("HTTP p99", recorded(r["latency"]), limit=site.limit("gateway_latency_p99")).normal(
            "Below a second; of the slowest gateway.",
            "Open the board agentgateway / Latency and overhead.",
            alert="AgentgatewayLatencyHigh",
        ),
        stat("Overhead p99", recorded(r["overhead"]), limit=site.limit("gateway_overhead_p99")).normal(
            "Some milliseconds; of the slowest gateway.",
            "Open the board agentgateway / Latency and overhead.",
            alert="AgentgatewayOverheadHigh",
        ),
        stat(
            "LLM error ratio",
            recorded(r["llm_errors"]) / recorded(r["llm"]),
            limit=site.limit("gateway_llm_error_ratio"),
        ).normal("Below 1 %.", "Open the board agentgateway / Language models.", alert="AgentgatewayLlmErrors"),
    )


def _which(site: Site) -> Row:
    r, by = records(site), (*site.identity, "gateway")
    link = f"/d/{board_uid(site, 'agentgateway_traffic')}?" + "&".join(
        [f'var-{name}=${{__data.fields["{label}"]}}' for name, label in zip(WIDE, site.identity, strict=True)]
        + ["var-datasource=${datasource}", "${__url_time_range}"]
    )
    return row(
        "Status by gateway",
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
            ],
            sort="Failed",
            link={site.labels.deployment: link},
        ).normal("No cell in red or orange.", "Open the gateway with such a cell."),
        table(
            "Calls to models and tools",
            [
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
            sort="To models/s",
            link={site.labels.deployment: link},
        ).normal("No cell in red or orange.", "Open the gateway with such a cell."),
    )


def _since(site: Site) -> Row:
    r, by = records(site), (site.labels.deployment, "gateway")
    return row(
        "History",
        lines("Request rate by gateway", recorded(r["requests"], by=by), fleet=True).normal("The shape of your days."),
        lines(
            "5xx ratio by gateway",
            recorded(r["errors"], by=by) / recorded(r["requests"], by=by),
            limit=site.limit("gateway_error_ratio"),
            fleet=True,
        ).normal("Below 1 %.", "Open the board agentgateway / Traffic and errors.", alert="AgentgatewayHigh5xx"),
        lines(
            "HTTP p99 by gateway", recorded(r["latency"], by=by), limit=site.limit("gateway_latency_p99"), fleet=True
        ).normal(
            "Each in a band of its own.",
            "Open the board agentgateway / Latency and overhead.",
            alert="AgentgatewayLatencyHigh",
        ),
        lines(
            "Overhead p99 by gateway",
            recorded(r["overhead"], by=by),
            limit=site.limit("gateway_overhead_p99"),
            fleet=True,
        ).normal("Some milliseconds.", "A policy that calls out, or too little CPU.", alert="AgentgatewayOverheadHigh"),
        lines("LLM requests by gateway", recorded(r["llm"], by=by), fleet=True).normal("In proportion to agents."),
        lines("Tokens by gateway", recorded(r["tokens"], by=by), fleet=True).normal(
            "In proportion to LLM requests.", "An agent in a loop.", alert="AgentgatewayLlmTokenSpike"
        ),
        lines("MCP requests by gateway", recorded(r["mcp"], by=by), fleet=True).normal(
            "In proportion to agents.", alert="AgentgatewayMcpStopped"
        ),
        lines("Cost by gateway", (recorded(r["cost"], by=by) * 3600).as_unit("USD"), fleet=True)
        .with_note("USD an hour, at the current rate.")
        .normal(
            "Within your budget.",
            "Open cost by model on the board agentgateway / Language models.",
            alert="AgentgatewayLlmCostBudget",
        ),
    )


def _alerts(site: Site) -> Row:
    return row(
        "Alerts and processes",
        targets.firing_alerts(site, "agentgateway"),
        lines(
            "Processes: known and up",
            recorded(records(site)["targets"], by=(site.labels.deployment,)).named("{{deployment}}: scraped"),
            recorded(records(site)["targets_up"], by=(site.labels.deployment,)).named("{{deployment}}: up"),
        )
        .wide(24)
        .normal("Both lines on each other.", alert="AgentgatewayTargetDown"),
    )
