"""`agentobs validate` as a command: what it prints where, with which code it ends, and that it only asks."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from generator.cli.main import main
from testbed import terminal
from testbed.servers import free_port, wait_until
from testbed.servers.fake import FakeServer, Reply, Request, in_json
from testbed.servers.loopback import ask
from tests.validating import SCALE, Installation

from .conftest import ROOT

TOKEN = "a-token-that-nobody-may-see"  # noqa: S105 - a test


def arguments(live: Installation, *more: str) -> list[str]:
    monitoring = live.monitoring
    return [
        "validate", "--config", str(monitoring.config), "--prometheus", monitoring.prometheus.url, "--time-scale", f"{SCALE:g}",
        "--alertmanager", f"http://{monitoring.alertmanager.address}", *more,
    ]  # fmt: skip


@pytest.mark.real
def test_a_bundle_that_is_well_ends_with_0_and_within_half_a_minute(
    live: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table on standard output."""
    begin = time.monotonic()
    assert main(arguments(live)) == 0

    assert time.monotonic() - begin < 30
    out = capsys.readouterr().out
    assert [line.partition(":")[0] for line in out.splitlines() if line and not line.startswith(" ")][:-1] == [
        "targets", "metrics", "variables", "panels", "rules", "records", "alertmanager", "annotations",
    ]  # fmt: skip
    assert " items: " in out.splitlines()[-1]


@pytest.mark.real
def test_a_terminal_sees_how_far_it_is_and_a_pipe_does_not(live: Installation) -> None:
    """The line is gone in the end; without a terminal there is nothing at all on standard error."""
    call = [sys.executable, "-m", "generator", *arguments(live)]

    seen = terminal.run(call, ROOT)
    piped = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=False)

    assert seen.code == piped.returncode == 0
    assert " items: " in seen.out
    assert any(line.startswith("targets: ") for line in seen.rewritten)
    assert (seen.left, piped.stderr) == ("", "")


@pytest.mark.real
def test_the_report_goes_to_a_file_in_the_form_that_is_asked_for(live: Installation, tmp_path: Path) -> None:
    """JSON and JUnit say the same."""
    assert main(arguments(live, "--format", "json", "--output", str(tmp_path / "json"))) == 0
    assert main(arguments(live, "--format", "junit", "--output", str(tmp_path / "xml"))) == 0

    told_json = json.loads((tmp_path / "json").read_text(encoding="utf-8"))
    root = ET.fromstring((tmp_path / "xml").read_text(encoding="utf-8"))  # noqa: S314 - our own text
    assert len(told_json["verdicts"]) == int(root.get("tests", "0"))
    assert told_json["counts"]["wrong"] == int(root.get("failures", "-1")) == 0


def relayed(live: Installation, request: Request) -> Reply:
    """What the installation's Prometheus answers to a request."""
    kind = {"Content-Type": "application/x-www-form-urlencoded"} if request.body else None
    port = live.monitoring.prometheus.port
    status, text = ask(port, request.method, request.path, request.body or None, kind)
    return status, {"Content-Type": "application/json"}, text


@pytest.mark.real
def test_nothing_is_ever_written(live: Installation, tmp_path: Path) -> None:
    """Whatever is asked of any server is a GET, or a POST of a query."""

    def relay(request: Request) -> Reply:
        return relayed(live, request)

    (tmp_path / "token").write_text(TOKEN, encoding="utf-8")
    with FakeServer(relay) as fake:
        code = main([
            "validate", "--config", str(live.monitoring.config), "--prometheus", fake.url, "--time-scale", f"{SCALE:g}",
            "--bearer-token-file", str(tmp_path / "token"), "--tenant", "a",
        ])  # fmt: skip
        asked = {(request.method, request.path.partition("?")[0]) for request in fake.requests}
        logins = {(one.headers["Authorization"], one.headers["X-Scope-OrgID"]) for one in fake.requests}

    assert code == 0
    assert {path for method, path in asked if method == "POST"} == {"/api/v1/query", "/api/v1/query_range"}
    assert {method for method, _ in asked} == {"GET", "POST"}
    assert logins == {(f"Bearer {TOKEN}", "a")}


def test_nobody_there_ends_with_1_and_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """What, where, and what to do."""
    url = f"http://127.0.0.1:{free_port()}"

    assert main(["validate", "--prometheus", url]) == 1

    out, err = capsys.readouterr()
    assert out == ""
    assert (
        err
        == f"Prometheus at {url}: nobody listens there (connection refused); start it, or name its address with --prometheus\n"
    )


