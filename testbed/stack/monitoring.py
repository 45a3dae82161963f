"""A real Prometheus and a real Alertmanager on the files that `agentobs generate --time-scale` makes for an installation."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from generator.catalogue import load
from generator.cli.main import main
from generator.outputs.timescale import duration
from testbed.servers import Alertmanager, Prometheus, find, free_port
from testbed.servers.debian import Age

#: Flags whose defaults are durations: Prometheus must forget, wait and repeat as fast as time passes.
FLAGS = {
    "query.lookback-delta": "5m",
    "rules.alert.for-outage-tolerance": "1h",
    "rules.alert.for-grace-period": "10m",
    "rules.alert.resend-delay": "1m",
}


def binaries(age: Age = "newest") -> tuple[Path, Path] | str:
    """Return Prometheus and Alertmanager, or a sentence that says what is missing and what to do."""
    found = [find("prometheus", age), find("alertmanager", age)]
    reasons = [one.reason for one in found if not one.path]
    if reasons:
        return f"{'; '.join(reasons)}: install prometheus and prometheus-alertmanager, or let apt reach a Debian mirror"
    prometheus, alertmanager = (one.path for one in found)
    assert prometheus
    assert alertmanager
    return prometheus, alertmanager


class Monitoring:
    """Both servers, fed with a bundle made for `config`. A context manager: leaving it kills them and removes all files."""

    def __init__(self, programs: tuple[Path, Path], config: Mapping[str, Any], *, scale: float, webhook: str) -> None:
        """Generate the bundle, start Alertmanager, then Prometheus.

        Args:
            programs: Prometheus and Alertmanager.
            config: bundle.yaml but for `rule_files`, `alertmanager` and the address of Prometheus, which are ours.
            scale: Virtual seconds per second of the targets.
            webhook: Where Alertmanager posts to.

        Raises:
            StartError: A server did not come up.
            ValueError: The configuration is refused.
        """
        self._open = contextlib.ExitStack()
        try:
            self.folder = Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="agentobs-stack-")))
            port, itself = free_port(), free_port()
            own = {
                "scrape": {**config.get("scrape", {}), "prometheus": [f"127.0.0.1:{itself}"]},
                "rule_files": [f"{self.folder}/out/alerts/*.rules.yaml"],
                "alertmanager": {"targets": [f"127.0.0.1:{port}"], "webhook_url": webhook},
            }
            self.config = self.folder / "bundle.yaml"
            self.config.write_text(yaml.safe_dump({**config, **own}), encoding="utf-8")
            self._scale = scale
            self._generate(scale)
            flags = [f"--{name}={duration(text, scale)}" for name, text in FLAGS.items()]
            prometheus, alertmanager = programs
            self.alertmanager = self._open.enter_context(
                Alertmanager(alertmanager, self._text("alerts/alertmanager.yml"), port=port)
            )
            self.prometheus = self._open.enter_context(
                Prometheus(prometheus, self._text("scrape/prometheus.yml"), flags=flags, port=itself)
            )
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def late(self) -> int:
        """Return how many targets this machine was too slow for: a scrape of theirs took what is slow on their clock.

        A server that is down or refuses answers at once; few scenarios keep a scrape waiting. What looks like a blocked event
        loop, or like a target that is down, was then the machine.
        """
        limit = load().limits["scrape_duration"].value / self._scale
        found = self.prometheus.query(f'count(max_over_time(scrape_duration_seconds{{system!=""}}[1h]) >= {limit:g})')
        return int(found[0].value) if found else 0

    def close(self) -> None:
        """Kill both servers and remove their files; harmless when repeated."""
        self._open.close()

    def _generate(self, scale: float) -> None:
        output = io.StringIO()
        arguments = ["--config", str(self.config), "--time-scale", f"{scale:g}", "--out", str(self.folder / "out")]
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            code = main(["generate", *arguments])
        if code:
            raise ValueError(output.getvalue())

    def _text(self, name: str) -> str:
        return (self.folder / "out" / name).read_text(encoding="utf-8")
