"""A simulated LangSight API: ingestion of spans, health checks of MCP servers, the live feed, and their metrics."""

from reference_server.langsight.model import MODEL

__all__ = ["MODEL"]
