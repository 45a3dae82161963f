"""Throw-away VictoriaMetrics: a single node with or without scraping, and vmalert that evaluates rules on it.

Only flags that make an answer come at once are set; what decides an answer is left as an operator gets it.
"""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from generator.validate.prometheus import ActiveTarget, Alert, RuleGroup
from testbed.servers import api
from testbed.servers.api import Sample, Series
from testbed.servers.loopback import OK, ask, text_of
from testbed.servers.remote_write import History
from testbed.servers.started import Started

#: Samples of any past are kept, and seen as soon as they are flushed.
#: Source: https://docs.victoriametrics.com/victoriametrics/single-server-victoriametrics/#list-of-command-line-flags
HISTORY_FLAGS = ("-retentionPeriod=100y", "-search.latencyOffset=0s", "-search.disableCache")

#: Seconds that an instant query looks back for a sample when vmalert asks: its own default, -datasource.queryStep.
LOOKBACK = 300.0


class Victoria(Started):
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
        super().__init__("victoria")
        self._binary, self._flags = binary, [*HISTORY_FLAGS, *flags]
        with self.starting():
            if scrape:
                self._flags.append(f"-promscrape.config={self.write('scrape.yml', scrape)}")
            self.start()

    def query(self, expr: str, time: float | None = None, **further: object) -> list[Sample]:
        """Return the result of an instant query as Grafana asks it.

        Args:
            time: Unix seconds; None means now.
            further: Further parameters, such as the `step` that vmalert sends.

        Raises:
            ServerError: VictoriaMetrics refuses the query.
        """
        return api.query(self.port, expr, time, nocache=1, **further)

    def query_range(self, expr: str, start: float, end: float, step: float) -> list[Series]:
        """Return the result of a range query as Grafana asks it, from `start` to `end`, both included; all in seconds.

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

    def targets(self) -> list[ActiveTarget]:
        """Active scrape targets."""
        return api.targets(self.port)

    def get(self, path: str) -> Any:
        """Return the answer to a GET: the text, or for a path below `/api/` the `data` of the JSON.

        Raises:
            ServerError: The answer is an error.
        """
        status, body = ask(self.port, "GET", path)
        return api.data_of(status, body) if path.startswith("/api/") else text_of(status, body)

    def command(self) -> Sequence[str | Path]:
        """Return the program with its flags."""
        data = f"-storageDataPath={self.folder / 'data'}"
        return [self._binary, data, f"-httpListenAddr={self.address}", *self._flags]

    def answers(self) -> bool:
        """Say whether the server is ready, and not a foreign one that took the port between our look and our start."""
        return ask(self.port, "GET", "/health")[0] == OK and str(self.folder) in text_of(
            *ask(self.port, "GET", "/flags")
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
        """Return the result of vmalert's evaluations from `start` to `end`, `step` apart; all in seconds.

        Raises:
            ServerError: VictoriaMetrics refuses the query.
        """
        found: dict[tuple[tuple[str, str], ...], dict[float, float]] = {}
        shift = math.gcd(int(step), int(LOOKBACK))
        for first in (start + n * shift for n in range(int(LOOKBACK) // shift)):
            for one in self._server.query_range(expr, first, end, LOOKBACK) if first <= end else ():
                on_step = {at: value for at, value in one.values.items() if (at - start) % step == 0}
                if on_step:
                    found.setdefault(tuple(sorted(one.labels.items())), {}).update(on_step)
        return [Series(dict(labels), dict(sorted(values.items()))) for labels, values in sorted(found.items())]


class Vmalert(Started):
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
        super().__init__("vmalert")
        self._binary = binary
        self._flags = [
            f"-datasource.url={server.url}",
            f"-remoteWrite.url={server.url}",
            f"-remoteRead.url={server.url}",
            f"-notifier.url={notifier}" if notifier else "-notifier.blackhole",
            f"-evaluationInterval={interval}",
            *flags,
        ]
        with self.starting():
            for number, text in enumerate(rules):
                self.write(f"{number:03}.yaml", text)
            self.start()

    def command(self) -> Sequence[str | Path]:
        """Return the program with its flags."""
        return [self._binary, f"-rule={self.folder}/*.yaml", f"-httpListenAddr={self.address}", *self._flags]

    def answers(self) -> bool:
        """Say whether it is ready, and ours."""
        return str(self.folder) in text_of(*ask(self.port, "GET", "/flags"))

    def groups(self) -> list[RuleGroup]:
        """Rule groups in their order, with each rule's health and last error."""
        return api.groups(self.port)

    def alerts(self) -> list[Alert]:
        """Alerts that are pending or firing at this moment."""
        return api.alerts(self.port)
