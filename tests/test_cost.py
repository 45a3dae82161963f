"""`agentobs cost`: fleets, sums, switches, what goes blank, bad input, and the example of its page."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from generator.bundle import build
from generator.catalogue import load
from generator.cli.main import main
from generator.config import read
from generator.config.site import Site
from generator.cost import cost, fleet
from generator.cost.process import process
from testbed.servers.fake import FakeServer, in_json

ROOT = Path(__file__).parent.parent

#: One system alone, so that a whole report is a handful of builds.
SERVER = "systems: {agent_server: {KEYS}, langsight: {enabled: false}, agentgateway: {enabled: false}, langsmith: {enabled: false}}\n"


def bundle(folder: Path, keys: str = "", more: str = "") -> str:
    path = folder / "bundle.yaml"
    path.write_text(SERVER.replace("KEYS", keys) + more, encoding="utf-8")
    return str(path)


def report(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    assert main(["cost", "--format", "json", *arguments]) == code
    return json.loads(capsys.readouterr().out)


def test_sums_follow_from_the_pages_and_the_intervals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Series of all processes and five for each target; a sample of each at every scrape; bytes as assumed."""
    path = bundle(tmp_path, more="scrape: {interval: 15s}\nevaluation: {interval: 1m}\n")
    found = report(
        capsys, "--config", path, "--processes", "agent_server.api=4,agent_server.queue=6", "--bytes-per-sample", "1.5"
    )
    api, queue = found["pages"]

    assert (api["role"], api["processes"], queue["role"], queue["processes"]) == ("api", 4, "queue", 6)
    assert found["scraped_series"] == 4 * api["series"] + 6 * queue["series"] + 10 * 5
    per_group = sum(g["recorded_series"] / g["interval_seconds"] for g in found["groups"])
    assert found["samples_per_second"] == pytest.approx(found["scraped_series"] / 15 + per_group, abs=1e-3)
    assert found["bytes_per_day"] == pytest.approx(found["samples_per_second"] * 86_400 * 1.5, rel=1e-6)
    assert found["rule_seconds_are"] == "modelled"
    assert sum(g["recorded_series"] for g in found["groups"]) == found["recorded_series"] > 0
    assert found["metrics"][0]["metric"] == "lg_api_http_requests_latency"
    assert sum(m["series"] for m in found["metrics"]) == 4 * api["series"] + 6 * queue["series"]


def test_more_deployments_record_more_and_expose_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Records keep the labels of a deployment: three of them record three times as much."""
    path = bundle(tmp_path)
    one, three = (
        report(capsys, "--config", path, "--processes", "agent_server.combined=9", "--deployments", f"agent_server={n}")
        for n in (1, 3)
    )

    assert three["recorded_series"] == 3 * one["recorded_series"]
    assert three["scraped_series"] == one["scraped_series"]


def test_a_switch_saves_what_the_configuration_with_it_lacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is told of `exposure: ui` is what a report with it in bundle.yaml says; blank is what generate leaves out then."""
    path = bundle(tmp_path)
    before = report(capsys, "--config", path, "--processes", "agent_server.combined=2")
    (told,) = [s for s in before["switches"] if s["switch"] == "exposure: ui"]
    after = report(capsys, "--config", bundle(tmp_path, "exposure: ui"), "--processes", "agent_server.combined=2")

    assert after["scraped_series"] - before["scraped_series"] == told["series"] < 0
    sites = [Site(load(), read(load(), Path(bundle(tmp_path, keys)))) for keys in ("", "exposure: ui")]
    alerts = [{a.name for a in build(site, kinds=("boards", "rules")).alerts} for site in sites]
    boards = [{b.title for b in build(site, kinds=("boards", "rules")).boards.values()} for site in sites]
    assert set(told["alerts"]) == alerts[0] - alerts[1] != set()
    assert set(told["boards"]) == boards[0] - boards[1] != set()
    assert {p["panel"] for p in told["panels"]} >= {"Failed run ratio", "Execution time"}
    back = [s for s in after["switches"] if s["switch"] == "exposure: internal"]
    assert [(s["series"], s["alerts"]) for s in back] == [(-told["series"], [])]


