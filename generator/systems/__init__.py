"""Target systems, one folder each: what they expose, how they are shown, what is told of them.

A folder has `catalogue.yaml`, `boards/`, `alerts/`, `records.py` and `row.py`, and its `__init__.py` declares them. This list
is the only one of systems: files, boards and rules are in its order.
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent

SHIPPED = ("agent_server", "langsight", "agentgateway", "langsmith")
