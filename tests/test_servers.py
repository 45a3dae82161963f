"""The harness around real Prometheus and Alertmanager servers keeps its promises."""

import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from testbed.servers import (
    AGES,
    STALE,
    Alertmanager,
    Prometheus,
    ServerError,
    StartError,
    find,
    missing,
    pins,
    wait_until,
    write_request,
)
from testbed.servers.apt import Archive, archives
from testbed.servers.debian import Age, Program, version

#: A Monday in 2024, in unix seconds: long past for every machine that runs this.
PAST = 1_704_067_200

MINUTE = 60


def program(name: Program, age: Age) -> Path:
    """Path of a program, or the end of the test."""
    found = find(name, age)
    return found.path or missing(found.reason)


@pytest.fixture(params=AGES)
def prometheus(request: pytest.FixtureRequest) -> Path:
    """Prometheus of each age."""
    return program("prometheus", request.param)


@pytest.mark.real
def test_ages_are_different_prometheus_generations() -> None:
    """Testing against three binaries is worth it only if they differ."""
    oldest, middle, newest = (version(program("prometheus", age)) for age in AGES)

    assert (oldest, middle) == ("2.42", "2.53")
    assert int(newest.partition(".")[0]) >= 3


@pytest.mark.real
def test_history_comes_back_as_it_was_pushed(prometheus: Path) -> None:
    """Values, gaps, labels and the end of a series survive the way through remote write."""
    times = [PAST + i * MINUTE for i in range(6)]
    with Prometheus(prometheus, history=True) as server:
        server.push(
            [
                ({"__name__": "slots", "pod": "a", "empty": ""}, [1, 2.5, None, math.inf, -3, 0]),
                ({"__name__": "slots", "pod": "b"}, [7, 7, STALE, None, None, 8]),
            ],
            times,
        )

        # A value is seen for five minutes unless a stale marker ends it before.
        assert server.query_range("slots", PAST, PAST + 5 * MINUTE, MINUTE) == [
            (
                {"__name__": "slots", "pod": "a"},
                dict(zip(times, [1, 2.5, 2.5, math.inf, -3, 0], strict=True)),
            ),
            (
                {"__name__": "slots", "pod": "b"},
                {times[0]: 7, times[1]: 7, times[5]: 8},
            ),
        ]


@pytest.mark.real
def test_rates_are_computed_over_pushed_counters(prometheus: Path) -> None:
    """The history is what PromQL works on: a counter that grows by 30 a minute has rate 0.5."""
    count = 30
    times = [PAST + i * MINUTE for i in range(count)]
    with Prometheus(prometheus, history=True) as server:
        server.push([({"__name__": "calls_total"}, [30.0 * i for i in range(count)])], times)

        # Half a minute off the samples, since Prometheus 2 and 3 differ about samples on the edge.
        (sample,) = server.query("sum(rate(calls_total[10m]))", times[-1] - MINUTE / 2)

    assert sample.labels == {}
    assert sample.value == pytest.approx(0.5)


@pytest.mark.real
def test_later_histories_may_go_back_in_time(prometheus: Path) -> None:
    """Scenarios need no order among themselves while they lie within 50 days."""
    day = 86_400
    with Prometheus(prometheus, history=True) as server:
        for name, back in (("newest", 0), ("older", 1), ("oldest", 40)):
            server.push([({"__name__": name}, [1])], [PAST - back * day])

        assert [sample.labels for sample in server.query('{__name__="oldest"}', PAST - 40 * day)] == [
            {"__name__": "oldest"}
        ]
        with pytest.raises(ServerError, match="out of bounds"):
            server.push([({"__name__": "ancient"}, [1])], [PAST - 60 * day])


@pytest.mark.real
def test_many_series_are_pushed_in_parts(prometheus: Path) -> None:
    """A push larger than one request loses nothing between the requests."""
    series = [({"__name__": "load", "pod": str(i)}, [i] * 100) for i in range(3000)]
    with Prometheus(prometheus, history=True) as server:
        server.push(series, [PAST + i for i in range(100)])

        assert server.query("count(load)", PAST + 99) == [({}, 3000)]
        assert server.query("scalar(sum(load))", PAST + 99) == [({}, sum(range(3000)))]


@pytest.mark.real
def test_rules_and_configuration_are_loaded_and_reloaded(prometheus: Path) -> None:
    """Rules keep the given order; a bad reload is refused with a reason and changes nothing."""
    rules = [
        "groups: [{name: second, rules: [{record: a, expr: vector(1)}]}]",
        "groups: [{name: first, rules: [{alert: Always, expr: a == 1}]}]",
    ]
    config = "global: {scrape_interval: 7s}"
    with Prometheus(prometheus, config, rules=rules) as server:
        assert [group.name for group in server.groups()] == ["second", "first"]
        assert [rule.name for group in server.groups() for rule in group.rules] == [
            "a",
            "Always",
        ]

        server.reload("global: {scrape_interval: 9s}")
        assert "scrape_interval: 9s" in server.get("/api/v1/status/config")["yaml"]
        assert len(server.groups()) == len(rules)

        with pytest.raises(ServerError, match="field globl not found"):
            server.reload("globl: {}")
        assert "scrape_interval: 9s" in server.get("/api/v1/status/config")["yaml"]


