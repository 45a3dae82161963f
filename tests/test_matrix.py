"""The whole proof on every engine: rules load and are healthy, boards are answered, files load, cases fire, alerts arrive.

`make test` takes the oldest and the newest Prometheus; `make matrix` everything, and prints the table.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from generator.bundle import build
from generator.config.site import Site
from generator.outputs import FORMATS
from generator.validate.prometheus import Rule as LoadedRule
from reference_server.scenarios import library as scenarios
from testbed.cases.proving import CASES
from testbed.matrix import differences, fleet, outcomes, panels
from testbed.matrix.engines import ENGINES, NEWEST, PROMETHEUS, VICTORIA, Engine, binary, stage
from testbed.servers import Alertmanager, Prometheus, Victoria, Vmalert, Webhook, api, wait_until
from testbed.servers.debian import Age, version
from testbed.servers.fake import FakeServer, Reply, Request, exposition

from .conftest import ROOT
from .test_real_prometheus import knows_kubernetes

pytestmark = pytest.mark.real

#: Engines that `make test` takes too.
DAILY = (PROMETHEUS[0], NEWEST)
RULES = outcomes.RULES
KNOWN = differences.load()

#: Seconds that a server may take for what it does every half second: Prometheus hands targets over after five.
PATIENCE = 180

#: The minute of the history that is played as the present, in seconds, and what must fire then, among others: Postgres is
#: out, runs kill their pods, status writes fail; the live feed is full, a backend is gone, ClickHouse refuses inserts.
PRESENT = 2100.0
TROUBLE = {
    "AgentServerAvailabilityBurn1h",
    "AgentServerFetchRunsDown",
    "AgentServerPoisonRuns",
    "AgentServerSetStatusErrors",
    "AgentgatewayNoHealthyBackend",
    "LangSightSSENearCapacity",
    "LangSmithClickHouseRejectedInserts",
}

#: The alert whose way is followed: a page, made by two rules, that silences others.
FOLLOWED = "AgentServerAllTargetsDown"


def each(engines: tuple[Engine, ...], daily: tuple[Engine, ...] = DAILY) -> list[Any]:
    return [
        pytest.param(engine, id=str(engine), marks=() if engine in daily else pytest.mark.matrix) for engine in engines
    ]


every = pytest.mark.parametrize("engine", each(ENGINES))
every_in_full = pytest.mark.parametrize("engine", each(ENGINES, daily=()))

Cell = Callable[[Engine, str], Callable[[str], None]]


@pytest.fixture
def cell(record_property: Callable[[str, object], None]) -> Cell:
    """Name the row and the column of the table that a test fills; what that returns takes the count."""

    def at(engine: Engine, proof: str) -> Callable[[str], None]:
        record_property("server", engine.title)
        record_property("proof", proof)
        return lambda count: record_property("count", count)

    return at


def fast(texts: list[str]) -> list[str]:
    """Return rules that wait for nothing: evaluated as often as the server does, and held for a second."""
    return [
        re.sub(
            r"^( +)(for|keep_firing_for): .*", r"\1\2: 1s", re.sub(r"  interval: .*\n", "", text), flags=re.MULTILINE
        )
        for text in texts
    ]


def check_listed(engine: Engine, found: Mapping[Any, str], listed: set[Any]) -> None:
    """What differs on VictoriaMetrics is what is listed, no more and no less; on Prometheus nothing does."""
    known = set() if engine.is_prometheus else listed
    lines = [f"{place}: {what}" for place, what in found.items() if place not in known]
    assert "\n".join(lines) == "", "differs; find the reason and list it in testbed/matrix/differences.yaml"
    assert known - found.keys() == set(), "no longer differs; take it out of testbed/matrix/differences.yaml"


@every
def test_rules_load_and_evaluate_over_data(engine: Engine, cell: Cell) -> None:
    """Every rule is healthy over a fleet in trouble, and every annotation is filled."""
    count = cell(engine, "rules")
    offsets = [n * fleet.SCRAPE for n in range(int(fleet.DURATION // fleet.SCRAPE) + 1)]
    known = [offset for offset in offsets if offset < PRESENT + 500]
    fleet.played(fleet.WHOLE)  # before the present begins
    with ExitStack() as stack:
        if engine.is_prometheus:
            config = "global: {evaluation_interval: 500ms}\n"
            server = stack.enter_context(Prometheus(engine.path, config, rules=fast(panels.rule_texts()), history=True))
            start = time.time() - PRESENT
            server.push(fleet.histories(start, known), [start + offset for offset in known])
            manager: Prometheus | Vmalert = server
        else:
            subprocess.run(
                [binary("vmalert", engine.age), "-dryRun", f"-rule={ROOT / 'alerts'}/*.rules.yaml"],
                check=True,
                capture_output=True,
                timeout=60,
            )
            victoria = stack.enter_context(Victoria(engine.path))
            start = time.time() - PRESENT
            victoria.push(fleet.histories(start, known), [start + offset for offset in known])
            texts = fast(panels.rule_texts())
            flags = ["-rule.evalDelay=0s", "-remoteWrite.flushInterval=100ms"]
            manager = stack.enter_context(
                Vmalert(binary("vmalert", engine.age), victoria, texts, interval="500ms", flags=flags)
            )

        def evaluated() -> list[LoadedRule]:
            rules = [rule for group in manager.groups() for rule in group.rules]
            return rules if all(rule.last_evaluation for rule in rules) else []

        def firing() -> dict[str, dict[str, Any]]:
            found = {
                a["labels"]["alertname"]: a
                for a in api.call(manager.port, "GET", "alerts")["alerts"]
                if a["state"] == "firing"
            }
            return found if found.keys() >= TROUBLE else {}

        rules = wait_until(evaluated, what="the first evaluation", limit_seconds=PATIENCE)
        alerts = wait_until(firing, what="alerts on what happens now", limit_seconds=PATIENCE)
        rules = evaluated()

    assert [(rule.name, rule.error) for rule in rules if rule.health == "err"] == []
    assert len(rules) == len(RULES)
    for name, alert in alerts.items():
        texts = list(alert["annotations"].values())
        assert [text for text in texts if not text or "{{" in text or "<error" in text or "<no value>" in text] == [], (
            name
        )
        assert "%!" not in " ".join(texts)
    assert alerts["AgentServerSetStatusErrors"]["annotations"]["summary"].startswith("demo-f18: ")
    count(f"{len(rules)} healthy")


@every
def test_boards_show_the_same_everywhere(engine: Engine, cell: Cell) -> None:
    """Every query of every board, at All and for a chosen deployment, is answered, and as by the newest Prometheus."""
    count = cell(engine, "boards")
    screen = outcomes.screen(engine)

    for stem, values in screen.offered.items():
        assert values["deployment"] == fleet.deployments(panels.systems(stem)), stem
        assert values["cluster"] == values["namespace"] == [], stem
    answers: dict[str, set[bool]] = {}
    for mark, there in screen.marks.items():
        answers.setdefault(f"{mark.board.split('_server')[0]}: {mark.panel}", set()).add(there)
    firing = {name: found for name, found in answers.items() if "Firing" in name}
    assert set().union(*firing.values()) == {True}
    # Processes start and end while the history goes on; none of them is upgraded.
    assert answers["agent: Process start"] == answers["agent: Scaling"] == {True}
    assert answers["agent: New version"] == {False}
    assert {
        (query.board, query.panel) for query, shown in screen.unfiltered.items() if not shown
    } == panels.EMPTY.keys()
    for query, shown in screen.narrow.items():
        one = outcomes.CHOSEN[panels.systems(query.board)[0]]
        assert {dict(labels).get("deployment", one) for labels in shown} <= {one}, query

    different = outcomes.boards(screen.unfiltered)
    check_listed(engine, different, {place for one in KNOWN for place in one.panels})
    count(f"{len(screen.unfiltered)} queries" + (f", {len(different)} panels differ" if different else ""))


def test_a_difference_is_seen() -> None:
    """The comparison can fail: another mean, another series, points on one side only."""

    def shown(value: float, points: int = 100, name: str = "b") -> panels.Values:
        return {(("a", name),): {float(t): value for t in range(points)}}

    assert panels.differs(shown(10), shown(10)) == ""
    assert panels.differs(shown(10), shown(10.9)) == ""
    assert panels.differs(shown(10), shown(12)) == "{'a': 'b'} is 12 on average, where the other has 10"
    assert "are on one side only" in panels.differs(shown(10), shown(10, name="c"))
    assert "10% of the points" in panels.differs(shown(10), shown(10, points=90))


@pytest.mark.parametrize("engine", each(ENGINES, daily=()))
def test_scrape_files_load(engine: Engine, cell: Cell) -> None:
    """Each generated file gives the jobs that it names; VictoriaMetrics refuses the listed fields, and skips them if told."""
    count = cell(engine, "scrape config")
    files = {path.name: path.read_text(encoding="utf-8") for path in sorted((ROOT / "scrape").glob("*.yml"))}
    if engine.is_prometheus:
        knows = knows_kubernetes(engine.path)
        for name, made in files.items():
            text = made
            if "kubernetes" in name and not knows:
                text = re.sub(r"  kubernetes_sd_configs:\n(  - .*\n(    .*\n)*)+", "  static_configs: []\n", text)
            with Prometheus(engine.path, text) as server:
                loaded = yaml.safe_load(server.get("/api/v1/status/config")["yaml"])
            jobs = [job["job_name"] for job in yaml.safe_load(text)["scrape_configs"]]
            assert [job["job_name"] for job in loaded["scrape_configs"]] == jobs, name
        count(f"{len(files)} files" + ("" if knows else ", no Kubernetes discovery in this build"))
        return
    refused = set()
    for program in ("victoria-metrics", "vmagent"):
        for name in files:
            path = ROOT / "scrape" / name
            refused |= set(re.findall(r"field (\w+) not found", dry_run(engine, program, path, strict=True)))
            assert dry_run(engine, program, path, strict=False) == "", name
    known = {name for one in KNOWN for name in one.fields}
    assert refused == known
    count(f"{len(files)} files, {len(refused)} fields skipped")


def dry_run(engine: Engine, program: Any, path: Path, *, strict: bool) -> str:
    """Return what a program has against a scrape file; nothing when it would take it."""
    done = subprocess.run(
        [
            binary(program, engine.age),
            "-promscrape.config.dryRun",
            f"-promscrape.config={path}",
            f"-promscrape.config.strictParse={str(strict).lower()}",
            "-loggerLevel=ERROR",
            *(["-remoteWrite.url=http://127.0.0.1:1/"] if program == "vmagent" else []),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.stderr if done.returncode else ""


@every_in_full
def test_alert_cases_have_the_same_outcome(engine: Engine, cell: Cell) -> None:
    """All histories of tests/rules: who fires when, and who stays silent."""
    count = cell(engine, "cases")
    with stage(engine) as running:
        wrong = outcomes.cases(running)

    check_listed(engine, wrong, {place for one in KNOWN for place in one.cases})
    count(f"{len(CASES)} cases" + (f", {len(wrong)} differ" if wrong else ""))


@every_in_full
def test_scenarios_have_the_same_outcome(engine: Engine, cell: Cell) -> None:
    """The fidelity matrix: every fault is caught in time, and no benign situation pages."""
    count = cell(engine, "scenarios")
    wrong = outcomes.played(engine)

    check_listed(engine, wrong, {name for one in KNOWN for name in one.scenarios})
    count(f"{sum(1 for _ in scenarios.shipped())} scenarios" + (f", {len(wrong)} differ" if wrong else ""))


def pairs() -> Iterator[Any]:
    ages: tuple[Age, ...] = ("oldest", "newest")
    for engine in ENGINES:
        for age in ages:
            daily = engine in DAILY and engine.age == age
            yield pytest.param(
                engine, age, id=f"{engine}-alertmanager-{age}", marks=() if daily else pytest.mark.matrix
            )


@pytest.mark.parametrize(("engine", "age"), list(pairs()))
def test_an_alert_is_delivered_and_resolved(engine: Engine, age: Age, demo: Site, cell: Cell) -> None:
    """The generated files together, with nothing but addresses and waiting times changed: scrape, rules, route, webhook."""
    count = cell(engine, "deliver")
    files = {path.name: text for path, text in FORMATS["files"].render(build(demo)).items()}
    program = binary("alertmanager", age)
    answering = True

    def page(_: Request) -> Reply:
        return (
            exposition("# TYPE lg_api_num_pending_runs gauge\nlg_api_num_pending_runs 0\n")
            if answering
            else (503, {}, b"")
        )

    with FakeServer(page) as target, Webhook() as webhook, ExitStack() as stack:
        route = re.sub(r"group_wait: .*", "group_wait: 100ms", files["alertmanager.yml"])
        route = re.sub(r"group_interval: .*", "group_interval: 200ms", route)
        route = route.replace("http://webhook:9095/", webhook.url)
        alertmanager = stack.enter_context(Alertmanager(program, route))
        watch(engine, stack, at(files["prometheus.yml"], target.address, alertmanager))

        def arrived(status: str) -> list[str]:
            return webhook.receivers(FOLLOWED, status)

        wait_until(
            lambda: webhook.receivers("ObservabilityWatchdog", "firing"), what="the watchdog", limit_seconds=PATIENCE
        )
        assert arrived("firing") == []
        answering = False
        fired = wait_until(lambda: arrived("firing"), what="the page", limit_seconds=PATIENCE)
        answering = True
        resolved = wait_until(lambda: arrived("resolved"), what="the end of it", limit_seconds=PATIENCE)

    assert {*fired, *resolved} == {"pages"}
    count(f"Alertmanager {version(program)}")


def at(text: str, target: str, alertmanager: Alertmanager) -> str:
    """Return the generated configuration with this machine's addresses, twice a second."""
    text = re.sub(r"(scrape_interval|scrape_timeout|evaluation_interval): .*", r"\1: 500ms", text)
    text = re.sub(r"agent-(api|combined):8000", target, text).replace("alertmanager:9093", alertmanager.address)
    return text.replace("/etc/prometheus/rules", "loaded")


