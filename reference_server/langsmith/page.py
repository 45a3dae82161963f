"""How each role of LangSmith spells its page.

The exporters write what Prometheus' Go client does: families by name, whole numbers without a point, `_sum` before
`_count`. Their HELP texts were read off real ones. The services are taken for users of prometheus_client, and their HELP
texts, like ClickHouse's, are the catalogue's: nobody has seen their pages.
"""

from __future__ import annotations

import math
from decimal import Decimal

from reference_server.core.rates import page
from reference_server.core.rates.model import ServiceProcess

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

#: From this power of ten on, and below the other, Go writes an exponent.
_LARGE, _SMALL = 6, -4

#: Read off the pages of nginx-prometheus-exporter 0.11.0, postgres_exporter 0.11.1 and redis_exporter 1.45.0.
HELP = {
    "nginx_up": "Status of the last metric scrape",
    "nginx_connections_accepted": "Accepted client connections",
    "nginx_connections_handled": "Handled client connections",
    "nginx_connections_active": "Active client connections",
    "nginx_connections_reading": "Connections where NGINX is reading the request header",
    "nginx_connections_writing": "Connections where NGINX is writing the response back to the client",
    "nginx_connections_waiting": "Idle client connections",
    "nginx_http_requests_total": "Total http requests",
    "pg_up": "Whether the last scrape of metrics from PostgreSQL was able to connect to the server (1 for yes, 0 for no).",
    "pg_settings_max_connections": "Sets the maximum number of concurrent connections.",
    "pg_stat_activity_count": "number of connections in this state",
    "pg_stat_database_deadlocks": "Number of deadlocks detected in this database",
    "pg_stat_database_xact_rollback": "Number of transactions in this database that have been rolled back",
    "redis_up": "Information about the Redis instance",
    "redis_instance_info": "Information about the Redis instance",
    "redis_memory_used_bytes": "memory_used_bytes metric",
    "redis_memory_max_bytes": "memory_max_bytes metric",
    "redis_evicted_keys_total": "evicted_keys_total metric",
    "redis_rejected_connections_total": "rejected_connections_total metric",
    "redis_connected_clients": "connected_clients metric",
    "redis_config_maxclients": "config_maxclients metric",
    "redis_blocked_clients": "blocked_clients metric",
}


def number(value: float) -> str:
    """Write a value as Go's client does: `2`, `8.388608e+06`, `0.25`, `+Inf`."""
    if math.isnan(value) or math.isinf(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    if value == 0:
        return "0"
    exact = Decimal(repr(float(value))).normalize()
    power = exact.adjusted()
    if _SMALL <= power < _LARGE:
        return f"{exact:f}"
    mantissa = exact.scaleb(-power).normalize()
    return f"{mantissa:f}e{'-' if power < 0 else '+'}{abs(power):02d}"


PYTHON = page.Style()
GO = page.Style(
    help=HELP, number=number, edge=number, trailing=("_sum", "_count"), by_name=True, labels={"exported_role": "role"}
)

STYLES = dict.fromkeys(("frontend-nginx", "postgres", "redis", "clickhouse", "queue-depth"), GO)


def write(process: ServiceProcess) -> bytes:
    """Write the page of one process."""
    return page.write(STYLES.get(process.role, PYTHON), process.instruments.metrics, process.instruments)
