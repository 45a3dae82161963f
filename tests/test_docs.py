"""The documents are true: their generated parts are current, their example loads, their links lead somewhere."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

from generator.catalogue import load
from generator.cli import main
from generator.config import SCHEMA
from generator.site import Site
from generator.validate.verdict import CATEGORIES
from reference_server import scenarios
from tests.rules.cases import load as load_cases

from .conftest import ROOT

DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]


def test_generated_parts_are_current() -> None:
    """Boards, limits, checks and rules in the documents are those of the code."""
    done = subprocess.run(
        [sys.executable, "tools/docs.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": "."},
    )

    assert (done.stdout, done.returncode) == ("", 0), done.stderr


def test_the_fidelity_result_counts_what_was_missed_and_what_was_false() -> None:
    """One fault of two was missed, one benign situation of two had an alert that it must not have."""
    page = """\
| scenario | what happens | had to fire, and did | allowed, and fired |
| --- | --- | --- | --- |
| B01 | Nothing |  |  |
| B02 | A deploy |  | **false: AgentServerTargetDown**, AgentServerRestartLoop |
| F01 | Errors | AgentServerAvailabilityBurn1h (31 min) | AgentServerAvailabilityBurn6h |
| F02 | A stall | **missed: AgentServerQueueStalled** |  |
"""

    fidelity = runpy.run_path(str(ROOT / "tools" / "docs.py"))["fidelity"]

    assert fidelity(page)[2:] == [
        "| faults | 2 | 1 caught in time, 1 missed, 0 false alerts |",
        "| benign situations and ordinary days | 2 | 1 false alerts |",
    ]


def test_the_readme_counts_the_alerts_their_histories_and_the_scenarios() -> None:
    """The figures under "Proven" are those of the files."""
    (found,) = re.findall(
        r"The (\d+) alerts .* through (\d+) hard histories and (\d+) scenarios",
        (ROOT / "README.md").read_text(encoding="utf-8"),
    )
    rules = [p.read_text(encoding="utf-8") for p in (ROOT / "alerts").glob("*.rules.yaml")]
    alerts = re.findall(r"^  - alert: (\w+)", "".join(rules), re.MULTILINE)

    assert found == tuple(map(str, (len(alerts), len(load_cases(load(), alerts)), len(list(scenarios.shipped())))))


def example() -> str:
    (text,) = re.findall(
        r"```yaml\n(.*?)```", (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8"), re.DOTALL
    )
    return str(text)


def test_the_documented_defaults_are_the_defaults(configured: Callable[[str], Site], site: Site) -> None:
    """The example of the configuration page, loaded, is the same as no file at all."""
    assert replace(configured(example()).config, document=None) == replace(site.config, document=None)


def test_every_key_is_documented() -> None:
    """A key of the schema that the page does not name is one that nobody finds."""
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")

    def keys(node: dict[str, object]) -> set[str]:
        found = set()
        for name, inner in node.get("properties", {}).items():  # type: ignore[attr-defined]
            found |= {name} | keys(inner)
        return found

    assert {k for k in keys(schema) if not re.search(rf"\b{k}\b", text)} == set()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_links_lead_somewhere(path: Path) -> None:
    """Every relative link of a document is a file or a folder."""
    targets = re.findall(r"\]\((?!https?://)([^)#]+)", path.read_text(encoding="utf-8"))

    assert [t for t in targets if not (path.parent / t).exists()] == []


def test_no_document_names_a_package_host() -> None:
    """Packages are named, their hosts are the reader's own business."""
    text = "".join(p.read_text(encoding="utf-8") for p in DOCUMENTS)

    assert [h for h in ("pypi" + ".org", "npmjs" + ".", "deb." + "debian") if h in text] == []


def test_hints_for_logs_are_yaml_and_read_the_default_release() -> None:
    """What people copy parses, and the globs are those of the default release and namespace."""
    text = (ROOT / "docs" / "logs.md").read_text(encoding="utf-8")
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]

    assert len(blocks) == 4
    (tail,) = next(b for b in blocks if "pipeline" in b)["pipeline"]["inputs"]
    assert tail["path"] == "/var/log/containers/langsmith-*_langsmith_*.log"
    assert fnmatch(f"/var/log/containers/langsmith-backend-7d-x_langsmith_backend-{'0' * 64}.log", tail["path"])


def test_every_option_of_validate_is_documented(capsys: pytest.CaptureFixture[str]) -> None:
    """And every category of its verdicts."""
    with pytest.raises(SystemExit):
        main(["validate", "--help"])
    text = (ROOT / "docs" / "validate.md").read_text(encoding="utf-8")

    told = re.sub(r"-\n\s+", "-", capsys.readouterr().out)
    options = set(re.findall(r"--[a-z][a-z-]+", told)) - {"--help"}
    assert {o for o in options if not re.search(rf"{o}(?![a-z-])", text)} == set()
    assert [c for c in CATEGORIES if f"| `{c}` |" not in text] == []
