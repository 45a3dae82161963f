"""A blackbox_exporter asks processes whether they are ready, under the names that their own series have, and counts for no process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from generator.bundle import build
from generator.config.site import Site
from generator.discovery.scrape import jobs, prometheus_yml
from generator.errors import ConfigError
from generator.lint.finding import Files
from generator.lint.scrape import labels
from generator.outputs import documents
from generator.source import Document
from testbed.servers import Prometheus, find, missing, wait_until
from testbed.servers.loopback import OK, ask
from testbed.servers.started import Started
from testbed.stack.reference import Reference

Json = dict[str, Any]

CHAT = """\
systems:
  agent_server:
    scrape:
      blackbox_exporter: probes:9115
      static:
        - {role: api, deployment: chat, targets: ["10.0.0.7:8000"]}
        - {role: queue, deployment: chat, targets: ["10.0.0.8:8000"]}
        - {deployment: notes, targets: ["10.0.0.9:8000"]}
"""


def ready(site: Site, system: str, kind: str) -> list[Json]:
    return [job for job in jobs(site, system, kind) if job["job_name"].endswith("-ready")]


def test_who_serves_is_asked_through_the_exporter(configured: Callable[[str], Site]) -> None:
    """The whole job. A queue process serves nobody; one without a role may."""
    assert ready(configured(CHAT), "agent_server", "static") == [
        {
            "job_name": "agent-server-ready",
            "metrics_path": "/probe",
            "params": {"module": ["http_2xx"]},
            "static_configs": [
                {"targets": ["10.0.0.7:8000"], "labels": {"deployment": "chat", "role": "api"}},
                {"targets": ["10.0.0.9:8000"], "labels": {"deployment": "notes"}},
            ],
            "relabel_configs": [
                {
                    "source_labels": ["instance", "__address__"],
                    "regex": ";(.+)",
                    "target_label": "instance",
                    "replacement": "$1",
                },
                {
                    "source_labels": ["__address__"],
                    "regex": "(.+)",
                    "target_label": "__param_target",
                    "replacement": "http://$1/ok?check_db=1",
                },
                {"target_label": "__address__", "replacement": "probes:9115"},
            ],
            "metric_relabel_configs": [{"target_label": "system", "replacement": "agent_server"}],
        }
    ]


def test_every_kind_of_discovery_finds_who_serves(configured: Callable[[str], Site]) -> None:
    """By the rules of the page's own job; target files bring roles that nobody knows before."""
    site = configured(
        "systems:\n  agent_server:\n    scrape:\n      blackbox_exporter: probes:9115\n      https: true\n"
        "      dns: [{deployment: a, role: api, names: [a.internal]}, {deployment: a, role: queue, names: [q.internal]}]\n"
    )
    (dns,), (file,), (pods,) = (ready(site, "agent_server", kind) for kind in ("dns", "file", "kubernetes"))
    page = jobs(site, "agent_server", "kubernetes")[0]

    assert (dns["job_name"], dns["dns_sd_configs"][0]["names"]) == ("agent-server-dns-a-api-ready", ["a.internal"])
    assert file["relabel_configs"][0] == {"source_labels": ["role"], "regex": "(?:combined|api)?", "action": "keep"}
    assert pods["kubernetes_sd_configs"] == page["kubernetes_sd_configs"]
    assert pods["relabel_configs"][:-2] == page["relabel_configs"][:-1]
    assert {job.get("scheme") for job in (dns, file, pods)} == {None}
    assert all("https://$1/ok" in str(job["relabel_configs"]) for job in (dns, file, pods))


def test_what_is_for_the_page_is_not_sent_to_the_exporter(configured: Callable[[str], Site]) -> None:
    """LangSight's token, and the limits of its page."""
    site = configured(
        'systems: {langsight: {scrape: {blackbox_exporter: "[::1]:9115", blackbox_module: slow, kubernetes: {}}}}\n'
    )
    (job,) = ready(site, "langsight", "kubernetes")

    assert job["params"] == {"module": ["slow"]}
    assert {"authorization", "sample_limit", "label_limit"}.isdisjoint(job)
    assert {"target_label": "__address__", "replacement": "[::1]:9115"} in job["relabel_configs"]


def test_matchers_in_the_place_of_the_system_label_are_on_samples_alone(configured: Callable[[str], Site]) -> None:
    """Else `up` of the exporter would be found where one of the system is asked for."""
    site = configured(CHAT.replace("    scrape:", "    match: {job: agents}\n    scrape:") + "selectors: {env: prod}\n")
    (job,) = ready(site, "agent_server", "static")

    assert {rule["target_label"]: rule["replacement"] for rule in job["metric_relabel_configs"]} == {
        "system": "agent_server",
        "env": "prod",
        "job": "agents",
    }
    assert {rule.get("target_label") for rule in job["relabel_configs"]}.isdisjoint({"job", "env", "system"})


def test_nobody_is_asked_where_no_exporter_is_named(site: Site) -> None:
    every = [
        job
        for name in site.config.systems
        for kind in ("static", "dns", "file", "kubernetes")
        for job in jobs(site, name, kind)
    ]

    assert [job["job_name"] for job in every if job["job_name"].endswith("-ready")] == []


