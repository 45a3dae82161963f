"""Real Prometheus, Alertmanager and VictoriaMetrics servers for tests: found or fetched, started, asked."""

from tests.servers.alertmanager import Alertmanager
from tests.servers.api import Sample, Series
from tests.servers.debian import AGES, Found, find, missing, prometheus_binaries
from tests.servers.loopback import ServerError, StartError, free_port, wait_until
from tests.servers.processes import Child
from tests.servers.prometheus import Prometheus
from tests.servers.remote_write import STALE, Value, write_request
from tests.servers.victoria import AsVmalert, Victoria, Vmalert
from tests.servers.webhook import Notice, Webhook

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
