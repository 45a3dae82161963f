"""Alerts of agentgateway, one module per topic, in the order in which one triages."""

from generator.systems.agentgateway.alerts import mcp, models, platform, spending, traffic

TOPICS = (platform, traffic, models, spending, mcp)
