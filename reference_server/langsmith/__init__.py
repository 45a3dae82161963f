"""Self-hosted LangSmith: its services, the exporters of its databases, and the JSON pages with the queues' depths."""

from reference_server.langsmith.model import MODEL

__all__ = ["MODEL"]
