"""A real Cortex takes the rules and the routes of format `ruler` within Mimir's limits, records, fires and notifies."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from generator.bundle import build
from generator.config.site import Site
from generator.outputs import FORMATS, ruler
from testbed.matrix import fleet
from testbed.servers import ServerError, Webhook, missing, wait_until
from testbed.servers.cortex import MODULE, PACKAGE, TAGS, VERSION, Cortex
from testbed.servers.golang import replaced

from .conftest import ROOT
from .test_matrix import PRESENT, TROUBLE

pytestmark = [pytest.mark.matrix, pytest.mark.real]

#: Seconds for what Cortex does every second: it looks for new rules, and spreads their first evaluations over an interval.
PATIENCE = 180


@pytest.fixture(scope="module")
def binary() -> Path:
    found = replaced(MODULE, VERSION, PACKAGE, TAGS)
    if not found.path:
        missing(found.reason)
    return found.path


def fast(text: str) -> str:
    """Return rules that are evaluated every second and held for one."""
    return re.sub(r"^( +)(for|keep_firing_for|interval): .*", r"\1\2: 1s", text, flags=re.MULTILINE)


def load(cortex: Cortex, files: list[Path]) -> None:
    """Load rule files by what the page says, at the address of this server."""
    page = (ROOT / "docs/formats/ruler.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"^python3 - \S+ <<'END'\n(.*?)^END$", page, re.MULTILINE | re.DOTALL)
    assert "http://cortex:9009" in program
    program = program.replace("http://cortex:9009", cortex.url)
    subprocess.run([sys.executable, "-c", program, *files], check=True, timeout=PATIENCE)


def test_cortex_records_and_fires(binary: Path, demo: Site, tmp_path: Path) -> None:
    """The whole bundle over a fleet in trouble: every rule healthy, series recorded, alerts fired, a page delivered."""
    texts = FORMATS["ruler"].render(build(demo))
    paths = {tmp_path / path.name: fast(text) for path, text in texts.items() if path.match("rules/*")}
    for path, text in paths.items():
        path.write_text(text, encoding="utf-8")
    files = {path.stem: yaml.safe_load(text)["groups"] for path, text in paths.items()}
    names = {rule["record"] for groups in files.values() for g in groups for rule in g["rules"] if "record" in rule}
    offsets = [n * fleet.SCRAPE for n in range(int((PRESENT + 500) // fleet.SCRAPE) + 1)]
    fleet.played(fleet.WHOLE)  # before the present begins
    with Webhook() as end, Cortex(binary, rules=ruler.RULES, groups=ruler.GROUPS) as cortex:
        route = texts[ruler.REQUEST].replace("http://webhook:9095/", end.url)
        cortex.route(re.sub(r"(group_wait|group_interval): .*", r"\1: 1s", route))
        start = time.time() - PRESENT
        cortex.push(fleet.histories(start, offsets), [start + offset for offset in offsets])
        load(cortex, [*paths])

        def evaluated() -> list[dict[str, Any]]:
            rules = [rule for group in cortex.rules() for rule in group["rules"]]
            wanted = sum(len(group["rules"]) for groups in files.values() for group in groups)
            return rules if len(rules) == wanted and all(rule["lastEvaluation"] > "1" for rule in rules) else []

        def recorded() -> set[str]:
            return {one.labels["__name__"] for one in cortex.query('{__name__=~"agentobs_.+"}')}

        def firing() -> bool:
            return {a["labels"]["alertname"] for a in cortex.alerts() if a["state"] == "firing"} >= TROUBLE

        rules = wait_until(evaluated, what="the first evaluation", limit_seconds=PATIENCE)
        wait_until(firing, what="alerts on what happens now", limit_seconds=PATIENCE)
        wait_until(lambda: end.receivers("AgentServerPoisonRuns", "firing"), what="the page", limit_seconds=PATIENCE)
        wait_until(lambda: recorded() == names, what="every recorded series", limit_seconds=PATIENCE)
        files_of = {group["name"]: group["file"] for group in cortex.rules()}

    assert [(rule["name"], rule["lastError"]) for rule in rules if rule["health"] != "ok"] == []
    assert {*files_of.values()} == {*files}
    assert end.receivers("AgentServerPoisonRuns", "firing")[0] == "pages"


def test_cortex_refuses_what_is_above_the_limits(binary: Path) -> None:
    """The limits are in force: else the other test would show nothing of them."""
    rules = [{"record": f"a{n}", "expr": "x"} for n in range(ruler.RULES + 1)]
    with Cortex(binary, rules=ruler.RULES, groups=1) as cortex:
        with pytest.raises(ServerError, match="rules per rule group limit"):
            cortex.load("one", {"name": "large", "rules": rules})
        cortex.load("one", {"name": "small", "rules": rules[1:]})
        with pytest.raises(ServerError, match="rule groups limit"):
            cortex.load("one", {"name": "second", "rules": rules[:1]})


def test_cortex_refuses_the_file_of_a_secret(binary: Path) -> None:
    """Why credentials in files are left out."""
    messages = {
        "route": {"receiver": "a"},
        "receivers": [
            {
                "name": "a",
                "webhook_configs": [
                    {"url": "http://127.0.0.1:1/", "http_config": {"authorization": {"credentials_file": "/x"}}}
                ],
            }
        ],
    }
    with (
        Cortex(binary, rules=0, groups=0) as cortex,
        pytest.raises(ServerError, match="credentials_file is not allowed"),
    ):
        cortex.route(yaml.safe_dump({"template_files": {}, "alertmanager_config": yaml.safe_dump(messages)}))
