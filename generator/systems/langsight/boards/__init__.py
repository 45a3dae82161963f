"""Boards of LangSight, one module each, in the order in which one walks down to the detail."""

from generator.systems.langsight.boards import api, feed, overview, telemetry

BOARDS = (overview, api, feed, telemetry)
