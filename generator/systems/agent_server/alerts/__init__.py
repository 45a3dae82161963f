"""Alerts of Agent Server, one module per topic, in the order in which one triages."""

from generator.systems.agent_server.alerts import capacity, http, queue, runs, slo, streaming, telemetry

TOPICS = (telemetry, slo, queue, runs, capacity, http, streaming)
