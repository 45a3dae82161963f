"""Alerts of LangSmith services, one module per topic, in the order in which one triages."""

from generator.systems.langsmith.alerts import clickhouse, ingest, nginx, postgres, redis, sandboxes, services, smithdb

TOPICS = (services, ingest, clickhouse, postgres, redis, nginx, smithdb, sandboxes)
