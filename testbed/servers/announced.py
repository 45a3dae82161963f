"""A server that takes a free port and says on its first line where it answers: those of this repository do."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from testbed.servers.cache import REPOSITORY
from testbed.servers.loopback import START_SECONDS, ask
from testbed.servers.started import Started, inherited

#: No status of HTTP is this high.
STATUSES = 600


class Announced(Started):
    """A program of this repository, started there and asked over HTTP."""

    def __init__(self, name: str, command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> None:
        """Start the program and return at once: `ready` waits. Several so start at the same time.

        Args:
            name: What messages call it.
            command: The program; `{port}` in it is the port, 0 at its first start.
            env: Variables beside ours.

        """
        super().__init__(name)
        self._command = command
        self._env = inherited(PYTHONPATH=str(REPOSITORY), **(env or {}))
        self.port = 0  # it takes a free one
        with self.starting():
            self.launch()

    def command(self) -> Sequence[str | Path]:
        """Return the program with its flags; at the port that it had before, if it had one."""
        return [str(word).replace("{port}", str(self.port)) for word in self._command]

    def environment(self) -> Mapping[str, str]:
        """Return ours with its own variables."""
        return self._env

    def working_folder(self) -> Path:
        """Return the repository."""
        return REPOSITORY

    def answers(self) -> bool:
        """Say whether it has named its address, and answers there."""
        found = re.search(r"^http://\S+:(\d+)$", self.log(), re.MULTILINE)
        if found:
            self.port = int(found[1])
        return bool(found) and ask(self.port, "GET", "/scenario")[0] < STATUSES

    def ready(self, limit_seconds: float = START_SECONDS) -> Self:
        """Wait until the server answers.

        Returns:
            The server.

        Raises:
            StartError: It ended, or the time has passed.

        """
        self.wait(limit_seconds)
        return self
