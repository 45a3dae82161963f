"""The connection pools of a process, as the JSON page has them."""

from __future__ import annotations

from collections.abc import Mapping

from reference_server.agent_server.processes import Process


def pool_stats(process: Process) -> Mapping[str, Mapping[str, int]]:
    """Return a process's pools; empty on the in-memory runtime."""
    if process.runtime != "postgres":
        return {}
    used, busy = process.postgres_in_use(), process.redis_in_use()
    size = max(process.pools.size, used)
    return {
        "postgres": {
            "pool_max": process.settings.postgres_pool,
            "pool_size": size,
            "pool_available": size - used,
            "requests_queued": int(process.instruments.value("pg_pool_requests_queued_total")) + process.pools.waits,
            "requests_errors": int(process.instruments.value("pg_pool_requests_errors_total")) + process.pools.timeouts,
        },
        "redis": {
            "idle_connections": process.pools.redis_peak - busy,
            "in_use_connections": busy,
            "max_connections": process.settings.redis_pool,
        },
    }
