"""The documents are true: their generated parts are current, their example loads, their links lead somewhere."""

from __future__ import annotations

import gzip
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from generator.catalogue import load
from generator.cli.main import main
from generator.config import SCHEMA
from generator.config.settings import Config
from generator.config.site import Site
from generator.systems import SHIPPED
from generator.validate.verdict import CATEGORIES
from reference_server.agent_server import AGENT_SERVER
from reference_server.scenarios import coverage
from reference_server.scenarios import library as scenarios
from reference_server.scenarios.systems import SERVICES
from testbed.cases.proving import PROVED
from testbed.cases.reading import load as load_cases

from .conftest import ROOT

DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]


@pytest.mark.long
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


def tool(monkeypatch: pytest.MonkeyPatch, name: str) -> dict[str, Any]:
    """What a script of tools/ defines."""
    monkeypatch.syspath_prepend(ROOT / "tools")
    return runpy.run_path(str(ROOT / "tools" / f"{name}.py"))


MADE = {"boards": ["| board | answers |", "| --- | --- |", "| Fleet | all of it |"], "checks": ["- one"]}
GOOD = """\
# Title

<!-- boards: agentobs list boards -->
| board | answers |
<!-- /boards -->

```markdown
<!-- boards -->
```

<!-- checks -->
<!-- /checks -->
"""


@pytest.mark.parametrize(
    ("broken", "messages"),
    [
        (GOOD, []),
        (GOOD.replace("<!-- /checks -->\n", ""), ["a.md:11: 'checks' does not end; write <!-- /checks --> below it"]),
        (GOOD.replace("<!-- /boards -->\n", ""), ["a.md:3: 'boards' does not end; write <!-- /boards --> below it"]),
        (
            GOOD + "| old | row |\n<!-- /checks -->\n",
            ["a.md:14: 'checks' ends and has not begun; delete it, and what stands above it of an older copy"],
        ),
        (GOOD + "<!-- checks -->\n<!-- /checks -->\n", ["a.md:13: 'checks' stands at a.md:11 already; keep one of the two"]),
        (GOOD.replace("checks", "cheques"), [
            "a.md:11: no part is called 'cheques'; use one of boards, checks",
            "a.md:12: no part is called 'cheques'; use one of boards, checks",
            "checks: no document shows it; write its two marks, or take it out",
        ]),
        (GOOD + "\n| board | answers |\n| --- | --- |\n", [
            "a.md:14: a table as in 'boards', which nobody keeps current here; delete it",
        ]),
    ],
)  # fmt: skip
def test_a_generated_part_stands_once_and_is_closed(
    monkeypatch: pytest.MonkeyPatch, broken: str, messages: list[str]
) -> None:
    """A part that was pasted twice, torn or left open is told with its line, as is a table that nobody keeps current."""
    found = tool(monkeypatch, "blocks")["problems"]({Path("a.md"): broken}, MADE)

    assert found == messages


def test_a_part_is_known_over_all_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same part in two documents would be two to keep current."""
    found = tool(monkeypatch, "blocks")["problems"]({Path("a.md"): GOOD, Path("b.md"): GOOD}, MADE)

    assert found == [
        "b.md:3: 'boards' stands at a.md:3 already; keep one of the two",
        "b.md:11: 'checks' stands at a.md:11 already; keep one of the two",
    ]


@pytest.mark.parametrize("system", [AGENT_SERVER, *SERVICES])
def test_every_metric_moves_under_some_scenario(system: str) -> None:
    """The page, which the test of generated parts plays, names one for each; only what no scrape can see is left out.

    What the kernel tells of huge pages, swap and locked memory is nothing on the page of a real gateway, too.
    """
    metrics = load().systems[system].metrics
    found = coverage.named((ROOT / "docs" / "scenarios.md").read_text(encoding="utf-8"), metrics)
    real = gzip.decompress((ROOT / "tests/data/pages/agentgateway_1.4.1.prom.gz").read_bytes()).decode()
    still = set(
        re.findall(r"^agentgateway_((?:process|cgroup)_\w+?)(?:_total(?<=_total_total))? 0$", real, re.MULTILINE)
    )

    assert {name for name, who in found.items() if who == "-"} <= still
    assert {m.name for m in metrics} - found.keys() == {m.name for m in metrics if m.never_scraped}
    assert {m.name for m in metrics if m.never_scraped} <= {"server_stopped_counter"}


def test_a_scenario_that_does_not_move_a_metric_any_more_is_replaced() -> None:
    """What a page names is played, not believed."""
    metrics = load().systems["langsight"].metrics
    late = "langsight_sse_events_dropped_total"
    names = {m.documented_name: m.name for m in metrics}
    page = f"| `{late}` | L02 |\n| `langsight_http_requests_total` | L02 |\n"

    found = coverage.table(metrics, coverage.named(page, metrics))

    assert found[names["langsight_http_requests_total"]] == "L02"
    assert found[names[late]] == "L04"


def test_the_fidelity_result_counts_what_was_missed_and_what_was_false(monkeypatch: pytest.MonkeyPatch) -> None:
    """One fault of three was missed, one outlasted its alert; one benign situation of two had an alert that it must not have."""
    page = """\