def test_what_never_happens_costs_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A number of 0 takes a metric away, with its records; the report names the number and who gave it."""
    path = bundle(tmp_path, "cardinality: {routes: 0}")
    found = report(capsys, "--config", path, "--processes", "agent_server.api=1")

    assert not [m for m in found["metrics"] if "http_requests" in m["metric"]]
    assert {"system": "agent_server", "name": "routes", "value": 0, "why": "bundle.yaml"} in found["assumptions"]


def test_addresses_of_the_configuration_are_the_fleet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Unless numbers are given: processes by role, and one deployment for each name."""
    static = (
        "[{deployment: a, role: api, targets: ['a:1', 'b:1']}, {deployment: a, role: queue, targets: ['c:1']},"
        " {deployment: b, role: api, targets: ['d:1']}]"
    )
    found = report(capsys, "--config", bundle(tmp_path, f"scrape: {{static: {static}}}"))

    assert found["fleet"] == {
        "source": "the addresses in the configuration",
        "processes": {"agent_server.api": 3, "agent_server.queue": 1},
        "deployments": {"agent_server": 2},
    }


@pytest.mark.parametrize(
    ("arguments", "processes", "said"),
    [
        (("--processes", "agent_server.api=10,agent_server.queue=3", "--eras", "agent_server.old=30"), {"api@new": 7, "api@old": 3, "queue@new": 2, "queue@old": 1}, "by era: 9 new, 4 old"),
        (("--processes", "agent_server.api=10", "--eras", "agent_server.new=100,agent_server.old=0"), {"api@new": 10, "api@old": 0}, "by era: 10 new, 0 old"),
        (("--processes", "agent_server.api=5"), {"api@new": 3, "api@old": 2}, "by era: 3 new, 2 old; in equal parts, as nobody says: --eras agent_server.old=40"),
        ((), {"combined@new": 1, "combined@old": 1, "api@new": 1, "api@old": 1, "queue@new": 1, "queue@old": 1}, "by era: 3 new, 3 old"),
    ],
)  # fmt: skip
def test_a_fleet_of_two_eras_has_pages_of_both(
    arguments: tuple[str, ...],
    processes: dict[str, int],
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """By the shares that the operator says, in whole processes; each era's page is that of a fleet of it alone."""
    path = bundle(tmp_path, "versions: mixed")
    found = report(capsys, "--config", path, *arguments)
    assert main(["cost", "--config", path, *arguments]) == 0
    text = capsys.readouterr().out
    (line,) = [line for line in text.splitlines() if line.startswith("processes of agent_server ")]

    assert found["fleet"]["processes"] == {f"agent_server.{name}": n for name, n in processes.items()}
    assert line == f"processes of agent_server {said}"
    assert found["scraped_series"] == sum(p["processes"] * (p["series"] + 5) for p in found["pages"])
    for page in found["pages"]:
        alone = Site(load(), read(load(), Path(bundle(tmp_path, f"versions: {page['era']}"))))
        assert process(alone, "agent_server", page["role"]).series == page["series"]


@pytest.mark.parametrize(
    ("eras", "versions", "said"),
    [
        ("agent_server.old=70,agent_server.new=40", "mixed", "the eras of agent_server are 110 per cent of its processes together; leave one of them out: it has what the others leave"),
        ("agent_server.old=30,agent_server.new=40", "mixed", "the eras of agent_server are 70 per cent of its processes together; leave one of them out: it has what the others leave"),
        ("agent_server.odl=30", "mixed", "agent_server has no era 'odl' in the field; did you mean 'old'?"),
        ("agent_server=30", "mixed", "agent_server has eras, and none is named; write agent_server.old=40; eras are new, old"),
        ("agent_server.old=101", "mixed", "'agent_server.old=101' is not NAME=NUMBER, up to 100; write agent_server.old=40"),
        ("agent_server.old=30", "new", "all processes of agent_server are of one era, as the configuration says; leave it out, or write `systems: {agent_server: {versions: ...}}` with those that are in the field"),
    ],
)  # fmt: skip
def test_shares_of_eras_that_cannot_be_are_refused(
    eras: str, versions: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cost", "--config", bundle(tmp_path, f"versions: {versions}"), "--eras", eras]) == 1
    out, err = capsys.readouterr()

    assert (out, err) == ("", f"--eras:1: {said}\n")


def test_how_far_a_wrong_spread_moves_the_result_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The bounds are what a report says with 0 and with 1 in bundle.yaml; what has no rare label has none."""
    fleet_ = ("--processes", "agent_server.api=3,agent_server.queue=2")
    (told,) = report(capsys, "--config", bundle(tmp_path), *fleet_)["spread"]
    pages = []
    for spread in ("0", "1", "0.2"):
        found = report(capsys, "--config", bundle(tmp_path, f"cardinality: {{spread: {spread}}}"), *fleet_)
        pages.append(sum(page["processes"] * page["series"] for page in found["pages"]))
    quiet = report(capsys, "--config", bundle(tmp_path), "--processes", "agent_server.queue=2")

    assert told == {"system": "agent_server", "series_at_0": pages[0], "series_at_1": pages[1], "series": pages[2]}
    assert pages[0] < pages[2] < pages[1]
    assert quiet["spread"] == []
    assert "spread" not in [one["name"] for one in quiet["assumptions"]]


def test_a_label_of_attribution_multiplies_what_tells_who_asked(tmp_path: Path) -> None:
    """By as many values as it may have."""
    path = tmp_path / "bundle.yaml"
    found = []
    for keys in ("{}", "{attribution: [{label: team, values: 7}]}"):
        path.write_text(f"systems: {{agentgateway: {keys}}}\n", encoding="utf-8")
        site = Site(load(), read(load(), path))
        found.append(cost(site, fleet(site, ["agentgateway=1"], [])).processes["agentgateway", "", ""])
    tokens, builds = (
        [page.of("agentgateway", name) for page in found] for name in ("gen_ai_client_token_usage", "build_info")
    )

    assert tokens[1] == 7 * tokens[0] > 0
    assert builds == [1, 1]


def test_a_page_that_the_scrape_configuration_refuses_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A page with more samples than sample_limit is not stored at all: exit code 1."""
    path = bundle(tmp_path, "scrape: {sample_limit: 700}", "thresholds: {scrape_samples: 600}\n")

    assert main(["cost", "--config", path, "--processes", "agent_server.api=1,agent_server.queue=1"]) == 1
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("refused: ")]
    assert [line.partition(" has ")[0] for line in told] == ["refused: the page of agent_server.api"]
    assert told[0].endswith(" series, and sample_limit is 700")


@pytest.mark.parametrize(("most", "code"), [("1000000", 0), ("100", 1)])
def test_a_budget_is_a_gate(most: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report(capsys, "--config", bundle(tmp_path), "--processes", "agent_server.api=1", "--budget", most, code=code)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--processes", "agent_sever.api=1"), ["--processes:1: no system 'agent_sever'; did you mean 'agent_server'?"]),
        (("--processes", "agent_server=1"), ["--processes:1: agent_server has roles, and none is named; write agent_server.combined=2; roles are combined, api, queue"]),
        (("--processes", "agent_server.apo=1"), ["--processes:1: agent_server has no role 'apo'; did you mean 'api'?"]),
        (("--processes", "langsight.api=1"), ["--processes:1: langsight has no roles, so 'api' is none; write langsight=2"]),
        (("--processes", "langsmith.smithdb-query=1"), ["--processes:1: the role smithdb-query of langsmith is not scraped by the configuration; add it to `roles` or `parts` there"]),
        (("--processes", "langsight=1,langsight=2"), ["--processes:1: 'langsight' stands here a second time; keep one of the two"]),
        (("--processes", "langsight=-1", "--deployments", "x=y"), [
            "--deployments:1: 'x=y' is not NAME=NUMBER, up to 1,000,000; write agent_server.api=10,langsight=2",
            "--processes:1: 'langsight=-1' is not NAME=NUMBER, up to 1,000,000; write agent_server.api=10,langsight=2",
        ]),
        (("--processes", ""), ["--processes:1: '' is not NAME=NUMBER, up to 1,000,000; write agent_server.api=10,langsight=2"]),
        (("--processes", "langsight=99999999"), ["--processes:1: 'langsight=99999999' is not NAME=NUMBER, up to 1,000,000; write agent_server.api=10,langsight=2"]),
        (("--processes", "langsight=٣"), ["--processes:1: 'langsight=٣' is not NAME=NUMBER, up to 1,000,000; write agent_server.api=10,langsight=2"]),
        (("--deployments", "agent_server.api=3"), ["--deployments:1: no system 'agent_server.api'; did you mean 'agent_server'?"]),
        (("--bytes-per-sample", "nan", "--budget", "-3"), [
            "--budget:1: -3 is below 0; write a number of series",
            "--bytes-per-sample:1: nan is no size of a sample, which has at most 1000 bytes; write 1.5",
        ]),
        (("--bytes-per-sample", "1e308"), ["--bytes-per-sample:1: 1e+308 is no size of a sample"]),
        (("--processes", "agent_server.api=2,langsmith.redis=1", "--deployments", "agent_server=3,langsight=1,langsmith=0"), [
            "--deployments:1: 0 deployments of langsmith cannot be: there is 1 of its processes; write 1, or leave it out",
            "--deployments:1: 1 deployment of langsight cannot be: there are 0 of its processes; say how many with --processes, or leave it out",
            "--deployments:1: 3 deployments of agent_server cannot be: there are 2 of its processes; write a number from 1 to 2",
        ]),
        (("--prometheus", ""), ["--prometheus:1: '' is no address of a server; write http://host:port"]),
        (("--prometheus", "http://127.0.0.1:9"), ["--prometheus:1: "]),
    ],
)  # fmt: skip
def test_bad_input_is_told_with_a_way_out(
    arguments: tuple[str, ...], said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """All problems at once, exit code 1, nothing on standard output."""
    assert main(["cost", *arguments]) == 1
    out, err = capsys.readouterr()

    assert out == ""
    assert [line[: len(want)] for line, want in zip(err.splitlines(), said, strict=True)] == said


def test_a_prometheus_counts_the_processes_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers beside it are wrong usage."""
    with pytest.raises(SystemExit) as caught:
        main(["cost", "--prometheus", "http://127.0.0.1:9", "--processes", "langsight=1"])

    assert caught.value.code == 2
    assert "leave out --processes, --deployments and --eras" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"status": "success", "data": {"resultType": "vector", "result": [], "groups": []}}, "it scrapes no process that the configuration would find"),
        ({"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [0, "NaN"]}], "groups": []}}, "is no finite number"),
        ({"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [0, "1e308"]}], "groups": []}}, "counts 1e+308 of something"),
        ({"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [0, "-5"]}], "groups": []}}, "counts -5 of something"),
        ({"status": "success"}, "--prometheus:1: "),
        ([], "--prometheus:1: "),
    ],
)  # fmt: skip
def test_what_is_no_prometheus_of_ours_ends_in_one_sentence(
    answer: object, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeServer(lambda _: in_json(answer)) as server:
        assert main(["cost", "--prometheus", f"http://{server.address}"]) == 1
    out, err = capsys.readouterr()

    assert out == ""
    assert said in err
    assert len(err.splitlines()) == 1


def test_series_that_nobody_asked_for_are_nobody_s(capsys: pytest.CaptureFixture[str]) -> None:
    """A proxy that answers every question alike ends in figures, not in an error of ours."""
    one = {"metric": {"__name__": "up", "role": "api"}, "value": [0, "2"]}
    answer = {"status": "success", "data": {"resultType": "vector", "result": [one], "groups": []}}
    with FakeServer(lambda _: in_json(answer)) as server:
        found = report(capsys, "--prometheus", f"http://{server.address}")

    assert {page["processes"] for page in found["pages"]} == {2}


def test_a_system_of_your_own_is_counted_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where its catalogue tells no number, one stands for it and is named as that."""
    shutil.copy(ROOT / "tests" / "data" / "shop.yaml", tmp_path / "shop.yaml")
    (tmp_path / "bundle.yaml").write_text("systems: {shop: {catalogue: ./shop.yaml}}\n", encoding="utf-8")
    found = report(capsys, "--config", str(tmp_path / "bundle.yaml"), "--processes", "shop=1")

    assert [page["series"] > 0 for page in found["pages"]] == [True]
    unknown = [one for one in found["assumptions"] if one["why"].startswith("no number in the catalogue")]
    assert {one["value"] for one in unknown} == {10}


def test_the_example_of_the_page_is_what_the_command_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "cost.md").read_text(encoding="utf-8")
    (config,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    ((words, shown),) = re.findall(r"```console\n\$ agentobs (.*?)\n(.*?)```", page, re.DOTALL)
    Path("bundle.yaml").write_text(config, encoding="utf-8")

    assert main(words.split()) == 0
    assert capsys.readouterr().out == shown
