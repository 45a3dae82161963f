"""CONTRIBUTING.md, followed to the letter in a copy of the tree: a metric, a panel, an alert, its cases and its runbook."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from .conftest import ROOT

PAGE = ROOT / "CONTRIBUTING.md"
#: What the steps touch, and what runs on it.
COPIED = ("generator", "reference_server", "testbed", "tools", "docs", "README.md", "tests/rules", "tests/data/pages")
STEP = re.compile(
    r"[Ii]n\s`([^`]+)`,\s(?:(above|below|instead of)\sthe\sline\s`([^`]+)`|a\snew\sfile):\n\n```\w+\n(.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
SECONDS = 120


@dataclass(frozen=True)
class Step:
    """One edit of the page: a file, the line beside which the text goes, and the text. Without a line it is a new file."""

    path: str
    where: str
    line: str
    text: str

    def take(self, tree: Path) -> None:
        """Do what the page says."""
        file = tree / self.path
        if not self.line:
            file.write_text(self.text, encoding="utf-8")
            return
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        at = [number for number, line in enumerate(lines) if line.rstrip("\n") == self.line]
        assert len(at) == 1, f"{self.path} has {self.line!r} {len(at)} times"
        begin = at[0] + (self.where == "below")
        lines[begin : at[0] + (self.where != "above")] = [self.text]
        file.write_text("".join(lines), encoding="utf-8")


def steps() -> list[Step]:
    return [Step(*found) for found in STEP.findall(PAGE.read_text(encoding="utf-8"))]


def run(tree: Path, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
        env={"PYTHONPATH": str(tree)},
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree in which every step was taken and everything was generated anew."""
    copy = tmp_path_factory.mktemp("tree")
    for name in COPIED:
        source, there = ROOT / name, copy / name
        there.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, there, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        else:
            shutil.copy(source, there)
    for step in steps():
        step.take(copy)
    run(copy, "-m", "generator", "generate")
    run(copy, "-c", (
        "from testbed import proofs; from generator.coverage import evidence\n"
        "evidence.FILE.write_text(evidence.text(proofs.evidence()))"
    ))  # fmt: skip
    return copy


def test_the_page_has_every_step() -> None:
    """Each code block of the example is one that the test takes."""
    example = PAGE.read_text(encoding="utf-8").partition("step by step\n")[2].partition("\n## Where to add what")[0]

    assert len(steps()) == len(re.findall(r"^```\w+$", example, re.MULTILINE)) == 9


def test_the_panel_is_on_its_board_and_explains_itself(tree: Path) -> None:
    board = json.loads((tree / "dashboards" / "langsight_api.json").read_text(encoding="utf-8"))
    panel = next(p for p in board["panels"] if p["title"] == "Refused spans")

    assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"][-1]["value"] == 1
    assert panel["description"].split("\n\n")[:3] == [
        "Rate per second of spans that were refused because nobody knows their agent.",
        "**Normal:** 0.",
        "**Otherwise:** Register the agent, or renew its key. Alert: LangSightSpansRefused.",
    ]


def test_the_alert_is_among_the_rules(tree: Path) -> None:
    (group,) = yaml.safe_load((tree / "alerts" / "langsight_api.rules.yaml").read_text(encoding="utf-8"))["groups"]
    rule = next(r for r in group["rules"] if r["alert"] == "LangSightSpansRefused")

    assert " ".join(rule["expr"].split()) == (
        'sum by (cluster, namespace, deployment) (rate(langsight_spans_refused_total{system="langsight"}[10m])) > 1'
    )
    assert rule["for"] == "10m"


@pytest.mark.long
def test_the_result_passes_the_checks(tree: Path) -> None:
    assert "nothing found" in run(tree, "-m", "generator", "lint")
    assert "langsight_spans_refused_total" in run(tree, "-m", "generator", "list", "metrics")


def test_the_cases_are_about_the_alert(tree: Path) -> None:
    """They are read like all others, which says that every alert and metric in them is there."""
    script = (
        "import sys; from generator.catalogue import load; from testbed.cases.reading import load as cases\n"
        "from testbed.cases.proving import PROVED\n"
        "found = cases(load(), [*sys.argv[1:], *PROVED])\n"
        "print(*(case.name for case in found if 'LangSightSpansRefused' in repr(case)), sep='\\n')"
    )
    rules = "".join(p.read_text(encoding="utf-8") for p in (tree / "alerts").glob("*.rules.yaml"))

    assert run(tree, "-c", script, *re.findall(r"- alert: (\w+)", rules)).splitlines() == [
        "an agent that nobody knows sends two spans a second",
        "refused spans below the limit",
    ]


def test_the_runbook_gets_its_facts(tree: Path) -> None:
    """Pages on scenarios are not made here: they would want the metric to move in the simulation."""
    run(tree, "-c", (
        "import sys; sys.path.insert(0, 'tools'); import docs\n"
        "path = next(p for p in docs.runbooks() if p.stem == 'LangSightSpansRefused')\n"
        "path.write_text(docs.runbooks()[path])"
    ))  # fmt: skip
    text = (tree / "docs" / "runbooks" / "LangSightSpansRefused.md").read_text(encoding="utf-8")

    assert "**warning**, after 10m." in text
    assert "Reads `langsight_spans_refused_total`." in text
