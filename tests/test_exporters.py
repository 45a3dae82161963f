"""Debian's exporters before a real PostgreSQL, Redis and nginx: the catalogue, the reference's pages and the boards are true."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count

import pytest

from generator.bundle import build
from generator.catalogue import Kind, Metric, load
from generator.config.site import Site
from generator.outputs import FORMATS
from reference_server.core.rates import Service
from reference_server.langsmith import MODEL
from testbed.exporters import Nginx, Postgres, Redis, Server, available
from testbed.exposition import Family, parse
from testbed.servers import Prometheus, find, missing, wait_until
from testbed.servers.loopback import ask
from tests.langsmith import all_up, installation, watched
from tests.test_real_prometheus import panel_queries, shows

METRICS = load().systems["langsmith"].metrics

#: The roles whose pages are looked at here.
ROLES = ("postgres", "redis", "frontend-nginx")

#: What the exporter calls a label that Prometheus stores under another name, and the catalogue with it: the target has one of that name.
RENAMED = {"exported_role": "role"}

#: Panels that stay empty here, and why.
NEEDS_A_WEEK = {"Request rate, and a week ago"}

pytestmark = pytest.mark.real


@dataclass(frozen=True)
class Stack:
    """The three servers, each with its exporter."""

    postgres: Postgres
    redis: Redis
    nginx: Nginx

    def of(self, role: str) -> Server:
        return {s.role: s for s in (self.postgres, self.redis, self.nginx)}[role]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """All three, once: nothing that a test does to them keeps another one from being right."""
    if reason := available():
        missing(reason)
    with Postgres() as postgres, Redis() as redis, Nginx() as nginx:
        yield Stack(postgres, redis, nginx)


def of_role(role: str) -> list[Metric]:
    return [m for m in METRICS for e in m.emission.values() if role in e.roles["any"]]


def simulated(role: str) -> dict[str, Family]:
    service = Service(MODEL, metrics=METRICS)
    service.advance(service.now + 60)
    return parse(service.page(next(p for p in service.processes if p.role == role)).decode())


@pytest.mark.parametrize("role", ROLES)
def test_the_catalogue_is_what_the_exporter_shows(stack: Stack, role: str) -> None:
    """Every entry is on the page, with its type, its labels, and label values of its set."""
    page = parse(stack.of(role).page())

    for metric in of_role(role):
        family = page[metric.full_name]
        assert family.type == ("gauge" if metric.kind is Kind.INFO else metric.kind), metric.name
        for sample in family.samples:
            assert set(sample.labels) == {RENAMED.get(name, name) for name in metric.labels}, metric.name
        for label in metric.labels.values():
            written = family.values(RENAMED.get(label.name, label.name))
            assert not label.values or written <= set(label.values), (metric.name, label.name)


@pytest.mark.parametrize("role", ROLES)
def test_the_reference_writes_what_the_exporter_writes(stack: Stack, role: str) -> None:
    """HELP and TYPE word for word, the same labels, the same order of families."""
    real, ours = parse(stack.of(role).page()), simulated(role)

    assert set(ours) == {m.full_name for m in of_role(role)}
    assert [(f.name, f.type, f.help) for f in ours.values()] == [
        (f.name, f.type, f.help) for f in real.values() if f.name in ours
    ]
    for name, family in ours.items():
        wanted = {frozenset(s.labels) for s in real[name].samples}
        assert {frozenset(s.labels) for s in family.samples} == wanted, name


def test_numbers_are_written_as_go_writes_them(stack: Stack) -> None:
    """Line by line: what the reference's number writer makes of each value is what stands there."""
    from reference_server.langsmith.page import number

    for role in ROLES:
        for line in stack.of(role).page().splitlines():
            if line and not line.startswith("#"):
                written = line.rpartition(" ")[2]
                assert number(float(written)) == written, line


@pytest.mark.parametrize(
    ("role", "remaining"), [("postgres", "pg_up"), ("redis", "redis_up"), ("frontend-nginx", "nginx_up")]
)
def test_without_its_server_a_page_has_one_series_of_ours(role: str, remaining: str) -> None:
    """What alerts that look at ratios cannot see; the reference plays the same."""
    if reason := available():
        missing(reason)
    made: dict[str, Callable[[], Server]] = {"postgres": Postgres, "redis": Redis, "frontend-nginx": Nginx}
    names = {m.full_name for m in of_role(role)}
    with made[role]() as server:
        page: dict[str, Family] = {}

        def alone() -> bool:
            page.clear()
            page.update(parse(server.page()))
            return {n for n, f in page.items() if n in names and f.samples} == {remaining}

        server.stop()
        # A backend of PostgreSQL outlives its killed postmaster by a moment, and answers the exporter's open connection.
        wait_until(alone, what=f"the page of {role} to have {remaining} alone", limit_seconds=60)
    assert page[remaining].samples[0].value == 0

    service = Service(MODEL, metrics=METRICS)
    service.apply({"workload": {"postgres_up": False, "redis_up": False, "nginx": "down"}})
    service.advance(service.now + 10)
    ours = parse(service.page(next(p for p in service.processes if p.role == role)).decode())
    assert set(ours) == {remaining}


def test_the_exporter_counts_its_own_reads_of_nginx(stack: Stack) -> None:
    """Why traffic is never nothing, and an alert on that would never fire."""

    def requests() -> float:
        return parse(stack.nginx.page())["nginx_http_requests_total"].samples[0].value

    first = requests()
    assert requests() == first + 1


