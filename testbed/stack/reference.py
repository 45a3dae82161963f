"""A reference server as a process of its own: started as an operator starts it, asked over HTTP, killed."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from testbed.servers import Child
from testbed.servers.cache import REPOSITORY
from testbed.servers.loopback import ask, text_of, wait_ready

#: What makes a server show everything that the bundle reads: as in a cloud installation, with all switches on.
SHOWN = {
    "EXPOSE_INTERNAL_METRICS_PROMETHEUS": "true",
    "METRIC_MAX_EMITTING_TIER": "4",
    "FF_ASYNC_PUBLISH_QUEUE": "true",
    "LSD_DEPLOYMENT_TYPE": "prod",
    "LANGSMITH_HOST_PROJECT_ID": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
    "LANGSMITH_HOST_PROJECT_NAME": "demo",
    "LANGSMITH_HOST_REVISION_ID": "r1",
}


class Reference:
    """One process of the reference server. A context manager: leaving it, or `close()`, kills it."""

    def __init__(self, *flags: str, env: Mapping[str, str] = SHOWN) -> None:
        """Start `python -m reference_server` with `flags` on a free port, and return at once: `ready` waits.

        Several so start at the same time.
        """
        self._temporary = tempfile.TemporaryDirectory(prefix="agentobs-reference-")
        self._flags, self._env = flags, {**os.environ, "PYTHONPATH": str(REPOSITORY), **env}
        self.port = 0
        try:
            self.start()
        except BaseException:
            self._temporary.cleanup()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start the process; at the port that it had before, if it had one."""
        folder = Path(self._temporary.name)
        command = [sys.executable, "-m", "reference_server", "--port", str(self.port), *self._flags]
        self.child = Child(command, log=folder / "log", folder=folder, env=self._env)

    def ready(self) -> Self:
        """Wait until the server answers.

        Raises:
            StartError: It ended, or a minute has passed.
        """

        def answers() -> bool:
            told = re.search(r"^http://\S+:(\d+)$", self.child.log(), re.MULTILINE)
            if told:
                self.port = int(told[1])
            return bool(told) and ask(self.port, "GET", "/scenario")[0] < 600

        wait_ready(self.child, answers, what="the reference server")
        return self

    @property
    def url(self) -> str:
        """Where it answers, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        """Host and port, as Prometheus wants its targets."""
        return urlsplit(self.url).netloc

    def get(self, path: str) -> Any:
        """Answer to a GET, as parsed JSON.

        Raises:
            ServerError: The answer is an error.
        """
        return json.loads(text_of(*ask(self.port, "GET", path)))

    def switch(self, scenario: str) -> None:
        """Play another scenario from its beginning."""
        body = json.dumps({"scenario": scenario}).encode()
        text_of(*ask(self.port, "POST", "/scenario", body, {"Content-Type": "application/json"}))

    def elapsed_seconds(self) -> float:
        """Virtual seconds since the scenario began."""
        seconds: float = self.get("/scenario")["elapsed_seconds"]
        return seconds

    def stop(self) -> None:
        """Kill the process; `start` brings it back at its port."""
        self.child.kill()

    def close(self) -> None:
        """Kill the process and remove its folder; harmless when repeated."""
        self.child.kill()
        self._temporary.cleanup()
