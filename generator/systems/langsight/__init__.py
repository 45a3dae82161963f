"""LangSight: traces and health checks of MCP servers."""

from generator.systems.langsight import records, row
from generator.systems.langsight.alerts import TOPICS
from generator.systems.langsight.boards import BOARDS
from generator.systems.registry import declare

DECLARED = declare("langsight", BOARDS, TOPICS, records, row)
