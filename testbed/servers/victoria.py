"""Throw-away VictoriaMetrics: a single node with or without scraping, and vmalert that evaluates rules on it.

Only flags that make an answer come at once are set; what decides an answer is left as an operator gets it.
"""

import math
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from testbed.servers import api
from testbed.servers.api import Sample, Series
from testbed.servers.loopback import OK, ask, free_port, text_of, wait_ready
from testbed.servers.processes import Child
from testbed.servers.remote_write import History

#: Samples of any past are kept, and seen as soon as they are flushed.
#: Source: https://docs.victoriametrics.com/victoriametrics/single-server-victoriametrics/#list-of-command-line-flags
HISTORY_FLAGS = ("-retentionPeriod=100y", "-search.latencyOffset=0s", "-search.disableCache")

#: Seconds that an instant query looks back for a sample when vmalert asks: its own default, -datasource.queryStep.
LOOKBACK = 300.0


class Victoria:
    """A single-node VictoriaMetrics on a free loopback port, in a folder of its own.

    A context manager: leaving it, or `close()`, kills the server and removes the folder.
    """

    def __init__(self, binary: Path, scrape: str = "", *, flags: Sequence[str] = ()) -> None:
        """Start the server and wait until it answers.

        Args:
            scrape: Text of a scrape configuration; nothing is scraped without one.
            flags: Further command-line flags.

        Raises:
            StartError: The server ended, for example because the configuration does not load.
        """
        self._temporary = tempfile.TemporaryDirectory(prefix="agentobs-victoria-")
        self.folder = Path(self._temporary.name)
        self._child: Child | None = None
        try:
            if scrape:
                (self.folder / "scrape.yml").write_text(scrape, encoding="utf-8")
                flags = (*flags, f"-promscrape.config={self.folder / 'scrape.yml'}")
            self._start(binary, flags)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        """Give the running server."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Kill the server."""
        self.close()

    @property
    def url(self) -> str:
        """Where the server answers, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def query(self, expr: str, time: float | None = None, **further: object) -> list[Sample]:
        """Result of an instant query as Grafana asks it.

        Args:
            time: Unix seconds; None means now.
            further: Further parameters, such as the `step` that vmalert sends.

        Raises:
            ServerError: VictoriaMetrics refuses the query.
        """
        return api.query(self.port, expr, time, nocache=1, **further)

    def query_range(self, expr: str, start: float, end: float, step: float) -> list[Series]:
        """Result of a range query as Grafana asks it, from `start` to `end`, both included; all in seconds.

        Raises:
            ServerError: VictoriaMetrics refuses the query.
        """
        return api.query_range(self.port, expr, start, end, step, nocache=1)

    def push(self, series: Iterable[History], times: Sequence[float]) -> None:
        """Write histories as `Prometheus.push` does; they are seen when this returns.

        Raises:
            ServerError: VictoriaMetrics refuses a request.
            ValueError: The numbers of values and times differ, or a time cannot be written.
        """
        api.push(self.port, series, times)
        text_of(*ask(self.port, "GET", "/internal/force_flush"))

    def targets(self) -> list[dict[str, Any]]:
        """Active scrape targets, each as VictoriaMetrics describes it in Prometheus' form."""
        active: list[dict[str, Any]] = api.call(self.port, "GET", "targets", state="active")["activeTargets"]
        return active

    def get(self, path: str) -> Any:
        """Answer to a GET: the text, or for a path below `/api/` the `data` of the JSON.

        Raises:
            ServerError: The answer is an error.
        """
        status, body = ask(self.port, "GET", path)
        return api.data_of(status, body) if path.startswith("/api/") else text_of(status, body)

    def log(self) -> str:
        """Last lines of the server's log."""
        return self._child.log() if self._child else ""

    def close(self) -> None:
        """Kill the server and remove its folder; harmless when repeated."""
        if self._child:
            self._child.kill()
        self._temporary.cleanup()

    def _start(self, binary: Path, flags: Sequence[str]) -> None:
        self.port = free_port()
        data = f"-storageDataPath={self.folder / 'data'}"
        self._child = child = Child(
            [binary, data, f"-httpListenAddr=127.0.0.1:{self.port}", *HISTORY_FLAGS, *flags],
            log=self.folder / "log",
            folder=self.folder,
        )
        # The second look tells our server from a foreign one that took the port between our look and our start.
        wait_ready(
            child,
            lambda: (
                ask(self.port, "GET", "/health")[0] == OK
                and str(self.folder) in text_of(*ask(self.port, "GET", "/flags"))
            ),
            what=str(binary),
        )