| scenario | what happens | had to fire, and did | allowed, and fired | told of to its end |
| --- | --- | --- | --- | --- |
| B01 | Nothing |  |  |  |
| B02 | A deploy |  | **false: AgentServerTargetDown**, AgentServerRestartLoop |  |
| F01 | Errors | AgentServerAvailabilityBurn1h (31 min) | AgentServerAvailabilityBurn6h | 59 min |
| F02 | A stall | **missed: AgentServerQueueStalled** |  |  |
| F03 | A backlog | AgentServerBacklogNotDraining (51 min) |  | 39 min, **not 90-120 min** |
"""

    fidelity = tool(monkeypatch, "docs")["fidelity"]

    assert fidelity(page)[2:] == [
        "| faults | 3 | 2 caught in time, 2 told of until they end, 1 missed, 0 false alerts |",
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

    cases = load_cases(load(), [*alerts, *PROVED])
    assert found == tuple(map(str, (len(alerts), len(cases), len(list(scenarios.shipped())))))


def test_the_readme_counts_boards_and_alerts_of_each_system() -> None:
    """Its table says of each system what is on disk."""
    rows = re.findall(
        r"^\| ([\w ]+) \| .* \| \[(\d+)\]\(docs/boards.md\), \[(\d+)\]\(docs/alerts.md\)",
        (ROOT / "README.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    systems = {system.title: name for name, system in load().systems.items() if name in SHIPPED}
    found = {}
    for title, name in systems.items():
        rules = [p.read_text(encoding="utf-8") for p in (ROOT / "alerts").glob(f"{name}[._]*rules.yaml")]
        boards = len(list((ROOT / "dashboards").glob(f"{name}_*.json")))
        found[title] = (str(boards), str(len(re.findall(r"^  - alert:", "".join(rules), re.MULTILINE))))

    assert {title: (boards, alerts) for title, boards, alerts in rows} == found


def test_the_readme_is_a_page() -> None:
    """Whatever is longer has a page of its own in docs/."""
    text = (ROOT / "README.md").read_bytes()

    assert len(text.splitlines()) <= 200
    assert len(text) <= 12_000


def example() -> str:
    text, *_ = re.findall(
        r"```yaml\n(.*?)```", (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8"), re.DOTALL
    )
    return str(text)


def test_the_documented_defaults_are_the_defaults(configured: Callable[[str], Site], site: Site) -> None:
    """The example of the configuration page, loaded, is the same as no file at all, but for the targets that it names."""

    def unnamed(config: Config) -> Config:
        systems = {
            name: replace(one, discovery=replace(one.discovery, kinds=(), static=(), dns=()))
            for name, one in config.systems.items()
        }
        return replace(config, document=None, systems=systems)

    assert unnamed(configured(example()).config) == unnamed(site.config)


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
    written = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    targets = re.findall(r"\]\((?!https?://)([^)#]+)", written)

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

    usage = re.sub(r"-\n\s+", "-", capsys.readouterr().out)
    options = set(re.findall(r"--[a-z][a-z-]+", usage)) - {"--help"}
    assert {o for o in options if not re.search(rf"{o}(?![a-z-])", text)} == set()
    assert [c for c in CATEGORIES if f"| `{c}` |" not in text] == []


@pytest.mark.parametrize("path", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))])
def test_people_are_named_by_what_they_do(path: Path) -> None:
    """A reader, a client, an operator, a supervisor: three words say nothing of who is meant, or of what is alike."""
    assert not re.search(r"\b(whoever|somebody|likewise)\b", path.read_text(encoding="utf-8"), re.IGNORECASE)
