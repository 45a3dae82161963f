"""The row of agentgateway on *All systems*."""

from __future__ import annotations

from generator.boards.processes import target_columns
from generator.boards.tables import Column
from generator.config.site import Site
from generator.rules.rule import recorded
from generator.systems.agentgateway.records import records

#: The board that one opens first.
FIRST = "overview"


def columns(site: Site) -> list[Column]:
    """Return the golden signals of each deployment."""
    r, by = records(site), site.identity
    requests, llm = recorded(r["requests"], by=by), recorded(r["llm"], by=by)
    return [
        *target_columns(site, "agentgateway"),
        Column("Requests/s", requests),
        Column("Failed requests", recorded(r["errors"], by=by) / requests, limit=site.limit("gateway_error_ratio")),
        Column("Slowest p99", recorded(r["latency"], by=by), limit=site.limit("gateway_latency_p99")),
        Column("To models/s", llm),
        Column("Failed to models", recorded(r["llm_errors"], by=by) / llm, limit=site.limit("gateway_llm_error_ratio")),
        Column("To tools/s", recorded(r["mcp"], by=by)),
    ]
