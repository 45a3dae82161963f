"""What `make` promises beyond running a command: failures count, and versions are those of the lock."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import tomllib
from pathlib import Path

import pytest

from .conftest import ROOT

#: Stands in for the virtual environment's Python: takes down what it is to run, and fails for one benchmark.
PYTHON = """\
#!/bin/sh
echo "$1" >> "$0.ran"
case "$1" in *"$FAILING"*) exit 1 ;; esac
"""


def bench(folder: Path, failing: str) -> tuple[int, str, list[str]]:
    """Run `make bench` with a Python that fails where `failing` says."""
    programs = folder / failing / "bin"
    programs.mkdir(parents=True)
    (programs / "python").write_text(PYTHON, encoding="utf-8")
    (programs / "python").chmod(0o755)
    for name in ("bin/agentobs", ".dev"):
        (programs.parent / name).touch()
    done = subprocess.run(
        ["make", "--directory", ROOT, "bench", f"VENV={programs.parent}"],
        capture_output=True, text=True, check=False, env={**os.environ, "FAILING": failing},
    )  # fmt: skip
    ran = (programs / "python.ran").read_text(encoding="utf-8").splitlines()
    return done.returncode, done.stderr, ran


@pytest.mark.parametrize("failing", ["generate", "exposition", "fleet", "rules", "backtest"])
def test_bench_runs_every_benchmark_and_fails_when_one_does(tmp_path: Path, failing: str) -> None:
    """A bound that does not hold is not lost among the figures of the others, and does not hide them."""
    code, output, ran = bench(tmp_path, failing)

    assert code == 2
    assert f"a bound does not hold, or could not be measured: {failing}\n" in output
    assert ran == [f"benchmarks/{name}.py" for name in ("generate", "exposition", "fleet", "rules", "backtest")]


def test_bench_is_content_when_all_bounds_hold(tmp_path: Path) -> None:
    assert bench(tmp_path, "nothing")[0] == 0


def test_every_requirement_is_in_the_lock() -> None:
    """What is new in pyproject.toml needs `make lock`, or CI would install whatever is newest that day."""
    lock = runpy.run_path(str(ROOT / "tools" / "lock.py"))
    wanted = [one for needed in lock["project"]().values() for one in needed]
    names = {re.sub(r"[-_.]+", "-", re.split(r"[<>=!~\[ ;]", one)[0]).lower() for one in wanted}
    text = lock["DEVELOPMENT"].read_text(encoding="utf-8")

    assert {"setuptools", "pytest", "ruff", "uvicorn", "requests"} <= names
    assert names - set(re.findall(r"^([a-z0-9-]+)==", text, re.MULTILINE)) == set()


def test_pythons_that_agree_share_a_line_and_others_have_their_own() -> None:
    """A release that has left the oldest Python behind does not hold the newest one back."""
    constraints = runpy.run_path(str(ROOT / "tools" / "lock.py"))["_constraints"]

    assert constraints("one", {"3.11": "1.0", "3.12": "1.0", "3.13": "1.0"}) == ["one==1.0\n"]
    assert constraints("two", {"3.11": "1.0", "3.12": "2.0", "3.13": "2.0"}) == [
        'two==1.0 ; python_version == "3.11"\n',
        'two==2.0 ; python_version == "3.12"\n',
        'two==2.0 ; python_version >= "3.13"\n',
    ]


def test_a_wheel_has_every_file_that_the_code_reads() -> None:
    """A file beside the code that no pattern takes is there in the checkout and lacks where the package is installed."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        patterns = tomllib.load(file)["tool"]["setuptools"]["package-data"]
    for package, wanted in patterns.items():
        taken = {path for pattern in wanted for path in (ROOT / package).glob(pattern)}
        there = {path for path in (ROOT / package).rglob("*") if path.is_file()}
        assert {path for path in there - taken if path.suffix not in {".py", ".pyc"}} == set()
        assert taken


def test_files_of_your_own_configuration_leave_the_committed_ones_alone(tmp_path: Path) -> None:
    """`make dashboards CONFIG=…` writes beside the configuration, or where OUT says; check and lint look there."""

    def said(*words: str) -> str:
        make = ["make", "--directory", str(ROOT), "--dry-run", *words]
        return subprocess.run(make, capture_output=True, text=True, check=True).stdout

    mine = "CONFIG=mine/bundle.yaml"
    for command in ("generate", "check", "lint"):
        target = "dashboards" if command == "generate" else command
        assert f"agentobs {command} --config mine/bundle.yaml --out mine/bundle\n" in said(target, mine)
    assert f"generate --config mine/bundle.yaml --out {tmp_path}\n" in said("dashboards", mine, f"OUT={tmp_path}")
    assert "agentobs generate \n" in said("dashboards") or "agentobs generate\n" in said("dashboards")
