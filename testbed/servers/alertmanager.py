"""A throw-away Alertmanager: started with a configuration, asked which alerts it holds.

It talks to nobody but the receivers of its configuration; there is no cluster.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from testbed.servers.loopback import OK, ask, text_of
from testbed.servers.started import Started


class Alertmanager(Started):
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
        super().__init__("alertmanager", port=port)
        self._binary = binary
        with self.starting():
            self.write("alertmanager.yml", config)
            self.start()

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
        """Return the answer to a GET, as parsed JSON.

        Raises:
            ServerError: The answer is an error.
        """
        return json.loads(text_of(*ask(self.port, "GET", path)))

    def command(self) -> Sequence[str | Path]:
        """Return the program with its flags."""
        return [
            self._binary,
            f"--config.file={self.folder / 'alertmanager.yml'}",
            f"--storage.path={self.folder / 'data'}",
            f"--web.listen-address={self.address}",
            "--cluster.listen-address=",
        ]

    def answers(self) -> bool:
        """Say whether the server is ready."""
        return ask(self.port, "GET", "/-/ready")[0] == OK
