"""The generator's files are exchanged as one set: all old or all new, or the next run tells and mends it."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from generator import writing
from generator.cli import interruption
from generator.cli.main import main
from generator.errors import GeneratorError
from tests.moments import NEW, OLD, begin_with, leftovers, visible, which

from .conftest import ROOT

#: What `check` says of files that a killed run left, of a set it may have torn, and of a file that differs.
LEFT = "left by a run that was killed"
TORN = "a run was killed while it exchanged files; files of two runs may stand beside each other"


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, list[dict[str, Any]]]:
    """An exchange that was ended, killed or refused at each of its moments: what was seen, row by row."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.moments", str(tmp_path_factory.mktemp("moments"))],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: Mapping[str, list[dict[str, Any]]] = json.loads(done.stdout)
    return found


@pytest.mark.long
@pytest.mark.parametrize(("begin", "before"), [("over old files", "old"), ("into an empty folder", "nothing")])
def test_a_signal_at_any_moment_leaves_one_set_and_says_which(
    outcomes: Mapping[str, list[dict[str, Any]]], begin: str, before: str
) -> None:
    """SIGINT, SIGTERM and SIGHUP: old or new as the message says, nothing left behind, and the code that shells expect."""
    rows = [row for row in outcomes[begin] if row["signal"] != "SIGKILL"]

    assert {row["signal"] for row in rows} == {"SIGINT", "SIGTERM", "SIGHUP"}
    assert {(row["state"], row["files"]) for row in rows} == {
        ("no file was changed", before),
        ("every file is the new one", "new"),
    }
    assert all(row["code"] == 128 + signal.Signals[row["signal"]] for row in rows)
    assert all((row["left"], row["then"], row["then_left"]) == (0, "new", []) for row in rows)
    assert min(sum(row["signal"] == name for row in rows) for name in ("SIGINT", "SIGTERM", "SIGHUP")) > 20


@pytest.mark.long
@pytest.mark.parametrize("begin", ["over old files", "into an empty folder", "killed twice", "denied and killed"])
def test_a_run_killed_at_any_moment_is_told_and_mended_by_the_next(
    outcomes: Mapping[str, list[dict[str, Any]]], begin: str
) -> None:
    """SIGKILL: what is torn or left is told by `check`, and after the next run all files are new and nothing is left."""
    rows = [row for row in outcomes[begin] if row["signal"] == "SIGKILL"]

    assert "torn" in {row["files"] for row in rows}
    assert all(row["code"] == -signal.SIGKILL for row in rows)
    assert [row for row in rows if row["files"] == "torn" and not {TORN, LEFT} & {*row["check"]}] == []
    assert [row for row in rows if row["left"] and not ({TORN, LEFT} & {*row["check"]} and row["told"])] == []
    assert [row for row in rows if not row["left"] and row["told"]] == []
    assert {(row["next"], row["then"], tuple(row["then_left"])) for row in rows} == {(0, "new", ())}


@pytest.mark.long
def test_a_file_that_cannot_change_places_brings_all_others_back(outcomes: Mapping[str, list[dict[str, Any]]]) -> None:
    """Whichever rename the system refuses: it is named, every old file is there, and nothing is left behind."""
    places = ["alerts/a.rules.yaml", "dashboards/c.json", "dashboards/d.json", "scrape/e.yml"]
    fix = "make room, or name a writable folder with --out"

    assert outcomes["denied"] == [
        {
            "moment": number,
            "code": 1,
            "state": f"OUT/{place}:1: cannot be written: Device or resource busy; {fix}",
            "files": "old",
            "left": [],
        }
        for number, place in enumerate(places, 1)
    ]


STRIKE = """
import os, sys
from generator.cli.main import main

root, event, at, number = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
count = 0
def hook(name, args):
    global count
    if name == event and root in str(args[0]):
        count += 1
        if count == at:
            os.kill(os.getpid(), number)
sys.addaudithook(hook)
sys.exit(main(["generate", "--config", sys.argv[5], "--out", root]))
"""


