"""Alerts of All systems, one module per topic, in the order in which one triages."""

from generator.systems.all_systems.alerts import observability

TOPICS = (observability,)
