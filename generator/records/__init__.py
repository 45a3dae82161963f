"""Recording rules, one module per system: what boards and alerts read instead of raw series."""

from generator.records import agent_server, agentgateway, langsight, langsmith

#: In the order of the rule files.
RECORDS = (agent_server, langsight, agentgateway, langsmith)