def watch(engine: Engine, stack: ExitStack, config: str) -> None:
    """Start whatever scrapes, evaluates and notifies."""
    texts = fast(panels.rule_texts())
    if engine.is_prometheus:
        rules = {f"loaded/{number:03}.rules.yaml": text for number, text in enumerate(texts)}
        flags = ["--rules.alert.resend-delay=100ms"]
        stack.enter_context(Prometheus(engine.path, config, files=rules, flags=flags))
        return
    victoria = stack.enter_context(Victoria(engine.path, config, flags=["-promscrape.config.strictParse=false"]))
    (address,) = yaml.safe_load(config)["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]
    flags = ["-rule.evalDelay=0s", "-remoteWrite.flushInterval=100ms"]
    stack.enter_context(
        Vmalert(
            binary("vmalert", engine.age),
            victoria,
            texts,
            interval="500ms",
            notifier=f"http://{address}",
            flags=flags,
        )
    )


@pytest.mark.matrix
@pytest.mark.parametrize("engine", VICTORIA, ids=str)
def test_shifted_range_queries_are_what_vmalert_asks(engine: Engine) -> None:
    """`AsVmalert` gives at every step what an instant query with vmalert's own parameters gives."""
    alert = next(rule for rule in RULES if rule.name == "AgentServerFetchRunsFailing")
    with stage(engine) as running:
        assert isinstance(running.queried, Victoria)
        start, _ = panels.fill(running, RULES)
        first, last = start + 1205, start + 3005
        shifted = running.evaluated.query_range(alert.expr, first, last, 30)
        one_by_one: dict[tuple[tuple[str, str], ...], dict[float, float]] = {}
        for number in range(int((last - first) // 30) + 1):
            for sample in running.queried.query(alert.expr, first + number * 30, step="5m"):
                labels = tuple(sorted(sample.labels.items()))
                one_by_one.setdefault(labels, {})[first + number * 30] = sample.value

    assert {tuple(sorted(s.labels.items())): s.values for s in shifted} == one_by_one
    assert one_by_one
