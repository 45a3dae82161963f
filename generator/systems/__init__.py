"""Target systems, one folder each: what they expose, how they are shown, what is told of them.

A folder has `catalogue.yaml`, `boards/`, `alerts/`, `records.py` and `row.py`, and its `__init__.py` declares them. Systems are
found on disk: a folder with a catalogue is one. Files, boards and rules are in the order of `SHIPPED`.
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent

#: The order in which one reads of them; a system that is not named here follows, by its name.
_READING_ORDER = ("agent_server", "langsight", "agentgateway", "langsmith")
_FOUND = {path.parent.name for path in FOLDER.glob("*/catalogue.yaml")}

SHIPPED = (*(name for name in _READING_ORDER if name in _FOUND), *sorted(_FOUND.difference(_READING_ORDER)))
