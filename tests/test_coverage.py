"""What boards and alerts read is what coverage says, and whatever is taken away leaves the hole that it was."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from generator import runbooks
from generator.bundle import Bundle
from generator.catalogue import load
from generator.cli.main import main
from generator.coverage import Evidence, Hole, Table, full_bundle, holes, shipped, table
from generator.coverage.evidence import FILE, Cases, text
from generator.coverage.verdicts import read
from generator.errors import GeneratorError
from generator.lint import expression
from generator.lint.queries import catalogued
from generator.outputs import FORMATS
from generator.systems import registry
from generator.validate import report
from generator.validate.verdict import State, Verdict
from testbed import proofs
from testbed.cases.proving import CASES

from .conftest import ROOT

Key = tuple[str, str]

#: Alerts that look for series by a pattern of names, so that their text names no metric.
BY_PATTERN = {"AgentServerMetricPrefixMismatch", "AgentServerCardinalityOverflow"}

#: What is also read only to see that a process is watched, or that something of the kind can happen at all.
BESIDE = {
    ("prometheus", "up"),
    ("process", "process_start_time_seconds"),
    ("agent_server", "run_attempt_started_counter"),
    ("agent_server", "run_success_counter"),
    ("agent_server", "stream_publish_latency"),
    ("agent_server", "protocol_v2_event_emitted_counter"),
    ("agentgateway", "requests_total"),
}


@pytest.fixture(scope="module")
def everything() -> Bundle:
    return full_bundle(load())


@pytest.fixture(scope="module")
def proof() -> Evidence:
    return proofs.evidence()


def gate(bundle: Bundle, evidence: Evidence, pages: Iterable[str] = runbooks.names()) -> list[Hole]:
    sources = {part.stem: part.source for part in registry.topics(bundle.site)}
    return holes(table(bundle, evidence, set(pages)), bundle.site.catalogue, evidence, sources)


class Texts:
    """The other witness: which metrics the written expressions name, through the series that they record."""

    def __init__(self, bundle: Bundle) -> None:
        self.site = bundle.site
        files = FORMATS["files"].render(replace(bundle, modules={"modules": {}}))
        groups = [
            (path.name.removesuffix(".rules.yaml"), group)
            for path, text in files.items()
            if path.name.endswith(".rules.yaml")
            for group in yaml.safe_load(text)["groups"]
        ]
        self.records = [(stem, rule) for stem, group in groups for rule in group["rules"] if "record" in rule]
        self.alerts = {
            rule["alert"]: self.metrics(rule["expr"], stem)
            for stem, group in groups
            for rule in group["rules"]
            if "alert" in rule
        }
        self.panels = {
            f"{path.stem}: {panel['title']}": self._panel(panel, path.stem)
            for path, text in files.items()
            if path.suffix == ".json"
            for row in json.loads(text)["panels"]
            for panel in (row, *row.get("panels", ()))
            if panel.get("targets")
        }

    def _panel(self, panel: Mapping[str, object], stem: str) -> set[Key]:
        targets = panel["targets"]
        assert isinstance(targets, list)
        return {key for target in targets if target.get("expr") for key in self.metrics(target["expr"], stem)}

    def metrics(self, expr: str, stem: str) -> set[Key]:
        known = catalogued(self.site, self.site.system_of(stem))
        found: set[Key] = set()
        for selector in expression.selectors(expression.parsed(expr)):
            if selector.name in known:
                found.add((known[selector.name].system, known[selector.name].name))
            wanted = {m.label: m.value for m in selector.matchers if m.op == "Equal"}
            for where, rule in self.records:
                own = rule.get("labels", {})
                if rule["record"] == selector.name and all(wanted.get(k, v) == v for k, v in own.items()):
                    found |= self.metrics(rule["expr"], where)
        return found


@pytest.fixture(scope="module")
def texts(everything: Bundle) -> Texts:
    return Texts(everything)


@pytest.fixture(scope="module")
def coverage(everything: Bundle, proof: Evidence) -> Table:
    return table(everything, proof, set(runbooks.names()))


def shown(coverage: Table, places: Iterable[str]) -> dict[str, set[Key]]:
    """Return what each panel shows, as the table says."""
    found: dict[str, set[Key]] = {place: set() for place in places}
    for row in coverage.rows:
        for stem, title in row.panels:
            found[f"{stem}: {title}"].add(row.key)
    return found


def test_what_is_said_to_be_read_stands_in_the_expressions(coverage: Table, texts: Texts) -> None:
    """And what stands there and is not said is only read beside something else."""
    alerts = {watch.name: {key for key in watch.reads if key[0] != "recorded"} for watch in coverage.watches}
    panels = shown(coverage, texts.panels)

    assert {name for name, reads in alerts.items() if not reads <= texts.alerts[name]} == BY_PATTERN
    assert [place for place, reads in panels.items() if not reads <= texts.panels[place]] == []
    beside = [texts.alerts[name] - reads for name, reads in alerts.items()]
    beside += [texts.panels[place] - reads for place, reads in panels.items()]
    assert set().union(*beside) == BESIDE


def test_the_repository_has_no_hole(everything: Bundle, proof: Evidence) -> None:
    assert [str(hole) for hole in gate(everything, proof)] == []


def test_the_package_has_the_evidence_of_the_checkout(proof: Evidence) -> None:
    """`make docs` writes it."""
    assert FILE.read_text(encoding="utf-8") == text(proof)
    assert shipped() == proof


def without_panels(bundle: Bundle) -> Iterator[tuple[str, Bundle]]:
    for stem, board in bundle.boards.items():
        for number, panel in enumerate(board.panels):
            left = replace(board, panels=(*board.panels[:number], *board.panels[number + 1 :]))
            yield f"{stem}: {panel.title}", replace(bundle, boards={**bundle.boards, stem: left})


def without_alerts(bundle: Bundle) -> Iterator[tuple[str, Bundle]]:
    for stem, groups in bundle.rules.items():
        for name in [alert.name for group in groups for alert in group.alerts]:
            left = tuple(replace(g, alerts=tuple(a for a in g.alerts if a.name != name)) for g in groups)
            yield name, replace(bundle, rules={**bundle.rules, stem: left})


def alone(readers: Mapping[str, set[Key]]) -> Mapping[str, set[Key]]:
    """Return what each reader reads that no other one does."""
    count = Counter(key for keys in readers.values() for key in keys)
    return {reader: {key for key in keys if count[key] == 1} for reader, keys in readers.items()}


@pytest.mark.long
def test_each_panel_that_is_taken_away_leaves_its_hole(
    everything: Bundle, proof: Evidence, coverage: Table, texts: Texts
) -> None:
    """What no other panel reads is named; where another one does, nothing is said."""
    written, shown_keys = alone(texts.panels), alone(shown(coverage, texts.panels))
    named: set[Key] = set()
    taken = 0
    for place, left in without_panels(everything):
        found = {(h.system, h.subject) for h in gate(left, proof)}
        wanted = (written[place] - BESIDE) | (shown_keys[place] & BESIDE) if place in written else set()
        assert found == wanted, place
        named, taken = named | found, taken + 1

    assert taken > len(texts.panels) > 500
    assert len(named) > 100


@pytest.mark.long
def test_each_alert_that_is_taken_away_is_named(
    everything: Bundle, proof: Evidence, coverage: Table, texts: Texts
) -> None:
    """By the metrics that no other one reads, by the cases that expect it, and by the reasons that lean on it."""
    written = alone(texts.alerts)
    table = alone({watch.name: {k for k in watch.reads if k[0] != "recorded"} for watch in coverage.watches})
    every = everything.site.catalogue.systems.values()
    for name, left in without_alerts(everything):
        found = gate(left, proof)
        unread = {(h.system, h.subject) for h in found if h.kind == "alert"}
        leaning = {(s.name, r.metrics[0]) for s in every for r in s.reasons if re.search(rf"\b{name}\b", r.why)}

        assert unread == (written[name] - BESIDE) | (table[name] & BESIDE), name
        assert {h.subject for h in found if h.kind == "evidence"} == {name}
        assert {(h.system, h.subject) for h in found if h.kind == "reason"} == leaning
        assert {h.kind for h in found} <= {"alert", "evidence", "reason"}


@pytest.mark.long
def test_each_case_that_is_taken_away_leaves_its_hole(everything: Bundle, proof: Evidence) -> None:
    """The alert of which it was the only firing or the only quiet case is named, and no other."""
    names = {f"{Path(case.path).stem}: {case.name}" for case in CASES}
    named = 0
    for name in sorted(names):
        left = {
            alert: replace(
                one, firing=tuple(n for n in one.firing if n != name), quiet=tuple(n for n in one.quiet if n != name)
            )
            for alert, one in proof.items()
        }
        found = {(h.kind, h.subject) for h in gate(everything, left)}

        assert found == {
            (kind, alert)
            for alert, one in proof.items()
            for kind, listed in (("firing", one.firing), ("quiet", one.quiet))
            if listed == (name,)
        }, name
        named += len(found)
    assert named > 50


@pytest.mark.long
def test_each_runbook_that_is_taken_away_is_named(everything: Bundle, proof: Evidence) -> None:
    pages = set(runbooks.names())
    for watch in table(everything, proof, pages).watches:
        found = gate(everything, proof, pages - {watch.runbook})
        assert [(h.kind, h.subject) for h in found] == [("runbook", watch.name)]
        assert found[0].path.startswith("generator/systems/")


def test_an_alert_without_any_case_and_a_reason_for_what_is_not_so_are_named(
    everything: Bundle, proof: Evidence
) -> None:
    """At the alert, at the reason, each with its way out."""
    system = everything.site.catalogue.systems["langsight"]
    reasons = replace(
        load().systems["agent_server"].reasons[0],
        metrics=("spans_ingested_total",),
        why="LangSightGone says it",
        line=7,
    )
    catalogue = replace(
        everything.site.catalogue,
        systems={**everything.site.catalogue.systems, "langsight": replace(system, reasons=(reasons,))},
    )
    evidence = {**proof, "LangSightSSEDrops": Cases(), "LangSightGone": Cases(firing=("x: y",))}
    sources = {part.stem: part.source for part in registry.topics(everything.site)}
    found = holes(table(everything, evidence, set(runbooks.names())), catalogue, evidence, sources)

    assert [(Path(h.path).name, h.kind, h.what) for h in found] == [
        ("evidence.json", "evidence", "cases or scenarios expect LangSightGone, which is no alert"),
        ("feed.py", "firing", "no case fires LangSightSSEDrops"),
        ("feed.py", "quiet", "no case keeps LangSightSSEDrops quiet"),
        ("catalogue.yaml", "reason", "a reason names LangSightGone, which is no alert"),
        (
            "catalogue.yaml",
            "reason",
            "langsight_spans_ingested_total is read by LangSightIngestionStopped, and `no_alert` says why not",
        ),
    ]
    assert [h.line for h in found if h.kind == "reason"] == [7, 7]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a system of an operator's own, two of whose metrics no alert reads."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "tests" / "data" / "shop.yaml", tmp_path / "shop.yaml")
    (tmp_path / "bundle.yaml").write_text("systems: {shop: {catalogue: ./shop.yaml}}\n")
    return tmp_path


def test_the_example_of_the_page_is_what_the_command_says(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "coverage.md").read_text(encoding="utf-8")
    ((words, shown),) = re.findall(r"```console\n\$ agentobs (.*?)\n(.*?)```", page, re.DOTALL)

    assert main(words.split()) == 1
    assert capsys.readouterr().out == shown
    assert shop.is_dir()


@pytest.mark.parametrize(
    ("more", "code"),
    [((), 0), (("--own", "--fail-under", "90"), 0), (("--own", "--fail-under", "92"), 1)],
)
def test_holes_of_systems_of_your_own_count_when_you_say_so(
    shop: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], code: int
) -> None:
    """They are told in any case, at their lines."""
    assert main(["coverage", "--config", "bundle.yaml", "shop", *more]) == code
    assert capsys.readouterr().out.splitlines()[-3:-1] == [
        "shop.yaml:27: no alert reads shop_build_info; write one, or say in `no_alert` why not",
        "shop.yaml:28: no alert reads shop_payload_bytes; write one, or say in `no_alert` why not",
    ]
    assert shop.is_dir()


def test_what_an_installation_leaves_out_is_a_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each metric says what keeps its board or its alert away; that is no hole."""
    path = tmp_path / "bundle.yaml"
    path.write_text(
        "systems: {agent_server: {enabled: false}, langsmith: {enabled: false}, agentgateway: {versions: '1.4'}}\n"
        "alerts: {disable: [AgentgatewayXdsErrors]}\n"
    )
    assert main(["coverage", "--config", str(path), "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    found = {row["metric"]: row for row in document["metrics"]}

    assert document["holes"] == []
    assert document["covered"] == 100
    assert {row["system"] for row in document["metrics"]}.isdisjoint({"agent_server", "langsmith"})
    for name, why in {
        "agentgateway_xds_connection_terminations_total": "AgentgatewayXdsErrors: disabled by the configuration",
        "agentgateway_requests_shed_total": "only in agentgateway 1.5 and later (versions: 1.4)",
        "scrape_samples_post_metric_relabeling": "only a system that is off has the alert AgentServerScrapeTooLarge",
    }.items():
        assert (found[name]["alerts"], found[name]["no_alert"]) == ([], why)
    assert found["agentgateway_config_synchronized"]["alerts"] == ["AgentgatewayConfigNotSynchronized"]


def test_verdicts_of_a_validation_stand_beside_each_metric(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """That of the system itself; of what several systems show, the worst."""
    verdicts = [
        Verdict("metrics", "langsight langsight_spans_ingested_total", State.OK, "2 series"),
        Verdict("metrics", "langsight process_resident_memory_bytes", State.OK, "2 series"),
        Verdict("metrics", "agent_server process_resident_memory_bytes", State.EMPTY, "no such process"),
        Verdict("panels", "LangSight / Overview / Spans", State.WRONG, "no data"),
    ]
    path = tmp_path / "report.json"
    path.write_text(report.as_json(report.Outcome(tuple(verdicts), "http://127.0.0.1:9090", 1.0)), encoding="utf-8")
    names = ["*spans_ingested_total", "process_resident_memory_bytes", "langsight_active_sse_connections"]

    assert main(["coverage", *names, "--verdicts", str(path), "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)["metrics"]
    assert [(row["metric"], row["verdict"]) for row in rows] == [
        ("langsight_spans_ingested_total", {"verdict": "ok", "why": "2 series"}),
        ("langsight_active_sse_connections", None),
        ("process_resident_memory_bytes", {"verdict": "empty", "why": "no such process"}),
    ]
    assert main(["coverage", "langsight", "--verdicts", str(path)]) == 0
    line = next(li for li in capsys.readouterr().out.splitlines() if li.startswith("langsight_active"))
    assert line.split()[-1] == "?"


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("", "not JSON: Expecting value"),
        ("[" * 100_000, "not JSON in UTF-8"),
        ('{"verdicts": ' + "9" * 5000 + "}", "not JSON in UTF-8"),
        ("[]", "no report of `agentobs validate`"),
        ('{"verdicts": [{"category": "metrics", "item": "a b", "verdict": "good", "why": ""}]}', "no report of `agentobs validate`"),
        ('{"verdicts": []}', "says nothing of any metric"),
    ],
)  # fmt: skip
def test_what_is_no_report_is_refused(tmp_path: Path, content: str, what: str) -> None:
    path = tmp_path / "report.json"
    path.write_text(content)
    with pytest.raises(GeneratorError) as caught:
        read(path)

    assert [p.what for p in caught.value.problems] == [what]


def test_a_system_has_the_alerts_that_the_readme_counts(capsys: pytest.CaptureFixture[str]) -> None:
    """Those on the state of its targets too, which read no metric of its own; beside them those that are off by default."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name, path in (("langsight", "metrics/langsight.md"), ("agentgateway", "metrics/agentgateway.md")):
        ((counted),) = re.findall(rf"\[(\d+)\]\(docs/alerts.md\) \| \[metrics\]\(docs/{path}\)", readme)
        assert main(["coverage", name, "--format", "json"]) == 0
        alerts = json.loads(capsys.readouterr().out)["alerts"]
        on = [one["alert"] for one in alerts if one["on_by_default"]]

        assert len(on) == int(counted)
        assert main(["coverage", name]) == 0
        told = f" {len(alerts)} alerts, {len(alerts) - len(on)} of them off by default. "
        assert told in capsys.readouterr().out


def test_a_name_that_is_neither_system_nor_metric_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Every such name, with the nearest one that there is."""
    assert main(["coverage", "agentgatewy", "agentgateway_requests_totl", "zzz*"]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.splitlines() == [
        "SYSTEM|METRIC:1: no system and no metric 'agentgateway_requests_totl'; did you mean 'agentgateway_requests_total'?",
        "SYSTEM|METRIC:1: no system and no metric 'agentgatewy'; did you mean 'agentgateway'?",
        "SYSTEM|METRIC:1: no system and no metric 'zzz*'; `agentobs list metrics` has them",
    ]