@pytest.mark.real
def test_target_is_scraped(prometheus: Path) -> None:
    """The server scrapes, here itself, and tells its targets' health."""
    config = """
scrape_configs:
- job_name: itself
  scrape_interval: 2s
  scrape_timeout: 2s
  file_sd_configs: [{files: [targets/*.json]}]
"""
    # The port is known only later, so the target comes with the first reload.
    files = {"targets/none.json": "[]"}
    with Prometheus(prometheus, config, files=files) as server:
        target = [{"targets": [server.url.removeprefix("http://")]}]
        (server.folder / "targets" / "itself.json").write_text(json.dumps(target))
        server.reload()

        (up,) = wait_until(
            lambda: server.query("up == 1") if [one.health for one in server.targets()] == ["up"] else [],
            what="the target to be scraped",
            limit_seconds=60,
        )

    assert up.labels["job"] == "itself"
    assert up.value == 1


@pytest.mark.real
def test_mistakes_are_told_in_the_servers_words(prometheus: Path) -> None:
    """A query that does not parse, and a page that is not there."""
    with Prometheus(prometheus) as server:
        with pytest.raises(ServerError, match="parse error"):
            server.query("sum(")
        with pytest.raises(ServerError, match="parse error"):
            server.query_range("sum(", PAST, PAST, 1)
        with pytest.raises(ServerError, match="404"):
            server.get("/no/such/page")
        assert "prometheus_build_info" in server.get("/metrics")
        assert server.alerts() == []


@pytest.mark.real
def test_server_that_cannot_start_says_why(prometheus: Path) -> None:
    """The reason is in the server's log, so the error shows the log."""
    with pytest.raises(StartError, match="field globl not found"):
        Prometheus(prometheus, "globl: {}")
    with pytest.raises(ValueError, match="rule_files already"):
        Prometheus(prometheus, "rule_files: []", rules=["groups: []"])


@pytest.mark.real
@pytest.mark.parametrize("age", AGES)
def test_alert_travels_to_alertmanager(age: Age) -> None:
    """Prometheus and Alertmanager of one age understand each other."""
    config = "alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{}']}}]}}]}}"
    rules = ["groups: [{name: a, interval: 100ms, rules: [{alert: Always, expr: vector(1)}]}]"]
    with (
        Alertmanager(program("alertmanager", age), "route: {receiver: none}\nreceivers: [{name: none}]") as manager,
        Prometheus(
            program("prometheus", age),
            config.format(manager.address),
            rules=rules,
            # The first attempt finds no Alertmanager: Prometheus knows it after five seconds.
            flags=["--rules.alert.resend-delay=100ms"],
        ),
    ):
        (alert,) = wait_until(manager.alerts, what="the alert to reach Alertmanager", limit_seconds=60)

    assert alert["labels"] == {"alertname": "Always"}


@contextmanager
def running(code: str) -> Iterator[subprocess.Popen[str]]:
    """Another Python that runs `code` from the repository, killed in the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def gone(pid: int) -> bool:
    """Say whether no process has that number any more."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    # A killed process without parent stays a zombie until the container's init looks after it.
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").split()[2] == "Z"


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda s: s.name)
def test_no_process_outlives_the_tests(tmp_path: Path, end: signal.Signals) -> None:
    """However the test run ends, what it started ends too, with the processes below it."""
    log = tmp_path / "log"
    code = f"""
import signal
from pathlib import Path
from testbed.servers import Child, wait_until
path = Path({str(tmp_path)!r})
child = Child(["sh", "-c", "sleep 600 & echo $! $$; wait"], log=path / "log", folder=path)
wait_until(lambda: child.log().endswith("\\n"), what="the shell", limit_seconds=60)
print("ready", flush=True)
signal.pause()
"""
    with running(code) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        pids = [int(pid) for pid in log.read_text(encoding="utf-8").split()]
        assert not any(gone(pid) for pid in pids)
        process.send_signal(end)
        process.wait(60)

        wait_until(lambda: all(map(gone, pids)), what="the processes to end", limit_seconds=60)


