"""An OpenTelemetry Collector of the components that our configurations use, built once by its own builder into the cache.

Nobody but checks of ours needs it. Its version stands here; Kubernetes and DNS are the only kinds of discovery beside files
that it is built with, since the other thirty take most of the time.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from testbed.servers import golang
from testbed.servers.cache import cache_root, locked
from testbed.servers.debian import Found
from testbed.servers.loopback import OK, ask
from testbed.servers.started import Started, inherited

#: The Collector, its builder, and those of its components that follow its number.
VERSION = "v0.165.0"
_CORE, _CONTRIB = "go.opentelemetry.io/collector", "github.com/open-telemetry/opentelemetry-collector-contrib"

#: What is built in, by kind. The exporter `prometheus` is there to show what it does to names.
COMPONENTS: Mapping[str, Sequence[str]] = {
    "receivers": (
        f"{_CONTRIB}/receiver/prometheusreceiver",
        f"{_CONTRIB}/receiver/filelogreceiver",
        f"{_CORE}/receiver/otlpreceiver",
    ),
    "processors": (
        f"{_CORE}/processor/batchprocessor",
        f"{_CORE}/processor/memorylimiterprocessor",
        f"{_CONTRIB}/processor/metricstransformprocessor",
    ),
    "exporters": (
        f"{_CONTRIB}/exporter/prometheusremotewriteexporter",
        f"{_CONTRIB}/exporter/prometheusexporter",
        f"{_CORE}/exporter/otlphttpexporter",
    ),
    "extensions": (f"{_CONTRIB}/extension/storage/filestorage",),
}

#: Build tags of Prometheus, whose code the receiver is.
TAGS = "remove_all_sd,enable_kubernetes_sd,enable_dns_sd"


@functools.cache
def collector() -> Found:
    """Return the Collector; builds it when it was never needed before, which takes a quarter of an hour."""
    manifest = _manifest()
    folder = cache_root() / "go" / f"otelcol-{VERSION}-{hashlib.sha256(manifest.encode()).hexdigest()[:12]}"
    with locked(folder):
        if not folder.is_dir() and (reason := _build(manifest, folder)):
            return Found(None, f"no OpenTelemetry Collector {VERSION}: {reason}")
    return Found(folder / "otelcol")


def _manifest() -> str:
    """Return what the builder reads: YAML, which JSON would be too, and nothing here needs quotes."""
    lines = ["dist:", "  name: otelcol", "  output_path: .", f"  build_tags: {TAGS}"]
    for kind, modules in COMPONENTS.items():
        lines += [f"{kind}:", *(f"  - gomod: {module} {VERSION}" for module in modules)]
    return "\n".join(lines) + "\n"


def _build(manifest: str, folder: Path) -> str:
    """Build into `folder`; return why it did not work, or nothing."""
    builder = golang.tool(f"{_CORE}/cmd/builder", VERSION)
    if not builder.path:
        return builder.reason
    work = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    (work / "builder.yaml").write_text(manifest, encoding="utf-8")
    try:
        done = subprocess.run(
            [builder.path, "--config", "builder.yaml"],
            cwd=work,
            capture_output=True,
            text=True,
            check=False,
            timeout=golang.BUILD_SECONDS,
            env=os.environ | {"GOFLAGS": "-buildvcs=false"},
        )
    except subprocess.TimeoutExpired:
        return f"its builder took over {golang.BUILD_SECONDS} s"
    if done.returncode or not (work / "otelcol").exists():
        shutil.rmtree(work, ignore_errors=True)
        return next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "its builder failed")
    work.rename(folder)
    return ""


def faults(binary: Path, config: Path, env: Mapping[str, str]) -> str:
    """Return what the Collector has against a configuration, in its own words; nothing when it takes it.

    Args:
        binary: The Collector.
        config: The file.
        env: Variables beside ours, which the file may name.

    """
    done = subprocess.run(
        [binary, "validate", "--config", config], env=inherited(**env), capture_output=True, text=True, check=False
    )
    return done.stderr.strip() if done.returncode else ""


class Collector(Started):
    """A running Collector. A context manager: leaving it, or `close()`, kills it and removes its folder."""

    def __init__(self, binary: Path, config: str, env: Mapping[str, str], *more: str) -> None:
        """Start it with a configuration, and wait until it shows its own metrics.

        Args:
            binary: The program.
            config: Text of the configuration.
            env: Variables beside ours.
            more: Texts of further configurations, which are laid over the first in their order.

        Raises:
            StartError: It ended, for example because it does not take the configuration.

        """
        super().__init__("collector")
        self._binary, self._env = binary, env
        shown: Any = {"pull": {"exporter": {"prometheus": {"host": "127.0.0.1", "port": self.port}}}}
        itself = json.dumps({"service": {"telemetry": {"metrics": {"readers": [shown]}}}})
        with self.starting():
            self._files = [self.write(f"{number}.yaml", text) for number, text in enumerate((config, *more, itself))]
            self.start()

    def command(self) -> Sequence[str | Path]:
        """Return the program with its flags."""
        return [self._binary, *(word for path in self._files for word in ("--config", path))]

    def environment(self) -> Mapping[str, str]:
        """Return ours with its own variables."""
        return inherited(**self._env)

    def answers(self) -> bool:
        """Say whether it shows its own metrics, which it does once its pipelines have begun."""
        return ask(self.port, "GET", "/metrics")[0] == OK