def test_a_full_redis_evicts_and_stays_full() -> None:
    """With a policy that evicts, memory stands above nine tenths for good: the alert on memory must know the policy."""
    if reason := available():
        missing(reason)
    with Redis(megabytes=3, policy="allkeys-lru") as redis:
        for batch in range(10):
            redis.send(*(["SET", f"key-{batch}-{n}", "x" * 4000] for n in range(100)))
        page = parse(redis.page())

    def value(name: str) -> float:
        return page[name].samples[0].value

    assert value("redis_evicted_keys_total") > 0
    assert value("redis_memory_used_bytes") / value("redis_memory_max_bytes") > 0.9
    assert page["redis_instance_info"].values("maxmemory_policy") == {"allkeys-lru"}


def busy(stack: Stack) -> None:
    """Give every counter a reason to move."""
    for _ in range(5):
        assert ask(stack.nginx.port, "GET", "/")[0] == 200
    stack.redis.send(["SET", "a", "1"], ["GET", "a"])
    stack.postgres.psql("BEGIN", "SELECT 1/0", "ROLLBACK")
    with socket.create_connection(("127.0.0.1", stack.nginx.port)):
        pass


def test_every_panel_of_their_boards_shows_data_of_the_real_exporters(
    stack: Stack, configured: Callable[[str], Site]
) -> None:
    """The generated scrape configuration and every query of three boards, on a real Prometheus."""
    found = find("prometheus", "newest")
    if not found.path:
        missing(found.reason)
    assert found.path
    groups = [(role, f"127.0.0.1:{stack.of(role).exporter}") for role in ROLES]
    site = installation(configured, "127.0.0.1:1", *groups)
    boards = {"langsmith_postgres", "langsmith_redis", "langsmith_nginx"}
    left = [q for q in panel_queries(build(site)) if q[0] in boards and q[1] not in NEEDS_A_WEEK]
    assert {q[0] for q in left} == boards

    with Prometheus(found.path, watched(site)) as server:
        assert {t.labels["role"] for t in all_up(server, len(ROLES))} == set(ROLES)
        end = time.monotonic() + 60

        def filled() -> bool:
            busy(stack)
            left[:] = [q for q in left if not shows(server, q[3])]
            return not left or time.monotonic() > end

        wait_until(filled, what="data", limit_seconds=90)

    assert "\n".join(f"{board}: {title}: {expr}" for board, title, _, expr in left) == ""


def test_the_reference_s_own_status_page_satisfies_the_real_exporter() -> None:
    """nginx-prometheus-exporter reads the simulated /nginx_status as it reads nginx's."""
    if reason := available():
        missing(reason)
    from tests.langsmith import serving

    class Simulated(Nginx):
        def exporting(self) -> tuple[list[str], Mapping[str, str]]:
            command, environment = super().exporting()
            return [str(w).replace(f":{self.port}/", f":{port}/") for w in command], environment

    with serving() as (url, hosting):
        port = int(url.rpartition(":")[2])
        with Simulated() as exporter:
            page = parse(exporter.page())
        own = next(p for p in hosting.service.processes if p.role == "frontend-nginx").instruments
        assert page["nginx_up"].samples[0].value == 1
        assert 0 < page["nginx_connections_accepted"].samples[0].value <= own.value("nginx_connections_accepted") or (
            own.value("nginx_connections_accepted") == 0
        )
        assert page["nginx_connections_active"].samples[0].value >= 1


def rules(site: Site) -> list[str]:
    """LangSmith's rule files, without waiting."""
    found = [
        t
        for p, t in FORMATS["files"].render(build(site)).items()
        if re.fullmatch(r"langsmith_\w+\.rules\.yaml", p.name)
    ]
    return [re.sub(r"for: \S+", "for: 0s", text) for text in found]


def test_alerts_fire_on_what_the_real_exporters_say(configured: Callable[[str], Site]) -> None:
    """Nothing while all is well; then memory and evictions each on the right Redis; then all three that are down."""
    newest = find("prometheus", "newest")
    for reason in (available(), "" if newest.path else newest.reason):
        if reason:
            missing(reason)
    assert newest.path

    def firing() -> set[tuple[str, str]]:
        return {(a.labels["alertname"], a.labels["instance"].rpartition(":")[2]) for a in server.alerts()}

    def fill(redis: Redis, first: int) -> None:
        redis.send(*(["SET", f"key-{n}", "x" * 4000] for n in range(first, first + 1000)))

    with (
        Postgres() as postgres,
        Nginx() as nginx,
        Redis(megabytes=3) as full,
        Redis(megabytes=3, policy="allkeys-lru") as cache,
    ):
        groups = [(s.role, f"127.0.0.1:{s.exporter}") for s in (postgres, nginx, full, cache)]
        site = installation(configured, "127.0.0.1:1", *groups)
        with Prometheus(newest.path, watched(site, "2s"), rules=rules(site)) as server:
            all_up(server, len(groups))
            wait_until(
                lambda: all(r.last_evaluation for g in server.groups() for r in g.rules),
                what="an evaluation",
                limit_seconds=60,
            )
            assert firing() == set()
            fill(full, 0)
            wanted = {
                ("LangSmithRedisMemoryHigh", str(full.exporter)),
                ("LangSmithRedisEvictions", str(cache.exporter)),
            }
            batches = count(1)

            def fires_as_wanted() -> bool:
                fill(cache, 1000 * next(batches))
                return firing() == wanted

            wait_until(fires_as_wanted, what=f"{wanted} and no more", limit_seconds=90)
            for one in (postgres, nginx, full):
                one.stop()
            down = {
                ("LangSmithPostgresDown", str(postgres.exporter)),
                ("LangSmithNginxDown", str(nginx.exporter)),
                ("LangSmithRedisDown", str(full.exporter)),
            }
            wait_until(lambda: down <= firing(), what=f"{down}", limit_seconds=60)
            assert [(r.name, r.error) for g in server.groups() for r in g.rules if r.health == "err"] == []
