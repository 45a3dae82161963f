"""Alerts of LangSight, one module per topic, in the order in which one triages."""

from generator.systems.langsight.alerts import api, feed, telemetry

TOPICS = (telemetry, api, feed)
