"""Alerts over the past of real servers: equal to what Prometheus does itself, nothing missed, and the command as a whole."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from generator.backtest.journal import Journal
from generator.backtest.prepared import Options
from generator.backtest.rules import Labels, read
from generator.backtest.run import Backtest
from generator.backtest.server import History as Past
from generator.backtest.trial import Trial
from generator.cli.main import main
from generator.validate.access import Access
from generator.validate.probe import Probe
from generator.validate.prometheus import Prometheus as Client
from reference_server.scenarios import library as scenarios
from reference_server.scenarios.replay import before
from testbed import backtested, fidelity, terminal
from testbed.backtested import Played
from testbed.replay import FIRST, SKEW, Replay, firing
from testbed.rule_files import load
from testbed.servers import Prometheus, Value, find, missing
from testbed.servers.remote_write import History

from .conftest import ROOT

pytestmark = pytest.mark.real

#: The scenario of the example in the documentation: nothing is picked up any more.
EXAMPLE = "F14"

#: Faults of each system, one whose Prometheus is away for a while, so that rounds are missing.
DAILY = ("F01", "F14", "L01", "G09", "S03", "B18")


#: How the server was asked, which is no part of what is promised.
COUNTS = re.compile(r"[\d,]+ queries, [\d,]+ samples read")


@pytest.fixture(scope="module")
def server() -> Iterator[Prometheus]:
    """The newest Prometheus, taking any past."""
    with _newest() as running:
        yield running


def _newest() -> Prometheus:
    found = find("prometheus", "newest")
    if not found.path:
        missing(found.reason)
    assert found.path
    return Prometheus(found.path, flags=backtested.FLAGS)


@pytest.fixture(scope="module")
def example(server: Prometheus) -> Played:
    """The example's history, in the server."""
    (played,) = backtested.push(server, [scenarios.find(EXAMPLE)])
    return played


def stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def command(server: Prometheus, played: Played, *more: str) -> list[str]:
    return [
        "backtest", "--prometheus", f"http://{server.address}", "--since", f"{played.scenario.duration:g}s",
        "--until", stamp(played.end), *more,
    ]  # fmt: skip


