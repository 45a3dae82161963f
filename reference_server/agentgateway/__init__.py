"""A simulated agentgateway: a proxy in front of HTTP backends, language models and MCP servers."""

from reference_server.agentgateway.model import MODEL

__all__ = ["MODEL"]
