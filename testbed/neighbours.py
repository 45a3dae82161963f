"""Series of other teams, which stand beside every history and must change no verdict.

What an operator's Prometheus has beside our targets: applications, databases and monitoring of other teams, all of them in
trouble, under the names of our deployments where labels let them; our own servers once more, as a job finds them by the
annotations of their pods; another system of ours that is down under the same name; and a healthy namesake in another cluster.
Others are scraped less often than our targets, so that they cost little.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from testbed.servers import STALE, Value
from testbed.servers.remote_write import History

#: Our systems, with what the names of their alerts begin with and a role that one process of each has.
SYSTEMS = {
    "agent_server": ("AgentServer", "combined"),
    "langsight": ("LangSight", ""),
    "agentgateway": ("Agentgateway", ""),
    "langsmith": ("LangSmith", "backend"),
}

#: Who nobody of ours is: an application without our labels, and those whose team has a system label of its own.
FOREIGN: tuple[Mapping[str, str], ...] = (
    {"job": "checkout", "instance": "10.9.0.1:8000"},
    {"job": "checkout", "instance": "10.9.0.2:8000", "system": "checkout", "role": "api"},
    {"job": "checkout", "instance": "10.9.0.3:8000", "system": "checkout", "role": "backend"},
)

#: Seconds until a deployment of others is there no more.
VANISHES = 1800

#: Seconds between two scrapes of others: a range of five minutes holds two of them.
SPARSE = 120

#: What one deployment is known by, as every history here labels it.
HOME = ("cluster", "namespace", "deployment")

ELSEWHERE = "another-cluster"

#: What a healthy one counts, without which someone asks where it is.
COUNTED = {"langsight": 'langsight_health_checks_total{server="mcp",status="up"}'}

#: Value of a series at some seconds since the start of its history.
Shape = Callable[[float], Value]


def _grows(per_minute: float) -> Shape:
    return lambda at: 1_000_000 + per_minute * at / 60


def _is(value: float) -> Shape:
    return lambda _: float(value)


def _every(seconds: float, one: float, other: float) -> Shape:
    return lambda at: one if int(at // seconds) % 2 else other


def _vanishes(after: float) -> Shape:
    """Answer until then; and discovery knows it no more."""
    return lambda at: 1 if at < after else STALE if at < after + SPARSE else None


def _restarts(start: float) -> Shape:
    """Start time of a process behind a load balancer that also crashes: it rises, and falls every second scrape."""
    return lambda at: start + SPARSE * (at // SPARSE) - (5000 if int(at // SPARSE) % 2 else 0)


#: Any application's own series: it is down, restarts, eats its processor and files, and overflows its label sets.
APPLICATION: Mapping[str, Shape] = {
    "up": _every(300, 0, 0),
    "scrape_duration_seconds": _is(9.5),
    "scrape_samples_scraped": _is(900_000),
    "scrape_samples_post_metric_relabeling": _is(900_000),
    "scrape_series_added": _is(50_000),
    "process_cpu_seconds_total": _grows(60 * 16),
    "process_open_fds": _is(1023),
    "process_max_fds": _is(1024),
    "process_resident_memory_bytes": _is(64e9),
    "process_virtual_memory_bytes": _is(64e9),
    'orders_total{otel_metric_overflow="true",otel_scope_name="checkout"}': _grows(60),
    'python_gc_collections_total{generation="2"}': _grows(600),
    'target_info{service_name="checkout"}': _is(1),
    "tokio_num_alive_tasks": _is(1e6),
    "tokio_global_queue_depth": _is(1e6),
    "cgroup_working_set": _is(64e9),
}

#: Exporters of someone else's databases and web servers by their role, every one with a problem.
EXPORTERS: Mapping[str, Mapping[str, Shape]] = {
    "postgres": {
        "up": _is(0),
        "pg_up": _is(0),
        "pg_settings_max_connections": _is(100),
        'pg_stat_activity_count{datname="shop",state="active"}': _is(100),
        'pg_stat_database_deadlocks{datname="shop"}': _grows(60),
        'pg_stat_database_xact_rollback{datname="shop"}': _grows(600),
    },
    "redis": {
        "up": _is(0),
        "redis_up": _is(0),
        "redis_memory_used_bytes": _is(1e9),
        "redis_memory_max_bytes": _is(1e9),
        "redis_connected_clients": _is(1000),
        "redis_config_maxclients": _is(1000),
        "redis_rejected_connections_total": _grows(60),
        "redis_evicted_keys_total": _grows(600),
        'redis_instance_info{maxmemory_policy="noeviction",redis_version="7.2.0"}': _is(1),
    },
    "nginx": {
        "up": _is(0),
        "nginx_up": _is(0),
        "nginx_connections_accepted": _grows(600),
        "nginx_connections_handled": _grows(60),
        "nginx_http_requests_total": _every(600, 1_000_000, 0),
    },
    "clickhouse": {
        "up": _is(0),
        "ClickHouseMetrics_ReadonlyReplica": _is(1),
        "ClickHouseProfileEvents_Query": _grows(60),
        "ClickHouseProfileEvents_FailedQuery": _grows(60),
        "ClickHouseProfileEvents_RejectedInserts": _grows(60),
        "ClickHouseProfileEvents_DelayedInserts": _grows(60),
        "ClickHouseProfileEvents_QueryMemoryLimitExceeded": _grows(60),
    },
    "blackbox": {"probe_success": _is(0), "nginx_connections_active": _is(1e5)},
}

#: What other teams record: objectives of sloth and of hand-written rules, one of which our records were once called like.
RECORDED: Mapping[str, Shape] = {
    'slo:sli_error:ratio_rate5m{sloth_service="checkout",sloth_slo="availability"}': _is(1),
    'slo:sli_error:ratio_rate1h{sloth_service="checkout",sloth_slo="availability"}': _is(1),
    'deployment:slo_error:ratio1h{slo="http_availability"}': _is(1),
    'deployment:slo_bad:rate5m{slo="http_availability"}': _is(100),
    'deployment:slo_error:ratio_1h{slo="run_success"}': _is(1),
    'slo_error:ratio_1h{slo="run_success"}': _is(1),
}

#: Monitoring of other teams: groups that fail and are late, a configuration that does not load, alerts that reach nobody.
MONITORING: Mapping[str, Shape] = {
    'prometheus_rule_group_rules{rule_group="/etc/prometheus/rules/theirs.yaml;checkout"}': _is(7),
    'prometheus_rule_evaluation_failures_total{rule_group="/etc/prometheus/rules/theirs.yaml;checkout"}': _grows(4),
    'prometheus_rule_group_iterations_missed_total{rule_group="/etc/prometheus/rules/theirs.yaml;checkout"}': _grows(2),
    'prometheus_rule_group_iterations_total{rule_group="/etc/prometheus/rules/theirs.yaml;checkout"}': _grows(2),
    "prometheus_config_last_reload_successful": _is(0),
    "prometheus_notifications_dropped_total": _grows(60),
    'vmalert_alerting_rules_errors_total{alertname="CheckoutDown",group="checkout"}': _grows(4),
    'vmalert_recording_rules_errors_total{recording="job:up:sum",group="checkout"}': _grows(4),
    'vmalert_iteration_missed_total{group="checkout",file="theirs.yaml"}': _grows(2),
    'vmalert_iteration_total{group="checkout",file="theirs.yaml"}': _grows(2),
    "vmalert_config_last_reload_successful": _is(0),
    'vmalert_alerts_send_errors_total{addr="http://theirs:9093/api/v2/alerts"}': _grows(60),
    "alertmanager_config_last_reload_successful": _is(0),
    'alertmanager_notifications_failed_total{integration="email"}': _grows(60),
    'alertmanager_notifications_total{integration="email"}': _grows(60),
}


def beside(
    own: Iterable[History], start: float, offsets: Sequence[float], alerts: Collection[str]
) -> Iterator[History]:
    """Yield a history's own series, and the strangers beside them.

    Args:
        start: Unix seconds of the history's start.
        offsets: Seconds since then of each scrape.
        alerts: Those whose verdict is asked for; no stranger is one of their systems in trouble.

    """
    homes: set[tuple[str, ...]] = set()
    watched: dict[str, list[bool]] = {}
    for labels, values in own:
        yield labels, values
        home = tuple(labels.get(name, "") for name in HOME)
        if any(home):
            homes.add(home)
        system = labels.get("system", "")
        if labels.get("__name__") == "up":
            seen = watched.setdefault(system, [False] * len(offsets))
            watched[system] = [s or v not in (None, STALE) for s, v in zip(seen, values, strict=True)]
        if system in SYSTEMS and not labels["__name__"].endswith("_bucket"):
            yield _annotated(labels), values  # buckets would double what is stored, and no rule reads them alone
    for home in sorted(homes) or [("", "", "")]:
        named = {k: v for k, v in zip(HOME, home, strict=True) if v}
        yield from _foreign(named, start, offsets)
        yield from _down(named, offsets, alerts)
    for place in sorted({home[:2] for home in homes}) or [("", "")]:
        yield from _partly({k: v for k, v in zip(HOME, place, strict=False) if v}, offsets)
    for home in sorted({("", *home[1:]) for home in homes}):
        yield from _namesakes({k: v for k, v in zip(HOME, home, strict=True) if v}, watched, start, offsets)
    yield from _histories(MONITORING, {"job": "monitoring-of-checkout", "instance": "10.9.0.9:9090"}, offsets)


def _annotated(labels: Mapping[str, str]) -> Mapping[str, str]:
    """The same page as a job finds it that keeps pods by their annotations: it has no system and no role."""
    rest = {k: v for k, v in labels.items() if k not in ("system", "role")}
    return {
        **rest,
        "job": "kubernetes-pods",
        "pod": "-".join(labels.get(k, "") for k in ("system", "role", "instance")),
    }


def _foreign(home: Mapping[str, str], start: float, offsets: Sequence[float]) -> Iterator[History]:
    for application in FOREIGN:
        yield from _histories(
            {**APPLICATION, "process_start_time_seconds": _restarts(start)}, {**home, **application}, offsets
        )
    for role, shapes in EXPORTERS.items():
        yield from _histories(
            shapes, {**home, "job": "checkout-exporters", "instance": f"{role}:9100", "role": role}, offsets
        )
    yield from _histories(RECORDED, home, offsets)


def _partly(place: Mapping[str, str], offsets: Sequence[float]) -> Iterator[History]:
    """Deployments of someone else in one place: one is mostly down, one goes away."""
    half = {**place, "job": "checkout", "deployment": "checkout-half", "role": "backend"}
    for number in range(3):
        yield from _histories({"up": _is(number == 0)}, {**half, "instance": f"10.9.1.{number}:8000"}, offsets)
    old = {**place, "job": "checkout", "deployment": "checkout-old"}
    for role in ("api", "backend", "postgres"):
        yield from _histories({"up": _vanishes(VANISHES)}, {**old, "instance": f"{role}:8000", "role": role}, offsets)


def _down(home: Mapping[str, str], offsets: Sequence[float], alerts: Collection[str]) -> Iterator[History]:
    """Other systems of ours, down under the same name."""
    for system, (first, role) in SYSTEMS.items():
        if not any(alert.startswith(first) for alert in alerts):
            place = {**home, "system": system, "instance": "10.8.0.1:8000"} | ({"role": role} if role else {})
            yield from _histories({"up": _is(0)}, place, offsets)


def _namesakes(
    home: Mapping[str, str], watched: Mapping[str, Sequence[bool]], start: float, offsets: Sequence[float]
) -> Iterator[History]:
    """A healthy deployment of the same name and system in another cluster, where some target is there all the time."""
    for system, seen in watched.items():
        if system in SYSTEMS and all(seen):
            role = SYSTEMS[system][1]
            place = {**home, "cluster": ELSEWHERE, "system": system, "instance": "10.7.0.1:8000"}
            place |= {"role": role} if role else {}
            healthy = {"up": _is(1), "process_start_time_seconds": _is(start - 86_400)}
            healthy |= {COUNTED[system]: _grows(2)} if system in COUNTED else {}
            yield from _histories(healthy, place, offsets)


def _histories(shapes: Mapping[str, Shape], labels: Mapping[str, str], offsets: Sequence[float]) -> Iterator[History]:
    rounds = [int(offset // SPARSE) for offset in offsets]
    scraped = [n == 0 or rounds[n] != rounds[n - 1] for n in range(len(rounds))]
    for key, shape in shapes.items():
        name, _, rest = key.partition("{")
        own = dict(pair.split("=", 1) for pair in rest.rstrip("}").split(",")) if rest else {}
        values = [shape(at) if k else None for at, k in zip(offsets, scraped, strict=True)]
        yield {**labels, **{k: v.strip('"') for k, v in own.items()}, "__name__": name}, values