class AsVmalert:
    """A `Victoria` whose range queries give, at every step, what vmalert's instant query would give at that time.

    vmalert asks with `step=5m`, so a sample is seen for five minutes, where a range query of Grafana sees it for about
    one scrape interval. A few range queries of that very step, shifted against each other, cover all evaluations.
    """

    def __init__(self, server: Victoria) -> None:
        self._server = server

    def push(self, series: Iterable[History], times: Sequence[float]) -> None:
        """Write histories as `Victoria.push` does."""
        self._server.push(series, times)

    def query_range(self, expr: str, start: float, end: float, step: float) -> list[Series]:
        """Result of vmalert's evaluations from `start` to `end`, `step` apart; all in seconds.

        Raises:
            ServerError: VictoriaMetrics refuses the query.
        """
        found: dict[tuple[tuple[str, str], ...], dict[float, float]] = {}
        shift = math.gcd(int(step), int(LOOKBACK))
        for first in (start + n * shift for n in range(int(LOOKBACK) // shift)):
            for one in self._server.query_range(expr, first, end, LOOKBACK) if first <= end else ():
                kept = {at: value for at, value in one.values.items() if (at - start) % step == 0}
                if kept:
                    found.setdefault(tuple(sorted(one.labels.items())), {}).update(kept)
        return [Series(dict(labels), dict(sorted(values.items()))) for labels, values in sorted(found.items())]


class Vmalert:
    """A vmalert on a free loopback port, evaluating rules on a VictoriaMetrics and writing results back to it.

    A context manager: leaving it, or `close()`, kills the process and removes its folder.
    """

    def __init__(
        self,
        binary: Path,
        server: Victoria,
        rules: Iterable[str],
        *,
        interval: str = "30s",
        notifier: str = "",
        flags: Sequence[str] = (),
    ) -> None:
        """Start vmalert and wait until it answers.

        Args:
            rules: Texts of rule files.
            interval: How often groups are evaluated that do not say so themselves.
            notifier: Where the Alertmanager answers; alerts are dropped without one.
            flags: Further command-line flags.

        Raises:
            StartError: vmalert ended, for example because a rule does not load.
        """
        self._temporary = tempfile.TemporaryDirectory(prefix="agentobs-vmalert-")
        folder = Path(self._temporary.name)
        self._child: Child | None = None
        try:
            for number, text in enumerate(rules):
                (folder / f"{number:03}.yaml").write_text(text, encoding="utf-8")
            self.port = free_port()
            self._child = child = Child(
                [
                    binary,
                    f"-rule={folder}/*.yaml",
                    f"-datasource.url={server.url}",
                    f"-remoteWrite.url={server.url}",
                    f"-remoteRead.url={server.url}",
                    f"-notifier.url={notifier}" if notifier else "-notifier.blackhole",
                    f"-evaluationInterval={interval}",
                    f"-httpListenAddr=127.0.0.1:{self.port}",
                    *flags,
                ],
                log=folder / "log",
                folder=folder,
            )
            wait_ready(
                child,
                lambda: str(folder) in text_of(*ask(self.port, "GET", "/flags")),
                what=str(binary),
            )
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        """Give the running process."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Kill the process."""
        self.close()

    def rules(self) -> list[dict[str, Any]]:
        """Rule groups in their order, with each rule's health, last error and active alerts."""
        groups: list[dict[str, Any]] = api.call(self.port, "GET", "rules")["groups"]
        return groups

    def alerts(self) -> list[dict[str, Any]]:
        """Alerts that are pending or firing at this moment."""
        alerts: list[dict[str, Any]] = api.call(self.port, "GET", "alerts")["alerts"]
        return alerts

    def log(self) -> str:
        """Last lines of the log."""
        return self._child.log() if self._child else ""

    def close(self) -> None:
        """Kill the process and remove its folder; harmless when repeated."""
        if self._child:
            self._child.kill()
        self._temporary.cleanup()
