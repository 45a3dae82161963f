"""The simulated LangSmith: its pages, its JSON, its scenarios, and every board over it on a real Prometheus."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import pytest
import requests

from generator.bundle import build
from generator.catalogue import Kind, load
from generator.config.completion import complete
from generator.config.site import Site
from generator.errors import ConfigError
from reference_server.core.rates import Service
from reference_server.langsmith import MODEL
from reference_server.langsmith.page import GO, number
from reference_server.langsmith.workload import LangSmithWorkload
from reference_server.scenarios import library as scenarios
from reference_server.scenarios.replay import play
from testbed.exposition import Family, parse
from testbed.servers import Prometheus, find, missing, wait_until
from tests.langsmith import all_up, found, installation, serving, text, watched
from tests.test_real_prometheus import about, panel_queries, shows

METRICS = load().systems["langsmith"].metrics
IDS = [*(f"S{n:02}" for n in range(1, 13)), "B24"]

#: Roles that a part brings, by its name.
PARTS = load().systems["langsmith"].parts

#: Panels that stay empty on an ordinary day of the reference, and why.
NOTHING_HAPPENED = {
    "Firing alerts": "rules are not loaded",
    "Request rate, and a week ago": "there was no last week",
    "Host start duration p95 by step": "a host takes its steps before it is scraped",
}


def service(**workload: object) -> Service:
    """One process of every role at least, those of parts included."""
    one = Service(MODEL, metrics=METRICS, topology={role: max(count, 1) for role, count in MODEL.roles.items()})
    if workload:
        one.apply({"workload": workload})
    return one


def page(one: Service, role: str) -> dict[str, Family]:
    return parse(one.page(next(p for p in one.processes if p.role == role)).decode())


@pytest.mark.parametrize("role", MODEL.roles)
def test_a_page_has_what_the_catalogue_says_of_the_role(role: str) -> None:
    """Name, type and labels; a histogram whose edges nobody has seen has guessed ones."""
    one = service()
    one.advance(one.now + 300)
    families = page(one, role)

    known = {m.full_name: m for m in METRICS if any(role in e.roles["any"] for e in m.emission.values())}
    if role == "queue-depth":
        known.pop("langsmith_queue_queued")  # on the page of the next process
    if role not in {"backend", "platform-backend"}:
        known.pop("langsmith_http_requests_latency_seconds", None)
    assert set(families) == set(known)
    for name, family in families.items():
        metric = known[name]
        assert family.type == ("gauge" if metric.kind is Kind.INFO else metric.kind)
        optional = {n for n, label in metric.labels.items() if label.optional}
        for sample in family.samples:
            wanted = {GO.labels.get(label, label) for label in metric.labels}
            assert set(sample.labels) - {"le"} - optional == wanted - optional, name


def test_a_summary_has_a_sum_and_a_count_and_no_bucket() -> None:
    """The vendor's boards read these two of the pool: mean connections."""
    one = service(pool_used=15.0)
    one.advance(one.now + 600)
    samples = {s.name: s.value for s in page(one, "backend")["langsmith_pg_pool_used"].samples}

    assert set(samples) == {"langsmith_pg_pool_used_sum", "langsmith_pg_pool_used_count"}
    assert 14 < samples["langsmith_pg_pool_used_sum"] / samples["langsmith_pg_pool_used_count"] < 16
    backend = next(p for p in one.processes if p.role == "backend")
    keys, values = backend.instruments.columns()
    columns = {n: v for (n, _), v in zip(keys, values, strict=True) if n.startswith("langsmith_pg_pool_used")}
    assert columns == pytest.approx(samples)


def test_counters_of_postgres_survive_it_and_those_of_redis_do_not() -> None:
    one = service(deadlocks=1.0, evictions=1.0)
    one.advance(one.now + 300)
    before = (
        page(one, "postgres")["pg_stat_database_deadlocks"].total(),
        page(one, "redis")["redis_evicted_keys_total"].total(),
    )
    one.apply({"workload": {"postgres_up": False, "redis_up": False, "deadlocks": 0.0, "evictions": 0.0}})
    one.advance(one.now + 60)
    one.apply({"workload": {"postgres_up": True, "redis_up": True}})
    one.advance(one.now + 60)

    assert before[0] > 100
    assert before[1] > 100
    assert page(one, "postgres")["pg_stat_database_deadlocks"].total() == before[0]
    assert page(one, "redis")["redis_evicted_keys_total"].total() == 0


