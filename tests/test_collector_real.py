"""A real Collector takes every configuration, and names what is wrong in one."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest
import yaml

from generator.cli.main import main
from testbed.servers import missing
from testbed.servers.collector import collector, faults

from .conftest import ROOT

pytestmark = pytest.mark.matrix

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
