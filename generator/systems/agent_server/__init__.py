"""Agent Server: deployments of LangGraph and LangSmith that run agents."""

from generator.systems.agent_server import records, row
from generator.systems.agent_server.alerts import TOPICS
from generator.systems.agent_server.boards import BOARDS
from generator.systems.registry import declare

DECLARED = declare("agent_server", BOARDS, TOPICS, records, row)
