"""agentgateway: the proxy in front of backends, language models and MCP servers."""

from generator.systems.agentgateway import records, row
from generator.systems.agentgateway.alerts import TOPICS
from generator.systems.agentgateway.boards import BOARDS
from generator.systems.registry import declare

DECLARED = declare("agentgateway", BOARDS, TOPICS, records, row)
