"""Recording rules, one module per system: what boards and alerts read instead of raw series."""

from generator.records import agent_server, agentgateway

#: In the order of the rule files.
RECORDS = (agent_server, agentgateway)
