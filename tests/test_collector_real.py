"""A real Collector: it takes every configuration, scrapes all systems, and what it writes is what the rules and boards read."""

from __future__ import annotations

import contextlib
import io
import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml

from generator.catalogue import load
from generator.cli.main import main
from generator.outputs.timescale import duration
from testbed.servers import Alertmanager, Prometheus, free_port, golang, missing, wait_until
from testbed.servers.collector import Collector, collector, faults
from testbed.servers.loopback import ask
from testbed.stack.deployments import TABLE, Process, config, follow, start
from testbed.stack.monitoring import FLAGS, binaries

from .conftest import ROOT

pytestmark = pytest.mark.matrix

#: Virtual seconds per second: a scrape is a second and a half.
SCALE = 20.0

#: How long all of it may take to be scraped and evaluated, in seconds.
PATIENCE = 300

#: Variables of the files that are only looked at.
ENV = {
    "PROMETHEUS_REMOTE_WRITE_URL": "http://127.0.0.1:1/api/v1/write",
    "TRACES_OTLP_ENDPOINT": "http://127.0.0.1:1",
    "LOGS_OTLP_ENDPOINT": "http://127.0.0.1:1",
    "OTLP_METRICS_ENDPOINT": "http://127.0.0.1:1",
}


@pytest.fixture(scope="module")
def program() -> Path:
    found = collector()
    if not found.path:
        missing(found.reason)
    assert found.path
    return found.path


@dataclass(frozen=True, slots=True)
class Pushed:
    """Reference servers of all systems, a Collector that scrapes them, and the Prometheus that it writes to."""

    config: Path
    processes: list[Process]
    collector: Collector
    prometheus: Prometheus
    alertmanager: Alertmanager


def output_of(arguments: list[str]) -> tuple[int, str]:
    """Return the exit code of a command and what it printed."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        code = main(arguments)
    return code, output.getvalue()


#: A Prometheus that takes OTLP, which Debian takes out of its own.
UPSTREAM = ("github.com/prometheus/prometheus", "v0.315.1", "./cmd/prometheus", "remove_all_sd,netgo")

#: By exporter: what its endpoint is below Prometheus' address.
ENDPOINTS = {"prometheus_remote_write": "/api/v1/write", "otlp_http": "/api/v1/otlp"}


def receiving(exporter: str) -> tuple[Path, Path]:
    """Return the Prometheus that takes what an exporter sends, and an Alertmanager."""
    programs = binaries()
    if isinstance(programs, str):
        missing(programs)
    assert not isinstance(programs, str)
    if exporter == "prometheus_remote_write":
        return programs
    upstream = golang.replaced(*UPSTREAM)
    if not upstream.path:
        missing(upstream.reason)
    assert upstream.path
    return upstream.path, programs[1]


@contextlib.contextmanager
def pushed(program: Path, exporter: str) -> Iterator[Pushed]:
    """Start all of it on the files that `agentobs generate` writes, and wait until every target was scraped."""
    programs = receiving(exporter)
    with ExitStack() as open_:
        folder = Path(open_.enter_context(tempfile.TemporaryDirectory(prefix="agentobs-collected-")))
        processes = start(TABLE, SCALE, open_)
        count = follow(processes, folder)
        itself, told_of = free_port(), free_port()
        own = {
            "scrape": {"prometheus": [f"127.0.0.1:{itself}"]},
            "rule_files": [f"{folder}/out/alerts/*.rules.yaml"],
            "alertmanager": {"targets": [f"127.0.0.1:{told_of}"], "webhook_url": "http://127.0.0.1:1/"},
            "formats": {
                "collector": {"exporter": exporter, "endpoint": f"http://127.0.0.1:{itself}{ENDPOINTS[exporter]}"}
            },
        }
        file = folder / "bundle.yaml"
        file.write_text(yaml.safe_dump({**config(processes, folder), **own}), encoding="utf-8")
        formats = ["--format", "files", "--format", "collector"]
        code, output = output_of(
            ["generate", "--config", str(file), "--time-scale", f"{SCALE:g}", "--out", str(folder / "out"), *formats]
        )
        assert code == 0, output

        def text(name: str) -> str:
            return (folder / "out" / name).read_text(encoding="utf-8")

        manager = open_.enter_context(Alertmanager(programs[1], text("alerts/alertmanager.yml"), port=told_of))
        flags = [f"--{name}={duration(value, SCALE)}" for name, value in FLAGS.items()]
        if exporter == "otlp_http":
            flags.append("--web.enable-otlp-receiver")
        prometheus = open_.enter_context(
            Prometheus(programs[0], text("collector/prometheus.yml"), flags=flags, port=itself)
        )
        made = open_.enter_context(Collector(program, text("collector/collector.yaml"), {}))
        wait_until(
            lambda: bool(prometheus.query(f'count(up{{system!=""}} == 1) >= {count}')),
            what=f"{count} targets by the Collector:\n{made.log()}",
            limit_seconds=PATIENCE,
        )
        yield Pushed(file, processes, made, prometheus, manager)


def judged(one: Pushed, *more: str) -> tuple[int, Any]:
    """Return the exit code of `agentobs validate` and its report."""
    report = one.config.with_name("report.json")
    code, _ = output_of([
        "validate", "--config", str(one.config), "--prometheus", one.prometheus.url,
        "--alertmanager", f"http://{one.alertmanager.address}", "--time-scale", f"{SCALE:g}", "--wait", str(PATIENCE),
        "--format", "json", "--output", str(report), *more,
    ])  # fmt: skip
    return code, json.loads(report.read_text(encoding="utf-8"))


def test_the_collector_takes_every_configuration(program: Path, tmp_path: Path) -> None:
    """Those that are committed, and the format's by both exporters; and it names a mistake, a secret that is not there too."""
    found = {path.name: faults(program, path, ENV) for path in sorted((ROOT / "scrape").glob("*.otel-*.yaml"))}
    token = tmp_path / "token"
    token.write_text("a token", encoding="utf-8")
    made = {}
    for exporter in ("prometheus_remote_write", "otlp_http"):
        file = tmp_path / f"{exporter}.yaml"
        text = {
            "formats": {"collector": {"exporter": exporter}},
            "scrape": {"external_labels": {"site": "eu"}},
            "systems": {"langsight": {"scrape": {"kubernetes": {}, "bearer_token_file": str(token)}}},
        }
        file.write_text(yaml.safe_dump(text), encoding="utf-8")
        code, output = output_of([
            "generate", "--config", str(file), "--format", "collector", "--out", str(tmp_path / exporter)
        ])  # fmt: skip
        assert code == 0, output
        made[exporter] = tmp_path / exporter / "collector" / "collector.yaml"
        found[exporter] = faults(program, made[exporter], ENV)
    assert {name: why for name, why in found.items() if why} == {}

    wrong = tmp_path / "wrong.yaml"
    good = made["otlp_http"].read_text(encoding="utf-8")
    wrong.write_text(good.replace("send_batch_size:", "batch_size:"), encoding="utf-8")
    assert "batch_size" in faults(program, wrong, ENV)
    token.unlink()
    assert "no such file" in faults(program, made["otlp_http"], ENV)


