"""The committed files are what the generator makes, pass every check, and come out the same every time."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from generator.bundle import build
from generator.cli import main
from generator.render import FORMATS
from generator.site import Site

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
    "labels": "labels: {cluster: k8s_cluster, namespace: ns, deployment: app, role: tier, instance: pod_ip, system: kind}\n",
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


HASH = """
import hashlib
from generator import config
from generator.bundle import build
from generator.catalogue import load
from generator.render import FORMATS
from generator.site import Site

catalogue = load()
texts = FORMATS["files"](build(Site(catalogue, config.read(catalogue))))
print(hashlib.sha256(repr(sorted(texts.items())).encode()).hexdigest())
"""


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
    text = "".join(FORMATS["files"](bundle).values())
    assert "run_failed_after_retry" not in text
    assert "lg_api_http_requests_total" in text


@pytest.mark.parametrize(
    ("text", "gone", "kept"),
    [
        ("tier: 1", "AgentServerRunExecutionSlow", "AgentServerStreamDataLoss"),
        ("roles: [api]", "AgentServerWorkersSaturated", "AgentServerAvailabilityBurn1h"),
        ("roles: [queue]", "AgentServerAvailabilityBurn1h", "AgentServerRunTimeouts"),
        ("runtimes: [inmem]", "AgentServerPgPoolErrors", "AgentServerRunTimeouts"),
        ("versions: old", "AgentServerStreamDataLoss", "AgentServerPgPoolErrors"),
        ("switches: []", "Free places in the publish queue", "AgentServerPgPoolErrors"),
    ],
)
def test_each_restriction_takes_what_it_must(
    configured: Callable[[str], Site], text: str, gone: str, kept: str
) -> None:
    """Tier, role, runtime, version and switch each leave out what needs them, and nothing else."""
    found = left_out(configured(f"systems: {{agent_server: {{{text}}}}}\n"))

    assert gone in found
    assert kept not in found


def test_a_prefix_renames_everything(configured: Callable[[str], Site]) -> None:
    """METRIC_PREFIX is a parameter: no trace of the default one is left in any query."""
    bundle = build(configured("systems: {agent_server: {prefix: acme_}}\n"))

    text = "".join(text for path, text in FORMATS["files"](bundle).items() if path.parts[0] != "docs")
    assert "lg_api" not in text.replace("lsd_langgraph_api", "")
    assert "acme_http_requests_total" in text
