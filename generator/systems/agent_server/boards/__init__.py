"""Boards of Agent Server, one module each, in the order in which one walks down to the detail."""

from generator.systems.agent_server.boards import deployment, fleet, http, pools, queue, runs, slo, streaming, telemetry

BOARDS = (fleet, deployment, slo, runs, queue, http, pools, streaming, telemetry)
