"""Real Prometheus, Alertmanager and VictoriaMetrics servers for tests: found or fetched, started, asked."""

from testbed.servers.alertmanager import Alertmanager
from testbed.servers.api import Sample, Series
from testbed.servers.debian import AGES, Found, find, missing, prometheus_binaries
from testbed.servers.loopback import ServerError, StartError, free_port, wait_until
from testbed.servers.processes import Child
from testbed.servers.prometheus import Prometheus
from testbed.servers.remote_write import STALE, Value, write_request
from testbed.servers.victoria import AsVmalert, Victoria, Vmalert
from testbed.servers.webhook import Notice, Webhook

__all__ = [
    "AGES",
    "STALE",
    "Alertmanager",
    "AsVmalert",
    "Child",
    "Found",
    "Notice",
    "Prometheus",
    "Sample",
    "Series",
    "ServerError",
    "StartError",
    "Value",
    "Victoria",
    "Vmalert",
    "Webhook",
    "find",
    "free_port",
    "missing",
    "prometheus_binaries",
    "wait_until",
    "write_request",
]
