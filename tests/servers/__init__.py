"""Real Prometheus and Alertmanager servers for tests: found or fetched, started, asked."""

from tests.servers.alertmanager import Alertmanager
from tests.servers.debian import AGES, Found, find, missing, prometheus_binaries
from tests.servers.loopback import ServerError, StartError, free_port, wait_until
from tests.servers.processes import Child
from tests.servers.prometheus import Prometheus, Sample, Series
from tests.servers.remote_write import STALE, Value, write_request
from tests.servers.webhook import Notice, Webhook

__all__ = [
    "AGES",
    "STALE",
    "Alertmanager",
    "Child",
    "Found",
    "Notice",
    "Prometheus",
    "Sample",
    "Series",
    "ServerError",
    "StartError",
    "Value",
    "Webhook",
    "find",
    "free_port",
    "missing",
    "prometheus_binaries",
    "wait_until",
    "write_request",
]
