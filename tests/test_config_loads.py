"""Configurations that `generate` takes, in the oldest Prometheus and Alertmanager: everything loads, and means what was written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from generator.bundle import Bundle, build, installation
from generator.catalogue import Catalogue
from generator.lint import run
from generator.outputs import FORMATS
from testbed.accepting import Case, accepted
from testbed.servers import Alertmanager, Prometheus, find, missing, wait_until
from testbed.servers.loopback import OK, ask

pytestmark = pytest.mark.real

#: Prometheus hands targets over five seconds after a reload.
LIMIT_SECONDS = 60

SIGNS = "signs that mean something to a server, as plain text"

#: Those that every query follows; for others the checks of our own would find what they find without a configuration.
LINTED = (
    SIGNS,
    "labels of another convention",
    "labels that a job or a pod has",
    "systems told by an expression alone",
)


@pytest.fixture(scope="module")
def prometheus() -> Iterator[Prometheus]:
    """The oldest Prometheus, which knows no rules yet."""
    with Prometheus(_binary("prometheus"), "global: {scrape_interval: 1h}\n") as server:
        yield server


@pytest.fixture(scope="module")
def alertmanager() -> Iterator[Alertmanager]:
    """The oldest Alertmanager, which tells nobody yet."""
    with Alertmanager(_binary("alertmanager"), "{route: {receiver: nobody}, receivers: [{name: nobody}]}\n") as server:
        yield server


def _binary(program: Any) -> Path:
    found = find(program, "oldest")
    if not found.path:
        missing(found.reason)
    return Path(str(found.path))


def bundle(case: Case, catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "bundle.yaml"
    path.write_text(case.text, encoding="utf-8")
    return build(installation(catalogue, path))


def texts(made: Bundle) -> dict[str, str]:
    return {path.as_posix(): text for path, text in FORMATS["files"].render(made).items()}


def load(server: Prometheus, files: dict[str, str], folder: str) -> None:
    """Load the whole configuration with every job of every fragment, then its rules as files of their own.

    Raises:
        ServerError: Prometheus refuses something.

    """
    config = yaml.safe_load(files["scrape/prometheus.yml"])
    fragments = [
        yaml.safe_load(text) for name, text in files.items() if name.startswith("scrape/") and name.endswith(".yml")
    ]
    jobs = {job["job_name"]: job for one in fragments for job in one["scrape_configs"]}
    for job in jobs.values():
        if job.pop("kubernetes_sd_configs", None):  # Debian 12 builds Prometheus without it
            job["static_configs"] = []
    config["scrape_configs"] = list(jobs.values())
    server.reload(yaml.safe_dump(config))
    (server.folder / folder).mkdir()
    for name, text in files.items():
        if name.endswith(".rules.yaml"):
            (server.folder / folder / Path(name).name).write_text(text, encoding="utf-8")
    server.reload(yaml.safe_dump({**config, "rule_files": [f"{folder}/*.rules.yaml"]}))


@pytest.mark.parametrize("case", accepted(), ids=lambda case: case.kind)
def test_it_loads_and_lints_clean(
    case: Case,
    prometheus: Prometheus,
    alertmanager: Alertmanager,
    catalogue: Catalogue,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Scrape jobs, rules and routes; where queries differ, no check of our own finds anything in them."""
    made = bundle(case, catalogue, tmp_path, monkeypatch)
    files = texts(made)

    load(prometheus, files, f"rules-{accepted().index(case)}")
    (alertmanager.folder / "alertmanager.yml").write_text(files["alerts/alertmanager.yml"], encoding="utf-8")
    status, answer = ask(alertmanager.port, "POST", "/-/reload")

    assert (status, answer.decode()) == (OK, "")
    rules = [rule for group in prometheus.groups() for rule in group.rules]
    assert len(rules) == sum(len(g.records) + len(g.alerts) for groups in made.rules.values() for g in groups)
    if case.kind in LINTED:
        for name, text in files.items():
            (tmp_path / "out" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "out" / name).write_text(text, encoding="utf-8")
        assert [str(finding) for finding in run(made.site, tmp_path / "out")] == []


def test_signs_stay_what_they_are(
    prometheus: Prometheus, catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A `$` of a label is no reference, a brace no template, and Grafana reads no file for a folder's name."""
    case = next(case for case in accepted() if case.kind == SIGNS)
    files = texts(bundle(case, catalogue, tmp_path, monkeypatch))
    load(prometheus, files, "rules-signs")

    def found() -> list[Mapping[str, str]]:
        return [t.labels for t in prometheus.targets() if t.labels.get("system") == "agent_server"]

    wait_until(lambda: any(one.get("env") for one in found()), what="the targets", limit_seconds=LIMIT_SECONDS)
    (labels,) = found()
    assert labels == {
        "cluster": "a$1b",
        "deployment": "$1-shop's",
        "env": 'pro"d\\x',
        "instance": "10.0.0.7:8000",
        "job": "agent-server",
        "namespace": 'a"b\\',
        "role": "api",
        "system": "agent_server",
    }
    alert = next(r for g in prometheus.groups() for r in g.rules if r.name == "AgentServerRunTimeouts")
    assert alert.labels == {
        "cost": "{ }",
        "env": 'pro"d\\x',
        "owner": "us$ & you's: #1",
        "severity": alert.labels["severity"],
    }
    assert 'env="pro\\"d\\\\x"' in alert.query
    (provider,) = yaml.safe_load(files["dashboards/provider.yaml"])["providers"]
    assert provider["folder"] == "$$__file{/etc/hostname} $${HOME}"
