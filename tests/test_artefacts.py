"""The committed files are what the generator makes, pass every check, and come out the same every time."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from generator.bundle import build
from generator.cli.main import main
from generator.config.site import Site
from generator.outputs import FORMATS

from .conftest import MIXED, ROOT

#: Configurations whose every file must pass every check.
CONFIGURATIONS = {
    "defaults": "",
    "mixed": MIXED,
    "old": "systems: {agent_server: {versions: old}}\n",
    "ui only": "systems: {agent_server: {exposure: ui}}\n",
    "tier 1": "systems: {agent_server: {tier: 1}}\n",
    "api only": "systems: {agent_server: {roles: [api]}}\n",
    "in-memory": "systems: {agent_server: {runtimes: [inmem]}}\n",
    "prefix": "systems: {agent_server: {prefix: acme_}}\n",
    "labels": "labels: {cluster: k8s_cluster, namespace: ns, deployment: app, role: tier, instance: pod_ip, system: product}\n",
    "selectors": 'selectors: {env: prod, team: "~a|b"}\n',
    "short retention": "evaluation: {retention: 36h}\nslo_period: 1d\n",
    "no langsight": "systems: {langsight: {enabled: false}}\n",
    "langsight only": "systems: {agent_server: {enabled: false}, langsight: {enabled: true}}\n",
    "one release of LangSmith": "systems: {langsmith: {roles: [backend, queue-depth], scrape: {kubernetes: {release: ls}}}}\n",
    "without LangSmith": "systems: {langsmith: {enabled: false}}\n",
    "slow scrapes": "scrape: {interval: 1m}\nevaluation: {interval: 1m, window: 10m}\n",
}


def test_the_committed_files_are_current(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """`agentobs check` finds nothing: source and artefact are of one commit."""
    monkeypatch.chdir(ROOT)

    assert main(["check"]) == 0, capsys.readouterr().err


def test_the_demo_s_files_are_current(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What docker-compose.yml mounts is made from docker/bundle.yaml, by the flags of the Makefile."""
    monkeypatch.chdir(ROOT)
    (flags,) = re.findall(r"^DEMO +:= (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)

    assert main(["check", *shlex.split(flags)]) == 0, capsys.readouterr().err


def test_boards_of_the_defaults_ask_what_those_of_the_demo_would(site: Site, demo: Site) -> None:
    """It mounts dashboards/ as it is committed: what is its own there are links alone."""
    texts = FORMATS["files"].render(build(site))
    others = FORMATS["files"].render(build(demo))

    def asked(text: str) -> list[str]:
        return re.findall(r'^ *"(?:expr|query|definition)": .*$', text, re.MULTILINE)

    boards = [path for path in texts if path.suffix == ".json"]
    assert len(boards) > 25
    assert min(len(asked(texts[path])) for path in boards) > 10
    assert [str(path) for path in boards if asked(texts[path]) != asked(others[path])] == []


def test_the_defaults_scrape_nothing_that_nobody_named(site: Site) -> None:
    """But Prometheus and Alertmanager; and the file says of each system what to name."""
    (text,) = (text for path, text in FORMATS["files"].render(build(site)).items() if path.name == "prometheus.yml")

    assert [job["job_name"] for job in yaml.safe_load(text)["scrape_configs"]] == ["prometheus", "alertmanager"]
    assert re.findall(r"^# No (\w+) is scraped. In bundle.yaml, systems\.(\w+)\.scrape: name ", text, re.MULTILINE) == [
        (name, name) for name in site.config.systems
    ]


@pytest.mark.long
def test_only_what_is_asked_for_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And compared; a name that nothing has is a mistake."""
    where = ["--out", str(tmp_path)]
    assert main(["generate", *where, "--only", "alerts/langsight*", "--only", "scrape/prometheus.yml"]) == 0
    written = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file())

    assert "scrape/prometheus.yml" in written
    assert [name for name in written if not name.startswith("alerts/langsight")] == ["scrape/prometheus.yml"]
    assert main(["check", *where, "--only", "scrape/prometheus.yml"]) == 0
    assert main(["check", *where, "--only", "scrape/langsight.file.yml"]) == 1
    assert main(["generate", *where, "--only", "scrape/promtheus.yml"]) == 1
    assert "--only:1: no file is called 'scrape/promtheus.yml'; see below --out" in capsys.readouterr().err


def test_a_board_is_written_as_the_standard_library_would(site: Site) -> None:
    """orjson is faster, and must not differ but in exponents: keys sorted, two spaces, texts as they are."""
    for text in (text for path, text in FORMATS["files"].render(build(site)).items() if path.suffix == ".json"):
        wanted = json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        assert text == re.sub(r"(?<=\de-)0(?=\d,?\n)", "", wanted)


HASH = """
import hashlib
from generator import config
from generator.bundle import build
from generator.catalogue import load
from generator.outputs import FORMATS
from generator.config.site import Site

catalogue = load()
texts = FORMATS["files"].render(build(Site(catalogue, config.read(catalogue))))
print(hashlib.sha256(repr(sorted(texts.items())).encode()).hexdigest())
"""


@pytest.mark.long
def test_two_processes_make_the_same_bytes() -> None:
    """Output does not depend on hashing or on anything else of one process."""

    def run(seed: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", HASH],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    assert run("1") == run("2")


@pytest.mark.long
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_every_configuration_passes_every_check(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever the operator configures, the files lint clean and nothing refers to what was left out."""
    config = tmp_path / "bundle.yaml"
    config.write_text(CONFIGURATIONS[name], encoding="utf-8")
    assert main(["generate", "--config", str(config), "--out", str(tmp_path)]) == 0

    assert main(["lint", "--config", str(config), "--out", str(tmp_path)]) == 0, capsys.readouterr().out


def left_out(site: Site) -> set[str]:
    return {out.what for out in build(site).left_out}


def test_what_the_configuration_makes_impossible_is_left_out_and_told(configured: Callable[[str], Site]) -> None:
    """With internal metrics off, run outcomes are gone from boards, rules and alerts, each with its reason."""
    bundle = build(configured("systems: {agent_server: {exposure: ui}}\n"))

    reasons = {out.what: out.why for out in bundle.left_out}
    assert reasons["AgentServerRunSuccessBurn1h"] == (
        "lg_api_run_failed_after_retry_counter_total, lg_api_run_success_counter_total: "
        "internal metrics are off (exposure: ui)"
    )
    assert "AgentServerAvailabilityBurn1h" not in reasons
    text = "".join(FORMATS["files"].render(bundle).values())
    assert "run_failed_after_retry" not in text
    assert "lg_api_http_requests_total" in text


@pytest.mark.parametrize(
    ("text", "absent", "present"),
    [
        ("tier: 1", "AgentServerRunExecutionSlow", "AgentServerStreamDataLoss"),
        ("roles: [api]", "AgentServerWorkersSaturated", "AgentServerAvailabilityBurn1h"),
        ("roles: [queue]", "AgentServerAvailabilityBurn1h", "AgentServerRunTimeouts"),
        ("runtimes: [inmem]", "AgentServerPgPoolErrors", "AgentServerRunTimeouts"),
        ("versions: old", "AgentServerStreamDataLoss", "AgentServerPgPoolErrors"),
        ("switches: []", "Publish queue free slots", "AgentServerPgPoolErrors"),
    ],
)
def test_each_restriction_takes_what_it_must(
    configured: Callable[[str], Site], text: str, absent: str, present: str
) -> None:
    """Tier, role, runtime, version and switch each leave out what needs them, and nothing else."""
    found = left_out(configured(f"systems: {{agent_server: {{{text}}}}}\n"))

    assert absent in found
    assert present not in found


def test_a_prefix_renames_everything(configured: Callable[[str], Site]) -> None:
    """METRIC_PREFIX is a parameter: no trace of the default one is left in any query."""
    bundle = build(configured("systems: {agent_server: {prefix: acme_}}\n"))

    text = "".join(text for path, text in FORMATS["files"].render(bundle).items() if path.parts[0] != "docs")
    assert "lg_api" not in text.replace("lsd_langgraph_api", "")
    assert "acme_http_requests_total" in text
