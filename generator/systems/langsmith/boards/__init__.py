"""Boards of LangSmith services, one module each, in the order in which one walks down to the detail."""

from generator.systems.langsmith.boards import clickhouse, ingest, nginx, postgres, redis, sandboxes, services, smithdb

BOARDS = (services, ingest, clickhouse, postgres, redis, nginx, smithdb, sandboxes)
