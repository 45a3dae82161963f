"""Boards of agentgateway, one module each, in the order in which one walks down to the detail."""

from generator.systems.agentgateway.boards import (
    connections,
    control,
    guardrails,
    latency,
    llm,
    mcp,
    overview,
    spend,
    traffic,
)

BOARDS = (overview, traffic, latency, llm, spend, mcp, guardrails, connections, control)
