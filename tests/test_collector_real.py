"""A real Collector takes every configuration, names what is wrong in one, and renames by the exporter that is refused."""

from __future__ import annotations

import contextlib
import io
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import yaml

from generator.cli.main import main
from testbed.servers import free_port, missing, wait_until
from testbed.servers.collector import Collector, collector, faults
from testbed.servers.loopback import ask

from .conftest import ROOT

pytestmark = pytest.mark.matrix

#: How long a page may take to be scraped, in seconds.
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


def told(arguments: list[str]) -> tuple[int, str]:
    """Return the exit code of a command and what it printed."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = main(arguments)
    return code, said.getvalue()


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
        code, said = told([
            "generate", "--config", str(file), "--format", "collector", "--out", str(tmp_path / exporter)
        ])  # fmt: skip
        assert code == 0, said
        made[exporter] = tmp_path / exporter / "collector" / "collector.yaml"
        found[exporter] = faults(program, made[exporter], ENV)
    assert {name: why for name, why in found.items() if why} == {}

    wrong = tmp_path / "wrong.yaml"
    good = made["otlp_http"].read_text(encoding="utf-8")
    wrong.write_text(good.replace("send_batch_size:", "batch_size:"), encoding="utf-8")
    assert "batch_size" in faults(program, wrong, ENV)
    token.unlink()
    assert "no such file" in faults(program, made["otlp_http"], ENV)


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
            return set(re.findall(r"^(ClickHouse\w+)", ask(port, "GET", "/metrics")[1].decode(), re.MULTILINE))

        with Collector(program, yaml.safe_dump(text), {}):
            wait_until(names, what="the page", limit_seconds=PATIENCE)
            shown = names()
        server.shutdown()

    assert shown == {"ClickHouseProfileEvents_Query_total"}
