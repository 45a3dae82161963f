"""Alerts, one module per topic. Alerts decide what is bad; boards show it."""

from generator.alerts import (
    agent_server_capacity,
    agent_server_http,
    agent_server_queue,
    agent_server_runs,
    agent_server_slo,
    agent_server_streaming,
    agent_server_telemetry,
    agentgateway_mcp,
    agentgateway_models,
    agentgateway_platform,
    agentgateway_traffic,
    langsight_api,
    langsight_feed,
    langsight_telemetry,
    observability,
)

#: The table of contents, in the order in which one triages.
TOPICS = (
    agent_server_telemetry,
    agent_server_slo,
    agent_server_queue,
    agent_server_runs,
    agent_server_capacity,
    agent_server_http,
    agent_server_streaming,
    langsight_telemetry,
    langsight_api,
    langsight_feed,
    agentgateway_platform,
    agentgateway_traffic,
    agentgateway_models,
    agentgateway_mcp,
    observability,
)