def test_an_exporter_that_is_named_switches_its_alert_on(configured: Callable[[str], Site]) -> None:
    """And `disable` takes it away again."""

    def names(text: str) -> set[str]:
        made = documents.rules(build(configured(text))).values()
        return {rule.get("alert", "") for one in made for group in one["groups"] for rule in group["rules"]}

    asked = {"AgentServerHealthCheckFailing", "LangSightNotReady"}
    assert names("{}\n") & asked == set()
    assert names(CHAT) & asked == {"AgentServerHealthCheckFailing"}
    assert names(CHAT + "alerts: {disable: [AgentServerHealthCheckFailing]}\n") & asked == set()


def test_an_exporter_is_a_host_and_a_port_and_only_who_can_be_asked_has_one(configured: Callable[[str], Site]) -> None:
    with pytest.raises(ConfigError) as caught:
        configured(
            'systems: {langsight: {scrape: {blackbox_exporter: "probes:0"}}, agentgateway: {scrape: {blackbox_exporter: "p:1"}}}\n'
        )

    assert [str(problem).partition(": ")[2] for problem in caught.value.problems] == [
        "'probes:0' has no port from 1 to 65535 behind its host; write host:port, such as 10.0.0.7:9115",
        "unknown field 'blackbox_exporter'; use bearer_token_file, discovery, dns, files, https, kubernetes, label_limit, "
        "sample_limit, static",
    ]


def test_lint_wants_the_system_on_samples_of_a_probe(configured: Callable[[str], Site]) -> None:
    """A job whose samples belong to nobody is found."""
    site = configured(CHAT)

    def found(listed: list[Json]) -> list[str]:
        document = Document("scrape/x.yml", {"scrape_configs": listed}, {})
        return [one.what for one in labels(Files((), (), (document,), ()), site)]

    (job,) = ready(site, "agent_server", "static")
    assert found([job]) == []
    assert found([{**job, "metric_relabel_configs": []}]) == ["job 'agent-server-ready' does not set 'system'"]


class Blackbox(Started):
    """A blackbox_exporter with the module that it comes with."""

    def __init__(self, binary: Path) -> None:
        """Start it, and wait until it answers."""
        super().__init__("blackbox")
        self._binary = binary
        with self.starting():
            self._file = self.write(
                "blackbox.yml", "modules: {http_2xx: {prober: http, http: {preferred_ip_protocol: ip4}}}\n"
            )
            self.start()

    def command(self) -> Sequence[str | Path]:
        """Return the program with its flags."""
        return [self._binary, f"--config.file={self._file}", f"--web.listen-address=127.0.0.1:{self.port}"]

    def answers(self) -> bool:
        """Say whether its page is there."""
        return ask(self.port, "GET", "/metrics")[0] == OK


@pytest.mark.real
def test_a_real_exporter_tells_that_a_database_is_gone(configured: Callable[[str], Site], tmp_path: Path) -> None:
    """Under the name of the deployment, which has no process more for it."""
    exporter, server = find("blackbox", "oldest"), find("prometheus", "newest")
    if not exporter.path or not server.path:
        missing(exporter.reason or server.reason)
    assert exporter.path
    assert server.path
    token = tmp_path / "token"
    token.write_text("t", encoding="utf-8")
    with ExitStack() as open_:
        blackbox = open_.enter_context(Blackbox(exporter.path))
        flags = ("--system", "langsight", "--time-scale", "600")
        sight = open_.enter_context(Reference(*flags, env={"LANGSIGHT_METRICS_TOKEN": "t"}).ready())
        site = configured(
            "scrape: {interval: 1s, timeout: 1s, prometheus: []}\nrule_files: []\nalertmanager: {targets: []}\n"
            f'systems:\n  langsight:\n    scrape:\n      blackbox_exporter: "127.0.0.1:{blackbox.port}"\n      bearer_token_file: {token}\n'
            f'      static: [{{deployment: eu, namespace: sight, targets: ["127.0.0.1:{sight.port}"]}}]\n'
        )
        prometheus = open_.enter_context(Prometheus(server.path, yaml.safe_dump(prometheus_yml(site))))

        def probed(value: int) -> bool:
            return [one.value for one in prometheus.query('probe_success{system="langsight"}')] == [value]

        wait_until(lambda: probed(1), what="a probe that succeeds", limit_seconds=60)
        (probe,) = prometheus.query('probe_success{system="langsight"}')
        assert probe.labels == {
            "__name__": "probe_success",
            "system": "langsight",
            "namespace": "sight",
            "deployment": "eu",
            "instance": f"127.0.0.1:{sight.port}",
            "job": "langsight-ready",
        }
        wait_until(lambda: bool(prometheus.query('up{job="langsight"} == 1')), what="its page", limit_seconds=60)
        assert [one.labels["job"] for one in prometheus.query('up{system="langsight"}')] == ["langsight"]
        sight.switch("L10")
        wait_until(lambda: probed(0), what="a probe that fails", limit_seconds=300)