def test_a_queue_keeps_what_nobody_takes_out_and_drains_again() -> None:
    one = service(capacity={"ingestion": 5.0})

    def depth() -> float:
        return page(one, "queue-depth")["langsmith_queue_pending"].total(queue="ingestion")

    one.advance(one.now + 100)
    assert 1900 < depth() < 2100
    one.apply({"workload": {"capacity": {"ingestion": 100.0}}})
    one.advance(one.now + 60)
    assert depth() < 20


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.0, "0"), (2.0, "2"), (0.25, "0.25"), (123456.0, "123456"), (1e6, "1e+06"), (8388608.0, "8.388608e+06"),
        (4294967296.0, "4.294967296e+09"), (0.000083705, "8.3705e-05"), (1234567.5, "1.2345675e+06"), (-3.5, "-3.5"),
        (math.inf, "+Inf"), (-math.inf, "-Inf"), (math.nan, "NaN"),
    ],
)  # fmt: skip
def test_numbers_are_go_s(value: float, written: str) -> None:
    assert number(value) == written


def test_one_process_answers_for_all_roles() -> None:
    """Its own page, those of the others, the JSON for KEDA, the exporter's probe, nginx's status page."""
    with serving("s03", role="platform-backend") as (url, _):
        assert "langsmith_http_requests_total" in parse(text(url))
        assert text(url, "/processes/redis-0/metrics").startswith("# HELP redis_blocked_clients")
        json = requests.get(f"{url}/metrics?format=json", timeout=10).json()
        assert set(json) == {"ingestion_queue", "feedback_queue", "adhoc_queue"}
        assert set(requests.get(f"{url}/metrics/queue/default", timeout=10).json()) == {"queued"}
        assert requests.get(f"{url}/metrics/queue/none", timeout=10).status_code == 404
        assert "langsmith_queue_pending" in text(url, "/probe?module=langsmith-pending&target=http://x")
        assert requests.get(f"{url}/probe?module=langsmith-pending", timeout=10).status_code == 400
        assert requests.get(f"{url}/probe?module=else&target=http://x", timeout=10).status_code == 400
        assert text(url, "/nginx_status").startswith("Active connections: ")
        assert requests.get(f"{url}/processes/none/metrics", timeout=10).status_code == 404


def test_twelve_faults_and_a_benign_day_are_shipped() -> None:
    own = list(scenarios.shipped("langsmith"))

    assert [s.id for s in own] == IDS
    for scenario in own:
        assert bool(scenario.fire) == scenario.id.startswith("S")
        assert all(e.since + e.within <= scenario.duration for e in scenario.fire), scenario.id
        assert all(e.alert.startswith("LangSmith") for e in scenario.fire)


def test_every_alert_of_langsmith_is_in_a_scenario(site: Site) -> None:
    """Off by default too: the matrix switches it on."""
    from generator.systems import registry

    alerts = {a.name for part in registry.topics(site) for a in part.make(site) if a.name.startswith("LangSmith")}

    assert {e.alert for s in scenarios.shipped("langsmith") for e in s.fire} == alerts


def test_a_queue_that_nobody_empties_on_purpose_is_on_the_board_and_in_no_alert(
    configured: Callable[[str], Site],
) -> None:
    bundle = build(configured("systems: {langsmith: {switches: []}}"))
    rules = {a.name: a.to_rule(bundle.site)["expr"] for a in bundle.alerts if a.board == "langsmith_ingest"}
    read = {name for name, expr in rules.items() if "langsmith_queue_pending" in expr}

    assert read == {"LangSmithIngestStalled", "LangSmithIngestQueueBacklog"}
    assert all(rules[n].count("langsmith_queue_pending{") == rules[n].count('queue!="adhoc"') for n in read)
    assert "Queue depth of adhoc, kept on purpose" in [title for _, title, _, _ in panel_queries(bundle)]


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_there_where_it_is_on(part: str, configured: Callable[[str], Site]) -> None:
    """Roles, jobs, the board and its alerts; off, each is left out by name."""
    off, on = build(configured("{}")), build(configured(f"systems: {{langsmith: {{parts: [{part}]}}}}"))
    roles = set(on.site.config.systems["langsmith"].roles) - set(off.site.config.systems["langsmith"].roles)
    fragment = on.fragments["langsmith.kubernetes.yml"]["scrape_configs"]

    assert roles == set(PARTS[part])
    assert {f"langsmith-kubernetes-{role}" for role in roles} <= {job["job_name"] for job in fragment}
    assert off.boards.keys() ^ on.boards.keys() == {f"langsmith_{part}"}
    assert sum(out.why.endswith(f"part {part} is off") for out in off.left_out) == 5
    group = f"{{role: {PARTS[part][0]}, deployment: x, targets: ['10.0.0.1:8060']}}"
    with pytest.raises(ConfigError, match=rf"is not among the roles .*; add {part} to systems\.langsmith\.parts"):
        configured(f"systems: {{langsmith: {{scrape: {{static: [{group}]}}}}}}")


