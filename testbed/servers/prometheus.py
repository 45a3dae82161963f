"""A throw-away Prometheus: started with a configuration, given histories, asked for answers.

Says nothing about where the binary comes from, and keeps nothing when it is closed.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from generator.validate.prometheus import ActiveTarget, Alert, RuleGroup
from testbed.servers import api
from testbed.servers.api import Sample, Series
from testbed.servers.loopback import OK, ask, text_of
from testbed.servers.remote_write import History
from testbed.servers.started import Started, inherited

#: Blocks of 100 days: the newest block stays in memory, takes times up to 50 days back, in any
#: order between series, and nothing is compacted in the meantime. The two flags are hidden ones.
HISTORY_FLAGS = (
    "--storage.tsdb.min-block-duration=100d",
    "--storage.tsdb.max-block-duration=100d",
    "--storage.tsdb.retention.time=100y",
)

#: How much a server's memory may grow before it is cleaned up, in per cent: ours are small and short-lived, time is dear.
COLLECT = {"GOGC": "300"}


class Prometheus(Started):
    """A Prometheus server on a free loopback port, in a folder of its own.

    A context manager: leaving it, or `close()`, kills the server and removes the folder.
    """

    def __init__(
        self,
        binary: Path,
        config: str | Path = "",
        *,
        rules: Iterable[str | Path] = (),
        files: Mapping[str, str] | None = None,
        history: bool = False,
        flags: Sequence[str] = (),
        port: int | None = None,
    ) -> None:
        """Start the server and wait until it answers.

        Args:
            config: Text of a configuration, or a file that has it. Names of files in it are
                relative to the server's folder.
            rules: Rule files, as texts or as files, in the order in which they are loaded. A
                configuration that has `rule_files` already wants `files` instead.
            files: Further files for the server's folder, name to text; names may have folders.
            history: Take samples of any past, going back by 50 days at most from the newest one.
                Prometheus 3 takes none that lies over ten minutes in the future.
            flags: Further command-line flags.
            port: Where to listen; a free port when left out.

        Raises:
            StartError: The server ended, for example because the configuration does not load, or
                it did not get ready in time.
            ValueError: Both `rules` and a configuration with `rule_files`.
        """
        super().__init__("prometheus", port=port or 0)
        self._binary, self._flags = binary, [*(HISTORY_FLAGS if history else ()), *flags]
        with self.starting():
            for name, text in (files or {}).items():
                self.write(name, text)
            self._configure(_text(config), [_text(rule) for rule in rules])
            self.start()

    def query(self, expr: str, time: float | None = None) -> list[Sample]:
        """Return the result of an instant query, in the server's order; a scalar is a sample without labels.

        Args:
            time: Unix seconds; None means now.

        Raises:
            ServerError: Prometheus refuses the query.
        """
        return api.query(self.port, expr, time)

    def query_range(self, expr: str, start: float, end: float, step: float) -> list[Series]:
        """Return the result of a range query from `start` to `end`, both included.

        Args:
            start: Unix seconds.
            end: Unix seconds.
            step: Seconds.

        Raises:
            ServerError: Prometheus refuses the query.
        """
        return api.query_range(self.port, expr, start, end, step)

    def push(self, series: Iterable[History], times: Sequence[float]) -> None:
        """Write histories, as if they had been scraped.

        Args:
            series: Labels with `__name__`, and one value for each time: a number, None where a
                scrape is missing, or STALE where the series ends.
            times: Unix seconds, ascending.

        Raises:
            ServerError: Prometheus refuses a sample, for example one too far in the past.
            ValueError: The numbers of values and times differ, or a time cannot be written.
        """
        api.push(self.port, series, times)

    def targets(self) -> list[ActiveTarget]:
        """Return the active scrape targets.

        A server hands new targets over five seconds after its start or reload: wait for them.
        """
        return api.targets(self.port)

    def groups(self) -> list[RuleGroup]:
        """Rule groups in their order, with each rule's health and last error."""
        return api.groups(self.port)

    def alerts(self) -> list[Alert]:
        """Alerts that are pending or firing at this moment."""
        return api.alerts(self.port)

    def get(self, path: str) -> Any:
        """Return the answer to a GET: the text, or for a path below `/api/` the `data` of the JSON.

        Raises:
            ServerError: The answer is an error.
        """
        status, body = ask(self.port, "GET", path)
        return api.data_of(status, body) if path.startswith("/api/") else text_of(status, body)

    def reload(self, config: str | Path | None = None) -> None:
        """Read configuration and rules again.

        Args:
            config: A new configuration; None keeps the old one. Rule files stay as they were.

        Raises:
            ServerError: Something does not load; the server goes on with what it had.
        """
        if config is not None:
            self._configure(_text(config), None)
        text_of(*ask(self.port, "POST", "/-/reload"))

    def command(self) -> Sequence[str | Path]:
        """Return the program with its flags."""
        return [
            self._binary,
            f"--config.file={self.folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            f"--web.listen-address={self.address}",
            "--web.enable-remote-write-receiver",
            "--web.enable-lifecycle",
            *self._flags,
        ]

    def environment(self) -> Mapping[str, str]:
        """Return ours, and how seldom memory is cleaned up."""
        return inherited(**COLLECT)

    def answers(self) -> bool:
        """Say whether the server is ready, and ours."""
        return ask(self.port, "GET", "/-/ready")[0] == OK and self._is_ours()

    def _is_ours(self) -> bool:
        """Tell our server from a foreign one that took the port between our look and our start."""
        path: str = api.call(self.port, "GET", "status/flags")["storage.tsdb.path"]
        return Path(path) == self.folder / "data"

    def _configure(self, config: str, rules: Sequence[str] | None) -> None:
        for number, text in enumerate(rules or ()):
            self.write(f"rules/{number:03}.yaml", text)
        if (self.folder / "rules").is_dir():
            if any(line.startswith("rule_files:") for line in config.splitlines()):
                message = "the configuration has rule_files already; hand its rules over as files"
                raise ValueError(message)
            config = f"{config.rstrip()}\nrule_files: [rules/*.yaml]\n"
        self.write("prometheus.yml", config)


def _text(source: str | Path) -> str:
    return source.read_text(encoding="utf-8") if isinstance(source, os.PathLike) else source
