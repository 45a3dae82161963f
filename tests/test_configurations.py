"""Any configuration: what is accepted is made, passes every check and loads in the oldest servers; what is refused names a line.

A hundred configurations here, the same ones at every run; `make configurations EXAMPLES=5000` tries others.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from generator.bundle import build, installation
from generator.config.site import Site
from generator.errors import GeneratorError
from generator.lint import CHECKS, run
from generator.outputs import FORMATS
from generator.source import shown
from testbed.servers import Alertmanager, Prometheus, find, missing
from testbed.servers.loopback import ask
from tests.configurations import CATALOGUE, documents

EXAMPLES = int(os.environ.get("AGENTOBS_CONFIGURATIONS", "0"))

#: Checks that take as long as all others together: of a hundred configurations some are enough.
DEAR = {"dashboard/schema", "coverage/shown", "coverage/watched", "coverage/proved", "coverage/reasons"}


class Judge:
    """What stands for an operator's servers: the oldest Prometheus and the oldest Alertmanager that are supported."""

    def __init__(self, prometheus: Prometheus, alertmanager: Alertmanager, folder: Path, *, kubernetes: bool) -> None:
        self.prometheus, self.alertmanager, self.folder, self.kubernetes = prometheus, alertmanager, folder, kubernetes
        self.seen: Counter[str] = Counter()

    def verdict(self, text: str) -> list[str]:
        """Return what is wrong with what the generator does with a configuration; `seen` counts what it did."""
        path = self.folder / "bundle.yaml"
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        try:
            site = installation(CATALOGUE, path)
            bundle = build(site)
        except GeneratorError as error:
            self.seen["refused"] += 1
            lines = text.count("\n") + 1
            return [
                f"refused without a line of the file: {problem}"
                for problem in error.problems
                if problem.path != shown(path)
                or not 1 <= problem.line <= lines
                or not (problem.what and problem.fix)
                or not str(problem).isprintable()
            ]
        self.seen["accepted"] += 1
        files = {str(name): content for name, content in FORMATS["files"].render(bundle).items()}
        return [*self._linted(site, files), *self._loaded(files)]

    def _linted(self, site: Site, files: Mapping[str, str]) -> Iterator[str]:
        root = self.folder / "out"
        shutil.rmtree(root, ignore_errors=True)
        for name, content in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(content, encoding="utf-8")
        thorough = EXAMPLES or self.seen["accepted"] % 8 == 1
        checks = CHECKS if thorough else [check for check in CHECKS if check.name not in DEAR]
        yield from (str(finding) for finding in run(site, root, checks))

    def _loaded(self, files: Mapping[str, str]) -> Iterator[str]:
        """Rules are found beside the globs of the configuration, which lead to nothing here."""
        rules = self.prometheus.folder / "made"
        shutil.rmtree(rules, ignore_errors=True)
        rules.mkdir()
        for name, content in files.items():
            if name.endswith(".rules.yaml"):
                (rules / Path(name).name).write_text(content, encoding="utf-8")
        for name, content in files.items():
            if name.startswith("scrape/") and name.endswith(".yml"):
                document = self._without_kubernetes(yaml.safe_load(content))
                if name == "scrape/prometheus.yml":
                    document["rule_files"] = [*document.get("rule_files", ()), "made/*.yaml"]
                (self.prometheus.folder / "prometheus.yml").write_text(yaml.safe_dump(document), encoding="utf-8")
                yield from self._reloaded(name, self.prometheus.port)
        (self.alertmanager.folder / "alertmanager.yml").write_text(files["alerts/alertmanager.yml"], encoding="utf-8")
        yield from self._reloaded("alerts/alertmanager.yml", self.alertmanager.port)

    def _without_kubernetes(self, document: dict[str, Any]) -> dict[str, Any]:
        """Debian builds the oldest Prometheus without Kubernetes discovery; everything else of a job is still looked at."""
        jobs = document.get("scrape_configs") or ()
        if not self.kubernetes:
            for job in (*jobs, *document.get("alerting", {}).get("alertmanagers", ())):
                if job.pop("kubernetes_sd_configs", None):
                    job["static_configs"] = []
        return document

    @staticmethod
    def _reloaded(name: str, port: int) -> Iterator[str]:
        status, body = ask(port, "POST", "/-/reload")
        if status != 200:
            yield f"{name} does not load: {body.decode(errors='replace')[:2000]}"


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judge]:
    """Both servers, empty."""
    found = [find("prometheus", "oldest"), find("alertmanager", "oldest")]
    for each in found:
        if not each.path:
            missing(each.reason)
    prometheus, alertmanager = (Path(str(each.path)) for each in found)
    folder = tmp_path_factory.mktemp("configurations")
    nobody = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"
    with Prometheus(prometheus, "scrape_configs: []\n") as first, Alertmanager(alertmanager, nobody) as second:
        yield Judge(first, second, folder, kubernetes=knows_kubernetes(first))


def knows_kubernetes(server: Prometheus) -> bool:
    try:
        server.reload("scrape_configs: [{job_name: x, kubernetes_sd_configs: []}]\n")
    except Exception as error:
        if "field kubernetes_sd_configs not found" not in str(error):
            raise
        return False
    return True


@pytest.mark.real
def test_what_is_accepted_works_and_what_is_refused_names_a_line(judge: Judge) -> None:
    """What is tried, and how odd it is, is the pools of `tests.configurations`."""

    @settings(
        max_examples=EXAMPLES or 100,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(text=documents())
    def holds(text: str) -> None:
        assert judge.verdict(text) == []

    holds()

    assert min(judge.seen[kind] for kind in ("accepted", "refused")) > (EXAMPLES or 100) / 5
