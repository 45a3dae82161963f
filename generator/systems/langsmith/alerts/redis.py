"""LangSmith's Redis, where traces queue before they are stored: is it there, and has it room?

With an eviction policy Redis stands just below its maximum for good, so memory is told of only where nothing is evicted;
where something is, the evictions themselves are, unless the policy spares what has no end of its own, as queued traces. Which
policy holds is on the exporter's page.
"""

from __future__ import annotations

from generator.config.site import Site
from generator.promql import increments, lowest, peak, present
from generator.rules.rule import Alert, Because

#: Policies under which memory at the maximum is an ordinary state.
EVICTING = "(allkeys|volatile)-.*"

#: Policies that evict only keys with an end of their own: what was cached, and no trace.
SPARING = "volatile-.*"


def alerts(site: Site) -> list[Alert]:
    """Return the alerts, most urgent subject first."""
    ls, labels = site.system("langsmith", on="langsmith"), site.labels
    by = (*site.identity, labels.instance)
    name = f"{{{{ $labels.{labels.deployment} }}}}: Redis behind {{{{ $labels.{labels.instance} }}}}"
    used = peak(ls["redis_memory_used_bytes"], by=by) / peak(ls["redis_memory_max_bytes"], by=by).above(0)
    evicting, sparing = (
        present(ls["redis_instance_info"].matching(maxmemory_policy=policy), by=by).above(0)
        for policy in (EVICTING, SPARING)
    )
    return [
        Alert(
            name="LangSmithRedisDown",
            query=lowest(ls["redis_up"], by=by).equals(0),
            hold="2m",
            severity="critical",
            summary=f"{name} cannot be reached.",
            description="No trace is taken in, and no work is handed out. The exporter itself answers.",
            action="look at the pod; killed for memory is the usual reason.",
            board="langsmith_redis",
        ),
        Alert(
            name="LangSmithRedisMemoryHigh",
            query=used.above(site.limit("redis_memory")).without(evicting),
            hold="5m",
            severity="critical",
            summary=f"{name} uses {{{{ $value | humanizePercentage }}}} of its memory, and may evict nothing.",
            description="At the maximum writes fail, so traces are refused. Silent where a policy evicts keys: there it is always full.",
            action="look at the queue depths: who does not take traces out? Then give Redis more memory.",
            board="langsmith_redis",
            explained_by=(Because(("LangSmithRedisDown",), agree=(labels.instance,)),),
        ),
        Alert(
            name="LangSmithRedisEvictions",
            query=increments(ls["redis_evicted_keys_total"], by=by).above(0).without(sparing),
            over="10m",
            hold="0s",
            severity="warning",
            summary=f"{name} threw away {{{{ $value | humanize }}}} keys within {site.timing.window_words('10m')}.",
            description="Any of them can be a trace that was not stored yet: the policy lets Redis take any key. Silent where it takes only keys with an end of their own.",
            action="set maxmemory-policy to noeviction for a Redis that holds queues, and give it memory.",
            board="langsmith_redis",
        ),
        Alert(
            name="LangSmithRedisRejectedConnections",
            query=increments(ls["redis_rejected_connections_total"], by=by).above(0),
            hold="0s",
            severity="warning",
            summary=f"{name} refused {{{{ $value | humanize }}}} connections within {site.timing.window_words()}.",
            description="It has as many clients as maxclients allows; services fail to enqueue.",
            action="count clients by name with CLIENT LIST; raise maxclients or lower the pools.",
            board="langsmith_redis",
            explained_by=(Because(("LangSmithRedisDown",), agree=(labels.instance,)),),
        ),
    ]