def test_the_example_of_the_page_is_what_the_command_says(
    server: Prometheus,
    example: Played,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The block in docs/backtest.md, but for the address of the server."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    documented = (ROOT / "docs" / "backtest.md").read_text(encoding="utf-8")
    block = documented.partition("```text\n")[2].partition("```")[0]
    said, _, answer = block.partition("\n")

    args = command(server, example, "--alert", "AgentServerQueue*")
    code = main(args)

    shown = capsys.readouterr().out.replace(server.address, "127.0.0.1:9090")
    assert said == "$ agentobs " + " ".join(args).replace(server.address, "127.0.0.1:9090").replace(
        "AgentServerQueue*", "'AgentServerQueue*'"
    )
    assert COUNTS.sub("", answer) == COUNTS.sub("", shown)
    assert COUNTS.search(shown)
    assert code == 0
    assert not list((tmp_path / "agentobs").iterdir()), "a run that came to its end leaves nothing"


def test_a_terminal_sees_how_far_it_is_and_a_pipe_does_not(server: Prometheus, example: Played, tmp_path: Path) -> None:
    """The line is taken away before anything else is said; without a terminal only the plan stands on standard error."""
    args = command(server, example, "--alert", "AgentServerQueue*", "--state")
    call = [sys.executable, "-m", "generator", *args]

    seen = terminal.run([*call, str(tmp_path / "one")], ROOT)
    piped = subprocess.run([*call, str(tmp_path / "two")], cwd=ROOT, capture_output=True, text=True, check=False)

    assert seen.code == piped.returncode == 0
    assert seen.out == piped.stdout
    assert any(line.startswith("which series there are: ") for line in seen.rewritten)
    assert any(re.match(r"9 of 9 alerts, [\d,]+ queries", line) for line in seen.rewritten)
    assert seen.left == piped.stderr.strip()
    assert re.fullmatch(r"9 alerts over 1h 50m: .*for what there is", seen.left)


def test_a_run_beyond_its_budget_says_so_and_goes_on_where_it_was(
    server: Prometheus, example: Played, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The plan alone reads next to nothing; what was answered is not asked again; the end is that of one whole run."""
    state = tmp_path / "state.jsonl"
    args = command(server, example, "--format", "json", "--alert", "AgentServerQueue*", "--alert", "AgentServerFetch*")
    assert main([*args, "--state", str(tmp_path / "other.jsonl")]) == 0
    report = json.loads(capsys.readouterr().out)

    assert main([*args, "--state", str(state), "--plan"]) == 0
    planned = json.loads(capsys.readouterr().out)
    assert main([*args, "--state", str(state)]) == 0
    after = json.loads(capsys.readouterr().out)
    assert main([*args, "--state", str(state)]) == 0
    again = json.loads(capsys.readouterr().out)

    assert planned["alerts"] == []
    assert planned["queries"] + after["queries"] == report["queries"]
    assert again["queries"] == 0
    assert after["alerts"] == again["alerts"] == report["alerts"]
    assert report["plan"]["samples"] > 0
    assert main([*args, "--state", str(tmp_path / "third.jsonl"), "--budget", "1000"]) == 1
    assert "--budget" in capsys.readouterr().err


def test_before_the_first_scrape_nothing_was_evaluated(
    server: Prometheus, example: Played, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A day is asked for of which there are two hours: what tells of missing targets did not fire all the time before."""
    args = ["backtest", "--prometheus", f"http://{server.address}", "--since", "1d", "--until", stamp(example.end)]
    main([*args, "--format", "json", "--alert", "ObservabilityWatchdog", "--alert", "*TargetsMissing", "--state", str(tmp_path / "s")])  # fmt: skip

    report = json.loads(capsys.readouterr().out)
    (away,) = report["away"]
    first = datetime.fromisoformat(away["to"]).timestamp()
    assert datetime.fromisoformat(away["from"]).timestamp() == example.end - 86_400
    assert abs(first - example.start) <= 60
    (watchdog,) = [a for a in report["alerts"] if a["alert"] == "ObservabilityWatchdog"]
    assert [datetime.fromisoformat(i["start"]).timestamp() - first <= 60 for i in watchdog["intervals"]] == [True]
    assert watchdog["seconds"] <= example.scenario.duration + 60


def test_incidents_and_thresholds_over_a_fault(
    server: Prometheus, example: Played, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The fault is caught, an invented one is missed, and the page of it can be written."""
    fault = min(e.since for e in example.scenario.fire)
    rows = ["start,end,name", f"{stamp(example.start)},{stamp(example.start + 300)},invented"]
    rows.append(f"{stamp(example.start + fault)},{stamp(example.end)},stalled")
    (tmp_path / "incidents.csv").write_text("\n".join(rows), encoding="utf-8")
    page = tmp_path / "page.html"

    code = main(command(server, example, "--incidents", str(tmp_path / "incidents.csv"), "--html", str(page), "--alert", "AgentServer*", "--state", str(tmp_path / "s")))  # fmt: skip

    output = capsys.readouterr().out
    assert code == 0
    assert "invented: missed" in output
    assert "stalled: late" in output or "stalled: caught" in output
    assert "This shows noise" not in output
    assert 'class="incident"' in page.read_text(encoding="utf-8")


def test_what_was_never_there_is_no_data_and_what_did_not_happen_is_quiet(
    server: Prometheus, example: Played, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """LangSight was not scraped here; the Agent Server was, and its pool of connections had no trouble."""
    args = command(server, example, "--format", "json", "--alert", "LangSightHighErrorRate", "--alert", "AgentServerPgPoolNearlyFull", "--state", str(tmp_path / "s"))  # fmt: skip

    main(args)

    by_alert = {a["alert"]: a for a in json.loads(capsys.readouterr().out)["alerts"]}
    assert by_alert["AgentServerPgPoolNearlyFull"]["state"] == "quiet"
    assert by_alert["AgentServerPgPoolNearlyFull"]["covered"] > 0.95  # before the first scrape there is nothing
    assert by_alert["LangSightHighErrorRate"]["state"] in ("no data", "unseen")


def test_every_firing_of_the_replay_is_found_in_its_round() -> None:
    """Scenarios of every system, by the coarse look: as the replay has them round by round, label set by label set."""
    texts, alerts = fidelity.rule_texts()
    groups = [group["name"] for text in texts.values() for group in yaml.safe_load(text)["groups"]]
    phases = {name: float(SKEW + number) for number, name in enumerate(groups)}
    with _newest() as server:
        replay = Replay(server, load(texts.values()))
        fired = 0
        for name in DAILY:
            scenario = scenarios.find(name)
            own, outages = fidelity.about(scenario, alerts), fidelity.outages(scenario)
            expected = replay.run(fidelity.played(scenario, own), scenario.duration, own, outages=outages, past=before(scenario.past))  # fmt: skip
            away = [(replay.start + a, replay.start + b) for a, b in outages]
            played = Played(scenario, replay.start, backtested.reduced(texts, own), own, phases, away)

            found = backtested.backtested(server, played, full=False)

            assert [(t.alert.name, t.why) for t in found if t.state == "failed"] == []
            firings = {(n, f.labels, f.start, f.until) for n, several in expected.items() for f in several}
            assert _firings(found, played) == firings
            fired += len(firings)
    assert fired > len(DAILY)


def _nobody(_line: str) -> None:
    """Be told, and tell nobody."""


def _firings(found: Sequence[Trial], played: Played) -> set[tuple[str, Labels, float, float | None]]:
    """What fired, in seconds since the start, as a replay tells it."""
    return {
        (t.alert.name, i.labels, round(i.start - played.start, 3), None if i.after else round(i.end - played.start, 3))
        for t in found
        for i in t.intervals
        if i.firing
    }


FLICKER = """
groups:
- name: flicker
  rules:
  - {alert: At once, expr: flicker > 0}
  - {alert: A minute, expr: flicker > 0, for: 1m}
  - {alert: Five minutes, expr: flicker > 0, for: 5m, keep_firing_for: 5m}
  - {alert: Odd, expr: flicker > 0, for: 100s, keep_firing_for: 70s}
  - {alert: Half an hour, expr: flicker > 0, for: 30m}
  - {alert: Both, expr: '(flicker > 0) and on (deployment) (sum by (deployment) (sum_over_time(steady[1h])) > 0)', for: 10m}
"""


def test_nothing_is_missed_that_is_shorter_than_the_coarse_step(server: Prometheus) -> None:
    """Two days of stretches from one evaluation to hours, six label sets: the coarse look finds all firings of the state machine."""
    chance = random.Random(3)  # noqa: S311 - a seeded workload
    start, count = float(FIRST) - 40 * 86_400, 5_760
    offsets = [n * 30.0 for n in range(count)]
    series: list[History] = []
    true: dict[Labels, set[int]] = {}
    for number in range(6):
        values: list[Value] = []
        on = False
        while len(values) < count:
            length = min(count - len(values), int(chance.expovariate(1 / chance.choice((2, 12, 60)))) + 1)
            values += [float(on)] * length
            on = not on
        labels = {"deployment": f"d{number}"}
        true[(("deployment", f"d{number}"),)] = {n for n, value in enumerate(values) if value}
        series += [({"__name__": "flicker", **labels}, values), ({"__name__": "steady", **labels}, [1.0] * count)]
    server.push(series, [start + offset for offset in offsets])
    document = yaml.safe_load(FLICKER)
    probe = Probe("Prometheus", f"http://{server.address}", Access(), timeout=60)
    past = Past(Client(probe), Journal(None, {}))
    rules = read({"flicker": document}, "30s")
    options = Options(start, start + offsets[-1] + 20, phases={"flicker": 10.0})
    test = Backtest(past, rules, options)
    prepared = test.prepare(_nobody)

    trials, broken = test.run(prepared, _nobody)

    assert broken == ""
    assert [ready.sign.expr for ready in prepared.ready if ready.sign][-1] == "flicker > 0"
    assert {t.alert.name: t.state for t in trials} == {a.name: "fired" for a in rules.alerts}
    for trial in trials:
        for own_labels, rounds in true.items():
            ticks = [n * 30.0 for n in range(count)]
            expected = firing({n * 30.0 for n in rounds}, ticks, trial.alert.hold, trial.alert.keep)
            own = [i for i in trial.intervals if i.firing and i.labels == own_labels]
            assert [(i.start - start - 10, None if i.after else i.end - start - 10) for i in own] == expected
    probe.close()
    assert past.queries < 400


@pytest.mark.matrix
@pytest.mark.parametrize("part", range(8))
def test_a_backtest_equals_the_alerts_that_prometheus_wrote(part: int) -> None:
    """Every scenario, pending and firing, within one evaluation: with recorded series, without them, and by the coarse look."""
    program = backtested.manager()
    if isinstance(program, str):
        missing(program)
    found = find("prometheus", ("newest", "oldest")[part % 2])
    if not found.path:
        missing(found.reason)
    assert found.path
    wanted = sorted(scenarios.shipped(), key=lambda s: s.id)[part::8]
    wrong: dict[str, list[str]] = {}
    samples = 0
    with Prometheus(found.path, flags=backtested.FLAGS) as server:
        histories = backtested.push(server, wanted)
        backtested.evaluate(program, server, histories)
        for played in histories:
            real = backtested.written(server, played)
            samples += sum(map(len, real.values()))
            for full, inline in ((True, False), (True, True), (False, False)):
                trials = backtested.backtested(server, played, full=full, inline=inline)
                disagreements = backtested.disagreements(
                    played, real, trials, pending=full, records=played.rules.records
                )
                if disagreements:
                    wrong[f"{played.scenario.id} full={full} inline={inline}"] = disagreements
    assert wrong == {}
    assert samples > 0
