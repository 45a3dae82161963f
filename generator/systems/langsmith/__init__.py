"""Self-hosted LangSmith: its services, their databases and exporters."""

from generator.systems.langsmith import records, row
from generator.systems.langsmith.alerts import TOPICS
from generator.systems.langsmith.boards import BOARDS
from generator.systems.registry import declare

DECLARED = declare("langsmith", BOARDS, TOPICS, records, row)