def test_the_benign_day_has_its_troubles() -> None:
    """A day on which nothing happens would page nobody either."""
    seen: dict[str, list[float]] = {}
    for at in play(scenarios.find("B24"), interval=30, metrics=METRICS):
        for _, scrape in at.scrapes:
            for (name, labels), value in zip(scrape.keys, scrape.values, strict=True):
                if name in {"pg_up", "redis_up"} or dict(labels).get("queue") == "ingestion":
                    seen.setdefault(name, []).append(value)

    assert min(seen["pg_up"]) == min(seen["redis_up"]) == 0
    assert max(seen["langsmith_queue_pending"]) > 10_000
    assert seen["langsmith_queue_pending"][-1] < 100


def test_an_ordinary_day_has_the_defaults_of_the_workload() -> None:
    assert service().workload == LangSmithWorkload()


@pytest.mark.real
def test_every_panel_shows_data_of_the_simulated_langsmith(configured: Callable[[str], Site]) -> None:
    """The generated scrape configuration, target files and the queues' JSON pages included, on a real Prometheus."""
    newest = find("prometheus", "newest")
    if not newest.path:
        missing(newest.reason)
    assert newest.path
    with serving("s05", time_scale=60) as (url, hosting):
        site = complete(installation(configured, url.removeprefix("http://")))
        brought = [role for roles in PARTS.values() for role in roles]
        hosting.service.apply(
            {"scale": dict.fromkeys(brought, 1), "workload": {"smithdb_failing": 0.3, "smithdb_refused": 0.3}}
        )
        bundle = build(site)
        with Prometheus(newest.path, watched(site), files={"targets.json": found(url)}) as server:
            count = len(hosting.service.targets())
            targets = all_up(server, count)
            probed = {t.labels["instance"] for t in targets if t.labels["role"] == "queue-depth"}
            assert len(probed) == 3
            left = [q for q in panel_queries(bundle) if about(bundle, q, "langsmith") and q[1] not in NOTHING_HAPPENED]
            hosting.service.apply({"workload": {"evictions": 5.0, "rejected_inserts": 1.0, "status_label": True}})

            def filled() -> bool:
                left[:] = [q for q in left if not shows(server, q[3])]
                return not left

            try:
                wait_until(filled, what="data", limit_seconds=60)
            except TimeoutError:
                assert "\n".join(f"{board}: {title}: {expr}" for board, title, _, expr in left) == ""


@pytest.mark.real
def test_only_the_target_that_was_named_is_told_where_langsmith_is_not_installed(
    configured: Callable[[str], Site],
) -> None:
    """One ticket for an address that nobody answers, and no page for any database or service."""
    newest = find("prometheus", "newest")
    if not newest.path:
        missing(newest.reason)
    assert newest.path
    site = configured(
        "systems:\n  agent_server: {enabled: false}\n  langsmith:\n    scrape:\n      json_exporter: 127.0.0.1:1\n      static:\n"
        "      - {role: queue-depth, deployment: demo, targets: ['http://127.0.0.1:1/metrics?format=json']}\n"
    )
    from generator.outputs import FORMATS

    rules = [
        t
        for p, t in FORMATS["files"].render(build(site)).items()
        if p.name.startswith("langsmith") and "rules" in p.name
    ]
    hasty = [t.replace("for: ", "for: 0s # ") for t in rules]
    with Prometheus(newest.path, watched(site), rules=hasty) as server:
        wait_until(
            lambda: [s.value for s in server.query("sum(up)")] == [0.0], what="scrapes that fail", limit_seconds=60
        )
        scraped = time.time()

        def evaluated() -> bool:
            return all(rule.last_evaluation > scraped for group in server.groups() for rule in group.rules)

        def fired_alerts() -> set[str]:
            fired = {alert.labels["alertname"] for alert in server.alerts()}
            return fired - {"LangSmithTargetsMissing"}  # before the first scrape

        wait_until(evaluated, what="an evaluation after the scrapes", limit_seconds=120)
        wait_until(fired_alerts, what="an alert", limit_seconds=60)
        assert fired_alerts() == {"LangSmithTargetDown"}
        assert [(r.name, r.error) for g in server.groups() for r in g.rules if r.health == "err"] == []