@pytest.mark.long
def test_ctrl_c_is_tested_in_the_background_of_a_shell_as_well() -> None:
    """A shell starts such a process with SIGINT ignored, which every process below it would inherit."""
    tests = (
        "test_servers.py::test_no_process_outlives_the_tests[SIGINT]",
        "test_writing.py::test_two_signals_at_once_are_one",
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(f"tests/{test}" for test in tests)]
    done = subprocess.run(
        ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *command],
        cwd=Path(__file__).parents[1], capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "deb http://mirror.example/debian bookworm main contrib\n"
            "deb http://mirror.example/debian-security bookworm-security main\n"
            "deb-src http://sources.example/debian bookworm main\n"
            "# deb http://commented.example/debian bookworm main\n",
            [Archive("http://mirror.example/debian", "")],
            id="one-line",
        ),
        pytest.param(
            "deb [arch=amd64 signed-by=/keys/d.gpg] https://mirror.example/pub/debian/ sid main\n",
            [Archive("https://mirror.example/pub/debian", "[signed-by=/keys/d.gpg]")],
            id="one-line with options",
        ),
        pytest.param(
            "Types: deb deb-src\n"
            "# an older address\n"
            "URIs: http://mirror.example/debian\n"
            "Suites: bookworm bookworm-updates\n"
            "Components: main\n"
            "Signed-By: /keys/d.gpg\n"
            "\n"
            "Types: deb\n"
            "URIs: http://mirror.example/debian-security\n"
            "Suites: bookworm-security\n"
            "Components: main\n",
            [Archive("http://mirror.example/debian", "[signed-by=/keys/d.gpg]")],
            id="deb822",
        ),
        pytest.param(
            "Types: deb\n"
            "URIs:\n"
            " mirror+file:///etc/apt/mirrors/debian.list\n"
            "Suites: bookworm\n"
            "Components: main\n"
            "Signed-By:\n"
            " -----BEGIN PGP PUBLIC KEY BLOCK-----\n"
            " .\n",
            [Archive("mirror+file:///etc/apt/mirrors/debian.list", "")],
            id="deb822 of a cloud image, with the key inside",
        ),
        pytest.param(
            "Enabled: no\nTypes: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\nComponents: main\n",
            [],
            id="deb822 switched off",
        ),
        pytest.param(
            "deb https://vendor.example/linux/debian bookworm stable\n"
            "deb https://vendor.example/apt bookworm main\n"
            "deb http://mirror.example/ubuntu jammy main\n"
            "deb cdrom:[Debian]/debian bookworm main\n",
            [],
            id="others",
        ),
    ],
)
def test_debian_archive_is_recognised(text: str, expected: list[Archive]) -> None:
    """Only Debian's own main archive has the suites that we want."""
    assert archives([text]) == expected


def test_missing_thing_fails_in_ci_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """At home a missing server is a notice; in CI nothing is skipped in silence."""
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no network"):
        missing("no network")

    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no network"):
        missing("no network")


def test_unreachable_mirror_is_a_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a network there is a sentence to show, and nothing half done in the cache."""
    if not Path("/usr/bin/apt-get").exists():
        missing("apt-get is not on this machine")
    monkeypatch.setenv("AGENTOBS_CACHE", str(tmp_path))
    # Nobody listens on port 1, and a proxy that the machine may have cannot reach it either.
    source = "deb http://127.0.0.1:1/debian bookworm main"
    monkeypatch.setattr("testbed.servers.apt._source_texts", lambda: [source])

    found = find.__wrapped__("prometheus", "newest")

    assert found.path is None
    assert found.reason.startswith("no prometheus of Debian sid: ")
    (lock,) = (tmp_path / "servers").iterdir()
    assert lock.name == f"sid{pins.suffix(['prometheus', 'prometheus-alertmanager'])}.lock"


def test_the_newest_servers_are_named_and_another_version_is_told(tmp_path: Path) -> None:
    """Where Debian has moved on, a run takes what there is, and says so instead of changing in silence."""
    version = pins.named()["prometheus"]
    folder = tmp_path / f"sid-{version}-1"
    folder.mkdir()
    pins.note(folder, [Path(f"prometheus_1%3a{version}+b2_amd64.deb"), Path("other_9_all.deb")])
    assert pins.outdated(tmp_path) == []

    pins.note(folder, [Path("prometheus_99.1-1_amd64.deb")])
    assert pins.outdated(tmp_path) == [
        f"prometheus {version} is named in newest.json, and Debian has 99.1-1: the tests ran on that; "
        f"`make newest` names it, {folder} can go"
    ]


def test_history_has_a_value_for_each_time() -> None:
    """A history that is one value short would end in a wrong place without a word."""
    series: list[Any] = [({"__name__": "a"}, [1, 2])]
    for count in (1, 3):
        with pytest.raises(ValueError, match=f"2 values and {count} times"):
            write_request(series, [PAST + n for n in range(count)])
    with pytest.raises(ValueError, match="not a time between 1971 and 2109"):
        write_request(series, [PAST * 1000, PAST * 1000 + 1])
