"""A throw-away Alertmanager: started with a configuration, asked which alerts it holds.

It talks to nobody but the receivers of its configuration; there is no cluster.
"""

import json
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from testbed.servers.loopback import OK, ask, free_port, text_of, wait_ready
from testbed.servers.processes import Child


class Alertmanager:
    """An Alertmanager on a free loopback port, in a folder of its own.

    A context manager: leaving it, or `close()`, kills the server and removes the folder.
    """

    def __init__(self, binary: Path, config: str, *, port: int = 0) -> None:
        """Start the server and wait until it answers.

        Args:
            port: Where it answers; 0 takes a free one.

        Raises:
            StartError: The server ended, for example because the configuration does not load, or
                it did not get ready in time.
        """
        self._temporary = tempfile.TemporaryDirectory(prefix="agentobs-alertmanager-")
        self._child: Child | None = None
        self._binary = binary
        self.port = port or free_port()
        try:
            (self.folder / "alertmanager.yml").write_text(config, encoding="utf-8")
            self.start()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        """Give the running server."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Kill the server."""
        self.close()

    @property
    def folder(self) -> Path:
        """What belongs to this server alone."""
        return Path(self._temporary.name)

    @property
    def address(self) -> str:
        """Host and port, as Prometheus wants its Alertmanagers."""
        return f"127.0.0.1:{self.port}"

    def alerts(self) -> list[dict[str, Any]]:
        """Alerts that the server holds, each as it describes them."""
        alerts: list[dict[str, Any]] = self.get("/api/v2/alerts")
        return alerts

    def post(self, alerts: Iterable[Mapping[str, str]]) -> None:
        """Tell the server of alerts that fire from now on, each by its labels.

        Raises:
            ServerError: The server refuses one.
        """
        body = json.dumps([{"labels": dict(labels)} for labels in alerts]).encode()
        text_of(*ask(self.port, "POST", "/api/v2/alerts", body, {"Content-Type": "application/json"}))

    def get(self, path: str) -> Any:
        """Answer to a GET, as parsed JSON.

        Raises:
            ServerError: The answer is an error.
        """
        return json.loads(text_of(*ask(self.port, "GET", path)))

    def alive(self) -> bool:
        """Say whether the server still runs."""
        return self._child is not None and self._child.alive()

    def log(self) -> str:
        """Last lines of the server's log."""
        return self._child.log() if self._child else ""

    def close(self) -> None:
        """Kill the server and remove its folder; harmless when repeated."""
        if self._child:
            self._child.kill()
        self._temporary.cleanup()

    def stop(self) -> None:
        """Kill the server and keep its folder; `start` brings it back at its address."""
        if self._child:
            self._child.kill()

    def start(self) -> None:
        """Start the server with what its folder has.

        Raises:
            StartError: It ended, or did not get ready in time.
        """
        folder = self.folder
        self._child = child = Child(
            [
                self._binary,
                f"--config.file={folder / 'alertmanager.yml'}",
                f"--storage.path={folder / 'data'}",
                f"--web.listen-address={self.address}",
                "--cluster.listen-address=",
            ],
            log=folder / "log",
            folder=folder,
        )
        wait_ready(child, lambda: ask(self.port, "GET", "/-/ready")[0] == OK, what=str(self._binary))
