"""All systems at once: the board that one opens first, and rules about the monitoring itself."""

from generator.systems.all_systems.alerts import TOPICS
from generator.systems.all_systems.boards import BOARDS
from generator.systems.registry import COMMON, declare

DECLARED = declare(COMMON, BOARDS, TOPICS)
