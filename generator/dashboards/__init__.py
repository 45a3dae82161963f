"""Boards, one module each. A board's docstring says which questions it answers, and for whom."""

from generator.dashboards import (
    agent_server_deployment,
    agent_server_fleet,
    agent_server_http,
    agent_server_pools,
    agent_server_queue,
    agent_server_runs,
    agent_server_slo,
    agent_server_streaming,
    agent_server_telemetry,
    langsight_api,
    langsight_feed,
    langsight_overview,
    langsight_telemetry,
    overview,
)

#: The table of contents, in the order in which one walks down from all systems to the detail of one.
BOARDS = (
    overview,
    agent_server_fleet,
    agent_server_deployment,
    agent_server_slo,
    agent_server_runs,
    agent_server_queue,
    agent_server_http,
    agent_server_pools,
    agent_server_streaming,
    agent_server_telemetry,
    langsight_overview,
    langsight_api,
    langsight_feed,
    langsight_telemetry,
)