@pytest.mark.parametrize("form", ["text", "json", "junit"])
def test_a_refused_login_ends_with_1_and_shows_no_secret(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The secret comes from the environment here, and is in no form of the report."""
    monkeypatch.setenv("AGENTOBS_PROMETHEUS_TOKEN", TOKEN)
    with FakeServer(lambda asked: in_json({"error": f"bad {asked.headers['Authorization']}"}, 401)) as fake:
        assert main(["validate", "--prometheus", fake.url, "--format", form]) == 1
    with FakeServer(lambda asked: in_json({"error": f"bad {asked.headers['Authorization']}"}, 500)) as fake:
        assert main(["validate", "--prometheus", fake.url, "--format", form]) == 1

    out, err = capsys.readouterr()
    assert TOKEN not in out + err
    assert "status 401; check --bearer-token-file or --basic-auth-file" in err
    assert "status 500: bad Bearer ***" in err
    assert list(tmp_path.iterdir()) == []


def test_garbage_ends_with_1_and_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """A web page at the address."""
    with FakeServer(lambda _: (200, {"Content-Type": "text/html"}, b"<html>hello</html>")) as fake:
        assert main(["validate", "--prometheus", fake.url]) == 1

    assert "answers /api/v1/query with something that is not JSON (text/html)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "what"),
    [
        (["--prometheus", "nonsense"], "'nonsense' is no address of a server"),
        (["--webhook", "nowhere"], "'nowhere' is not HOST:PORT"),
        (["--reference", "http://127.0.0.1:1", "--reference", "nonsense"], "--reference:1: 'nonsense' is no address"),
        (["--scenario", "F10"], "plays on a reference server and waits for an Alertmanager"),
        (["--bearer-token-file", "/nowhere"], "--bearer-token-file:1: the file that it names is not there"),
        (["--config", "/nowhere"], "/nowhere"),
    ],
)
def test_a_mistake_on_the_command_line_ends_with_1_before_anything_is_asked(
    flags: list[str], what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """As every mistake: what, and what to do."""
    assert main(["validate", *flags]) == 1

    assert what in capsys.readouterr().err


@pytest.mark.parametrize(
    "flags",
    [["--bearer-token-file", "{}"], ["--basic-auth-file", "me:{}"], ["--header", "X=@{}"], ["--webhook", "me:{}@host"],
     ["--bearer-token", "{}"], ["--basic-auth", "me:{}"], ["--basic-auth=me:{}"], ["--grafana-bearer", "{}"], ["--bear", "{}"],
     ["--header", "Authorization: Bearer {}"], ["--prometheus", "http://me:{}@host"], ["--rules-url", "http://h/?token={}"],
     ["-u", "me:{}"], ["--token={}"]],
    ids=" ".join,
)  # fmt: skip
def test_a_secret_that_stands_in_the_place_of_a_file_is_not_repeated(
    flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """An option that takes a file, the beginning of its name, or none at all: a log is read by many."""
    with contextlib.suppress(SystemExit):
        assert main(["validate", *(flag.format("hunter2hunter2") for flag in flags)]) == 1

    output = capsys.readouterr()
    assert "hunter2" not in output.out + output.err
    assert output.err


def test_an_output_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """After the judging, and without a traceback."""
    with FakeServer(lambda _: in_json({}, 401)) as fake:
        assert main(["validate", "--prometheus", fake.url, "--format", "json", "--output", str(tmp_path)]) == 1

    assert "cannot be written: Is a directory; name a writable file with --output" in capsys.readouterr().err


def test_other_commands_do_not_load_what_this_one_needs() -> None:
    """`generate` stays fast."""
    code = "import sys, generator.cli.main as c; c.main(['list', 'boards']); sys.exit('requests' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False).returncode == 0


@pytest.mark.real
def test_control_c_tells_what_was_judged_and_ends_with_130(live: Installation) -> None:
    """Even while a server hangs; nothing is left running."""
    hanging = []

    def relay(request: Request) -> Reply:
        if request.path.startswith("/api/v1/metadata"):
            hanging.append(request.path)
            time.sleep(20)
        return relayed(live, request)

    with FakeServer(relay) as fake:
        command = [sys.executable, "-m", "generator", *arguments(live), "--prometheus", fake.url, "--timeout", "60"]
        child = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            wait_until(lambda: hanging, what="the hanging request", limit_seconds=60)
            begin = time.monotonic()
            child.send_signal(signal.SIGINT)
            out, err = child.communicate(timeout=60)
        finally:
            child.kill()
            child.communicate()

    assert child.returncode == 130
    assert time.monotonic() - begin < 10
    assert out.startswith("targets: ")
    assert out.endswith("ended early: interrupted\n")
    assert "Traceback" not in err
