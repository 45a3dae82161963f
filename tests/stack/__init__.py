"""The stack without Docker: reference servers, Prometheus and Alertmanager on loopback, on a fast clock."""

from tests.stack.monitoring import Monitoring, binaries
from tests.stack.reference import Reference

__all__ = ["Monitoring", "Reference", "binaries"]