@pytest.mark.parametrize("exporter", ENDPOINTS)
def test_rules_and_boards_read_what_the_collector_writes(program: Path, exporter: str) -> None:
    """`agentobs validate` finds nothing wrong: names, types, labels, every rule and every panel. A target that ends goes down."""
    with pushed(program, exporter) as one:
        code, report = judged(one)
        wrong = [v for v in report["verdicts"] if v["verdict"] == "wrong"]
        assert (code, [(v["item"], v["why"]) for v in wrong]) == (0, [])
        assert {v["verdict"] for v in report["verdicts"] if v["category"] == "targets"} <= {"ok", "empty"}

        series = one.prometheus.query('{system!="", __name__!~"ALERTS.*|.*:.*"}')
        assert {name for s in series for name in s.labels if name.startswith("otel_scope")} == set()
        names = {s.labels["__name__"] for s in series}
        assert names >= {"agentgateway_build_info", "target_info"}
        assert names.isdisjoint({"agentgateway_build", "agentobs_target_info"})
        ups = one.prometheus.query('up{system!=""}')
        assert {s.labels["job"] for s in ups} >= {"agent-server", "langsight", "agentgateway-file", "langsmith-file"}
        assert all(s.labels["instance"] and s.labels["deployment"] for s in ups)
        assert {t.labels["job"] for t in one.prometheus.targets()} == {"prometheus", "alertmanager"}

        process = next(p for p in one.processes if p.deployed.system == "langsight")
        process.server.stop()
        wait_until(
            lambda: bool(one.prometheus.query('up{system="langsight"} == 0')), what="up == 0", limit_seconds=PATIENCE
        )
        named = next(m for m in load().systems["langsight"].metrics if m.kind == "gauge" and not m.missing)
        wait_until(
            lambda: not one.prometheus.query(f'{named.full_name}{{system="langsight"}}'),
            what="the end of its series",
            limit_seconds=PATIENCE,
        )


class Page(BaseHTTPRequestHandler):
    """A page with one counter, named as ClickHouse names its own."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(b"# TYPE ClickHouseProfileEvents_Query counter\nClickHouseProfileEvents_Query 3\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


def test_the_exporter_that_is_refused_renames(program: Path) -> None:
    """What the exporter `prometheus` shows of a counter that has no `_total`: bundle.yaml does not take it."""
    port = free_port()
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        found = {"targets": [f"127.0.0.1:{server.server_address[1]}"]}
        job = {"job_name": "clickhouse", "scrape_interval": "1s", "static_configs": [found]}
        text = {
            "receivers": {"prometheus": {"config": {"scrape_configs": [job]}}},
            "exporters": {"prometheus": {"endpoint": f"127.0.0.1:{port}"}},
            "service": {"pipelines": {"metrics": {"receivers": ["prometheus"], "exporters": ["prometheus"]}}},
        }

        def names() -> set[str]:
            try:
                _, page = ask(port, "GET", "/metrics")
            except OSError:  # the Collector shows its own metrics before its exporter listens
                return set()
            return set(re.findall(r"^(ClickHouse\w+)", page.decode(), re.MULTILINE))

        with Collector(program, yaml.safe_dump(text), {}):
            wait_until(names, what="the page", limit_seconds=PATIENCE)
            shown = names()
        server.shutdown()

    assert shown == {"ClickHouseProfileEvents_Query_total"}
