"""The stack without Docker: reference servers, Prometheus and Alertmanager on loopback, on a fast clock."""

from testbed.stack.monitoring import Monitoring, binaries
from testbed.stack.reference import Reference

__all__ = ["Monitoring", "Reference", "binaries"]