def strike(out: Path, event: str, moment: int, number: int, config: Path) -> tuple[int, str]:
    """Send the signal when the command does this for the so-manieth time below `out`; its code and what it said."""
    words = [sys.executable, "-c", STRIKE, str(out), event, str(moment), str(int(number)), str(config)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, done.stderr


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A configuration that changes most files."""
    path = tmp_path / "bundle.yaml"
    path.write_text("selectors: {env: prod}\n", encoding="utf-8")
    return path


@pytest.mark.long
def test_the_command_ends_and_its_last_words_are_true(tmp_path: Path, other: Path) -> None:
    """A supervisor's SIGTERM before the exchange changes nothing; a terminal that goes away within it comes too late."""
    out = tmp_path / "out"
    assert main(["generate", "--out", str(out)]) == 0
    before = visible(out)

    assert strike(out, "os.link", 3, signal.SIGTERM, other) == (143, "ended by SIGTERM; no file was changed\n")
    assert visible(out) == before
    assert strike(out, "os.rename", 3, signal.SIGHUP, other) == (129, "ended by SIGHUP; every file is the new one\n")
    assert main(["check", "--config", str(other), "--out", str(out)]) == 0
    assert leftovers(out) == []


@pytest.mark.long
def test_the_next_commands_tell_and_mend_what_a_killed_one_left(
    tmp_path: Path, other: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Killed after two renames: `check` tells, a `generate` with a broken configuration finishes the exchange all the same."""
    out = tmp_path / "out"
    assert main(["generate", "--out", str(out)]) == 0
    assert strike(out, "os.rename", 3, signal.SIGKILL, other) == (-signal.SIGKILL, "")
    broken = tmp_path / "broken.yaml"
    broken.write_text("selector: {}\n", encoding="utf-8")
    capsys.readouterr()

    assert main(["check", "--config", str(other), "--out", str(out)]) == 1
    assert f": {TORN}; run `agentobs generate`, which finishes it\n" in capsys.readouterr().err
    assert main(["generate", "--config", str(broken), "--out", str(out)]) == 1
    notice, problem = capsys.readouterr().err.splitlines()
    assert notice.startswith(f"a run was killed while it exchanged files below {out}: ")
    assert problem.startswith(f"{broken}:1: unknown field 'selector'")
    assert main(["check", "--config", str(other), "--out", str(out)]) == 0
    assert leftovers(out) == []


def test_two_signals_at_once_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """`make` hands a Ctrl-C on as SIGTERM: the second one does not strike who cleans up after the first. A later one does."""
    now = [100.0]
    monkeypatch.setattr("generator.cli.interruption.time.monotonic", lambda: now[0])
    with interruption.ending():
        with pytest.raises(interruption.Ended, match="SIGINT"):
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        now[0] += interruption.SAME_SECONDS
        with pytest.raises(interruption.Ended, match="SIGTERM"):
            signal.raise_signal(signal.SIGTERM)


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    """Under `nohup` a terminal that goes away ends nothing."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruption.ending(), interruption.postponed():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_signal_that_python_swallows_is_raised_at_the_next_check() -> None:
    """An exception in a finalizer goes nowhere; the signal counts all the same."""
    with interruption.ending() as ending:
        with contextlib.suppress(interruption.Ended):
            signal.raise_signal(signal.SIGTERM)
        with pytest.raises(interruption.Ended, match="SIGTERM") as caught:
            ending.check()

    assert caught.value.code == 143


def test_a_second_run_waits_for_the_first_and_then_says_whom_it_waits_for(tmp_path: Path) -> None:
    """Two runs in one folder would tear the set; the one that finds the other there changes nothing."""
    begin_with(tmp_path / "out", OLD)
    with (
        writing.leftovers.locked(tmp_path / "out"),
        pytest.raises(GeneratorError) as caught,
        writing.leftovers.locked(tmp_path / "out", patience=0.1),
    ):
        pass

    assert str(caught.value) == (
        f"{tmp_path}/out:1: another `agentobs generate` is writing here; wait until it has ended"
    )


def pipe(path: Path) -> None:
    os.mkfifo(path)


def link(path: Path) -> None:
    path.symlink_to(path.parent.parent / "elsewhere")


def bound(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(os.path.relpath(path))  # an address has 107 characters at most


@pytest.mark.parametrize(
    ("name", "make", "what"),
    [
        ("alerts/a.rules.yaml", pipe, "a named pipe where a file"),
        ("alerts/a.rules.yaml", link, "a symbolic link where a file"),
        ("alerts/a.rules.yaml", bound, "a socket where a file"),
        ("alerts/a.rules.yaml", Path.mkdir, "a folder where a file"),
        ("alerts/a.rules.yaml", functools.partial(os.symlink, "/dev/null"), "a symbolic link where a file"),
        ("alerts", link, "a symbolic link where a folder"),
        ("alerts", pipe, "a named pipe where a folder"),
        ("alerts", Path.touch, "a file where a folder"),
    ],
)
def test_what_is_no_file_in_the_place_of_one_is_refused_and_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, make: Any, what: str
) -> None:
    """It is neither followed nor opened, which a pipe would answer with waiting for ever; `check` says the same."""
    monkeypatch.chdir(tmp_path)
    begin_with(tmp_path / "out", OLD)
    (tmp_path / "elsewhere").mkdir()
    place = tmp_path / "out" / name
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    make(place)
    before = place.lstat()

    with pytest.raises(GeneratorError) as caught:
        writing.Exchange(NEW, tmp_path / "out").run()

    message = f"{place}:1: is {what} belongs; remove it, or name another folder with --out"
    assert [str(problem) for problem in caught.value.problems] == [message]
    assert [str(problem) for problem in writing.differences(NEW, tmp_path / "out")] == [message]
    assert place.lstat() == before
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert leftovers(tmp_path / "out") == []


def test_an_output_folder_that_is_none_is_told(tmp_path: Path) -> None:
    """A file, or a file on the way to it."""
    (tmp_path / "file").touch()

    for out, message in (
        (tmp_path / "file", "is not a folder; name a folder with --out"),
        (
            tmp_path / "file" / "out",
            "cannot be written: Not a directory; make room, or name a writable folder with --out",
        ),
    ):
        with pytest.raises(GeneratorError) as caught:
            writing.Exchange(NEW, out).run()
        assert str(caught.value) == f"{out}:1: {message}"


def test_a_link_that_looks_like_a_leftover_leads_nowhere(tmp_path: Path) -> None:
    """Someone puts links with the names of an exchange there: they are taken away, and what they lead to is not touched."""
    out = tmp_path / "out"
    begin_with(out, OLD)
    (tmp_path / "secret").write_text("secret", encoding="utf-8")
    (out / "alerts" / ".agentobs-01234567.decided").symlink_to(tmp_path / "secret")
    (out / "alerts" / ".agentobs-01234567.a.rules.yaml.new").symlink_to(tmp_path / "secret")

    messages: list[str] = []
    writing.mend(out, messages.append)

    assert (which(out), leftovers(out), len(messages)) == ("old", [], 1)
    assert (tmp_path / "secret").read_text(encoding="utf-8") == "secret"


def test_what_only_its_owner_may_read_stays_so(tmp_path: Path) -> None:
    """Anyone who narrowed a file's permissions finds them narrow; a new file is for Prometheus and Grafana to read."""
    out = tmp_path / "out"
    begin_with(out, OLD)
    (out / "alerts" / "a.rules.yaml").chmod(0o600)

    writing.Exchange(NEW, out).run()

    assert {
        name: oct((out / name).stat().st_mode & 0o777) for name in ("alerts/a.rules.yaml", "dashboards/d.json")
    } == {
        "alerts/a.rules.yaml": "0o600",
        "dashboards/d.json": "0o644",
    }


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """`check` goes on with the others."""
    out = tmp_path / "out"
    begin_with(out, OLD)
    (out / "alerts" / "a.rules.yaml").unlink()
    (out / "alerts" / "b.rules.yaml").write_bytes(b"the same\n\xff")

    assert [str(problem) for problem in writing.differences(OLD, out)] == [
        f"{out}/alerts/a.rules.yaml:1: missing; run `agentobs generate`",
        f"{out}/alerts/b.rules.yaml:1: differs from what the generator makes; run `agentobs generate`",
    ]


@contextlib.contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A memory file system at `folder`; only root can make one."""
    folder.mkdir()
    with mount("-t", "tmpfs", "-o", options, "tmpfs", str(folder)):
        yield folder


@contextlib.contextmanager
def mount(*words: str) -> Iterator[None]:
    """Mount, for as long as the test takes; a runner need not be root, in CI neither."""
    done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", words[-1]], check=True)


BIG = {PurePosixPath(f"dashboards/{n}.json"): f"{n}" * 100_000 for n in range(5)}


def test_a_disk_that_runs_full_leaves_every_old_file_as_it_was(tmp_path: Path) -> None:
    """All files are written before the first one is replaced."""
    with mounted(tmp_path / "disk", "size=800k") as disk:
        writing.Exchange(BIG, disk).run()
        before = visible(disk)
        with pytest.raises(GeneratorError) as caught:
            writing.Exchange({name: text[::-1] + "!" for name, text in BIG.items()}, disk).run()
        assert (visible(disk), leftovers(disk)) == (before, [])

    assert "No space left on device; make room" in str(caught.value)


def test_a_disk_that_was_full_from_the_start_is_left_empty(tmp_path: Path) -> None:
    """No folder stays of a run that could not write its files."""
    with mounted(tmp_path / "disk", "size=100k") as disk:
        with pytest.raises(GeneratorError, match="No space left on device"):
            writing.Exchange(BIG, disk / "out").run()
        assert list(disk.iterdir()) == []


def test_a_read_only_folder_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing can be made there, and nothing is."""
    with mounted(tmp_path / "disk", "size=1m,ro") as disk:
        assert main(["generate", "--out", str(disk)]) == 1
        assert list(disk.iterdir()) == []

    assert capsys.readouterr().err == (
        f"{tmp_path}/disk/dashboards:1: cannot be written: Read-only file system; "
        "make room, or name a writable folder with --out\n"
    )


def test_a_file_that_is_mounted_by_itself_is_told_and_nothing_is_changed(tmp_path: Path) -> None:
    """Containers mount single files, which cannot change places."""
    out = tmp_path / "out"
    begin_with(out, OLD)
    place = out / "dashboards" / "c.json"
    (tmp_path / "mine.json").write_text("old c\n", encoding="utf-8")
    with mount("--bind", str(tmp_path / "mine.json"), str(place)):
        with pytest.raises(GeneratorError) as caught:
            writing.Exchange(NEW, out).run()
        assert (which(out), leftovers(out)) == ("old", [])

    assert str(caught.value).startswith(f"{place}:1: cannot be written: Device or resource busy; ")
